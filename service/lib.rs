//! A transactional outbox that holds: bids over HTTP, bid and event in one Postgres transaction, a relay that publishes
//! with confirms, a consumer that applies every bid exactly once and in order.
//!
//! ```text
//! POST /auctions/{id}/bids                                            GET /auctions/{id}/live
//!        │                                                                     ▲
//!      http ──▶ bids ──▶ outbox::append        relay ──▶ publisher             │ standings, live
//!                 └── one transaction ──┘     claim → publish → mark           │
//!                          │                    ▲          │                   │
//!                       Postgres ───────────────┘      RabbitMQ ──▶ consumer ──▶ inbox
//! ```
//!
//! Start at `migrations/`: the guarantees live in the schema. Then `bids`, `relay`, `consumer`.

mod address;
mod auctions;
mod backoff;
mod bids;
mod broker;
mod chunks;
mod config;
mod consumer;
mod database;
mod descriptors;
pub mod events;
mod from_json;
mod healthcheck;
mod http;
mod identity;
mod inbox;
mod live;
mod metrics;
mod money;
pub mod outbox;
mod publisher;
mod readiness;
mod redrive;
mod relay;
mod run;
mod schema;
mod standings;
mod telemetry;
mod tls;
mod traces;

pub use config::{refused, settings};
pub use database::BY_INDEX;
pub use relay::STATEMENT_WITHIN;
pub use run::main;
pub use schema::MIGRATIONS;
