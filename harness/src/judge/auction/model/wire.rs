//! Between a relay and the broker, and what the relay writes back.

use super::step::{Illegal, Stepped, must};
use super::world::{AuctionNo, EventNo, Link, LinkNo, Message, RelayNo, Status, Token};
use super::{Rules, World};

impl World {
    /// Claimed events go on their way at once. Of one of which no message can be made nothing goes, nor of what was claimed
    /// behind it in its auction; the session ends when the rest is settled.
    pub(super) fn sends(&mut self, rules: &Rules, relay: RelayNo, claimed: Vec<(EventNo, Token)>) {
        let Some(sender) = self.relays.get_mut(&relay) else {
            return;
        };
        if sender.silent || claimed.is_empty() {
            return;
        }
        let window = sender.windows;
        sender.windows += 1;
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
            link.transit.push_back(Message {
                event: number,
                token,
                window,
            });
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

    /// Whether a connection's next message may be sent: not if it is two windows behind something that was refused, for that
    /// window is settled before a third one goes out.
    pub fn goes_on(&self, rules: &Rules, number: LinkNo) -> bool {
        let Some(link) = self.links.get(&number) else {
            return false;
        };
        let refused = link.refused.values().min();
        let next = link.transit.front();
        let behind = next
            .zip(refused)
            .is_some_and(|(next, refused)| next.window > refused + 1);
        next.is_some() && !(behind && rules.refusals_end_sessions)
    }

    pub(super) fn pass(&mut self, rules: &Rules, number: LinkNo, event: EventNo) -> Stepped {
        let link = self.link(number)?;
        let claimed = link.transit.iter().any(|sent| sent.event == event);
        must(
            claimed,
            "an event is published that its session has not claimed",
        )?;
        let first = link.transit.front().filter(|first| first.event == event);
        let message = *first.ok_or(Illegal("an event is published past one claimed before"))?;
        must(
            self.goes_on(rules, number),
            "an event is published two windows behind one that was refused",
        )?;
        let overtook = self.overtakes(rules, number, &message);
        let link = self.link(number)?;
        link.transit.pop_front();
        match link.closed {
            true if link.transit.is_empty() => _ = self.links.remove(&number),
            true => {}
            false => link.sent.push(message),
        }
        let event = &mut self.events[message.event as usize];
        event.arrived = true;
        event.overtook |= overtook;
        let auction = event.auction;
        if let Some(of) = self.auctions.get_mut(&auction) {
            let next = of.places.iter().skip(of.came as usize);
            let came = next.take_while(|event| self.events[**event as usize].arrived);
            of.came += came.count() as u32;
        }
        *self.queue.entry(message.event).or_default() += 1;
        Ok(())
    }

    /// Whether a message comes before one that it must follow: not one that was refused on the same way, in its own window,
    /// the one before or a later one; nor, where failed events do not hold, one that was given up.
    fn overtakes(&self, rules: &Rules, number: LinkNo, message: &Message) -> bool {
        let event = &self.events[message.event as usize];
        let Some(of) = self.auctions.get(&event.auction) else {
            return false;
        };
        let earlier = of.places.iter().take(event.sequence as usize - 1);
        let mut earlier = earlier.skip(of.came as usize);
        let refused = self.links.get(&number).map(|link| &link.refused);
        let explained = |earlier: &EventNo| {
            let window = refused.and_then(|refused| refused.get(earlier));
            let skipped = &self.events[*earlier as usize];
            window.is_some_and(|window| window + 1 >= message.window)
                || (!rules.hold_failed && (skipped.spoilt || skipped.gave_up))
        };
        earlier.any(|earlier| !self.events[*earlier as usize].arrived && !explained(earlier))
    }

    /// Of a connection that is closed nobody hears.
    pub(super) fn confirm(&mut self, rules: &Rules, number: LinkNo, event: EventNo) -> Stepped {
        let Some(link) = self.links.get_mut(&number).filter(|link| !link.closed) else {
            return Ok(());
        };
        let sent = link.sent.iter().position(|sent| sent.event == event);
        let sent = sent.ok_or(Illegal("a confirm of what was not sent"))?;
        let confirmed = link.sent.remove(sent);
        if rules.marks_wait_for_confirms {
            self.marks.insert((event, confirmed.token));
        }
        Ok(())
    }

    /// Before it comes to a queue, or, as a run sees it, after it has passed.
    pub(super) fn refuse(&mut self, number: LinkNo, event: EventNo) -> Stepped {
        let Some(link) = self.links.get_mut(&number).filter(|link| !link.closed) else {
            return Ok(());
        };
        let sent = link.sent.iter().position(|sent| sent.event == event);
        let first = link
            .transit
            .pop_front_if(|first| sent.is_none() && first.event == event);
        let refused = sent.map(|sent| link.sent.remove(sent)).or(first);
        let refused = refused.ok_or(Illegal("a refusal of what was not sent"))?;
        link.refused.insert(event, refused.window);
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
