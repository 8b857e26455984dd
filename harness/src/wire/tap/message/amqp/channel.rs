//! One channel: contents that are under way, publishes without a confirm, deliveries without a settlement.

use std::collections::BTreeMap;

use amq_protocol::protocol::basic::AMQPProperties;

use super::super::{Ids, LONGEST, Seen};
use crate::ask::{id::Id, toxic::Direction, wire::Event};

/// More than these at once nobody has under way; the oldest are forgotten.
const MOST: usize = 65_536;
/// So many are named in the text of what is about several.
const NAMED: usize = 3;

/// A channel.
#[derive(Default)]
pub(super) struct Channel {
    /// By [`Direction`].
    contents: [Option<Content>; 2],
    /// The number of the last publish, once confirms were asked for.
    confirming: Option<u64>,
    unconfirmed: BTreeMap<u64, Named>,
    unsettled: BTreeMap<u64, Named>,
}

#[derive(Clone, Default)]
struct Named {
    text: String,
    ids: Vec<Id>,
}

/// A method whose content is still to come.
pub(super) struct Content {
    event: Event,
    text: String,
    tag: Option<u64>,
    /// What ids are looked for in.
    bytes: Vec<u8>,
    to_come: u64,
}

impl Content {
    pub fn of(event: Event, text: String, tag: Option<u64>) -> Self {
        let bytes = text.clone().into_bytes();
        Self {
            event,
            text,
            tag,
            bytes,
            to_come: 0,
        }
    }
}

impl Channel {
    pub fn begins(&mut self, way: Direction, content: Content) {
        self.contents[way as usize] = Some(content);
    }

    pub fn confirms(&mut self) {
        self.confirming.get_or_insert(0);
    }

    pub fn header(
        &mut self,
        way: Direction,
        size: u64,
        properties: &AMQPProperties,
        payload: &[u8],
        ids: Ids,
    ) -> Option<Seen> {
        let content = self.contents[way as usize].as_mut()?;
        content.to_come = size;
        content.bytes.push(b' ');
        content.bytes.extend_from_slice(payload);
        let named = [
            ("message_id", properties.message_id()),
            ("correlation_id", properties.correlation_id()),
            ("type", properties.kind()),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                content.text.push_str(&format!(" {name}={value}"));
            }
        }
        self.completes(way, ids)
    }

    pub fn body(&mut self, way: Direction, body: &[u8], ids: Ids) -> Option<Seen> {
        let content = self.contents[way as usize].as_mut()?;
        content.to_come = content.to_come.saturating_sub(body.len() as u64);
        if content.bytes.len() < LONGEST {
            content.bytes.extend_from_slice(body);
        }
        self.completes(way, ids)
    }

    fn completes(&mut self, way: Direction, ids: Ids) -> Option<Seen> {
        let content = self.contents[way as usize].take_if(|content| content.to_come == 0)?;
        let named = Named {
            ids: ids.within(&content.bytes),
            text: content.text,
        };
        if let (Event::Publish, Some(last)) = (content.event, &mut self.confirming) {
            *last += 1;
            keep(&mut self.unconfirmed, *last, &named);
        }
        if let (Event::Deliver, Some(tag)) = (content.event, content.tag) {
            keep(&mut self.unsettled, tag, &named);
        }
        Some(Seen::of(content.event, named.text, named.ids))
    }

    pub fn confirmed(&mut self, event: Event, tag: u64, multiple: bool) -> Seen {
        about(event, taken(&mut self.unconfirmed, tag, multiple))
    }

    pub fn settled(&mut self, event: Event, tag: u64, multiple: bool) -> Seen {
        about(event, taken(&mut self.unsettled, tag, multiple))
    }
}

fn keep(all: &mut BTreeMap<u64, Named>, tag: u64, named: &Named) {
    if all.len() == MOST {
        all.pop_first();
    }
    all.insert(tag, named.clone());
}

/// What a tag means: with `multiple` all up to it, and all there are where it is zero.
fn taken(all: &mut BTreeMap<u64, Named>, tag: u64, multiple: bool) -> Vec<Named> {
    let taken = match (multiple, tag) {
        (true, 0) => std::mem::take(all),
        (true, tag) => {
            let later = all.split_off(&tag.saturating_add(1));
            std::mem::replace(all, later)
        }
        (false, tag) => all.remove_entry(&tag).into_iter().collect(),
    };
    taken.into_values().collect()
}

fn about(event: Event, all: Vec<Named>) -> Seen {
    let mut text: Vec<String> = all
        .iter()
        .take(NAMED)
        .map(|named| named.text.clone())
        .collect();
    if all.len() > NAMED {
        text.push(format!("and {} more", all.len() - NAMED));
    }
    let ids = all.into_iter().flat_map(|named| named.ids).collect();
    Seen::of(event, text.join(", "), ids)
}
