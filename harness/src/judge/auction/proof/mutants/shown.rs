//! What snapshots, deliveries and answers show.

use super::Mutant;
use super::legal::{LOST, REPEAT_OP, VICTIM};
use crate::history::{Content, Delivery, Event, Outcome, State};
use crate::judge::auction::note::Note;
use crate::judge::auction::standing::standings;
use crate::judge::proof::content::{later, raise, user_id};
use crate::judge::proof::story::Story;

fn relabel(story: &mut Story, bid: u128, new: Outcome) {
    let ops: Vec<u64> = story
        .history()
        .ops_of(Story::id(bid))
        .map(|(op, _)| op)
        .collect();
    for event in &mut story.events {
        if let Event::Completed { op, outcome } = event
            && ops.contains(op)
        {
            *outcome = new.clone();
        }
    }
}

/// A copy of bid 1, changed.
fn copy(story: &mut Story, change: impl FnOnce(&mut Delivery)) {
    story.deliver_again(1);
    change(story.last_delivery());
}

/// Wherever the time of a bid is told, it is an hour later.
fn an_hour_late(story: &mut Story) {
    const HOUR_US: i64 = 3_600_000_000;
    for event in &mut story.events {
        match event {
            Event::Snapshot(tables) => {
                let stored = tables.stored.iter_mut();
                let effects = tables.effects.iter_mut().map(|row| &mut row.item);
                let events = tables.outbox.iter_mut();
                let events = events.filter_map(|event| event.item.as_mut().ok());
                stored
                    .chain(effects)
                    .chain(events)
                    .for_each(|item| later(&mut item.content, HOUR_US));
            }
            Event::Delivered(Delivery { item: Ok(item), .. }) => later(&mut item.content, HOUR_US),
            _ => {}
        }
    }
    story.change_notes(|note| {
        if let Note::Listed { bids: Ok(bids), .. } = note {
            bids.iter_mut()
                .for_each(|bid| later(&mut bid.content, HOUR_US));
        }
    });
}

pub(super) const MUTANTS: &[Mutant] = &[
    (
        "drop a delivery of a published event",
        |story| story.lose_delivery(VICTIM),
        &["loss", "marks"],
    ),
    (
        "drop an event row",
        |story| {
            let row = story.tables.outbox[1].row.clone();
            story.change_last(|tables| _ = tables.outbox.remove(1));
            story.unwrite("outbox_events", &row);
        },
        &["atomic", "phantom", "model"],
    ),
    (
        "write an event after its bid",
        |story| story.snapshot_early(|tables| _ = tables.outbox.pop()),
        &["atomic"],
    ),
    (
        "drop a bid row",
        |story| {
            story.change_last(|tables| _ = tables.stored.remove(1));
            story.unwrite("bids", Story::id(VICTIM));
        },
        &["durable", "atomic", "phantom", "domain", "readers", "model"],
    ),
    (
        "alter a stored bid",
        |story| story.change_last(|tables| raise(&mut tables.stored[1].content, 1)),
        &["durable", "atomic", "phantom", "readers"],
    ),
    (
        "leave a bid out of a list",
        |story| {
            story.change_notes(|note| {
                if let Note::Listed { bids: Ok(bids), .. } = note
                    && bids.len() > 1
                {
                    _ = bids.remove(0);
                }
            });
        },
        &["readers"],
    ),
    (
        "show a follower nothing",
        |story| {
            let followed = Note::Followed {
                follower: 1,
                key: Story::key(1),
                via: "api 1".to_owned(),
                after: None,
            };
            story.push_before_end(followed.into());
        },
        &["readers"],
    ),
    (
        "swap two first deliveries",
        |story| story.swap_deliveries(2, 3),
        &["order"],
    ),
    (
        "forge a delivery",
        |story| story.deliver_event(Story::event(999, 1, 9_999, 999)),
        &["phantom"],
    ),
    (
        "alter the amount of a copy",
        |story| {
            copy(story, |copy| {
                raise(&mut copy.item.as_mut().expect("an item").content, 1)
            })
        },
        &["integrity"],
    ),
    (
        "give a copy a fresh id",
        |story| copy(story, |copy| copy.dedup = Some(Story::id(999).to_string())),
        &["identity"],
    ),
    (
        "alter the bytes of a copy",
        |story| copy(story, |copy| copy.digest.push('2')),
        &["integrity"],
    ),
    (
        "send a copy that a restart loses",
        |story| copy(story, |copy| copy.persistent = false),
        &["persistent"],
    ),
    (
        "name every message of a bid after something else",
        |story| story.deliver_as(VICTIM, Some("another".to_owned())),
        &["domain"],
    ),
    (
        "count a bid twice",
        |story| story.change_standing(|row| row.bid_count += 1),
        &["places"],
    ),
    (
        "apply a bid twice",
        |story| story.change_last(|tables| tables.effects[1].times += 1),
        &["dedup"],
    ),
    (
        "receive a bid twice",
        // A name twice under the inbox's key: the log cannot have it, so what is read of it does not fit.
        |story| story.change_last(|tables| tables.effects.push(tables.effects[1].clone())),
        &["dedup", "places", "whole"],
    ),
    (
        "apply around a gap",
        |story| {
            let id = story.tables.effects[1].item.id.to_string();
            story.change_last(|tables| _ = tables.effects.remove(1));
            story.unwrite("inbox", &id);
        },
        &["dedup", "places", "model"],
    ),
    (
        "go back after a snapshot",
        |story| {
            story.snapshot_early(|tables| {
                let mut further = tables.effects[0].clone();
                tables.restand(|row| row.last_sequence += 1);
                further.item.n = standings(tables)[0].last_sequence;
                tables.effects.push(further);
            });
        },
        &["places"],
    ),
    (
        "show a lower bid as the highest",
        |story| story.change_standing(|row| row.highest_amount = Some(10)),
        &["domain"],
    ),
    (
        "name another bid as the highest",
        |story| story.change_standing(|row| row.highest_bid_id = Some(Story::id(1))),
        &["domain"],
    ),
    (
        "say another time in an event than in its bid",
        |story| story.snapshot_early(|tables| later(&mut tables.stored[1].content, 1)),
        &["atomic"],
    ),
    (
        "receive a bid of somebody else",
        |story| {
            story
                .change_last(|tables| user_id(&mut tables.effects[1].item.content, "somebody else"))
        },
        &["phantom"],
    ),
    (
        "receive a bid of another time",
        |story| story.change_last(|tables| later(&mut tables.effects[1].item.content, 1)),
        &["phantom"],
    ),
    (
        "keep all times in another time zone",
        an_hour_late,
        &["domain"],
    ),
    (
        "leave an event claimed",
        |story| story.change_last(|tables| tables.outbox[1].state = State::Held),
        &["marks"],
    ),
    (
        "give an event up",
        |story| story.change_last(|tables| tables.outbox[1].state = State::GivenUp),
        &["loss"],
    ),
    (
        "accept a bid that was lost on the way",
        |story| {
            let history = story.history();
            let asked = history.ops_of(Story::id(LOST)).next();
            let content = asked.map_or(Content::new(), |(_, op)| op.asked.content.clone());
            let (status, n) = (Some(201), Some(5));
            relabel(story, LOST, Outcome::Accepted { status, n, content });
        },
        &["durable"],
    ),
    (
        "refuse a bid that is stored",
        |story| {
            let (status, code) = (Some(422), "bid_too_low".to_owned());
            relabel(story, VICTIM, Outcome::Refused { status, code });
        },
        &["refusal", "http_truth"],
    ),
    (
        "answer with a bug",
        |story| {
            let (status, reason) = (Some(500), "internal server error".to_owned());
            relabel(story, LOST, Outcome::Unknown { status, reason });
        },
        &["http_truth"],
    ),
    (
        "answer what nobody asked",
        |story| {
            let (status, reason) = (Some(302), "elsewhere".to_owned());
            relabel(story, LOST, Outcome::Nonsense { status, reason });
        },
        &["http_truth"],
    ),
    (
        "answer nobody while the way is free",
        |story| {
            story.scenario(|scenario| {
                scenario.faults[0].edge = Some("relay -> rabbitmq".to_owned());
            });
        },
        &["availability"],
    ),
    (
        "create a bid twice",
        |story| {
            for event in &mut story.events {
                if let Event::Completed {
                    op: REPEAT_OP,
                    outcome: Outcome::Accepted { status, .. },
                } = event
                {
                    *status = Some(201);
                }
            }
        },
        &["http_truth"],
    ),
    (
        "say nothing of recovery",
        |story| story.drop_events(|e| matches!(e, Event::Recovered { .. })),
        &["recovery"],
    ),
    ("never recover", Story::not_recovered, &["recovery"]),
    (
        "make a fault's damage good too late",
        |story| story.linger_before_caught_up(16_000),
        &["recovery"],
    ),
    (
        "leave messages in the consumer's queue",
        |story| {
            let what = "3 messages waited in the consumer's queue".to_owned();
            story.push_before_end(Event::Owed { what });
        },
        &["recovery"],
    ),
    (
        "send less than was planned",
        |story| {
            story.drop_events(|e| matches!(e, Event::Planned { .. }));
            story.push_before_end(Event::Planned { requests: 999 });
        },
        &["whole"],
    ),
    (
        "look before the witness has seen all",
        |story| story.drop_events(|e| matches!(e, Event::Fenced)),
        &["whole"],
    ),
    (
        "never bite",
        |story| story.drop_events(|e| matches!(e, Event::Bite { .. })),
        &["bite"],
    ),
    (
        "cut the history short",
        |story| story.drop_events(|e| matches!(e, Event::Ended)),
        &["whole"],
    ),
    (
        "let a process die",
        |story| {
            let (process, status) = ("relay".to_owned(), "101".to_owned());
            story.push_before_end(Event::Died { process, status });
        },
        &["survival"],
    ),
    (
        "expect what did not happen",
        |story| story.expect("dead_letters", ">= 1"),
        &["expect"],
    ),
    (
        "bet on what did not happen",
        |story| story.bites("dead_letters", ">= 1"),
        &["bite"],
    ),
];
