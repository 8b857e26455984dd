//! The history of a run until its rest, as if it had ended there.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};

use crate::{
    ask::scenario::Scenario,
    history::{Entry, Event, Snapshot},
};

/// What stands at its end, and the story as far as it went.
pub(super) struct UntilNow {
    pub scenario: Scenario,
    pub requests: u64,
    pub held_back: u64,
    /// How recovery ended.
    pub ending: Event,
    pub last: Snapshot,
    /// How many commits are in it; none where nobody counts.
    pub commits: Option<u64>,
    pub at_us: u64,
}

impl UntilNow {
    /// Writes what `history` has, line by line, into a folder of its own.
    pub fn write(self, history: &Path, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join("history.jsonl");
        let from = File::open(history).with_context(|| format!("opening {}", history.display()))?;
        let to = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        let written = self.copied(BufReader::new(from), BufWriter::new(to));
        written.with_context(|| format!("writing {}", path.display()))
    }

    fn copied(self, from: impl BufRead, mut to: impl Write) -> Result<()> {
        let mut put = |entry: &Entry| -> Result<()> {
            serde_json::to_writer(&mut to, entry)?;
            Ok(to.write_all(b"\n")?)
        };
        let mut lines = from.split(b'\n').peekable();
        let first = lines.next().context("the history is empty")??;
        let mut begun: Entry = serde_json::from_slice(&first)?;
        if let Event::Begun { scenario, .. } = &mut begun.event {
            **scenario = self.scenario;
        }
        put(&begun)?;
        let mut last_us = begun.at_us;
        while let Some(line) = lines.next() {
            let entry: Entry = match serde_json::from_slice(&line?) {
                Ok(entry) => entry,
                // What is recorded at this moment may be torn.
                Err(_) if lines.peek().is_none() => break,
                Err(error) => return Err(error).context("a line that cannot be read"),
            };
            if entry.at_us > self.at_us {
                break;
            }
            last_us = entry.at_us;
            match entry.event {
                Event::Planned { .. } => put(&Entry {
                    event: Event::Planned {
                        requests: self.requests,
                    },
                    ..entry
                })?,
                _ => put(&entry)?,
            }
        }
        let closed = self.commits.map(|commits| Event::LedgerClosed { commits });
        let ends = [
            Event::Driven {
                held_back: self.held_back,
                ended_after: None,
            },
            Event::Healed,
            self.ending,
            // Whoever listens has heard all that had been published by then.
            Event::Fenced,
            Event::Snapshot(self.last),
        ];
        for event in ends.into_iter().chain(closed).chain([Event::Ended]) {
            put(&Entry {
                at_us: last_us,
                event,
            })?;
        }
        Ok(to.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{History, parse},
        judge::{check, proof::story::Story, verdict::Verdict},
    };

    /// What a story that has ended well recorded, with something behind its rest.
    fn lines(story: &Story, behind: &[&str]) -> String {
        let history = story.history();
        let ends = |event: &Event| {
            matches!(
                event,
                Event::Driven { .. }
                    | Event::Healed
                    | Event::Recovered { .. }
                    | Event::Fenced
                    | Event::LedgerClosed { .. }
                    | Event::Ended
            ) || matches!(event, Event::Snapshot(snapshot) if snapshot.last)
        };
        let kept = history.entries().iter().filter(|entry| !ends(&entry.event));
        let lines = kept.map(|entry| serde_json::to_string(entry).expect("an entry"));
        let behind = behind.iter().map(|line| (*line).to_owned());
        lines.chain(behind).collect::<Vec<_>>().join("\n")
    }

    fn until_now(story: &Story, at_us: u64) -> UntilNow {
        let history = story.history();
        let find =
            |wanted: fn(&Event) -> bool| history.events().find(|event| wanted(event)).cloned();
        let last = find(|event| matches!(event, Event::Snapshot(snapshot) if snapshot.last));
        let commits = find(|event| matches!(event, Event::LedgerClosed { .. }));
        UntilNow {
            scenario: history.scenario().cloned().expect("a scenario"),
            requests: history.ops().values().filter(|op| op.is_workload()).count() as u64,
            held_back: 0,
            ending: Event::Recovered { after_ms: 20 },
            last: match last {
                Some(Event::Snapshot(last)) => last,
                _ => panic!("a last look"),
            },
            commits: match commits {
                Some(Event::LedgerClosed { commits }) => Some(commits),
                _ => None,
            },
            at_us,
        }
    }

    fn copied(story: &Story, behind: &[&str]) -> Result<History> {
        let end_us = story
            .history()
            .entries()
            .last()
            .map_or(0, |entry| entry.at_us);
        let mut to = Vec::new();
        until_now(story, end_us).copied(lines(story, behind).as_bytes(), &mut to)?;
        Ok(parse(Path::new("history"), &to)?)
    }

    /// Recorded after the rest.
    const LATER: &str = r#"{"at_us":99000000,"kind":"lab_error","message":"later"}"#;

    #[test]
    fn a_run_until_its_rest_is_judged_as_if_it_had_ended_there() {
        let mut story = Story::clean();
        story.clock_elsewhere();
        for behind in [
            &[][..],
            &[LATER],
            &[LATER, "{\"at_us\":99"],
            &["{\"at_us\":99"],
        ] {
            let history = copied(&story, behind).expect("a history");
            let judged = check::all(&history);
            assert_eq!(judged.verdict, Verdict::Pass, "{}", judged.reason());
        }
    }

    #[test]
    fn what_was_lost_before_a_rest_is_lost_there() {
        let mut story = Story::clean();
        story.lose_delivery(3);
        let history = copied(&story, &[LATER]).expect("a history");
        assert_eq!(check::all(&history).verdict, Verdict::Fail);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_no_end() {
        let why = copied(&Story::clean(), &["{", LATER]).expect_err("no history");
        assert!(why.to_string().contains("cannot be read"), "{why}");
    }
}
