//! What only the ledger shows: every snapshot of these runs is as it should be.

use uuid::Uuid;

use super::Mutant;
use super::legal::VICTIM;
use crate::history::{Change, Operation};
use crate::judge::proof::story::Story;
use crate::judge::proof::story::columns::{change, is};

/// A lane that no auction of the story is in.
const LANE: i16 = 63;

pub(super) const MUTANTS: &[Mutant] = &[
    (
        "commit an event in another transaction than its bid",
        |story| {
            let (at, number) = story.written("outbox_events", event_id());
            let event = story.commit_at(at).changes.remove(number);
            story.commit_after(at, vec![event]);
        },
        &["atomic"],
    ),
    (
        "delete an event that is pending, and write it again",
        |story| {
            let (at, number) = story.written("outbox_events", event_id());
            let event = story.commit_at(at).changes[number].clone();
            let id = [("id", is(event_id()))];
            story.commit_after(at, vec![change("outbox_events", Operation::Delete, &id)]);
            story.commit_after(at + 1, vec![event]);
        },
        &["atomic", "model"],
    ),
    (
        "commit two places in the wrong order",
        |story| story.swap_commits("bids", id(), Story::id(VICTIM + 1)),
        &["places", "model"],
    ),
    (
        "apply out of order between snapshots",
        |story| story.swap_commits("inbox", id(), Story::id(VICTIM + 1)),
        &["places", "model"],
    ),
    (
        "change a lane's owner without a greater token",
        |story| {
            story.commit_last(vec![lane(Some(1), 7, "-infinity")]);
            story.commit_last(vec![lane(Some(2), 7, "infinity")]);
        },
        &["ownership", "model"],
    ),
    (
        "change a lane's owner while the lease is alive",
        |story| {
            story.commit_last(vec![lane(Some(1), 7, "infinity")]);
            story.commit_last(vec![lane(Some(2), 8, "infinity")]);
        },
        &["ownership", "model"],
    ),
    (
        "let a token go back",
        |story| {
            story.commit_last(vec![lane(Some(1), 7, "infinity")]);
            story.commit_last(vec![lane(None, 6, "-infinity")]);
        },
        &["ownership"],
    ),
    (
        "renew a lease that has ended",
        |story| {
            story.commit_last(vec![lane(Some(1), 7, "-infinity")]);
            story.commit_last(vec![lane(Some(1), 7, "infinity")]);
        },
        &["model"],
    ),
    (
        "claim an event with a stale token",
        |story| {
            let claim = story.last_claim(event_id());
            let token = claim.row.get_mut("claim_token").expect("a token");
            let stale: i64 = token.as_ref().map_or(0, |t| t.parse().expect("a number"));
            *token = is(stale - 1);
        },
        &["ownership", "model"],
    ),
    (
        "publish an event that was not claimed",
        |story| {
            let claim = story.last_claim(event_id());
            let pending = [("status", is("pending")), ("claim_token", None)];
            let pending = pending.map(|(name, value)| (name.to_owned(), value));
            claim.row.extend(pending);
        },
        &["ownership", "model"],
    ),
    (
        "mark an event that the broker did not confirm",
        |story| story.unheard("confirm", VICTIM),
        &["model"],
    ),
    (
        "receive a bid that was not delivered",
        |story| story.unheard("deliver", VICTIM),
        &["model"],
    ),
    (
        "publish an event past one claimed before",
        |story| story.swap_heard("publish", VICTIM, VICTIM + 1),
        &["model"],
    ),
    (
        "claim an event behind one that could be claimed",
        |story| {
            let claim = story.last_claim(event_id()).clone();
            let (at, number) = story.told(&claim);
            let late = story.commit_at(at).changes.remove(number);
            story.commit_after(at, vec![late]);
        },
        &["model"],
    ),
    (
        "lose a commit",
        |story| {
            let (at, _) = story.written("bids", id());
            _ = story.events.remove(at);
        },
        // What becomes of the event then has no beginning, and by such a ledger nobody judges.
        &["atomic", "places", "ownership", "domain", "whole", "model"],
    ),
];

fn id() -> Uuid {
    Story::id(VICTIM)
}

fn event_id() -> Uuid {
    Uuid::from_u128(0xe0e0_0000 + VICTIM)
}

fn lane(owner: Option<u128>, token: i64, lease_until: &str) -> Change {
    let columns = [
        ("lane", is(LANE)),
        (
            "owner",
            owner.map(|owner| Uuid::from_u128(owner).to_string()),
        ),
        ("token", is(token)),
        ("lease_until", is(lease_until)),
        ("draining", is(false)),
    ];
    change("relay_lanes", Operation::Update, &columns)
}
