//! What toxics on an edge did: what went in and came late, slowly, or never.

use std::time::Duration;

use super::{Bitten, Evidence, severing};
use crate::{
    ask::fault::{Role, Server},
    ask::toxic::{Direction, Toxic},
    wire::tap::{Measure, TapCounters},
};

/// A delay that no fault of the stories outlasts by much.
const PATIENT: Duration = Duration::from_secs(5);

impl Bitten<'_> {
    /// By their kind.
    pub(super) fn toxics(&self, toxics: &[(Toxic, Direction)], now: TapCounters) -> Evidence {
        let of = |kind: fn(&Toxic) -> bool| toxics.iter().any(|(toxic, _)| kind(toxic));
        if of(|toxic| matches!(toxic, Toxic::ResetPeer { .. })) {
            return severing(self.before, now);
        }
        if of(|toxic| matches!(toxic, Toxic::Timeout { .. })) {
            return self.swallowing(toxics, now);
        }
        let mut proofs: Vec<(&'static str, u64)> = Vec::new();
        for (what, meter) in &self.meters {
            match proofs.iter_mut().find(|(known, _)| known == what) {
                Some((_, count)) => *count += meter.count(),
                None => proofs.push((what, meter.count())),
            }
        }
        // Whoever waits for longer than the fault lasts has no answer yet that could be late.
        let patient = |(_, measure): &(&str, Measure)| matches!(measure, Measure::Delay(least) if *least >= PATIENT);
        if measures(toxics).iter().any(patient) && now.bytes_replies == self.applied.bytes_replies {
            proofs.push(("connections_left_waiting", now.connections_waiting));
        }
        Evidence {
            proofs,
            beside: severing(self.before, now).proofs,
        }
    }

    fn swallowing(&self, toxics: &[(Toxic, Direction)], now: TapCounters) -> Evidence {
        let requests = now.requests - self.applied.requests;
        let acks = now.acks - self.applied.acks;
        // Nobody answers an ack: where only replies are swallowed, it loses nothing.
        let all = toxics.iter().any(|(_, way)| *way == Direction::Requests);
        let in_vain = if all { requests + acks } else { requests };
        // Clients that all wait already ask nothing more: then it is they who felt it. A broker owes an answer to publishes
        // only.
        let owes_each = self.fault.to() != Some(Role::Server(Server::RabbitMq));
        let waiting = match owes_each {
            true => ("connections_left_waiting", now.connections_waiting),
            false => ("publishes_left_unconfirmed", now.unconfirmed),
        };
        let silent = now.bytes_replies == self.applied.bytes_replies;
        Evidence {
            proofs: vec![
                ("messages_in_vain", in_vain),
                (waiting.0, if silent { waiting.1 } else { 0 }),
            ],
            beside: severing(self.before, now).proofs,
        }
    }
}

/// What is measured while toxics that lose nothing are in place.
pub(super) fn measures(toxics: &[(Toxic, Direction)]) -> Vec<(&'static str, Measure)> {
    let mut delay = Duration::ZERO;
    let mut measures = Vec::new();
    for (toxic, _) in toxics {
        match toxic {
            // A question goes one way and its answer the other: each is as late as its jitter allows at least.
            Toxic::Latency { latency, jitter } => delay += latency.saturating_sub(*jitter),
            Toxic::Bandwidth { kb_per_s } => {
                measures.push((
                    "bytes_held_back",
                    Measure::Rate(u64::from(*kb_per_s) * 1000),
                ));
            }
            _ => {}
        }
    }
    // One meter measures both directions.
    measures.dedup();
    let late = toxics
        .iter()
        .any(|(toxic, _)| matches!(toxic, Toxic::Latency { .. }));
    if late {
        let least = delay.max(Duration::from_millis(1));
        measures.push(("messages_delayed", Measure::Delay(least)));
    }
    measures
}
