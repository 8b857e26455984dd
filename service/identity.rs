//! How auctions, bids and bidders are named.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::from_json::from_json;

/// Names an auction. Chosen by the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[schema(value_type = String, format = Uuid)]
pub struct AuctionId(Uuid);

/// Names a bid, and makes a retried request the same bid. Chosen by the client or by the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[schema(value_type = String, format = Uuid)]
pub struct BidId(Uuid);

/// The client's own name for a bidder: 1 to 128 characters, none of them NUL, opaque to the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 128, pattern = "^[^\\u0000]*$")]
pub struct UserId(String);

/// Why a text is not a name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// Not the canonical text form of a UUID.
    #[error("an id is a UUID in its canonical form, such as 0198c0de-7a3b-7def-8123-456789abcdef")]
    Uuid,
    /// Not a user id.
    #[error("a user id has 1 to 128 characters, none of them NUL")]
    User,
}

impl AuctionId {
    /// A new name, later in sort order than earlier ones.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl BidId {
    /// A new name, later in sort order than earlier ones.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl UserId {
    const MAX_CHARS: usize = 128;

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AuctionId {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        canonical(&text).map(Self)
    }
}

impl TryFrom<String> for BidId {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        canonical(&text).map(Self)
    }
}

impl TryFrom<String> for UserId {
    type Error = NotAName;

    fn try_from(name: String) -> Result<Self, NotAName> {
        let fits = (1..=Self::MAX_CHARS).contains(&name.chars().count());
        // Postgres cannot store NUL in a text.
        if fits && !name.contains('\0') {
            Ok(Self(name))
        } else {
            Err(NotAName::User)
        }
    }
}

from_json!(AuctionId, String, NotAName::Uuid);
from_json!(BidId, String, NotAName::Uuid);
from_json!(UserId, String, NotAName::User);

impl std::fmt::Display for AuctionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for BidId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One spelling only, so that two texts that differ never name the same thing (but for letter case).
fn canonical(text: &str) -> Result<Uuid, NotAName> {
    let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH && text.contains('-');
    match Uuid::try_parse(text) {
        Ok(uuid) if hyphenated => Ok(uuid),
        _ => Err(NotAName::Uuid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_names_a_bid() {
        let text = "0198c0de-7a3b-7def-8123-456789abcdef";
        assert_eq!(
            BidId::try_from(text.to_owned()).map(|id| id.to_string()),
            Ok(text.to_owned())
        );
        for wrong in [
            "",
            "1",
            "0198c0de7a3b7def8123456789abcdef",
            "{0198c0de-7a3b-7def-8123-456789abcdef}",
            "urn:uuid:0198c0de-7a3b-7def-8123-456789abcdef",
            "0198c0de-7a3b-7def-8123-456789abcdeg",
            " 198c0de-7a3b-7def-8123-456789abcdef",
        ] {
            assert_eq!(
                BidId::try_from(wrong.to_owned()),
                Err(NotAName::Uuid),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_user_id_counts_characters_and_refuses_nul() {
        assert!(UserId::try_from("ü".repeat(128)).is_ok());
        assert!(UserId::try_from("u".repeat(129)).is_err());
        assert!(UserId::try_from(String::new()).is_err());
        assert!(UserId::try_from("a\0b".to_owned()).is_err());
    }
}
