//! The strategies: what kind of bid, on which auction, by whom.

use proptest::{
    prelude::{Just, any},
    prop_oneof,
    sample::Index,
    strategy::{Strategy, Union},
};
use uuid::Uuid;

use crate::{
    ask::scenario::Workload,
    history::{Asked, Key},
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
    id: Uuid,
    user: u32,
}

impl Intent {
    /// The bid itself.
    pub fn on(&self, key: Key, amount: i64) -> Asked {
        Asked {
            id: self.id,
            key,
            content: bid::asked(format!("bidder-{}", self.user), amount),
        }
    }
}

/// All that is generated for one workload.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    /// The closed auction, then the others.
    pub auctions: Vec<Key>,
    pub intents: Vec<Intent>,
}

/// `bids` intents in the workload's mix, on its auctions and `closing` more.
pub(super) fn sequence(
    workload: &Workload,
    closing: u32,
    bids: usize,
) -> impl Strategy<Value = Sequence> + use<> {
    let auctions = (workload.keys.max(1) + closing) as usize;
    (
        proptest::collection::vec(id().prop_map(Key), auctions + 1),
        proptest::collection::vec(intent(workload, auctions), bids),
    )
        .prop_map(|(auctions, intents)| Sequence { auctions, intents })
}

fn intent(workload: &Workload, auctions: usize) -> impl Strategy<Value = Intent> + use<> {
    let hot = workload.hot_percent.min(100);
    let auction = prop_oneof![
        hot => Just(0),
        100 - hot => 0..auctions,
    ];
    (
        kind(workload),
        auction,
        1..500i64,
        any::<Index>(),
        id(),
        0..20u32,
    )
        .prop_map(|(kind, auction, raise, pick, id, user)| Intent {
            kind,
            auction,
            raise,
            pick,
            id,
            user,
        })
}

fn kind(workload: &Workload) -> Union<Just<Kind>> {
    let mix = workload.mix;
    let special = mix.too_low + mix.again + mix.conflict + mix.closed;
    let shares = [
        (100u32.saturating_sub(special), Kind::Valid),
        (mix.too_low, Kind::TooLow),
        (mix.again, Kind::Again),
        (mix.conflict, Kind::Conflict),
        (mix.closed, Kind::Closed),
    ];
    Union::new_weighted(
        shares
            .into_iter()
            .filter(|(share, _)| *share > 0)
            .map(|(share, kind)| (share, Just(kind)))
            .collect(),
    )
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(|bytes| uuid::Builder::from_random_bytes(bytes).into_uuid())
}
