//! Between a relay and the broker, and what the relay writes back.

use super::step::{Illegal, Stepped, must};
use super::world::{AuctionNo, EventNo, Link, LinkNo, RelayNo, Status, Token};
use super::{Rules, World};

impl World {
    /// Claimed events go on their way at once. Of one of which no message can be made nothing goes, nor of what was claimed
    /// behind it in its auction; the session ends when the rest is settled.
    pub(super) fn sends(&mut self, rules: &Rules, relay: RelayNo, claimed: Vec<(EventNo, Token)>) {
        let Some(sender) = self.relays.get_mut(&relay) else {
            return;
        };
        if sender.silent {
            return;
        }
        let mut behind: Vec<AuctionNo> = Vec::new();
        for (number, token) in claimed {
            let event = &self.events[number as usize];
            if behind.contains(&event.auction) {
                continue;
            }
            if event.spoilt {
                behind.push(event.auction);
                (sender.spoilt, sender.silent) = (true, true);
                self.fails.insert((number, token));
                continue;
            }
            let link = self.links.entry((relay, sender.session)).or_default();
            link.transit.push_back((number, token));
            if !rules.marks_wait_for_confirms {
                self.marks.insert((number, token));
            }
        }
    }

    /// Nobody listens any more; what is under way may still come.
    pub(super) fn close(&mut self, number: LinkNo) {
        if let Some(link) = self.links.get_mut(&number) {
            link.closed = true;
            link.sent.clear();
            if link.transit.is_empty() {
                self.links.remove(&number);
            }
        }
    }

    fn link(&mut self, number: LinkNo) -> Result<&mut Link, Illegal> {
        let link = self.links.get_mut(&number);
        link.ok_or(Illegal("a connection on which nothing is under way"))
    }

    pub(super) fn pass(&mut self, number: LinkNo, event: EventNo) -> Stepped {
        let link = self.link(number)?;
        let claimed = link.transit.iter().any(|(of, _)| *of == event);
        must(
            claimed,
            "an event is published that its session has not claimed",
        )?;
        let first = link.transit.front().filter(|(of, _)| *of == event);
        let (_, token) = *first.ok_or(Illegal("an event is published past one claimed before"))?;
        link.transit.pop_front();
        match link.closed {
            true if link.transit.is_empty() => _ = self.links.remove(&number),
            true => {}
            false => link.sent.push((event, token)),
        }
        self.events[event as usize].arrived = true;
        *self.queue.entry(event).or_default() += 1;
        Ok(())
    }

    /// Of a connection that is closed nobody hears.
    pub(super) fn confirm(&mut self, rules: &Rules, number: LinkNo, event: EventNo) -> Stepped {
        let Some(link) = self.links.get_mut(&number).filter(|link| !link.closed) else {
            return Ok(());
        };
        let sent = link.sent.iter().position(|(of, _)| *of == event);
        let (_, token) = link
            .sent
            .remove(sent.ok_or(Illegal("a confirm of what was not sent"))?);
        if rules.marks_wait_for_confirms {
            self.marks.insert((event, token));
        }
        Ok(())
    }

    /// Before it comes to a queue, or, as a run sees it, after it has passed.
    pub(super) fn refuse(&mut self, number: LinkNo, event: EventNo) -> Stepped {
        let Some(link) = self.links.get_mut(&number).filter(|link| !link.closed) else {
            return Ok(());
        };
        let sent = link.sent.iter().position(|(of, _)| *of == event);
        match (link.transit.front(), sent) {
            (_, Some(sent)) => _ = link.sent.remove(sent),
            (Some((of, _)), None) if *of == event => _ = link.transit.pop_front(),
            _ => return Err(Illegal("a refusal of what was not sent")),
        }
        self.events[event as usize].refused = true;
        if let Some(relay) = self.relays.get_mut(&number.0) {
            relay.spoilt = true;
        }
        Ok(())
    }

    pub(super) fn cut(&mut self, number: LinkNo) -> Stepped {
        must(!self.link(number)?.closed, "a connection ends twice")?;
        self.close(number);
        if let Some(relay) = self.relays.get_mut(&number.0) {
            (relay.spoilt, relay.silent) = (true, true);
        }
        Ok(())
    }

    pub(super) fn vanish(&mut self, number: LinkNo) -> Stepped {
        must(
            self.link(number)?.closed,
            "what is under way on a living connection is lost",
        )?;
        self.links.remove(&number);
        Ok(())
    }

    /// One that comes too late changes nothing.
    pub(super) fn mark(&mut self, rules: &Rules, number: EventNo, token: Token) -> Stepped {
        let asked = self.marks.remove(&(number, token));
        must(
            asked,
            "an event is marked that was not confirmed under its token",
        )?;
        let event = &mut self.events[number as usize];
        let under = match event.status {
            Status::Processing(under) => under,
            _ => return Ok(()),
        };
        if rules.marks_present_tokens && under != token {
            return Ok(());
        }
        event.marked_by_a_stranger |= under != token;
        self.becomes(number, Status::Published, false);
        Ok(())
    }

    pub(super) fn fail(&mut self, number: EventNo, token: Token) -> Stepped {
        let asked = self.fails.remove(&(number, token));
        must(asked, "an event is failed of which a message can be made")?;
        if self.events[number as usize].status == Status::Processing(token) {
            self.becomes(number, Status::Failed, false);
        }
        Ok(())
    }
}
