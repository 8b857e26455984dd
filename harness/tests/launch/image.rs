//! A container is a process like any other. Its image is made of this very program and what that is linked to.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use outbox_harness::{ask::scenario, servers::lab::Lab, system::PROCESSES};
use uuid::Uuid;

use crate::{
    shop::AS_SHOP,
    stand::{Stand, target},
};

const SOON: Duration = Duration::from_secs(10);

/// Why no image can be made here, if none can.
pub fn cannot() -> Option<&'static str> {
    let asked = Command::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .stderr(Stdio::null())
        .output();
    let answered = asked.is_ok_and(|asked| asked.status.success());
    (!answered).then_some("needs docker and its daemon")
}

/// An image of this case's own, removed with this value.
struct Image {
    name: String,
}

impl Image {
    fn make(folder: &Path) -> Result<Self> {
        let name = format!("outbox-lab/launch-test-{}:latest", Uuid::now_v7().simple());
        let root = folder.join("root");
        let program = std::env::current_exe()?;
        std::fs::create_dir_all(&root)?;
        std::fs::copy(&program, root.join("shop"))?;
        for library in libraries(&program)? {
            let copy = root.join(library.strip_prefix("/")?);
            std::fs::create_dir_all(copy.parent().context("a folder")?)?;
            std::fs::copy(&library, copy)?;
        }
        let mut tar = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .args(["-c", "."])
            .stdout(Stdio::piped())
            .spawn()?;
        let entry = format!("ENTRYPOINT [\"/shop\", \"{AS_SHOP}\", \"publish\"]");
        let imported = Command::new("docker")
            .args(["import", "--change", &entry, "-", &name])
            .stdin(tar.stdout.take().context("a pipe")?)
            .output()?;
        ensure!(tar.wait()?.success(), "tar failed");
        ensure!(imported.status.success(), "{imported:?}");
        Ok(Self { name })
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let removed = Command::new("docker").args(["rmi", &self.name]).output();
        if !removed.is_ok_and(|removed| removed.status.success()) {
            eprintln!("{} is left", self.name);
        }
    }
}

/// What a program is linked to, the loader among it.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("ldd").arg(program).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let words = listed.split_whitespace();
    Ok(words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect())
}

pub async fn contained(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    let image = Image::make(folder)?;
    let processes = |written: &str| {
        format!(
            "[[process]]\nname = \"relay\"\nimage = \"{}\"\ncount = 2\nready = {{ log = \"open in life 1\" }}\n\
             env = {{ DATABASE_URL = \"{{{{postgres.url}}}}\", MQ = \"{{{{rabbitmq.url}}}}\", AMQP_URL = \"{written}\" }}\n",
            image.name
        )
    };
    let right = target(folder, "", &processes("{{rabbitmq.url}}"))?;
    let mut stand = Stand::of(lab, right, folder).await?;
    let story = scenario::System::default();
    let system = stand.start(&story, false).await?;
    stand.check(&system).await?;
    let [relay, other] = system.members() else {
        bail!("not two relays")
    };
    relay.freeze().await?;
    relay.thaw().await?;
    relay.kill().await?;
    ensure!(relay.death().await.is_none(), "it was killed");
    relay.start().await?;
    relay.wait_until_ready(SOON).await?;
    // Starting one leaves the others, and the servers, alone.
    ensure!(other.death().await.is_none(), "the other one is gone");
    stand.check(&system).await?;
    system.stop(&PROCESSES).await;
    let death = relay.death().await;
    ensure!(death.is_none(), "{death:?}");
    system.remove_edges().await?;
    drop(system);

    let direct = stand.servers.amqp_url();
    stand.target = target(folder, "", &processes(&direct))?;
    let system = stand.start(&story, false).await?;
    let refused = stand.check(&system).await;
    let said = refused.err().map(|error| error.to_string());
    let said = said.context("nobody found out")?;
    ensure!(said.contains("goes around its edge"), "{said}");
    stand.clear(system).await
}
