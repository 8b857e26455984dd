//! The rules by which the protocol goes, and those by which it went when it was wrong.

/// Until when a claim's floor waits for transactions that may hold a smaller position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Horizon {
    /// For all that run below the claim's own transaction id, which is drawn after its snapshot.
    OwnId,
    /// For all that run below the snapshot's `xmax`: the highest id that has completed, and no horizon of those that run.
    SnapshotMax,
}

/// What may be done. Each field is a rule that an outbox can lack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rules {
    /// A session's rewind draws new tokens before it hands anything back, and a claim presents those that it knows.
    pub tokens_per_session: bool,
    /// What the floor waits for.
    pub horizon: Horizon,
    /// A mark changes only what is in flight under its own token.
    pub marks_present_tokens: bool,
    /// A session sends no window beyond the next one when the broker would not take something.
    pub refusals_end_sessions: bool,
    /// An event is marked when the broker has confirmed it; without, as soon as it is claimed.
    pub marks_wait_for_confirms: bool,
    /// A message is acked when its bid was received; without, as soon as it is delivered.
    pub acks_wait_for_receipts: bool,
    /// What was received before is not applied again.
    pub inbox_knows: bool,
    /// What has a gap before it waits.
    pub gaps_hold: bool,
    /// An auction waits for its failed event.
    pub hold_failed: bool,
    /// Parked bids that one transaction applies at most.
    pub chunk: usize,
}

impl Rules {
    /// Those of the service.
    pub const TODAY: Self = Self {
        tokens_per_session: true,
        horizon: Horizon::OwnId,
        marks_present_tokens: true,
        refusals_end_sessions: true,
        marks_wait_for_confirms: true,
        acks_wait_for_receipts: true,
        inbox_knows: true,
        gaps_hold: true,
        hold_failed: true,
        chunk: 5_000,
    };

    /// A claim that its client gave up is carried out late, under the token that the next session has, too.
    pub const LATE_CLAIM: Self = Self {
        tokens_per_session: false,
        ..Self::TODAY
    };

    /// The floor rises past a position that somebody still holds.
    pub const WRONG_FLOOR: Self = Self {
        horizon: Horizon::SnapshotMax,
        ..Self::TODAY
    };
}
