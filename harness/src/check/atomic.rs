//! Bid and event are written together: in every snapshot, also in the middle of the run, each bid row has exactly one
//! event row with the same content, and each event row its bid.

use std::collections::HashMap;

use super::inquiry::Inquiry;
use super::{Unjudgeable, last, names, scenario};
use crate::history::{BidRow, EventRow, History, Snapshot};
use crate::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    last(history)?;
    // A payload that a scenario spoils on purpose still has its place, and by it its bid.
    let terms = Terms {
        spoiled_allowed: names(scenario(history)?, "events_failed"),
        placed_at_known: history.has_every_field(),
    };
    let mut inquiry = Inquiry::new("atomic");
    let mut rows = 0;
    for (number, snapshot) in history.snapshots().enumerate() {
        inquiry.count("snapshots", 1);
        rows += snapshot.bids.len() + snapshot.events.len();
        compare(&mut inquiry, number + 1, snapshot, &terms);
    }
    Ok(inquiry.conclude(rows, "rows over all snapshots"))
}

/// What may differ in this history, and what can be compared in it.
struct Terms {
    spoiled_allowed: bool,
    placed_at_known: bool,
}

fn compare(inquiry: &mut Inquiry, number: usize, snapshot: &Snapshot, terms: &Terms) {
    let mut events: HashMap<_, Vec<&EventRow>> = HashMap::new();
    let mut spoiled = HashMap::new();
    for event in &snapshot.events {
        match &event.payload {
            Ok(payload) => events.entry(payload.bid_id).or_default().push(event),
            Err(_) if terms.spoiled_allowed => {
                _ = spoiled.insert((event.auction_id, event.sequence), event)
            }
            Err(why) => {
                let example = format!("snapshot {number}: event {}: {why}", event.id);
                inquiry.fail("events whose payload cannot be decoded", example);
            }
        }
    }
    for bid in &snapshot.bids {
        let of_bid = events.remove(&bid.bid_id).unwrap_or_default();
        match of_bid.as_slice() {
            [] if spoiled.remove(&(bid.auction_id, bid.sequence)).is_some() => {}
            [] => inquiry.fail(
                "bids without an event",
                format!("snapshot {number}: bid {} has no event", bid.bid_id),
            ),
            [event] if !same(bid, event, terms) => inquiry.fail(
                "events with other content than their bid",
                format!("snapshot {number}: {bid:?} and {event:?}"),
            ),
            [_] => {}
            several => inquiry.fail(
                "bids with several events",
                format!(
                    "snapshot {number}: bid {} has {} events",
                    bid.bid_id,
                    several.len()
                ),
            ),
        }
    }
    let without_bid = events.into_values().flatten().chain(spoiled.into_values());
    for event in without_bid {
        let example = format!("snapshot {number}: event {} has no bid", event.id);
        inquiry.fail("events without a bid", example);
    }
}

fn same(bid: &BidRow, event: &EventRow, terms: &Terms) -> bool {
    let columns = (event.auction_id, event.sequence) == (bid.auction_id, bid.sequence);
    columns
        && event.payload.as_ref().is_ok_and(|seen| {
            (seen.auction_id, &seen.user_id, seen.amount, seen.sequence)
                == (bid.auction_id, &bid.user_id, bid.amount, bid.sequence)
                && (seen.placed_at_us == bid.placed_at_us || !terms.placed_at_known)
        })
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, verdict};
    use super::*;
    use crate::verdict::Verdict;

    #[test]
    fn a_bid_without_its_event_fails_even_if_it_comes_later() {
        let mut story = Story::new();
        story.auction(1);
        story.place(1, 1, 10);
        story.change_tables(|tables| tables.events.clear());
        let mut whole = story.clone();
        story.snapshot();
        let event = Story::event(1, 1, 10, 1);
        story.change_tables(|tables| tables.events.push(event.clone()));
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Fail);

        whole.change_tables(|tables| tables.events.push(event));
        whole.finish();
        assert_eq!(verdict(check, &whole), Verdict::Pass);
    }

    #[test]
    fn an_event_without_its_bid_fails() {
        let mut story = Story::clean();
        story.change_last(|tables| _ = tables.bids.pop());
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn two_events_for_a_bid_and_other_content_fail() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.events.push(Story::event(1, 1, 100, 1)));
        assert_eq!(verdict(check, &story), Verdict::Fail);
        let mut story = Story::clean();
        story.change_last(|tables| tables.events[0].sequence = 7);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn an_event_that_says_another_time_than_its_bid_fails_where_the_time_was_recorded() {
        let mut story = Story::clean();
        story.snapshot_early(|tables| tables.bids[0].placed_at_us += 1);
        assert_eq!(verdict(check, &story), Verdict::Fail);
        story.written_in_format(1);
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn a_spoiled_payload_fails_unless_the_scenario_is_about_it() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.events[0].payload = Err("no amount".to_owned()));
        assert_eq!(verdict(check, &story), Verdict::Fail);
        story.expect("events_failed", "= 1");
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }
}
