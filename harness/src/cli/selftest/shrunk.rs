//! What is left of each story in which a mistake shows, once all is left out that it does not take.

use anyhow::{Context, Result, bail};

use super::visit::{RUNS_OF_A_CAGE, Visit, remove};
use crate::{
    ask::zoo::Cage,
    cli::again::Again,
    explore::{
        shrink::{Red, Shrinker, Shrunk},
        zoo::outcome::{Outcome, hits},
    },
    os::causes::Causes,
    report::Least,
};

impl Visit {
    /// Shows a mistake, and shrinks the run that shows it.
    pub async fn shrunk(&self, cage: &Cage, at: usize, shrinker: &Shrinker) -> Least {
        let seed = self.seed.wrapping_add((at as u64 + 1) * RUNS_OF_A_CAGE);
        let done = self.least(cage, seed, shrinker).await;
        let least = match done {
            Ok((story, shrunk)) => Least::of(&cage.bug, &story, &shrunk),
            Err(error) => Least::none(&cage.bug, Causes(&error).to_string()),
        };
        self.shown.line(&least.to_string());
        least
    }

    async fn least(&self, cage: &Cage, seed: u64, shrinker: &Shrinker) -> Result<(String, Shrunk)> {
        for (seed, story) in (seed..).zip(&cage.stories) {
            let trial = self
                .zoo
                .trial(story, &cage.house(), Some(&cage.bug), seed)?;
            let summary = self.run_of(&trial, &format!("{} {story}", cage.bug)).await;
            let outcome = Outcome::of(&summary, hits(&summary.folder, &cage.bug)?, cage);
            match outcome {
                Outcome::Caught(_) => {}
                Outcome::Broken(why) => bail!("{why}; {}", summary.folder.display()),
                Outcome::Missed(_) | Outcome::WrongChecker(_) | Outcome::NeverFired => {
                    remove(&summary);
                    continue;
                }
            }
            let red = Red::of(&summary, &trial)?;
            remove(&summary);
            let shrunk = shrinker.shrink(&red, self.shown.clone()).await?;
            self.keep(cage, &shrunk, seed)?;
            return Ok((story.clone(), shrunk));
        }
        bail!("no story shows it")
    }

    /// The least, and the outbox with its mistake, as files.
    fn keep(&self, cage: &Cage, shrunk: &Shrunk, seed: u64) -> Result<()> {
        if let Some(run) = &shrunk.evidence {
            remove(run);
        }
        if shrunk.unkept().is_some() {
            return Ok(());
        }
        let folder = self.manner.runs.join("shrunk").join(&cage.bug);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let target = folder.join("target.toml");
        let text = self.zoo.file(&cage.house(), Some(&cage.bug))?;
        std::fs::write(&target, text).with_context(|| format!("writing {}", target.display()))?;
        let own = target.display().to_string();
        let again = Again::of(&own, false, &self.lab, &self.servers);
        shrunk
            .save(&folder, |file| again.of_found(file, seed))
            .map(drop)
    }
}
