//! Programs of the machine that do one thing and end.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs one, and says what it printed. One that fails is an error with its own words.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {shown}"))?;
    if !output.status.success() {
        bail!(
            "{shown} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
