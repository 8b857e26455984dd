//! Evidence that a fault bit: what the taps counted while it was in place, and what the process table showed.

use anyhow::Result;

use super::Injector;
use crate::{
    fault::{Action, Fault, Role, Server, Target},
    tap::TapCounters,
};

/// What a fault did, counted from before it was asked for until just before it is healed.
pub(super) struct Bitten {
    before: TapCounters,
    applied: TapCounters,
    happened: Vec<&'static str>,
}

impl Bitten {
    /// Reads the counters before the fault.
    pub fn start(injector: &Injector<'_>, target: &Target) -> Result<Self> {
        let before = counters(injector, target)?;
        Ok(Self {
            before,
            applied: before,
            happened: Vec::new(),
        })
    }

    /// Something was seen in the process table.
    pub fn happened(&mut self, what: &'static str) {
        self.happened.push(what);
    }

    /// Reads the counters when the fault is in place: bytes before that were not its own.
    pub fn applied(&mut self, injector: &Injector<'_>, target: &Target) -> Result<()> {
        self.applied = counters(injector, target)?;
        Ok(())
    }

    /// What it did. Empty, or all zero, is a fault that nobody felt.
    pub fn count(self, injector: &Injector<'_>, fault: &Fault) -> Result<Vec<(&'static str, u64)>> {
        let now = counters(injector, &fault.target)?;
        if !matches!(fault.target, Target::Edge { .. }) {
            return Ok(self.happened.into_iter().map(|what| (what, 1)).collect());
        }
        let requests = now.bytes_requests - self.applied.bytes_requests;
        let replies = now.bytes_replies - self.applied.bytes_replies;
        let severed = (now.connections_cut - self.before.connections_cut)
            + (now.connections_refused_upstream - self.before.connections_refused_upstream);
        Ok(match &fault.action {
            Action::Cut => vec![("connections_cut_or_refused", severed)],
            Action::Toxics(toxics) if swallows(toxics) => {
                // Clients that all wait already ask nothing more: then it is they who felt it. A broker owes nobody an answer.
                let answers_each = fault.to() != Some(Role::Server(Server::RabbitMq));
                let waiting = if replies == 0 && answers_each {
                    now.connections_waiting
                } else {
                    0
                };
                vec![
                    ("bytes_asked_in_vain", requests),
                    ("connections_left_waiting", waiting),
                    ("connections_cut_or_refused", severed),
                ]
            }
            _ => vec![
                ("bytes_passed_through", requests + replies),
                ("connections_cut_or_refused", severed),
            ],
        })
    }
}

fn swallows(toxics: &[(crate::edge::Toxic, crate::edge::Direction)]) -> bool {
    toxics
        .iter()
        .any(|(toxic, _)| matches!(toxic, crate::edge::Toxic::Timeout { .. }))
}

/// The sum over all taps of an edge; zero for a process.
fn counters(injector: &Injector<'_>, target: &Target) -> Result<TapCounters> {
    let Target::Edge { from, to } = target else {
        return Ok(TapCounters::default());
    };
    let mut sum = TapCounters::default();
    for link in injector.system.links_of(*from, *to)? {
        let one = link.counters();
        sum.connections_accepted += one.connections_accepted;
        sum.connections_refused_upstream += one.connections_refused_upstream;
        sum.connections_cut += one.connections_cut;
        sum.bytes_requests += one.bytes_requests;
        sum.bytes_replies += one.bytes_replies;
        sum.connections_waiting += one.connections_waiting;
    }
    Ok(sum)
}
