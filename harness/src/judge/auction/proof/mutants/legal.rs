//! Random legal histories.

use proptest::prelude::*;

use crate::judge::proof::story::Story;

/// One thing that a client does, or the lab.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Place {
        auction: u128,
        raise: i64,
    },
    LostOnTheWay {
        auction: u128,
        raise: i64,
    },
    AnswerLost {
        auction: u128,
        raise: i64,
        retried: bool,
    },
    TooLow {
        auction: u128,
    },
    Closed,
    Again {
        earlier: usize,
    },
    Conflict {
        earlier: usize,
    },
    Unavailable {
        auction: u128,
    },
    Look,
    Relay {
        auction: u128,
        does: fn(&mut Story, u128),
    },
}

/// What relays, and the lab's own, may do with an auction's lane and its events, short of publishing.
const RELAYS: [fn(&mut Story, u128); 7] = [
    Story::claim,
    Story::rewind,
    Story::take_over_and_give_up,
    Story::renew,
    Story::take_over,
    Story::drain,
    Story::usurp,
];

pub(super) fn act() -> impl Strategy<Value = Act> {
    let (auction, raise, earlier) = (1_u128..=3, 10_i64..50, any::<usize>());
    prop_oneof![
        4 => (auction.clone(), raise.clone()).prop_map(|(auction, raise)| Act::Place { auction, raise }),
        1 => (auction.clone(), raise.clone()).prop_map(|(auction, raise)| Act::LostOnTheWay { auction, raise }),
        1 => (auction.clone(), raise, any::<bool>())
            .prop_map(|(auction, raise, retried)| Act::AnswerLost { auction, raise, retried }),
        1 => auction.clone().prop_map(|auction| Act::TooLow { auction }),
        1 => Just(Act::Closed),
        1 => earlier.prop_map(|earlier| Act::Again { earlier }),
        1 => earlier.prop_map(|earlier| Act::Conflict { earlier }),
        1 => auction.prop_map(|auction| Act::Unavailable { auction }),
        1 => Just(Act::Look),
        6 => (1_u128..=3, prop::sample::select(&RELAYS[..])).prop_map(|(auction, does)| Act::Relay { auction, does }),
    ]
}

/// The bid that mutants break. Nothing random refers to it, so that its breaking shows where it is broken only.
pub(super) const VICTIM: u128 = 2;
/// Lost on the way: unknown to its client and absent.
pub(super) const LOST: u128 = 9;
/// The request for bid 1 that was answered 200.
pub(super) const REPEAT_OP: u64 = 10;

#[derive(Default)]
struct Teller {
    bids: u128,
    highest: [i64; 4],
    stored: Vec<(u128, u128, i64)>,
}

/// Eight bids on two auctions, one lost and one repeated; then whatever is random; then copies of deliveries.
pub(super) fn legal(acts: &[Act], copies: &[usize]) -> Story {
    let mut story = Story::new();
    // What is lost on the way here is lost to this fault.
    story.scenario(|scenario| scenario.faults[0].edge = Some("client -> api".to_owned()));
    (1..=3).for_each(|auction| story.opens(auction));
    story.closed(9);
    let mut teller = Teller::default();
    for auction in [1, 1, 1, 1, 2, 2, 2, 2] {
        teller.tell(&mut story, &Act::Place { auction, raise: 10 });
    }
    teller.tell(
        &mut story,
        &Act::LostOnTheWay {
            auction: 1,
            raise: 10,
        },
    );
    teller.tell(&mut story, &Act::Again { earlier: 0 });
    acts.iter().for_each(|act| teller.tell(&mut story, act));
    story.finish();
    for copy in copies {
        story.deliver_again(teller.stored[copy % teller.stored.len()].0);
    }
    story
}

impl Teller {
    fn next(&mut self, auction: u128, raise: i64) -> (u128, u128, i64) {
        self.bids += 1;
        (self.bids, auction, self.highest[auction as usize] + raise)
    }

    fn stored(&mut self, bid: (u128, u128, i64)) {
        self.highest[bid.1 as usize] = bid.2;
        if bid.0 != VICTIM {
            self.stored.push(bid);
        }
    }

    fn tell(&mut self, story: &mut Story, act: &Act) {
        match *act {
            Act::Place { auction, raise } => {
                let bid = self.next(auction, raise);
                story.place(bid.0, bid.1, bid.2);
                self.stored(bid);
            }
            Act::LostOnTheWay { auction, raise } => {
                let bid = self.next(auction, raise);
                let op = story.ask(bid.0, bid.1, bid.2);
                story.times_out(op);
            }
            Act::AnswerLost {
                auction,
                raise,
                retried,
            } => {
                let bid = self.next(auction, raise);
                let op = story.ask(bid.0, bid.1, bid.2);
                story.store(bid.0, bid.1, bid.2);
                story.times_out(op);
                if retried {
                    let op = story.ask(bid.0, bid.1, bid.2);
                    story.accept(op, 200);
                }
                self.stored(bid);
            }
            Act::TooLow { auction } => {
                let bid = self.next(auction, 0);
                let op = story.ask(bid.0, bid.1, bid.2);
                story.refuse(op, 422, "bid_too_low");
            }
            Act::Closed => {
                self.bids += 1;
                let op = story.ask(self.bids, 9, 10);
                story.refuse(op, 422, "auction_closed");
            }
            Act::Again { earlier } => {
                let (bid, auction, amount) = self.stored[earlier % self.stored.len()];
                let op = story.ask(bid, auction, amount);
                story.accept(op, 200);
            }
            Act::Conflict { earlier } => {
                let (bid, auction, amount) = self.stored[earlier % self.stored.len()];
                let op = story.ask(bid, auction, amount + 1);
                story.refuse(op, 409, "bid_conflict");
            }
            Act::Unavailable { auction } => {
                let bid = self.next(auction, 10);
                let op = story.ask(bid.0, bid.1, bid.2);
                story.unavailable(op, 503);
            }
            Act::Look => story.snapshot(),
            Act::Relay { auction, does } => does(story, auction),
        }
    }
}
