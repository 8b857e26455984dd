//! What the lab knows by heart of the one target that is its own, beside what every outbox promises.

pub(super) use super::auction::{CHECKERS, facts, told};
