//! The mistakes, each of which some outbox has made.

use std::sync::OnceLock;

use clap::ValueEnum;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bug {
    // Taking orders.
    /// The order is stored, and then its message sent: there is no event in between.
    DualWrite,
    /// The event is written when the order is committed.
    EventAfterCommit,
    /// An event that cannot be written is logged, and its order kept.
    EventLossLogged,
    /// The message is sent before the commit that may fail.
    PublishInTransaction,
    /// 201 is answered, and then it is committed.
    AnswerBeforeCommit,
    /// What COMMIT says is not looked at.
    CommitErrorIgnored,
    /// A commit of which nobody knows is answered as a refusal.
    UnknownIsRefusal,
    /// An order that is asked for again is refused, for it is there.
    AgainIsRefusal,
    /// An order that is asked for again is announced again, as another event.
    EventPerRequest,
    /// Whether an order is there is asked before its lock is taken, and believed.
    CheckThenInsert,
    /// Orders are told apart by the last digits of their ids.
    IdempotencyKeyTooShort,
    /// Sessions commit without waiting for the disk.
    SynchronousCommitOff,
    /// The event draws its place before its customer is locked.
    PlaceBeforeLock,
    /// A connection whose transaction failed goes back to the pool as it is.
    DirtyConnection,
    /// A connection whose statement failed never goes back.
    ConnectionLeaked,
    /// Statements have no deadline.
    NoStatementDeadline,
    /// Writers wake nobody.
    NeverNotified,

    // Claiming.
    /// A cursor passes places that are not committed yet.
    HighWaterMark,
    /// The order is that of the transactions' beginnings.
    OrderByCreatedAt,
    /// There is no order.
    OrderByChance,
    /// Each worker takes whatever rows nobody has locked.
    ParallelWorkers,
    /// What failed waits a second, and its successors do not.
    RetryOvertakes,
    /// Rows are taken whose lease is alive.
    LeaseIgnored,
    /// Rows whose lease has run out stay with the dead.
    LeaseNeverEnds,
    /// A relay takes what is held under its name for what it has in its hands, also after a claim that it gave up.
    StaleClaimCommitsLate,
    /// Rows are looked for in one statement and taken in another, whatever has become of them.
    ClaimInTwoSteps,
    /// What is given up does not hold its successors.
    FailedDoesNotHold,

    // Poison.
    /// Of what no message can be made is tried again and again, before all else.
    PoisonAtHead,
    /// Of what no message can be made counts as sent.
    PoisonDropped,
    /// Of what no message can be made is never given up.
    NeverGivenUp,

    // Publishing.
    /// Rows are marked, and then published.
    MarkBeforePublish,
    /// Rows are marked once they are written to a socket.
    MarkBeforeConfirm,
    /// What went wrong in publishing is not looked at.
    PublishErrorSwallowed,
    /// A confirm that does not come in time counts as one.
    LateConfirmCounts,
    /// A confirm that is lost with its connection counts as one.
    LostConfirmCounts,
    /// A nack counts as a confirm.
    NackIsAck,
    /// Messages are not mandatory.
    NoMandatory,
    /// What the broker returns counts as confirmed.
    ReturnIsAck,
    /// All of a window behind a return counts as confirmed.
    ReturnConfirmsWindow,
    /// Confirms may take for ever.
    NoConfirmTimeout,
    /// Only the first channel confirms.
    ConfirmsForgotten,
    /// Who was blocked once is blocked for ever.
    StuckAfterBlocked,
    /// After a new channel its confirms are taken for those of the messages before.
    TagsOffByOne,
    /// Each attempt has a message id of its own.
    FreshMessageId,
    /// The message id is the customer's.
    MessageIdOfCustomer,
    /// Messages do not outlive the broker.
    TransientMessages,
    /// A message says when it was sent.
    BodyOfAttempt,
    /// Connecting may take for ever.
    NoConnectTimeout,
    /// Who lost the broker works no more.
    ReconnectNever,
    /// Who lost the broker ends.
    ExitOnOutage,
    /// An outage counts against the events that it holds up.
    OutageSpendsTries,

    // Writing back, and ends.
    /// Whoever had the rows may mark them.
    NoFencing,
    /// A new owner goes on with the token of the one before.
    TokenKept,
    /// Who stops keeps what it has in its hands.
    NothingHandedBack,
    /// Who stops marks what it has not sent.
    ShutdownLosesWindow,
    /// Who stops as it was told to says that it failed.
    ExitCodeOfFailure,
    /// Only a notification wakes the relay.
    NotifyWithoutPoll,
    /// A listener that is gone stays so.
    ListenerNeverBack,
    /// Retention deletes whatever is old.
    RetentionEatsPending,

    // Consuming.
    /// The broker takes what it has sent for done.
    AutoAck,
    /// Ack, and then commit.
    AckBeforeCommit,
    /// The shipment is committed, and then its message's id.
    EffectBeforeInbox,
    /// The message's id is committed, and then its shipment.
    InboxBeforeEffect,
    /// Known is what this process has seen.
    DedupInMemory,
    /// Every copy counts.
    CopiesCount,
    /// Whether a message is known is asked, and then written.
    CheckThenShip,
    /// A conflict of any kind means that a message is known.
    NoConflictTarget,
    /// Ids are forgotten while their messages may still come again.
    InboxPrunedTooEarly,
    /// A message behind its customer's last one is taken for a copy.
    GapIgnored,
    /// What the database did not take is acked all the same.
    BatchDropped,
    /// Nothing is ever acked.
    NeverAcked,
    /// What the database refuses goes back to the queue at once, for ever.
    EndlessRequeue,
    /// What the database refuses is acked and forgotten.
    RefusedIsAcked,
    /// The queue does not outlive the broker.
    TransientQueue,
    /// A consumer that lost the broker consumes no more.
    ConsumerNeverBack,
}

static PLANTED: OnceLock<Option<Bug>> = OnceLock::new();

/// Once, before anything else.
pub fn plant(bug: Option<Bug>) {
    let _ = PLANTED.set(bug);
}

/// Whether the mistake is made here. Each time it is, the process's log says so: a line is there even if the process is
/// killed right after it.
pub fn fires(bug: Bug) -> bool {
    let planted = PLANTED.get().copied().flatten() == Some(bug);
    if planted && let Some(name) = bug.to_possible_value() {
        println!("zoo: bug {} fired", name.get_name());
    }
    planted
}
