//! The replay: ledger and taps, side by side, through the model.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::commits::Script;
use super::heard::{Heard, What};
use super::names::Names;
use super::scripted::Scripted;
use super::tally::Tally;
use crate::judge::auction::model::{Action, EventNo, LinkNo, Rules, Status, World};

/// By how much ledger and taps may differ about what came first, in microseconds. Both tell the time of one clock; what lies
/// between a claim and its publish, or a confirm and its mark, was never less than half a millisecond.
pub(super) const DOUBT_US: i64 = 50_000;
/// As much of an action as is shown, in characters.
const SHOWN: usize = 160;
/// By then everybody sees what is in the log: rows are seen when the log is on the disk, however busy that is.
const SEEN_WITHIN_US: i64 = 5_000_000;

/// Why something is no step now, and whether it may be one when more has happened.
struct Refused {
    why: String,
    for_now: bool,
}

/// Where a replay is.
pub(super) struct Walk<'s> {
    names: &'s Names,
    script: &'s Script,
    rules: Rules,
    world: World,
    heard: VecDeque<Heard>,
    /// The next commit.
    next: usize,
    /// Events whose positions are drawn.
    drawn: EventNo,
    /// Committed, and not surely seen by others.
    unseen: VecDeque<(EventNo, i64)>,
    /// What came back, and is confirmed all the same.
    refused: BTreeSet<(LinkNo, EventNo)>,
    delivered: BTreeSet<EventNo>,
    /// How often a copy was taken for one that came back while a consumer had another.
    in_doubt: BTreeMap<EventNo, u32>,
    tally: Tally,
}

impl<'s> Walk<'s> {
    pub fn new(names: &'s Names, script: &'s Script, heard: Vec<Heard>, hold_failed: bool) -> Self {
        Self {
            names,
            script,
            rules: Rules {
                hold_failed,
                ..Rules::TODAY
            },
            world: World::new(script.lanes.iter().copied(), names.relays()),
            heard: heard.into(),
            next: 0,
            drawn: 0,
            unseen: VecDeque::new(),
            refused: BTreeSet::new(),
            delivered: BTreeSet::new(),
            in_doubt: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    /// What was met, given how many stale marks relays have counted: what they count must be what the model knows.
    pub fn tally(&self, counted: u64) -> Tally {
        let replaced = |(event, token): &&(EventNo, i64)| {
            let row = self.world.event(*event).map(|event| event.status);
            row != Some(Status::Processing(*token))
        };
        let stale = self.world.marks.iter().filter(replaced).count() as u64;
        Tally {
            stale_marks: stale.min(counted),
            ..self.tally.clone()
        }
    }

    /// Replays everything, or says which step there is not.
    pub fn follow(&mut self) -> Option<String> {
        while let Some(ledger) = self.is_ledgers_turn() {
            let Err(refused) = self.advance(ledger) else {
                continue;
            };
            if let Err(refused) = self.catch_up(ledger, refused) {
                return Some(refused.why);
            }
        }
        None
    }

    /// Whether the ledger's next entry comes before the taps'; none when there is neither.
    fn is_ledgers_turn(&self) -> Option<bool> {
        let commit = self.script.commits.get(self.next);
        match (commit, self.heard.front()) {
            (None, None) => None,
            (Some(commit), Some(heard)) => Some(heard.at_us.is_none_or(|at| commit.at_us <= at)),
            (commit, _) => Some(commit.is_some()),
        }
    }

    /// Lets the other witness speak until the refused one is heard. If that does not help, for what the other one has to say
    /// was surely later, it is what was refused that there is not; but whatever will never be is the better reason.
    fn catch_up(&mut self, refused_is_ledger: bool, refused: Refused) -> Result<(), Refused> {
        let mut refused = refused;
        while refused.for_now && self.is_in_doubt() {
            if let Err(other) = self.advance(!refused_is_ledger) {
                return Err(if other.for_now { refused } else { other });
            }
            match self.advance(refused_is_ledger) {
                Ok(()) => return Ok(()),
                Err(again) => refused = again,
            }
        }
        Err(refused)
    }

    /// Whether either of the next entries may have been the first.
    fn is_in_doubt(&self) -> bool {
        let commit = self.script.commits.get(self.next);
        match (commit, self.heard.front()) {
            (Some(commit), Some(heard)) => heard
                .at_us
                .is_none_or(|at| commit.at_us.abs_diff(at) <= DOUBT_US.unsigned_abs()),
            _ => false,
        }
    }

    fn advance(&mut self, ledger: bool) -> Result<(), Refused> {
        match ledger {
            true => {
                let script = self.script;
                self.commit(&script.commits[self.next])?;
                self.next += 1;
            }
            false => {
                let heard = self.heard.front().cloned();
                if let Some(heard) = heard {
                    self.hear(&heard)?;
                }
                self.heard.pop_front();
            }
        }
        Ok(())
    }

    fn step(&mut self, action: &Action) -> Result<(), String> {
        self.tally.steps += 1;
        let done = self.world.step(&self.rules, action);
        done.map_err(|why| format!("{why} ({})", self.about(action)))
    }

    /// The action, with the run's own name of the first event that it is about.
    fn about(&self, action: &Action) -> String {
        let first = match action {
            Action::Mark { event, .. }
            | Action::Fail { event, .. }
            | Action::Pass { event, .. }
            | Action::Confirm { event, .. }
            | Action::Refuse { event, .. }
            | Action::Deliver { event }
            | Action::Ack { event }
            | Action::Reject { event }
            | Action::Purge { event } => Some(event),
            Action::Claim { taken: events, .. }
            | Action::Acquire { back: events, .. }
            | Action::Rewind { back: events, .. }
            | Action::Requeue { events, .. }
            | Action::LetGo { events, .. }
            | Action::Receive { new: events, .. } => events.first(),
            _ => None,
        };
        let said: String = format!("{action:?}").chars().take(SHOWN).collect();
        match first.and_then(|event| Some((event, self.names.events.get(*event as usize)?))) {
            Some((number, known)) => format!("{said}; event {number} is {}", known.id),
            None => said,
        }
    }

    fn commit(&mut self, commit: &Scripted) -> Result<(), Refused> {
        let named = |why: String| format!("transaction {}: {why}", commit.xid);
        let finally = |why| Refused {
            why: named(why),
            for_now: false,
        };
        if let Some(why) = self.waits_for_the_wire(commit) {
            let why = named(why);
            return Err(Refused { why, for_now: true });
        }
        if let Some(odd) = &commit.odd {
            return Err(finally(odd.clone()));
        }
        for event in &commit.stored {
            self.draw(*event).map_err(finally)?;
            self.unseen.push_back((*event, commit.at_us));
            self.tally.late_commits += u64::from(self.is_late(*event));
        }
        while let Some((event, at_us)) = self.unseen.front().copied() {
            if at_us.saturating_add(SEEN_WITHIN_US) > commit.at_us {
                break;
            }
            self.show(event).map_err(finally)?;
        }
        let mut ended = false;
        for action in &commit.actions {
            if let Action::Acquire { back, gave_up, .. } = action {
                let taken_over = ended || !(back.is_empty() && gave_up.is_empty());
                self.tally.takeovers += u64::from(taken_over);
            }
            ended = matches!(action, Action::Expire { .. });
            self.step(action).map_err(finally)?;
        }
        self.agrees(commit).map_err(finally)?;
        for (look, met) in &commit.looks {
            for event in met {
                self.show(*event).map_err(finally)?;
            }
            self.step(look).map_err(finally)?;
        }
        Ok(())
    }

    /// Somebody with a later position has committed before.
    fn is_late(&self, event: EventNo) -> bool {
        self.drawn > event + 1
    }

    /// Positions are drawn in order: whoever has a smaller one has it by now.
    fn draw(&mut self, event: EventNo) -> Result<(), String> {
        while self.drawn <= event {
            let known = &self.names.events[self.drawn as usize];
            let of = self.world.auctions.get(&known.auction);
            if let Some(before) = of.and_then(|of| of.places.last().copied()) {
                self.show(before)?;
            }
            let auction = known.auction;
            self.step(&Action::Begin { auction })?;
            self.step(&Action::Draw {
                writer: self.drawn,
                sequence: known.sequence,
                lane: known.lane,
                spoilt: known.spoilt,
            })?;
            self.drawn += 1;
        }
        Ok(())
    }

    /// Others see what is committed.
    fn show(&mut self, event: EventNo) -> Result<(), String> {
        let waits = self.unseen.iter().position(|(unseen, _)| *unseen == event);
        match waits.and_then(|waits| self.unseen.remove(waits)) {
            Some((writer, _)) => self.step(&Action::Commit { writer }),
            None => Ok(()),
        }
    }

    /// What a commit needs to have passed before.
    fn waits_for_the_wire(&self, commit: &Scripted) -> Option<String> {
        commit.actions.iter().find_map(|action| match action {
            Action::Mark { event, token } if !self.world.marks.contains(&(*event, *token)) => {
                let why = "an event is marked that was not confirmed under its token";
                Some(format!("{why} ({})", self.about(action)))
            }
            Action::Receive { new, .. } => {
                let lacks = new
                    .iter()
                    .find(|event| !self.world.unacked.contains_key(event))?;
                let known = self.names.events.get(*lacks as usize)?;
                Some(format!(
                    "event {} is received that was not delivered",
                    known.id
                ))
            }
            _ => None,
        })
    }

    /// The rows are what the model says.
    fn agrees(&self, commit: &Scripted) -> Result<(), String> {
        for (number, status, held) in &commit.events {
            let Some(event) = self.world.event(*number) else {
                continue;
            };
            let says = match event.status {
                // Committed, and not seen yet.
                Status::Drawn => Status::Pending,
                status => status,
            };
            if (says, event.held) != (*status, *held) {
                let id = self.names.events[*number as usize].id;
                return Err(format!(
                    "event {id} is {status:?} by its row and {says:?} by the model"
                ));
            }
        }
        for (lane, recalls) in &commit.recalls {
            let says = self.world.lanes.get(lane).map_or(0, |lane| lane.recalls);
            if i64::from(says) != *recalls {
                return Err(format!(
                    "lane {lane} was recalled {recalls} times by its row and {says} times by the model"
                ));
            }
        }
        for (auction, stands) in &commit.standings {
            let of = self.world.auctions.get(auction);
            let says = of.map_or(0, |of| of.standing);
            if says != *stands {
                return Err(format!(
                    "an auction stands at {stands} by its row and at {says} by the model"
                ));
            }
        }
        Ok(())
    }

    /// One message; of several events those that were taken are not taken again.
    fn hear(&mut self, heard: &Heard) -> Result<(), Refused> {
        for (taken, event) in heard.events.iter().enumerate() {
            let done = self.hear_of(heard, *event);
            if let Err(why) = done {
                if let Some(front) = self.heard.front_mut() {
                    front.events.drain(..taken);
                }
                return Err(Refused {
                    why: format!("{}: {why}", heard.by()),
                    for_now: true,
                });
            }
        }
        Ok(())
    }

    fn hear_of(&mut self, heard: &Heard, event: EventNo) -> Result<(), String> {
        let link = heard.link.ok_or_else(|| {
            format!(
                "{:?} of a session that has claimed nothing of it, event {event}",
                heard.what
            )
        });
        match heard.what {
            What::Publish => self.step(&Action::Pass { link: link?, event }),
            What::Refuse => {
                let link = link?;
                self.refused.insert((link, event));
                self.step(&Action::Refuse { link, event })
            }
            What::Confirm => {
                let link = link?;
                match self.refused.remove(&(link, event)) {
                    true => Ok(()),
                    false => self.step(&Action::Confirm { link, event }),
                }
            }
            What::Deliver => self.deliver(event),
            What::Ack => {
                self.has(event)?;
                self.step(&Action::Ack { event })
            }
            What::Reject => {
                self.has(event)?;
                self.step(&Action::Reject { event })
            }
        }
    }

    /// Whoever settles more copies than he has, by what was taken for a copy that came back, had another one, which somebody else
    /// had sent.
    fn has(&mut self, event: EventNo) -> Result<(), String> {
        let doubts = self.in_doubt.get_mut(&event).filter(|doubts| **doubts > 0);
        if let Some(doubts) = doubts
            && !self.world.unacked.contains_key(&event)
        {
            *doubts -= 1;
            self.step(&Action::Copy { event })?;
            self.step(&Action::Deliver { event })?;
        }
        Ok(())
    }

    /// A copy that is not in the queue came back from a consumer, or was sent by somebody else.
    fn deliver(&mut self, event: EventNo) -> Result<(), String> {
        if !self.world.queue.contains_key(&event) {
            match self.world.unacked.contains_key(&event) {
                true => {
                    *self.in_doubt.entry(event).or_default() += 1;
                    self.step(&Action::Return { event })?;
                }
                false => self.step(&Action::Copy { event })?,
            }
        }
        self.step(&Action::Deliver { event })?;
        self.tally.received_again += u64::from(!self.delivered.insert(event));
        Ok(())
    }
}
