//! `[message]`: where in a message it stands what the message is about.

use serde::Deserialize;

use super::address::Address;

/// Where in a message it stands what the message is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Message {
    /// Which operation; else it is searched for everywhere.
    pub id: Option<Address>,
    /// By what a consumer tells copies of one event from another event. Many outboxes give their messages nothing of the
    /// kind, so that none is assumed.
    pub dedup_by: Option<Address>,
    /// Its place in its key; else the operation's own number is.
    pub n: Option<Address>,
    /// Headers that may differ between copies, such as a count of attempts; properties, too, by their names: `timestamp`.
    pub ignore: Vec<String>,
}
