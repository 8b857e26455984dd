//! `lab target probe`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::super::{
    NO_LAB, Runs, Usage, named, on_lab::failed, progress::Progress, say, tell, unless_interrupted,
};
use crate::{
    ask::{
        seed,
        target::completed::{Line, completed},
    },
    explore::evidence,
    os::causes::Causes,
    run::probe::{self, Probed, finding::Finding},
    servers::{backend::Wanted, lab::Lab, needs},
};

#[derive(Debug, clap::Args)]
pub(in super::super) struct Args {
    /// The target file. It needs [write], [witness] and [[process]].
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the file is written with what was found; what it says already stands. The same file may be named.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave the settings of the target's [laboratory] out.
    #[arg(long)]
    as_shipped: bool,
    #[command(flatten)]
    runs: Runs,
    #[command(flatten)]
    servers: Wanted,
}

pub(super) async fn probe(args: &Args) -> Result<u8> {
    let target = named::file(&args.file).map_err(Usage::because)?;
    let target = target.at_its_pace(args.as_shipped);
    let text = fs::read_to_string(&args.file)
        .with_context(|| format!("reading {}", args.file.display()))
        .map_err(Usage::because)?;
    args.runs.can_be_kept()?;
    let folder =
        evidence::folder(&args.runs.folder, "probe", seed::fresh()).map_err(Usage::said)?;
    let shown = Progress::new(1);
    let plugins = needs::plugins(&target.needs);
    let boot = Lab::start_with(&args.servers, &plugins, |line| shown.line(line));
    let lab = unless_interrupted(boot).await?;
    let probed = unless_interrupted(async {
        needs::check(&lab, &target.needs).await?;
        let progress = |what: &str| shown.step(what);
        probe::probe(&lab, &target, args.as_shipped, &folder, &progress).await
    })
    .await;
    shown.finish();
    let removed = lab.end().await;
    let probed = match probed {
        Ok(probed) => probed,
        Err(error) => {
            let logs = format!("logs are in {}", folder.display());
            return Err(failed(error, removed).context(logs));
        }
    };
    removed?;
    report(args, &text, &folder, &probed)
}

/// Shows and writes what was found, and says how the process should exit.
fn report(args: &Args, text: &str, folder: &Path, probed: &Probed) -> Result<u8> {
    probed.findings.iter().flat_map(shown).for_each(say);
    if let Some(out) = &args.out {
        let lines: Vec<Line> = probed
            .findings
            .iter()
            .flat_map(|finding| finding.lines.clone())
            .collect();
        fs::write(out, completed(text, &lines))
            .with_context(|| format!("writing {}", out.display()))?;
        tell(format_args!(
            "{} is written; `cargo lab target check {}` says what will be judged",
            out.display(),
            out.display()
        ));
    }
    for problem in &probed.problems {
        tell(format_args!("lab: {}", Causes(problem)));
    }
    if probed.problems.is_empty() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
        return Ok(0);
    }
    tell(format_args!("logs are in {}", folder.display()));
    Ok(NO_LAB)
}

/// A finding, and below it the lines of a file that say it.
fn shown(finding: &Finding) -> Vec<String> {
    let mut lines = vec![format!("- {}", finding.sentence)];
    let mut table = "";
    for line in &finding.lines {
        if line.table != table {
            table = line.table;
            lines.push(format!("      [{table}]"));
        }
        let perhaps = if line.is_sure { "" } else { "# " };
        lines.push(format!("      {perhaps}{}", line.shown()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_sentence_with_the_lines_that_say_it() {
        let finding = Finding::of("events wait in parcels")
            .with(Line::text("outbox", "table", "parcels"))
            .with(Line::text("outbox", "sent", "gone").unsure());
        assert_eq!(
            shown(&finding),
            [
                "- events wait in parcels",
                "      [outbox]",
                "      table = \"parcels\"",
                "      # sent = \"gone\"",
            ]
        );
    }
}
