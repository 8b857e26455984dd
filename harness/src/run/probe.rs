//! A probe: what a target does with a few operations that nothing is done to, and which lines of its file would say so.

mod account;
mod arrivals;
mod cursor;
mod facts;
pub mod finding;
mod firehose;
mod messages;
mod parts;
mod pattern;
mod places;
mod roles;
mod rows;
mod scene;
mod schema;
mod states;
mod tables;
mod ways;
mod writes;

use std::path::Path;

use anyhow::{Error, Result};

use crate::{
    ask::{scenario, target::Target},
    servers::lab::Lab,
    system::Staging,
};
use finding::Finding;
use scene::Scene;

/// What a probe came to.
#[derive(Debug)]
pub struct Probed {
    /// What was found out.
    pub findings: Vec<Finding>,
    /// What is wrong with the file, the target or the lab, in the words in which a run would say it.
    pub problems: Vec<Error>,
}

/// Probes a target. Logs of its processes and what was seen of its tables are left in `folder`; `progress` is told what is being
/// done.
///
/// # Errors
/// When it could not be set up, or takes no operation.
pub async fn probe(
    lab: &Lab,
    target: &Target,
    as_shipped: bool,
    folder: &Path,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Probed> {
    progress("setting up");
    let story = scenario::System::default();
    let staging = Staging {
        target,
        story: &story,
        as_shipped,
    };
    let scene = Scene::of(lab, &staging, folder, progress).await?;
    let seen = scene.see(target, progress).await;
    scene.clear(lab, seen, target, progress).await
}
