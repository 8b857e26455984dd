//! Which bids of a batch can be applied at once.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::ReceivedBid;

/// The bids of a batch that continue their auction's standing without a gap. They are applied as they are received;
/// every other bid is parked, or was received before.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Runs<'b> {
    pub bids: BTreeSet<Uuid>,
    pub of_auction: BTreeMap<Uuid, Run<'b>>,
}

/// What a run adds up to.
#[derive(Debug, PartialEq)]
pub(super) struct Run<'b> {
    pub last_sequence: i64,
    pub count: i64,
    pub highest: &'b ReceivedBid,
}

impl<'b> Runs<'b> {
    /// `parked` is each auction's first parked place: a run ends before it, and the parked ones go on there.
    pub fn of(
        bids: impl Iterator<Item = &'b ReceivedBid>,
        last: &BTreeMap<Uuid, i64>,
        parked: &BTreeMap<Uuid, i64>,
    ) -> Self {
        let before_parked = |bid: &&ReceivedBid| {
            let first = parked.get(&bid.auction_id);
            first.is_none_or(|first| bid.sequence < *first)
        };
        let mut sorted: Vec<&ReceivedBid> = bids.filter(before_parked).collect();
        sorted.sort_unstable_by_key(|bid| (bid.auction_id, bid.sequence));
        let mut runs = Self::default();
        for bid in sorted {
            let run = runs.of_auction.get_mut(&bid.auction_id);
            let before = match &run {
                Some(run) => run.last_sequence,
                None => last.get(&bid.auction_id).copied().unwrap_or(0),
            };
            if bid.sequence != before + 1 {
                continue;
            }
            runs.bids.insert(bid.bid_id);
            match run {
                Some(run) => {
                    run.last_sequence = bid.sequence;
                    run.count += 1;
                    if bid.amount > run.highest.amount {
                        run.highest = bid;
                    }
                }
                None => {
                    let run = Run {
                        last_sequence: bid.sequence,
                        count: 1,
                        highest: bid,
                    };
                    runs.of_auction.insert(bid.auction_id, run);
                }
            }
        }
        runs
    }

    /// The auctions whose first parked bid is next, once the runs are applied.
    pub fn up_to_parked(
        &self,
        last: &BTreeMap<Uuid, i64>,
        parked: &BTreeMap<Uuid, i64>,
    ) -> Vec<Uuid> {
        let is_next = |(auction_id, first): &(&Uuid, &i64)| {
            let stands = match self.of_auction.get(auction_id) {
                Some(run) => Some(run.last_sequence),
                None => last.get(auction_id).copied(),
            };
            stands.is_some_and(|stands| stands + 1 == **first)
        };
        let next = parked.iter().filter(is_next);
        next.map(|(auction_id, _)| *auction_id).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const LAMP: Uuid = Uuid::from_u128(7);

    fn bid(sequence: i64) -> ReceivedBid {
        ReceivedBid {
            bid_id: Uuid::from_u128(sequence as u128),
            auction_id: LAMP,
            sequence,
            user_id: "ann".to_owned(),
            amount: 100 * sequence,
            placed_at: DateTime::UNIX_EPOCH,
        }
    }

    /// The places that a run takes, and whether the parked ones go on behind it.
    fn applied(sequences: &[i64], last: i64, parked: Option<i64>) -> (Vec<i64>, bool) {
        let bids: Vec<ReceivedBid> = sequences.iter().map(|sequence| bid(*sequence)).collect();
        let last = BTreeMap::from([(LAMP, last)]);
        let parked = parked.map(|first| (LAMP, first)).into_iter().collect();
        let runs = Runs::of(bids.iter(), &last, &parked);
        let count: i64 = runs.of_auction.values().map(|run| run.count).sum();
        assert_eq!(count, runs.bids.len() as i64);
        let places = runs.bids.iter().map(|id| id.as_u128() as i64).collect();
        (places, runs.up_to_parked(&last, &parked) == [LAMP])
    }

    #[test]
    fn a_run_goes_on_where_the_standing_ends_and_stops_at_the_first_gap() {
        assert_eq!(applied(&[6, 4, 5, 8], 3, None), (vec![4, 5, 6], false));
        assert_eq!(applied(&[5], 3, None), (vec![], false));
    }

    #[test]
    fn what_was_applied_before_is_no_part_of_a_run() {
        assert_eq!(applied(&[2, 3, 4], 3, None), (vec![4], false));
    }

    #[test]
    fn a_run_stops_before_what_is_parked_and_hands_over_when_it_gets_there() {
        assert_eq!(applied(&[4, 5], 3, Some(9)), (vec![4, 5], false));
        assert_eq!(applied(&[4, 5, 6, 7], 3, Some(6)), (vec![4, 5], true));
        assert_eq!(applied(&[5, 6], 3, Some(4)), (vec![], true));
    }
}
