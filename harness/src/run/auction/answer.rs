//! What an answer says, and whether it is one that the contract allows.

use serde::Deserialize;

use super::shown::ShownBid;
use crate::{
    history::{Asked, Outcome},
    judge::auction::bid::{self, Bid},
};

/// How much of an answer is kept for the reader.
const EXCERPT: usize = 200;

/// A problem document (RFC 9457) with the service's stable code.
#[derive(Deserialize)]
struct Problem {
    status: u16,
    code: String,
}

/// Reads an answer to `bid`. What the contract does not know is nonsense, and proves nothing either way.
pub(super) fn read(bid: &Asked, status: u16, media_type: &str, body: &[u8]) -> Outcome {
    let read = match status {
        200..=299 => acceptance(bid, status, media_type, body),
        400..=499 => refusal(status, media_type, body),
        500..=599 => {
            return Outcome::Unknown {
                status: Some(status),
                reason: String::from_utf8_lossy(body)
                    .chars()
                    .take(EXCERPT)
                    .collect(),
            };
        }
        _ => Err("no status that this request is ever answered with".to_owned()),
    };
    read.unwrap_or_else(|reason| Outcome::Nonsense {
        status: Some(status),
        reason,
    })
}

fn acceptance(bid: &Asked, status: u16, media_type: &str, body: &[u8]) -> Result<Outcome, String> {
    is(media_type, "application/json")?;
    let placed: ShownBid = serde_json::from_slice(body)
        .map_err(|error| format!("its body is no bid ({error}): {}", excerpt(body)))?;
    let about = (placed.bid_id, placed.auction_id, placed.user_id.as_str());
    if about != (bid.id, bid.key, bid.user_id()) {
        return Err(format!("it is about another bid: {}", excerpt(body)));
    }
    Ok(Outcome::Accepted {
        status: Some(status),
        n: Some(placed.sequence),
        content: bid::asked(placed.user_id, placed.amount),
    })
}

fn refusal(status: u16, media_type: &str, body: &[u8]) -> Result<Outcome, String> {
    is(media_type, "application/problem+json")?;
    let problem: Problem = serde_json::from_slice(body)
        .map_err(|error| format!("it is no problem document ({error}): {}", excerpt(body)))?;
    if problem.status != status {
        return Err(format!("its document says {}", problem.status));
    }
    Ok(Outcome::Refused {
        status: Some(status),
        code: problem.code,
    })
}

/// Media types may carry parameters, such as a charset.
pub(super) fn is(found: &str, wanted: &str) -> Result<(), String> {
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(format!("its media type is {found:?}, not {wanted}"))
}

fn excerpt(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .take(EXCERPT)
        .collect();
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::history::Key;

    const JSON: &str = "application/json";
    const PROBLEM: &str = "application/problem+json";

    fn asked() -> Asked {
        Asked {
            id: Uuid::from_u128(1),
            key: Key(Uuid::from_u128(2)),
            content: bid::asked("ann".to_owned(), 100),
        }
    }

    fn placed(bid: u128, auction: u128, user: &str) -> String {
        serde_json::json!({
            "bid_id": Uuid::from_u128(bid), "auction_id": Uuid::from_u128(auction), "user_id": user,
            "amount": 100, "sequence": 1, "placed_at": "2026-01-01T00:00:00Z",
        })
        .to_string()
    }

    fn kind(status: u16, media_type: &str, body: &str) -> &'static str {
        match read(&asked(), status, media_type, body.as_bytes()) {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Refused { .. } => "refused",
            Outcome::Unknown { .. } => "unknown",
            Outcome::Nonsense { .. } => "nonsense",
        }
    }

    #[test]
    fn an_acceptance_is_about_the_bid_that_was_asked_for() {
        let own = placed(1, 2, "ann");
        assert_eq!(kind(201, JSON, &own), "accepted");
        assert_eq!(
            kind(200, "application/json; charset=utf-8", &own),
            "accepted"
        );
        for another in [
            placed(9, 2, "ann"),
            placed(1, 9, "ann"),
            placed(1, 2, "bob"),
        ] {
            assert_eq!(kind(201, JSON, &another), "nonsense");
        }
    }

    #[test]
    fn garbage_and_wrong_media_types_are_nonsense() {
        assert_eq!(kind(201, JSON, "<html>"), "nonsense");
        assert_eq!(kind(201, "text/plain", &placed(1, 2, "ann")), "nonsense");
        assert_eq!(kind(204, "", ""), "nonsense");
    }

    #[test]
    fn a_redirect_is_nonsense() {
        assert_eq!(kind(302, "", ""), "nonsense");
    }

    #[test]
    fn a_refusal_is_a_problem_document_of_its_status() {
        let document = r#"{"type":"about:blank","status":422,"code":"bid_too_low"}"#;
        assert_eq!(kind(422, PROBLEM, document), "refused");
        assert_eq!(kind(409, PROBLEM, document), "nonsense");
        assert_eq!(kind(422, JSON, document), "nonsense");
        assert_eq!(kind(422, PROBLEM, "no"), "nonsense");
    }

    #[test]
    fn a_server_error_leaves_it_open() {
        assert_eq!(kind(503, PROBLEM, "{}"), "unknown");
        assert_eq!(kind(500, "", ""), "unknown");
    }
}
