//! `[message]`: where in a message it stands what the message is about.

use serde::Deserialize;

use super::address::{Address, Property};

/// Where in a message it stands what the message is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Message {
    /// Which operation; else it is searched for everywhere.
    pub id: Option<Address>,
    /// By what a consumer would tell copies of one event from another event.
    pub dedup_by: Address,
    /// Its place in its key; else the operation's own number is.
    pub n: Option<Address>,
    /// Headers that may differ between copies, such as a count of attempts.
    pub ignore: Vec<String>,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            id: None,
            dedup_by: Address::Property(Property::MessageId),
            n: None,
            ignore: Vec::new(),
        }
    }
}
