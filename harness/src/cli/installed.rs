//! Targets of the lab's own that others wrote: fetched by their own `install` before they are run.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::named::Named;
use crate::os::{guard::RunFolder, process::Launch};

/// The script in a target's folder. It does nothing where nothing is missing.
const INSTALL: &str = "install";
/// One of them is compiled, on a slow machine.
const WITHIN: Duration = Duration::from_secs(45 * 60);
/// Long enough that somebody wonders.
const WORTH_SAYING: Duration = Duration::from_secs(2);

/// Sees to it that a target of the lab's own is there. Whatever its script says last is why it is not.
pub(super) async fn installed(named: &Named, say: impl Fn(&str)) -> Result<()> {
    let folder = named.target.folder.as_deref();
    match folder.map(|folder| folder.join(INSTALL)) {
        Some(script) if named.own && script.is_file() => {
            let began = Instant::now();
            say(&format!("installing {}, where it is not yet", named.by));
            run(&script).await?;
            if began.elapsed() > WORTH_SAYING {
                let took = began.elapsed().as_secs();
                say(&format!("{} is installed, after {took} s", named.by));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn run(script: &Path) -> Result<()> {
    let folder = RunFolder::create()?;
    let process = Launch::new(INSTALL, script, folder.path()).spawn()?;
    let ended = process.wait(WITHIN).await.context("installing it")?;
    if ended.success() {
        return Ok(());
    }
    let said = std::fs::read_to_string(process.log()).unwrap_or_default();
    match said.lines().rfind(|line| !line.trim().is_empty()) {
        Some(last) => bail!("{}", last.trim()),
        None => bail!("{} said nothing and ended: {ended}", script.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::ask::target::Target;

    async fn said(script: &str, own: bool) -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(INSTALL);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let target = Target::read(include_str!("../../targets/toy/status.toml")).unwrap();
        let named = Named {
            by: "toy".to_owned(),
            target: target.of_folder(folder.path().to_owned()),
            own,
        };
        installed(&named, |_| ()).await
    }

    #[tokio::test]
    async fn what_cannot_be_installed_says_why_in_its_own_last_line() {
        said("echo all is well", true).await.unwrap();
        let refused = "echo looking; echo 'it needs Python 3.11' >&2; exit 1";
        let why = said(refused, true).await.unwrap_err().to_string();
        assert_eq!(why, "it needs Python 3.11");
        let why = said("exit 3", true).await.unwrap_err().to_string();
        assert!(why.contains("said nothing") && why.contains('3'), "{why}");
    }

    #[tokio::test]
    async fn nothing_of_a_strangers_folder_is_run() {
        said("exit 1", false).await.unwrap();
    }
}
