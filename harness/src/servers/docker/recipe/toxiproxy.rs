//! The embedded Toxiproxy as an image: this program, the libraries it is linked to, and nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{Recipe, fingerprint};

/// Its name among the recipes.
pub const NAME: &str = "toxiproxy";

/// The recipe. Its archive holds `/lab` and libraries where the linker looks for them.
pub fn recipe() -> Result<Recipe> {
    let program = std::env::current_exe().context("finding this program")?;
    let workshop = tempfile::tempdir().context("making a temporary folder; set TMPDIR")?;
    let root = workshop.path();
    slimmed(&program, &root.join("lab"))?;
    for library in libraries(&program)? {
        let copy = root.join(library.strip_prefix("/").unwrap_or(&library));
        fs::create_dir_all(copy.parent().unwrap_or(root))?;
        fs::copy(&library, &copy).with_context(|| format!("copying {}", library.display()))?;
    }
    let bytes = fs::read(root.join("lab"))?;
    let mut archive = tokio::process::Command::new("tar");
    archive
        .arg("-C")
        .arg(root)
        .args(["--owner=0", "--group=0", "-cf", "-", "."]);
    Ok(Recipe {
        name: NAME.to_owned(),
        fingerprint: fingerprint(bytes),
        archive,
        changes: vec![
            "ENTRYPOINT [\"/lab\", \"toxiproxy\"]".to_owned(),
            "CMD [\"--host=0.0.0.0\"]".to_owned(),
            "EXPOSE 8474".to_owned(),
        ],
        _workshop: workshop,
    })
}

/// A copy without what only a debugger reads, where `strip` is at hand.
fn slimmed(program: &Path, copy: &Path) -> Result<()> {
    let stripped = Command::new("strip")
        .arg("-o")
        .arg(copy)
        .arg(program)
        .output();
    if !stripped.is_ok_and(|output| output.status.success()) {
        fs::copy(program, copy).with_context(|| format!("copying {}", program.display()))?;
    }
    Ok(())
}

/// The files that the dynamic linker would load; none for a static program.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("ldd")
        .arg(program)
        .output()
        .context("running ldd")?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    // `name => /path (address)`, or `/path (address)` for the linker itself.
    Ok(listed
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect())
}
