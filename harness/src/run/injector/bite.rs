//! Evidence that a fault bit: what only it can have done to the connections and processes that it hit.
//!
//! | Fault | Bites by |
//! | --- | --- |
//! | what is done to a message | messages struck |
//! | cut, reset | living connections severed; where none lived, attempts refused |
//! | stall, drop requests | messages that went in, heartbeats not counted; who waits through all of it |
//! | drop replies | messages that went in and wanted an answer; who waits through all of it, of a broker for confirms |
//! | latency | answers at least as late as was asked for, deliveries that came while it was in force; who waits through all of a long one |
//! | bandwidth | bytes held back by the limit |
//! | kill, freeze, terminate | what the process had in its hands; with `idle`, that it had nothing |
//! | no files | edges on which there was a connection, and is none when it ends |
//! | restart | what the process had in its hands, each time |
//! | the same for a server | connections severed; where none lived, attempts refused; for freeze, what was left waiting |
//! | alarm | connections that the broker has blocked |
//! | delete queue, delete exchange | messages returned, channels that the broker closes |
//! | revoke permissions, close connections | connections closed |
//! | republish | messages that the broker took again |
//! | end sessions, refuse logins, take connections | sessions terminated |
//! | fill the disk | statements refused for want of room |
//! | set | statements refused by its SQLSTATE; of read-only, sessions that begin under it |
//! | hold a snapshot, a transaction | transactions that began since |
//! | lock the outbox | statements that wait for the lock |
//! | unbind | messages returned |
//! | refuse | publishes nacked, writes refused |
//! | nonsense | messages of somebody else's that the queue took |
//! | limit deliveries | messages that were given up |
//! | spoil | spoilt events that were given up |
//! | lock | statements that wait for the lock |
//!
//! A relay renews its lease by a statement like any other. On its edge to Postgres alone such a statement may be all that
//! was swallowed, delayed or in its hands: where that matters, the scenario's own `[bites]` say what must have happened.

mod toxics;

use std::sync::Arc;

use anyhow::Result;

use super::Injector;
use crate::{
    ask::fault::meddling::Meddling,
    ask::fault::{Action, Fault, Harm, Party, Refused, Role, Target},
    system::System,
    wire::tap::{Link, Meter, TapCounters},
};
use toxics::measures;

/// What a fault is seen at, and what it was seen to do.
pub(super) struct Bitten<'r> {
    fault: &'r Fault,
    links: Vec<&'r Link>,
    before: TapCounters,
    applied: TapCounters,
    meters: Vec<(&'static str, Arc<Meter>)>,
    happened: Vec<&'static str>,
    in_hands: u64,
    /// What the server, or the lab at the server, has counted of it.
    counted: Option<(&'static str, u64)>,
}

/// What a fault did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Empty, or all zero, is a fault that nobody felt.
    pub proofs: Vec<(&'static str, u64)>,
    /// What happened beside that and proves nothing.
    pub beside: Vec<(&'static str, u64)>,
}

impl<'r> Bitten<'r> {
    /// Reads the counters before the fault.
    pub fn start(injector: &Injector<'r>, fault: &'r Fault) -> Result<Self> {
        let links = links(injector.system, fault)?;
        let before = sum(&links);
        Ok(Self {
            fault,
            links,
            before,
            applied: before,
            meters: Vec::new(),
            happened: Vec::new(),
            in_hands: 0,
            counted: None,
        })
    }

    /// Something was seen to happen to what is hit.
    pub fn happened(&mut self, what: &'static str) {
        self.happened.push(what);
    }

    /// A process had so much in its hands when it was struck.
    pub fn in_hands(&mut self, hands: u64) {
        self.in_hands += hands;
    }

    /// So often it did what only it can do, by a count that no tap has.
    pub fn counted(&mut self, what: &'static str, times: u64) {
        self.counted = Some((what, times));
    }

    /// The fault is in place: what came before was not its own, and from here it is measured.
    pub fn applied(&mut self) {
        self.applied = sum(&self.links);
        let Action::Toxics(toxics) = &self.fault.action else {
            return;
        };
        for (what, measure) in measures(toxics) {
            let meters = self.links.iter().map(|link| link.tap().measure(measure));
            self.meters.extend(meters.map(|meter| (what, meter)));
        }
    }

    /// What it did.
    pub fn count(self) -> Evidence {
        let now = sum(&self.links);
        if let (Action::Meddle(Meddling::Set(setting)), Some(refused)) =
            (&self.fault.action, self.counted)
        {
            let begun = now.connections_accepted - self.applied.connections_accepted;
            let felt = refused.1 > 0 || (setting.is_read_only() && begun > 0);
            return self.by(felt, vec![refused, ("sessions_begun", begun)]);
        }
        if let Some((what, times)) = self.counted {
            return self.by(times > 0, vec![(what, times)]);
        }
        match (&self.fault.target, &self.fault.action) {
            (Target::Edge { .. }, Action::Toxics(toxics)) => self.toxics(toxics, now),
            (_, Action::AtMessage(_)) => Evidence::default(),
            (Target::Edge { .. }, _) => severing(self.before, now),
            (Target::Process(_), Action::Own(Harm::Usurp)) => Evidence {
                proofs: self.happened.iter().map(|what| (*what, 1)).collect(),
                beside: Vec::new(),
            },
            (Target::Process(_), _) => {
                let felt = (self.in_hands == 0) == self.fault.idle;
                self.by(felt, vec![("in_hands", self.in_hands)])
            }
            (Target::Server(_), Action::Unbind) => {
                let returned = now.returns - self.before.returns;
                self.by(returned > 0, vec![("messages_returned", returned)])
            }
            (Target::Server(_), Action::Meddle(meddling)) if meddling.leaves_unroutable() => {
                // A message to an exchange that is not there closes its channel, and most clients their connection.
                let returned = now.returns - self.before.returns;
                let closed = now.closes - self.before.closes;
                self.by(
                    returned + closed > 0,
                    vec![("messages_returned", returned), ("channels_closed", closed)],
                )
            }
            (Target::Server(_), Action::Alarm(_)) => {
                let blocked = now.blocks - self.before.blocks;
                self.by(blocked > 0, vec![("connections_blocked", blocked)])
            }
            (Target::Server(_), Action::Own(Harm::Refuse(Refused::Messages))) => {
                let nacks = now.nacks - self.before.nacks;
                self.by(nacks > 0, vec![("publishes_nacked", nacks)])
            }
            (Target::Server(_), Action::Freeze) => {
                self.by(now.in_flight > 0, vec![("left_waiting", now.in_flight)])
            }
            (Target::Server(_), _) => {
                let severed = now.connections_ended - self.before.connections_ended;
                let refused =
                    now.connections_refused_upstream - self.before.connections_refused_upstream;
                // Who connects for each batch has nothing that could be severed, and is refused.
                match self.before.connections_living {
                    0 if severed == 0 => {
                        self.by(refused > 0, vec![("connections_refused", refused)])
                    }
                    _ => self.by(severed > 0, vec![("connections_severed", severed)]),
                }
            }
        }
    }

    /// What was seen to happen is proof only where somebody felt it.
    fn by(&self, felt: bool, counts: Vec<(&'static str, u64)>) -> Evidence {
        let happened = self.happened.iter().map(|what| (*what, 1));
        let mut evidence = Evidence::default();
        if felt {
            evidence.proofs = happened.chain(counts).collect();
        } else {
            evidence.beside = happened.chain(counts).collect();
        }
        evidence
    }
}

/// Attempts that were refused say something only where nothing living was there to be severed.
fn severing(before: TapCounters, now: TapCounters) -> Evidence {
    let severed = now.connections_cut - before.connections_cut;
    let refused = now.connections_refused_upstream - before.connections_refused_upstream;
    let mut evidence = Evidence {
        proofs: vec![("connections_severed", severed)],
        beside: Vec::new(),
    };
    let list = match before.connections_living {
        0 => &mut evidence.proofs,
        _ => &mut evidence.beside,
    };
    list.push(("connections_refused", refused));
    evidence
}

/// The taps at which a fault is seen.
fn links<'r>(system: &'r System, fault: &Fault) -> Result<Vec<&'r Link>> {
    match &fault.target {
        Target::Edge { from, to } => system.links_of(*from, *to),
        Target::Server(server)
            if fault.action.leaves_unroutable()
                || matches!(fault.action, Action::Own(Harm::Refuse(Refused::Messages))) =>
        {
            system.links_of(Party::all(Role::Relay), Party::all(Role::Server(*server)))
        }
        Target::Server(server) => Ok(system.links_to(*server).collect()),
        Target::Process(_) => Ok(Vec::new()),
    }
}

fn sum(links: &[&Link]) -> TapCounters {
    let mut sum = TapCounters::default();
    for link in links {
        sum += link.counters();
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wire::tap::Measure;

    fn counters(living: u64, cut: u64, refused: u64) -> TapCounters {
        TapCounters {
            connections_living: living,
            connections_cut: cut,
            connections_refused_upstream: refused,
            ..TapCounters::default()
        }
    }

    fn bitten(fault: &Fault) -> Bitten<'_> {
        Bitten {
            fault,
            links: Vec::new(),
            before: TapCounters::default(),
            applied: TapCounters::default(),
            meters: Vec::new(),
            happened: Vec::new(),
            in_hands: 0,
            counted: None,
        }
    }

    fn fault(text: &str) -> Fault {
        let text = format!(
            "story = \"\"\nworkload = {{ keys = 1, writes = \"10/s for 3s\" }}\n[[fault]]\nat = \"1s\"\n{text}"
        );
        let scenario = toml::from_str(&text).expect("a scenario");
        Fault::all(&scenario).expect("a fault").remove(0)
    }

    fn bites(evidence: &Evidence) -> bool {
        evidence.proofs.iter().any(|(_, count)| *count > 0)
    }

    #[test]
    fn refused_attempts_prove_a_cut_only_where_nothing_lived() {
        let before = counters(2, 0, 0);
        assert!(bites(&severing(before, counters(0, 2, 9))));
        let idle = severing(before, counters(2, 0, 9));
        assert!(!bites(&idle));
        assert_eq!(idle.beside, [("connections_refused", 9)]);
        assert!(bites(&severing(counters(0, 0, 0), counters(0, 0, 9))));
    }

    #[test]
    fn a_strike_bites_by_what_was_in_hand_and_an_idle_one_by_nothing_in_hand() {
        for (idle, in_hands, felt) in [
            (false, 3, true),
            (false, 0, false),
            (true, 0, true),
            (true, 3, false),
        ] {
            let fault = fault(&format!(
                "process = \"relay\"\ndo = \"kill\"\nidle = {idle}"
            ));
            let mut bitten = bitten(&fault);
            bitten.happened("killed");
            bitten.in_hands(in_hands);
            assert_eq!(
                bites(&bitten.count()),
                felt,
                "idle {idle}, {in_hands} in hands"
            );
        }
    }

    #[test]
    fn heartbeats_are_not_swallowed_and_acks_only_on_their_way_in() {
        let now = TapCounters {
            beats: 7,
            acks: 2,
            ..TapCounters::default()
        };
        for (action, felt) in [
            ("drop requests", true),
            ("drop replies", false),
            ("stall", true),
        ] {
            let fault = fault(&format!("edge = \"consumer -> rabbitmq\"\ndo = {action:?}"));
            let bitten = bitten(&fault);
            let Action::Toxics(toxics) = &fault.action else {
                panic!("{fault:?}")
            };
            assert_eq!(bites(&bitten.toxics(toxics, now)), felt, "{action}");
            let beats = TapCounters { acks: 0, ..now };
            assert!(!bites(&bitten.toxics(toxics, beats)), "{action}");
        }
    }

    #[test]
    fn who_waits_in_silence_through_a_long_delay_felt_it() {
        for (latency, bytes_replies, felt) in
            [("6s", 0, true), ("6s", 9, false), ("50ms", 0, false)]
        {
            let fault = fault(&format!(
                "edge = \"api -> postgres\"\ndo = \"latency {latency}\""
            ));
            let bitten = bitten(&fault);
            let Action::Toxics(toxics) = &fault.action else {
                panic!("{fault:?}")
            };
            let waiting = TapCounters {
                connections_waiting: 3,
                bytes_replies,
                ..TapCounters::default()
            };
            assert_eq!(bites(&bitten.toxics(toxics, waiting)), felt, "{latency}");
        }
    }

    #[test]
    fn publishes_that_a_silent_broker_does_not_confirm_felt_it_whenever_they_were_sent() {
        let fault = fault("edge = \"relay -> rabbitmq\"\ndo = \"drop replies\"");
        let bitten = bitten(&fault);
        let Action::Toxics(toxics) = &fault.action else {
            panic!("{fault:?}")
        };
        let silent = TapCounters {
            unconfirmed: 4,
            ..TapCounters::default()
        };
        assert!(bites(&bitten.toxics(toxics, silent)));
        let heard = TapCounters {
            bytes_replies: 20,
            ..silent
        };
        assert!(!bites(&bitten.toxics(toxics, heard)));
    }

    #[test]
    fn a_delay_is_as_long_as_both_ways_at_least_make_it() {
        let late = fault("edge = \"relay -> rabbitmq\"\ndo = \"latency 50ms jitter 20ms\"");
        let Action::Toxics(toxics) = &late.action else {
            panic!("{late:?}")
        };
        let least = Measure::Delay(Duration::from_millis(60));
        assert_eq!(measures(toxics), [("messages_delayed", least)]);
        let narrow = fault("edge = \"relay -> rabbitmq\"\ndo = \"bandwidth 30KB/s\"");
        let Action::Toxics(toxics) = &narrow.action else {
            panic!("{narrow:?}")
        };
        assert_eq!(
            measures(toxics),
            [("bytes_held_back", Measure::Rate(30_000))]
        );
    }
}
