//! What a red run was shrunk to.

use std::path::Path;

use crate::explore::shrink::Shrunk;

/// For the terminal: how often the least is red, what is left, where it is, and the command that runs it again.
pub fn shrunk(shrunk: &Shrunk, file: &Path, again: &str) -> String {
    let Shrunk {
        faults, operations, ..
    } = shrunk;
    let whole = match shrunk.whole {
        true => "",
        false => "; not everything was tried",
    };
    let run = shrunk.evidence.as_ref();
    let run = run.map(|run| format!("run    {}\n", run.folder.display()));
    format!(
        "least  {} red, {} times as it was, {} as it is now; {} of {} faults, {} of {} operations; {} runs in {:.0} s{whole}\n\
         story  {}\nfile   {}\n{}again  {again}\n",
        shrunk.checkers.join(", "),
        shrunk.original,
        shrunk.least,
        faults[1],
        faults[0],
        operations[1],
        operations[0],
        shrunk.runs,
        shrunk.took_ms as f64 / 1_000.0,
        shrunk.scenario.story,
        file.display(),
        run.unwrap_or_default(),
    )
}
