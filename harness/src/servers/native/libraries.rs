//! The libraries of what was unpacked.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// `LD_LIBRARY_PATH` for what is under `root`.
pub(super) fn path(root: &Path) -> Option<OsString> {
    let folders = folders(root);
    if folders.is_empty() {
        None
    } else {
        std::env::join_paths(folders).ok()
    }
}

/// The folders with a processor's libraries, as Debian names them.
pub fn folders(root: &Path) -> Vec<PathBuf> {
    ["usr/lib", "lib"]
        .into_iter()
        .flat_map(|lib| children(&root.join(lib)))
        .filter(|folder| {
            folder
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains("-linux-gnu"))
        })
        .collect()
}

/// What is in a folder; nothing where it is none.
pub(super) fn children(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map_or_else(
        |_| Vec::new(),
        |entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect()
        },
    )
}
