//! The strategies: what kind of bid, on which auction, by whom.

use proptest::{
    prelude::{Just, any},
    prop_oneof,
    sample::{Index, subsequence},
    strategy::{Strategy, Union},
};

use crate::{
    ask::{auction::Own, scenario::Workload},
    history::Content,
    judge::auction::bid,
};

/// What a bid is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Beats the highest.
    Valid,
    /// Does not.
    TooLow,
    /// An earlier one, unchanged.
    Again,
    /// An earlier one's id with another amount.
    Conflict,
    /// On a closed auction.
    Closed,
}

/// One generated bid, before it is known what came before it.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub kind: Kind,
    pub auction: usize,
    pub raise: i64,
    pub pick: Index,
    user: u32,
}

impl Intent {
    /// What the bid says: who bids, and so much.
    pub fn content(&self, amount: i64) -> Content {
        bid::asked(format!("bidder-{}", self.user), amount)
    }
}

/// All that is generated for one workload.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    /// The keys of the closed auction, then of the others: drawn, for a key's lane follows from it, and runs are to differ in
    /// which auctions share one.
    pub auctions: Vec<u16>,
    pub intents: Vec<Intent>,
}

/// `bids` intents in the workload's mix, on its auctions and `closing` more.
pub(super) fn sequence(
    workload: &Workload,
    own: &Own,
    closing: u32,
    bids: usize,
) -> impl Strategy<Value = Sequence> + use<> {
    let auctions = (workload.keys.max(1) + closing) as usize;
    (
        keys(auctions + 1),
        proptest::collection::vec(intent(workload, own, auctions), bids),
    )
        .prop_map(|(auctions, intents)| Sequence { auctions, intents })
}

fn intent(
    workload: &Workload,
    own: &Own,
    auctions: usize,
) -> impl Strategy<Value = Intent> + use<> {
    let hot = workload.hot_percent.min(100);
    let auction = prop_oneof![
        hot => Just(0),
        100 - hot => 0..auctions,
    ];
    (
        kind(workload.again, own),
        auction,
        1..500i64,
        any::<Index>(),
        0..20u32,
    )
        .prop_map(|(kind, auction, raise, pick, user)| Intent {
            kind,
            auction,
            raise,
            pick,
            user,
        })
}

fn kind(again: u32, own: &Own) -> Union<Just<Kind>> {
    let special = own.too_low + again + own.conflict + own.closed;
    let shares = [
        (100u32.saturating_sub(special), Kind::Valid),
        (own.too_low, Kind::TooLow),
        (again, Kind::Again),
        (own.conflict, Kind::Conflict),
        (own.closed, Kind::Closed),
    ];
    Union::new_weighted(
        shares
            .into_iter()
            .filter(|(share, _)| *share > 0)
            .map(|(share, kind)| (share, Just(kind)))
            .collect(),
    )
}

/// So many, each once.
fn keys(count: usize) -> impl Strategy<Value = Vec<u16>> {
    let all: Vec<u16> = (0..=u16::MAX).collect();
    let count = count.min(all.len());
    subsequence(all, count).prop_shuffle()
}
