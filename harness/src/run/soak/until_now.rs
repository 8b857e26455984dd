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
        let mut lines = from.split(b'\n');
        let first = lines.next().context("the history is empty")??;
        let mut begun: Entry = serde_json::from_slice(&first)?;
        if let Event::Begun { scenario, .. } = &mut begun.event {
            **scenario = self.scenario;
        }
        put(&begun)?;
        let mut last_us = begun.at_us;
        for line in lines {
            // What is recorded at this moment may be torn.
            let Ok(entry) = serde_json::from_slice::<Entry>(&line?) else {
                break;
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
            // At rest every message that was sent has been seen by the witness.
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
