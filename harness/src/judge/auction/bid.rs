//! A bid: what the auction's items say beside id, key and place.

use serde_json::Value;

use crate::history::{Asked, Content, EffectRow, Item};

pub(in crate::judge) const USER_ID: &str = "user_id";
pub(in crate::judge) const AMOUNT: &str = "amount";
pub(in crate::judge) const PLACED_AT: &str = "placed_at_us";

/// What a client asks for: who bids, and how much in minor units.
pub(crate) fn asked(user_id: String, amount: i64) -> Content {
    let values = [(USER_ID, Value::from(user_id)), (AMOUNT, amount.into())];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// What is stored and announced: also when it was placed, in microseconds since the Unix epoch by the database's clock.
pub(crate) fn placed(user_id: String, amount: i64, placed_at_us: i64) -> Content {
    let mut content = asked(user_id, amount);
    content.insert(PLACED_AT.to_owned(), placed_at_us.into());
    content
}

/// Reads a bid's values. One that is missing is nobody's, nothing, never: the lab itself writes all of them.
pub(crate) trait Bid {
    fn content(&self) -> &Content;

    /// The bidder.
    fn user_id(&self) -> &str {
        let value = self.content().get(USER_ID);
        value.and_then(Value::as_str).unwrap_or_default()
    }

    /// Minor units.
    fn amount(&self) -> i64 {
        number(self.content(), AMOUNT)
    }

    /// Microseconds since the Unix epoch, by the database's clock.
    fn placed_at_us(&self) -> i64 {
        number(self.content(), PLACED_AT)
    }
}

fn number(content: &Content, name: &str) -> i64 {
    content
        .get(name)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

impl Bid for Content {
    fn content(&self) -> &Content {
        self
    }
}

impl Bid for Item {
    fn content(&self) -> &Content {
        &self.content
    }
}

impl Bid for Asked {
    fn content(&self) -> &Content {
        &self.content
    }
}

impl Bid for EffectRow {
    fn content(&self) -> &Content {
        &self.item.content
    }
}
