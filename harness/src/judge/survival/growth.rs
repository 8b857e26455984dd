//! What a process holds at rest, window by window: it may grow while it warms up, and not for ever.

use std::collections::BTreeMap;

use crate::history::{Event, Footprint, History};

/// One life of a process must be seen so often for anything to be said of it.
pub(crate) const LEAST: usize = 9;
/// What is held, and by how much more than it ever was in the second third of a life it may be, as a rule, in the last: pools fill
/// when they are first needed, and allocators keep what they had.
type Held = (&'static str, fn(&Footprint) -> u64, fn(u64) -> u64);
const HELD: [Held; 3] = [
    (
        "KiB of memory",
        |held| held.resident_kb,
        |before| (before / 20).max(4 << 10),
    ),
    (
        "open files",
        |held| held.descriptors,
        |before| (before / 4).max(12),
    ),
    ("threads", |held| held.threads, |before| (before / 4).max(4)),
];

/// A sentence for each that grew, and how many lives were seen for long enough to say so.
pub(super) fn found(history: &History) -> (Vec<String>, usize) {
    let mut lives: BTreeMap<(&str, u32), Vec<Footprint>> = BTreeMap::new();
    for event in history.events() {
        if let Event::Holds { process, footprint } = event {
            lives
                .entry((process, footprint.pid))
                .or_default()
                .push(*footprint);
        }
    }
    lives.retain(|_, seen| seen.len() >= LEAST);
    let each = lives.iter();
    let all = each.flat_map(|((process, _), seen)| HELD.map(|held| grown(process, seen, held)));
    (all.flatten().collect(), lives.len())
}

fn grown(process: &str, seen: &[Footprint], (what, of, may): Held) -> Option<String> {
    let third = seen.len() / 3;
    let before = seen[third..seen.len() - third].iter().map(of).max()?;
    let after = median(&seen[seen.len() - third..], of);
    let times = seen.len();
    (after > before + may(before)).then(|| {
        format!(
            "{process}: {before} {what} at most, then {after}, by {times} looks at one life of it"
        )
    })
}

fn median(seen: &[Footprint], of: fn(&Footprint) -> u64) -> u64 {
    let mut all: Vec<u64> = seen.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{
        proof::story::{Story, verdict},
        survival::check,
        verdict::Verdict,
    };

    fn life(pid: u32, held: impl Fn(u64) -> (u64, u64)) -> Story {
        let mut story = Story::clean();
        for look in 0..12 {
            let (resident_kb, descriptors) = held(look);
            story.push_before_end(Event::Holds {
                process: "relay 1".to_owned(),
                footprint: Footprint {
                    pid,
                    resident_kb,
                    threads: 4,
                    descriptors,
                },
            });
        }
        story
    }

    #[test]
    fn memory_that_grows_in_every_window_fails_the_run() {
        let story = life(7, |look| (40_000 + 3_000 * look, 20));
        let finding = check(&story.history()).expect("a finding");
        assert_eq!(finding.verdict, Verdict::Fail);
        assert_eq!(
            finding.reason,
            "relay 1: 61000 KiB of memory at most, then 70000, by 12 looks at one life of it"
        );
    }

    #[test]
    fn files_that_are_never_closed_fail_the_run() {
        let leaks = life(7, |look| (40_000, 20 + 6 * look));
        assert_eq!(verdict(check, &leaks), Verdict::Fail);
    }

    #[test]
    fn who_warms_up_and_who_holds_now_more_and_now_less_does_not_grow() {
        let warms_up = life(7, |look| (40_000 + 60_000 * look.min(3), 20));
        assert_eq!(verdict(check, &warms_up), Verdict::Pass);
        let to_and_fro = life(7, |look| {
            (40_000 + 20_000 * (look % 2), 20 + 9 * (look % 2))
        });
        assert_eq!(verdict(check, &to_and_fro), Verdict::Pass);
    }

    #[test]
    fn of_a_life_that_was_seen_a_few_times_nothing_is_said() {
        let mut story = life(7, |_| (40_000, 20));
        for pid in 8..20 {
            story.push_before_end(Event::Holds {
                process: "relay 1".to_owned(),
                footprint: Footprint {
                    pid,
                    resident_kb: 40_000 * u64::from(pid),
                    threads: 4,
                    descriptors: 20,
                },
            });
        }
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }
}
