//! Each bid takes effect exactly once, however often it is delivered.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use crate::history::{History, Last};
use crate::judge::basis::{Unjudgeable, last, scenario};
use crate::judge::facts::Facts;
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let scenario = scenario(history)?;
    let mut inquiry = Inquiry::new("dedup");
    let applied = applied_by_auction(&mut inquiry, last);
    compare_standings(&mut inquiry, last, &applied);

    let recovered = history.recovered_after_ms().is_some();
    for bid in &last.tables.bids {
        let received = last.received(bid.bid_id);
        let place = format!(
            "bid {} (place {} of auction {})",
            bid.bid_id, bid.sequence, bid.auction_id
        );
        if received.is_some_and(|row| row.applied) {
            continue;
        } else if last.is_held_back(bid.auction_id, bid.sequence) {
            inquiry.count("bids held back by an event given up", 1);
        } else if recovered {
            inquiry.fail("bids never applied", format!("{place} was never applied"));
        } else {
            inquiry.object(
                Verdict::Unknown,
                "bids not applied yet",
                format!("{place} is not applied yet"),
            );
        }
    }

    let copies = Facts::of(history).get("deliveries_again", scenario.faults.len())?;
    inquiry.count(
        "copies absorbed",
        usize::try_from(copies).unwrap_or(usize::MAX),
    );
    if copies == 0 && scenario.bites.contains_key("deliveries_again") {
        let example = "the scenario is about copies, and there were none".to_owned();
        inquiry.object(
            Verdict::Vacuous,
            "runs about copies without a copy",
            example,
        );
    }
    Ok(inquiry.conclude(last.tables.bids.len(), "bids"))
}

fn applied_by_auction(inquiry: &mut Inquiry, last: Last<'_>) -> BTreeMap<Uuid, i64> {
    let mut seen = HashSet::new();
    let mut applied: BTreeMap<Uuid, i64> = BTreeMap::new();
    for row in &last.tables.inbox {
        if !seen.insert(row.bid_id) {
            inquiry.fail(
                "bids received twice",
                format!("bid {} is in the inbox twice", row.bid_id),
            );
        }
        if row.applied {
            *applied.entry(row.auction_id).or_default() += 1;
        }
    }
    applied
}

fn compare_standings(inquiry: &mut Inquiry, last: Last<'_>, applied: &BTreeMap<Uuid, i64>) {
    let mut standing_auctions = HashSet::new();
    for standing in &last.tables.standings {
        standing_auctions.insert(standing.auction_id);
        let inbox = applied.get(&standing.auction_id).copied().unwrap_or(0);
        if standing.bid_count != inbox {
            let example = format!(
                "auction {} counts {} bids, {inbox} were applied",
                standing.auction_id, standing.bid_count
            );
            inquiry.fail(
                "auctions that count another number of bids than were applied",
                example,
            );
        }
    }
    for (auction_id, inbox) in applied {
        if !standing_auctions.contains(auction_id) {
            let example =
                format!("auction {auction_id} has no standing, {inbox} bids were applied");
            inquiry.fail("auctions with applied bids and no standing", example);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, verdict};

    #[test]
    fn a_copy_is_absorbed_or_counted_twice() {
        let mut story = Story::clean();
        story.deliver_again(1);
        let finding = check(&story.history()).expect("a finding");
        assert_eq!(
            (finding.verdict, finding.counts["copies absorbed"]),
            (Verdict::Pass, 1)
        );
        story.change_last(|tables| tables.standings[0].bid_count += 1);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn a_bid_received_twice_fails() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.inbox.push(tables.inbox[0].clone()));
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn a_bid_never_applied_fails_once_recovered() {
        let mut story = Story::clean();
        story.change_last(|tables| {
            tables.inbox[2].applied = false;
            tables.standings[0].bid_count = 2;
            tables.standings[0].last_sequence = 2;
        });
        assert_eq!(verdict(check, &story), Verdict::Fail);
        story.not_recovered();
        assert_eq!(verdict(check, &story), Verdict::Unknown);
    }

    #[test]
    fn a_run_about_copies_without_one_is_vacuous() {
        let mut story = Story::clean();
        story.bites("deliveries_again", ">= 1");
        assert_eq!(verdict(check, &story), Verdict::Vacuous);
        story.deliver_again(2);
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }
}
