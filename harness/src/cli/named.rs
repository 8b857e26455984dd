//! Targets, as the command line names them: a file, or one that is part of the lab.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use crate::ask::{
    spelling::did_you_mean,
    target::{Target, built_in},
};

/// The service of this repository.
pub(super) use crate::ask::target::built_in::OURS;

/// The one that a name or a path means.
pub(super) fn target(named: &str) -> Result<Target> {
    if let Some(target) = Target::built_in(named) {
        return Ok(target);
    }
    let path = Path::new(named);
    if path.is_file() {
        return file(path);
    }
    let known: Vec<&str> = built_in::names().collect();
    bail!(
        "no target file {named:?}, and no target of the lab's of that name{}; there is {}; `lab target new {named}` writes a file to begin with",
        did_you_mean(named, known.iter().copied()),
        known.join(", ")
    )
}

/// The one of a file.
pub(super) fn file(file: &Path) -> Result<Target> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let target = Target::read(&text).map_err(|bad| anyhow!("in {}, {bad}", file.display()))?;
    let whole = std::path::absolute(file)
        .with_context(|| format!("finding the folder of {}", file.display()))?;
    Ok(match whole.parent() {
        Some(folder) => target.of_folder(folder.to_owned()),
        None => target,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_by_its_file_or_as_part_of_the_lab() {
        assert_eq!(target(OURS).unwrap().folder, None);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/targets/examples");
        let status = target(&format!("{folder}/status_column.toml")).unwrap();
        assert_eq!(status.folder.as_deref(), Some(Path::new(folder)));
        let said = target("aucton").unwrap_err().to_string();
        assert!(said.contains(&format!("did you mean {OURS:?}")), "{said}");
    }
}
