//! Bids over HTTP, a transactional outbox in Postgres, a relay to RabbitMQ, an exactly-once consumer.

pub mod events;
