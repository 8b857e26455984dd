//! What is asked for of the auction service alone.

pub mod closing;
pub mod harm;
mod keys;

use serde::{Deserialize, Serialize};

use closing::{BadClosing, Closing};
pub use keys::Keys;

/// What the section of a scenario is called that is [`Own`].
pub const SECTION: &str = "auction";

/// The section `[auction]` of a scenario: what the clients do beside what any target's do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Own {
    /// Share of bids below the highest so far, in percent. What no share is of is a valid bid.
    pub too_low: u32,
    /// Of bids with an earlier one's `bid_id` and another amount.
    pub conflict: u32,
    /// Of bids on an auction that is closed.
    pub closed: u32,
    /// Auctions more, which close while bids come in: `"4 after 2s"`, from the start of the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closing: Option<String>,
    /// So many auctions have a follower of their live feed. It leaves and comes back all the time, each time through another
    /// process of the API.
    pub followers: u32,
}

impl Own {
    /// Whether nothing of it is asked for.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The same beside a plan, which says of each bid what it is.
    #[must_use]
    pub fn planned(&self) -> Self {
        Self {
            too_low: 0,
            conflict: 0,
            closed: 0,
            ..self.clone()
        }
    }

    /// Only valid bids.
    pub fn make_valid(&mut self) {
        (self.too_low, self.conflict, self.closed) = (0, 0, 0);
    }

    /// Which auctions close, and when.
    pub fn closing(&self) -> Result<Closing, BadClosing> {
        let said = self.closing.as_deref();
        said.map_or(Ok(Closing::default()), Closing::parse)
    }

    /// What could not happen beside a workload of so many keys, so many percent of which are repetitions: its key, and why not.
    pub fn problem(&self, keys: u32, again: u32) -> Option<(&'static str, String)> {
        if let Err(bad) = self.closing() {
            return Some(("closing", bad.to_string()));
        }
        if self.followers > keys {
            let followers = self.followers;
            let problem =
                format!("followers = {followers}: each follows an auction, and there are {keys}");
            return Some(("followers", problem));
        }
        let shares = [
            ("too_low", self.too_low),
            ("conflict", self.conflict),
            ("closed", self.closed),
        ];
        let greatest = shares.into_iter().max_by_key(|(_, share)| *share);
        let sum: u64 = shares.iter().map(|(_, share)| u64::from(*share)).sum();
        let sum = sum + u64::from(again);
        let (key, _) = greatest.filter(|(_, share)| *share > 0 && sum > 100)?;
        let problem = format!(
            "too_low, conflict, closed and [workload] again are {sum} percent together; at most 100, and what is left is valid bids"
        );
        Some((key, problem))
    }
}
