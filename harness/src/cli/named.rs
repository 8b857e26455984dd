//! Targets, as the command line names them: a file, or one that is part of the lab.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::ask::{
    spelling::did_you_mean,
    target::{Target, built_in},
};

/// A target, and the words by which it is asked for again.
#[derive(Debug)]
pub(super) struct Named {
    /// A name, or a path.
    pub by: String,
    /// What is judged.
    pub target: Target,
    /// Whether it is part of the lab.
    pub own: bool,
}

/// Those that a name or a path means: one, or each form of a target that has several.
pub(super) fn targets(named: &str) -> Result<Vec<Named>> {
    let of = |by: &str, target: Target, own: bool| Named {
        by: by.to_owned(),
        target,
        own,
    };
    if let Some(target) = Target::built_in(named) {
        return Ok(vec![of(named, target, true)]);
    }
    let path = Path::new(named);
    if path.is_file() {
        return Ok(vec![of(named, file(path)?, false)]);
    }
    let folder = folder();
    for single in [
        folder.join(named).join("target.toml"),
        folder.join(format!("{named}.toml")),
    ] {
        if single.is_file() {
            return Ok(vec![of(named, file(&single)?, true)]);
        }
    }
    let forms = forms(&folder.join(named));
    if forms.is_empty() {
        return Err(unknown(named, &folder));
    }
    let read = |form: String| {
        let by = format!("{named}/{form}");
        let target = file(&folder.join(format!("{by}.toml")))?;
        Ok(of(&by, target, true))
    };
    forms.into_iter().map(read).collect()
}

/// The one that a name or a path means.
pub(super) fn one(named: &str) -> Result<Named> {
    let mut targets = targets(named)?;
    if targets.len() > 1 {
        let names: Vec<&str> = targets.iter().map(|named| named.by.as_str()).collect();
        bail!(
            "{named:?} is several targets; name one of {}",
            names.join(", ")
        );
    }
    targets
        .pop()
        .with_context(|| format!("{named:?} is no target"))
}

/// Where the lab's own targets are: in the checkout that the lab stands in, else in that which it was built from.
fn folder() -> PathBuf {
    let here = PathBuf::from("harness/targets");
    match here.is_dir() {
        true => here,
        false => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/targets")),
    }
}

/// The names of the target files in a folder.
fn forms(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    // An application's own manifest beside it is no target.
    let mut forms: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned()))
        .filter(|name| name != "Cargo")
        .collect();
    forms.sort();
    forms
}

fn unknown(named: &str, folder: &Path) -> anyhow::Error {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| !forms(&entry.path()).is_empty());
    let mut known: Vec<String> = built_in::names().map(str::to_owned).collect();
    known.extend(folders.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    known.sort();
    known.dedup();
    anyhow!(
        "no target file {named:?}, and no target of the lab's of that name{}; there is {}; `lab target new {named}` writes a file to begin with",
        did_you_mean(named, known.iter().map(String::as_str)),
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

    fn names(named: &str) -> Vec<String> {
        let targets = targets(named).expect(named).into_iter();
        targets.map(|named| named.by).collect()
    }

    #[test]
    fn a_target_is_named_by_its_file_or_as_part_of_the_lab() {
        let ours = targets(built_in::OURS).unwrap();
        assert!(ours[0].own && ours[0].target.is_ours());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/targets/examples");
        let status = targets(&format!("{folder}/status_column.toml")).unwrap();
        assert!(!status[0].own);
        assert_eq!(status[0].target.folder.as_deref(), Some(Path::new(folder)));
        let said = targets("aucton").unwrap_err().to_string();
        assert!(said.contains("did you mean \"auction\""), "{said}");
        assert!(said.contains("pgq, toy;"), "{said}");
    }

    #[test]
    fn a_name_means_each_form_of_a_target_that_has_several() {
        assert_eq!(names("pgq"), ["pgq"]);
        let forms = names("toy");
        assert!(forms.contains(&"toy/delete".to_owned()), "{forms:?}");
        assert_eq!(names("toy/delete"), ["toy/delete"]);
        assert_eq!(one("toy/delete").expect("one").by, "toy/delete");
        let said = one("toy").unwrap_err().to_string();
        assert!(said.contains("name one of") && said.contains("toy/delete"));
    }
}
