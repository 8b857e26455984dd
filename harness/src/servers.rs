//! Real Postgres, RabbitMQ and Toxiproxy, whatever they run as, and one environment of them for many runs.

mod answers;
pub mod backend;
pub mod body;
pub mod docker;
pub mod doctor;
pub mod lab;
pub mod management;
pub mod native;
pub mod needs;
pub mod postgres;
pub mod rabbitmq;
pub mod shared_lab;
mod slots;
mod toxiproxy;
pub mod upstream;
pub mod vhost;
