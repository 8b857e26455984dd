//! Which checks a target file makes possible. What is not given is not judged, because …: silence is never green.

use std::fmt::{Display, Formatter};

use super::{
    Target,
    outbox::{Outbox, Sent},
    process::Plays,
    promise::{Messages, Order, Outage, Times, Unroutable},
    write::{How, Serial},
};

/// What becomes of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What it is called in reports.
    pub check: &'static str,
    /// What it asks.
    pub asks: &'static str,
    /// What becomes of it.
    pub judged: Judged,
}

/// What becomes of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It is made.
    Yes,
    /// It is made, on a condition that a file cannot say.
    Where(&'static str),
    /// It is counted and printed, and fails nobody: it is not promised.
    Counted(String),
    /// It cannot be made.
    Not(&'static str),
}

/// The lab reads every commit from the server's own log.
const LOG: &str = "the lab may read the server's log: on servers of its own, and elsewhere with wal_level = logical";

impl Display for Judgement {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { check, asks, .. } = self;
        match &self.judged {
            Judged::Yes => write!(f, "judged: {check} ({asks})"),
            Judged::Where(condition) => write!(f, "judged: {check} ({asks}), where {condition}"),
            Judged::Counted(because) => {
                write!(
                    f,
                    "counted, not judged: {check} ({asks}), because {because}"
                )
            }
            Judged::Not(because) => write!(f, "not judged: {check}, because {because}"),
        }
    }
}

/// All checks, in the order in which reports have them.
pub fn judged(target: &Target) -> Vec<Judgement> {
    let mut all = always(target);
    all.extend(order(target));
    all.extend(tables(target));
    all.extend(answers(target));
    all.extend(effects(target));
    all
}

fn one(check: &'static str, asks: &'static str, judged: Judged) -> Judgement {
    Judgement {
        check,
        asks,
        judged,
    }
}

/// Judged when the reason why not is none.
fn unless(not: Option<&'static str>) -> Judged {
    not.map_or(Judged::Yes, Judged::Not)
}

fn always(target: &Target) -> Vec<Judgement> {
    let promise = target.promise;
    let outage = match promise.outage {
        Outage::Keeps => Judged::Yes,
        Outage::GivesUpAfter(after) => Judged::Counted(format!(
            "promise.outage: it gives up after {:?}",
            after.get()
        )),
        Outage::GivesUpAfterAttempts(attempts) => Judged::Counted(format!(
            "promise.outage: it gives up after {attempts} attempts"
        )),
    };
    let unroutable = match promise.unroutable {
        Unroutable::Kept => Judged::Yes,
        Unroutable::GivenUp => Judged::Counted("promise.unroutable = \"given up\"".to_owned()),
        Unroutable::Dropped => Judged::Counted("promise.unroutable = \"dropped\"".to_owned()),
    };
    vec![
        one("loss", "what was accepted is heard", Judged::Yes),
        one(
            "loss in an outage",
            "also what was accepted while the broker was away, for however long",
            outage,
        ),
        one(
            "loss of what is unroutable",
            "also what the broker routed nowhere",
            unroutable,
        ),
        one(
            "phantom",
            "what is heard was asked for, and not refused",
            Judged::Yes,
        ),
        one(
            "copies",
            "how often one event is heard",
            Judged::Counted("at least once is all that an outbox can promise".to_owned()),
        ),
        one("integrity", "copies of one event are equal", Judged::Yes),
        one(
            "identity",
            "what consumers deduplicate by is equal over copies and differs between events",
            unless(
                target
                    .message
                    .dedup_by
                    .is_none()
                    .then_some("[message] has no dedup_by"),
            ),
        ),
        one(
            "persistent",
            "messages outlive a restart of the broker",
            match promise.messages {
                Messages::Persistent => Judged::Yes,
                Messages::Transient => {
                    Judged::Counted("promise.messages = \"transient\"".to_owned())
                }
            },
        ),
        one(
            "recovery",
            "after a heal all is as before within the target's own pace",
            Judged::Yes,
        ),
        one(
            "survival",
            "no process ends by itself or hangs when it is asked to stop",
            Judged::Yes,
        ),
        one("bite", "every fault met something", Judged::Yes),
        one("whole", "the record of the run is complete", Judged::Yes),
    ]
}

fn order(target: &Target) -> Vec<Judgement> {
    let asks = "first deliveries of a key come in the order of its writes";
    let judged = match (target.promise.order, target.write.serial) {
        (Order::None, _) => Judged::Counted("promise.order = \"none\"".to_owned()),
        (Order::Key, Serial::Key) => Judged::Yes,
        (Order::Key, Serial::None) if target.message.n.is_some() => Judged::Yes,
        (Order::Key, Serial::None) => Judged::Where(LOG),
    };
    vec![one("order", asks, judged)]
}

fn tables(target: &Target) -> Vec<Judgement> {
    let outbox = target.outbox.as_ref();
    let business = target.look.business.is_some();
    // Rows that do not stay to be looked at are seen in the log alone.
    let seen = |outbox: &Outbox| match outbox.sent {
        Sent::Gone | Sent::Unsaid => Judged::Where(LOG),
        Sent::Archived | Sent::When(_) if outbox.given_up_is_gone => Judged::Where(LOG),
        Sent::Archived | Sent::When(_) => Judged::Yes,
    };
    let stage = outbox.map_or(
        Judged::Not("there is no [outbox]: what is lost is lost, nobody sees where"),
        seen,
    );
    let marks = match outbox {
        None => Judged::Not("there is no [outbox]"),
        Some(outbox) if outbox.sent == Sent::Unsaid => Judged::Not("[outbox] has no sent"),
        Some(outbox) => seen(outbox),
    };
    let atomic = match (outbox, business) {
        (None, _) => Judged::Not("there is no [outbox]"),
        (_, false) => Judged::Not("[look] has no business"),
        (Some(outbox), true) => seen(outbox),
    };
    let state = |said: bool, without: &'static str| match (outbox, said) {
        (None, _) => Judged::Not("there is no [outbox]"),
        (Some(_), false) => Judged::Not(without),
        (Some(_), true) => Judged::Yes,
    };
    let held = outbox.is_some_and(|outbox| outbox.held.is_some());
    let given_up = outbox.is_some_and(|outbox| outbox.given_up.is_some());
    let rows = unless((!business).then_some("[look] has no business"));
    let rolled_back = match &target.write.how {
        How::Http(_) => Judged::Not("[write] is http: only crashes roll anything back"),
        How::Sql(sql) if sql.rollback == 0 => Judged::Not("[write] has no rollback"),
        How::Sql(_) => Judged::Yes,
    };
    vec![
        one("stage", "how far what was lost had come", stage),
        one(
            "marks",
            "what counts as sent was heard, and what was heard counts as sent in time",
            marks,
        ),
        one(
            "atomic",
            "business row and event are there together, or neither is",
            atomic,
        ),
        one(
            "stuck",
            "no row stays in somebody's hands",
            state(held, "[outbox] has no held"),
        ),
        one(
            "given up",
            "which rows were given up",
            state(
                given_up,
                match outbox.is_some_and(|outbox| outbox.given_up_is_gone) {
                    true => "given_up = \"gone\": a row that was given up is not there to be seen",
                    false => "[outbox] has no given_up: an event that is given up counts as lost",
                },
            ),
        ),
        one("durable", "what was accepted is stored", rows.clone()),
        one("refusal", "what was refused is not stored", rows),
        one(
            "rolled back",
            "nothing is heard of what was rolled back",
            rolled_back,
        ),
    ]
}

fn answers(target: &Target) -> Vec<Judgement> {
    let asked = target.look.answer.is_some() || target.write.again;
    let truth = if !target.write.is_http() {
        Judged::Not("[write] is sql: nobody answers")
    } else if !asked {
        Judged::Not("[look] has no answer and [write] has no again: nobody can be asked")
    } else {
        Judged::Yes
    };
    let known = asked || target.look.business.is_some();
    let unknown = unless((!known).then_some(
        "[look] has neither business nor answer, and [write] has no again: such writes count neither way",
    ));
    vec![
        one(
            "http_truth",
            "whoever asks later is answered in the same way",
            truth,
        ),
        one(
            "unknown",
            "what became of writes without an answer",
            unknown,
        ),
    ]
}

fn effects(target: &Target) -> Vec<Judgement> {
    let not = if !target.has(Plays::Consumer) {
        Some("no process plays consumer")
    } else if target.effects.is_none() {
        Some("there is no [effects]")
    } else {
        None
    };
    let promised = |judged: Judged| match (judged, target.promise.effects) {
        (Judged::Yes, Times::AtLeastOnce) => {
            Judged::Counted("promise.effects = \"at least once\"".to_owned())
        }
        (judged, _) => judged,
    };
    let in_order = match (unless(not), target.promise.order) {
        (Judged::Yes, Order::None) => Judged::Counted("promise.order = \"none\"".to_owned()),
        (judged, _) => judged,
    };
    vec![
        one(
            "applied",
            "every event that was heard takes effect",
            unless(not),
        ),
        one("dedup", "none takes effect twice", promised(unless(not))),
        one(
            "order of effects",
            "those of a key come in the order of its writes",
            in_order,
        ),
    ]
}

#[cfg(test)]
mod tests;
