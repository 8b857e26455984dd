//! Which steps there are, and what comes of each.

use super::{Action, Rules, World};

/// Why a step is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Illegal(pub(super) &'static str);

/// What a step comes to.
pub(super) type Stepped = Result<(), Illegal>;

/// That something holds, or why the step is none.
pub(super) fn must(holds: bool, otherwise: &'static str) -> Stepped {
    match holds {
        true => Ok(()),
        false => Err(Illegal(otherwise)),
    }
}

impl World {
    /// The world after a step; none if there is no such step.
    pub fn after(&self, rules: &Rules, action: &Action) -> Option<Self> {
        let mut next = self.clone();
        next.step(rules, action).ok().map(|()| next)
    }

    /// Takes a step. One that there is not changes nothing.
    pub fn step(&mut self, rules: &Rules, action: &Action) -> Stepped {
        use Action::*;
        match action {
            Begin { auction } => self.begin(*auction),
            Draw {
                writer,
                sequence,
                lane,
                spoilt,
            } => self.draw(*writer, *sequence, *lane, *spoilt),
            Commit { writer } => self.commit(*writer),
            Abort { writer } => self.abort(*writer),
            Acquire {
                relay,
                lane,
                token,
                back,
                gave_up,
            } => self.acquire(*relay, (*lane, *token), back, gave_up),
            Renew { relay, lane } => self.renew(*relay, *lane),
            Expire { lane } => self.expire(*lane),
            Drain { relay, lane, on } => self.drain(*relay, *lane, *on),
            Release { relay, lane } => self.release(*relay, *lane),
            Leave { relay, lane } => self.leave(*relay, *lane),
            Rewind {
                relay,
                tokens,
                back,
            } => self.rewind(rules, *relay, tokens, back),
            Usurp {
                lane,
                token,
                claims,
            } => self.usurp(*lane, *token, claims),
            Crash { relay } => self.crash(*relay),
            Look { relay, lanes } => self.look(rules, *relay, lanes),
            Claim {
                asker,
                taken,
                aside,
            } => self.claim(rules, *asker, taken, aside),
            GiveUp { relay } => self.give_up(*relay),
            action => self.step_elsewhere(rules, action),
        }
    }

    /// Outside of lanes and claims.
    fn step_elsewhere(&mut self, rules: &Rules, action: &Action) -> Stepped {
        use Action::*;
        match action {
            Pass { link, event } => self.pass(rules, *link, *event),
            Confirm { link, event } => self.confirm(rules, *link, *event),
            Refuse { link, event } => self.refuse(*link, *event),
            Cut { link } => self.cut(*link),
            Vanish { link } => self.vanish(*link),
            Mark { event, token } => self.mark(rules, *event, *token),
            Fail { event, token } => self.fail(*event, *token),
            Requeue { lane, events } => self.requeue(*lane, events),
            LetGo {
                lane,
                events,
                unseen,
            } => self.let_go(rules, *lane, events, unseen),
            Mend { event } => self.mend(*event),
            Purge { event } => self.purge(*event),
            Deliver { event } => self.deliver(*event),
            Return { event } => self.give_back(*event),
            Copy { event } => self.copy(*event),
            Receive { new, applied } => self.receive(rules, new, applied),
            Ack { event } => self.ack(rules, *event),
            Reject { event } => self.reject(*event),
            Forget { event } => self.forget(*event),
            _ => Err(Illegal("no step of anybody's")),
        }
    }
}
