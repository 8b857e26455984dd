//! What every stage of a run works on.

use crate::run::{adapter::Adapter, site::Site};

/// A run's parts, once they stand.
pub(super) struct Stage<'r> {
    pub site: Site<'r>,
    pub adapter: &'r Adapter,
}
