//! Order within a key: what is heard first of each operation comes in the order of their places.

mod committed;
mod placed;
mod rejections;

use std::{collections::BTreeMap, sync::Arc};

use crate::history::{Delivery, Event, History, Key};
use crate::judge::basis::{Unjudgeable, last, subject};
use crate::judge::inquiry::Inquiry;
use crate::judge::reorder::reordered;
use crate::judge::verdict::{Finding, Verdict};
use rejections::Rejections;

/// With fewer events no key can show a reordering worth the name.
const LEAST: usize = 3;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let promised = subject(history)?.promises.order;
    let mut inquiry = Inquiry::new("order");
    let orders = Orders::of(history);
    let Orders(orders) = orders.as_ref().as_ref().map_err(Unjudgeable::clone)?;
    deliveries(&mut inquiry, history, orders, promised)?;
    let judged = orders.values().filter(|order| order.len() >= LEAST).count();
    if judged == 0 && promised {
        let example = format!("no key has {LEAST} events, so their order says little");
        inquiry.object(Verdict::Unknown, "runs too small to show an order", example);
    }
    inquiry.count("keys with 3 events or more", judged);
    let deliveries = orders.values().map(Vec::len).sum();
    Ok(inquiry.conclude(deliveries, "first deliveries"))
}

/// Per key, the places of what can be told to have one, with the position at which each was first delivered.
pub(super) struct Orders(pub BTreeMap<Key, Vec<(i64, usize)>>);

impl Orders {
    pub fn of(history: &History) -> Arc<Result<Self, Unjudgeable>> {
        history.derived(worked_out)
    }
}

fn worked_out(history: &History) -> Result<Orders, Unjudgeable> {
    last(history)?;
    let (promises, shows) = (subject(history)?.promises, subject(history)?.shows);
    let mut orders = history.first_deliveries_at();
    if !promises.serial && !shows.place {
        orders = committed::of(history, orders)?;
    } else if promises.serial {
        let placed = placed::of(history);
        for order in orders.values_mut() {
            order.retain(|(_, position)| placed.is(history, *position));
        }
    }
    Ok(Orders(orders))
}

/// First deliveries are in order, unless the broker would not take one of those that were on their way together.
fn deliveries(
    inquiry: &mut Inquiry,
    history: &History,
    orders: &BTreeMap<Key, Vec<(i64, usize)>>,
    promised: bool,
) -> Result<(), Unjudgeable> {
    let rejections = Rejections::of(history)?;
    let at_us = |position: usize| history.entries()[position].at_us;
    let mut longest_extent = 0;
    for (key, order) in orders {
        let places: Vec<i64> = order.iter().map(|(n, _)| *n).collect();
        for late in reordered(&places) {
            longest_extent = longest_extent.max(late.extent);
            let (_, came) = order[late.index];
            let (_, overtook) = order[late.index - late.extent];
            let rejected = match &history.entries()[came].event {
                Event::Delivered(Delivery { item: Ok(item), .. }) => {
                    rejections.may_be_of(item.id, came)
                }
                _ => false,
            };
            if rejected && rejections.explain(at_us(overtook), at_us(came)) {
                inquiry.count(
                    "first deliveries overtaken while the broker rejected some",
                    1,
                );
                continue;
            }
            if !promised {
                inquiry.count("first deliveries out of an order that is not promised", 1);
                continue;
            }
            let example = format!(
                "key {key}: place {} came {} too late, after place {}",
                late.n, late.extent, late.behind
            );
            inquiry.fail("first deliveries out of order", example);
        }
    }
    inquiry.count("longest extent", longest_extent);
    Ok(())
}

#[cfg(test)]
mod tests;
