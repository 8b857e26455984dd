//! The transactional outbox.

mod append;
pub mod backlog;

pub use append::append;
