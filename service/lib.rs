//! Bids over HTTP, a transactional outbox in Postgres, a relay to RabbitMQ, an exactly-once consumer.

pub mod auctions;
pub mod bids;
pub mod database;
pub mod events;
pub mod http;
pub mod identity;
pub mod live;
pub mod metrics;
pub mod money;
pub mod outbox;
pub mod readiness;
pub mod standings;
