//! What a probe writes: a warm-up, and then two operations of each of ten keys.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, bail};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    arrivals::{Arrivals, now_us},
    facts::By,
};
use crate::{
    ask::id::{Id, Run},
    run::{
        warm_up::{ANOTHER_AFTER, REFUSALS, not_heard},
        write::{Answer, Ask, Step, Writer},
    },
};

/// So many keys, each of two operations.
const KEYS: u16 = 10;
/// The second operations of the last keys are rolled back, where that can be.
const ROLLED_BACK: u16 = 2;
/// So long a message that the broker has told of may take to its witness.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// What was written, and how it was answered.
#[derive(Debug, Default)]
pub struct Written {
    /// In order, rolled back ones and repetitions aside.
    pub answers: Vec<(Id, Answer)>,
    /// What was rolled back.
    pub rolled_back: Vec<Id>,
    /// When each was asked for first, in microseconds since the Unix epoch.
    pub asked_at_us: BTreeMap<Uuid, i64>,
    /// What was asked for once more, and how that was answered.
    pub again: Option<Answer>,
}

impl Written {
    /// What was accepted.
    pub fn accepted(&self) -> Vec<Id> {
        let accepted = self
            .answers
            .iter()
            .filter(|(_, answer)| is_accepted(answer));
        accepted.map(|(id, _)| *id).collect()
    }

    /// What was not, and the last answer to that.
    pub fn not_accepted(&self) -> Option<(usize, &Answer)> {
        let mut others = self
            .answers
            .iter()
            .filter(|(_, answer)| !is_accepted(answer));
        let last = others.next_back()?;
        Some((others.count() + 1, &last.1))
    }

    async fn write(&mut self, writer: &Writer, ask: Ask) -> Result<Answer> {
        let asked = &mut self.asked_at_us;
        let noted = |step| {
            if let Step::Asked { inquiry: false, .. } = step {
                asked.entry(ask.id.uuid()).or_insert_with(now_us);
            }
        };
        let (answer, _) = writer.write(ask, noted).await?;
        Ok(answer)
    }
}

fn is_accepted(answer: &Answer) -> bool {
    matches!(answer, Answer::Accepted { .. })
}

fn id(run: Run, key: u16, number: u32) -> Id {
    Id { run, key, number }
}

/// Writes operations of a key of their own until a message about one comes anywhere, and gives the file's witness time to
/// hear it. What is accepted and comes nowhere is no error yet.
///
/// # Errors
/// When nothing is accepted.
pub async fn warm_up(
    writer: &Writer,
    arrivals: &Arrivals,
    run: Run,
    within: Duration,
) -> Result<Written> {
    let deadline = Instant::now() + within;
    let mut written = Written::default();
    for number in 1.. {
        let id = id(run, KEYS, number);
        let answer = written.write(writer, Ask::of(id)).await?;
        written.answers.push((id, answer));
        let ids: Vec<Id> = written.answers.iter().map(|(id, _)| *id).collect();
        let came = |by: By| {
            move |arrivals: &Arrivals, ids: &[Id]| ids.iter().any(|id| arrivals.has(by, &[*id]))
        };
        let (heard, told) = (came(By::Witness), came(By::Firehose));
        let until = (Instant::now() + ANOTHER_AFTER).min(deadline);
        if arrivals
            .until(until, |all| heard(all, &ids) || told(all, &ids))
            .await
        {
            arrivals
                .until(Instant::now() + TOLD_WITHIN, |all| heard(all, &ids))
                .await;
            return Ok(written);
        }
        let refused = written.answers.len() - written.accepted().len();
        let over = Instant::now() >= deadline;
        if written.accepted().is_empty() && (over || refused >= REFUSALS) {
            bail!(not_heard(&written.answers, "nothing came", within));
        }
        if over {
            break;
        }
    }
    Ok(written)
}

/// Writes two operations of each key, one after the other: two of them rolled back where that can be, and one of them once more
/// where that counts once.
pub async fn twenty(writer: &Writer, run: Run, by_sql: bool) -> Result<Written> {
    let mut written = Written::default();
    for number in 1..=2 {
        for key in 0..KEYS {
            let rollback = by_sql && number == 2 && key >= KEYS - ROLLED_BACK;
            let id = id(run, key, number);
            let ask = Ask {
                rollback,
                ..Ask::of(id)
            };
            let answer = written.write(writer, ask).await?;
            match rollback {
                true => written.rolled_back.push(id),
                false => written.answers.push((id, answer)),
            }
        }
    }
    if writer.may_repeat() {
        let ask = Ask {
            repeat: true,
            ..Ask::of(id(run, 0, 1))
        };
        written.again = Some(written.write(writer, ask).await?);
    }
    if written.accepted().is_empty() {
        let said: Vec<String> = written
            .answers
            .iter()
            .map(|(_, answer)| answer.to_string())
            .collect();
        bail!(
            "of 20 operations none was accepted, the last was {}",
            said.last().map_or("", String::as_str)
        );
    }
    Ok(written)
}
