//! Docker's daemon, and how nothing is left on it: every container carries the folder of its run, whose locked file tells
//! the living from the dead.

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use testcontainers::{
    GenericImage, ImageExt,
    bollard::{
        Docker,
        errors::Error,
        query_parameters::{ListContainersOptions, RemoveContainerOptions},
    },
    core::{ContainerRequest, client::docker_client_instance},
};
use tokio::time::timeout;

use crate::{os::causes::Causes, os::guard};

/// The label whose value is the folder of the container's run.
const RUN: &str = "outbox-lab.run";
/// The label whose value is the machine that the run is on: folders of others cannot be judged from here.
const HOST: &str = "outbox-lab.host";
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
const REMOVED_WITHIN: Duration = Duration::from_secs(30);
/// A connection of a runtime that ends at this moment may fail; the next one is new.
const REMOVE_TRIES: usize = 3;

/// A daemon that answers.
#[derive(Clone)]
pub struct Daemon {
    api: Docker,
    version: String,
}

/// Whether nothing leads to a daemon, at the places where its client looks: settings, a variable, sockets.
pub fn is_nowhere() -> bool {
    !leads_to_one(|name| env::var_os(name), Path::exists)
}

fn leads_to_one(
    variable: impl Fn(&str) -> Option<OsString>,
    is_there: impl Fn(&Path) -> bool,
) -> bool {
    let beneath = |name: &str, paths: &[&str]| -> Vec<PathBuf> {
        let folder = variable(name).map(PathBuf::from);
        let of = |folder: PathBuf| paths.iter().map(move |path| folder.join(path));
        folder.into_iter().flat_map(of).collect()
    };
    let home = [
        ".testcontainers.properties",
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
    ];
    let mut places = vec![PathBuf::from("/var/run/docker.sock")];
    places.extend(beneath("HOME", &home));
    places.extend(beneath(
        "XDG_RUNTIME_DIR",
        &["docker.sock", ".docker/run/docker.sock"],
    ));
    variable("DOCKER_HOST").is_some() || places.iter().any(|place| is_there(place))
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "docker {}", self.version)
    }
}

impl Daemon {
    /// Asks the daemon that `DOCKER_HOST`, or the usual socket, leads to.
    pub async fn reach() -> Result<Self> {
        let api = docker_client_instance().await.context("no Docker daemon")?;
        let version = timeout(ANSWERS_WITHIN, api.version())
            .await
            .map_err(|_| anyhow!("the Docker daemon does not answer within {ANSWERS_WITHIN:?}"))?
            .context("no Docker daemon answers")?;
        Ok(Self {
            api,
            version: version
                .version
                .unwrap_or_else(|| "of no version".to_owned()),
        })
    }

    /// Its API.
    pub(super) fn api(&self) -> &Docker {
        &self.api
    }

    /// Removes the containers of dead runs of this machine, and says how many there were.
    pub async fn sweep(&self) -> Result<usize> {
        let found = self.labelled(format!("{HOST}={}", host())).await?;
        let dead: Vec<String> = found
            .into_iter()
            .filter(|(_, folder)| !guard::run::is_alive(folder))
            .map(|(id, _)| id)
            .collect();
        for id in &dead {
            self.remove(id).await?;
        }
        Ok(dead.len())
    }

    /// Removes all containers of a run.
    pub(super) async fn remove_run(&self, run: &Mark) -> Result<(), Error> {
        for (id, _) in self.labelled(format!("{RUN}={}", run.folder)).await? {
            self.remove(&id).await?;
        }
        Ok(())
    }

    /// Containers with a label, and the folders of their runs.
    async fn labelled(&self, label: String) -> Result<Vec<(String, PathBuf)>, Error> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([("label".to_owned(), vec![label])])),
            ..ListContainersOptions::default()
        };
        let found = self.api.list_containers(Some(options)).await?;
        Ok(found
            .into_iter()
            .filter_map(|container| {
                let folder = container.labels?.remove(RUN)?;
                Some((container.id?, PathBuf::from(folder)))
            })
            .collect())
    }

    /// Removes a container with its volumes, whatever it is doing. One that is gone is fine.
    async fn remove(&self, id: &str) -> Result<(), Error> {
        let options = RemoveContainerOptions {
            force: true,
            v: true,
            ..RemoveContainerOptions::default()
        };
        match self.api.remove_container(id, Some(options)).await {
            // 409: somebody else is removing it.
            Err(Error::DockerResponseServerError {
                status_code: 404 | 409,
                ..
            }) => Ok(()),
            removed => removed,
        }
    }
}

/// What the containers of one run carry: its folder, and the machine that it is on.
#[derive(Clone)]
pub(super) struct Mark {
    folder: String,
    host: String,
}

impl Mark {
    /// The mark of the run with this folder.
    pub fn of(folder: &Path) -> Result<Self> {
        let text = folder.to_str();
        Ok(Self {
            folder: text
                .with_context(|| format!("{folder:?} is no label for a container; set TMPDIR"))?
                .to_owned(),
            host: host(),
        })
    }

    /// Marks a container as this run's.
    pub fn put_on(
        &self,
        request: ContainerRequest<GenericImage>,
    ) -> ContainerRequest<GenericImage> {
        request
            .with_label(RUN, &self.folder)
            .with_label(HOST, &self.host)
    }
}

/// The containers of one run. Dropping it removes those that are left, such as one whose start was interrupted: only who
/// ends the run may hold it.
pub(super) struct Run {
    mark: Mark,
}

impl Run {
    /// Opens the run with this mark.
    pub fn open(mark: Mark) -> Self {
        Self { mark }
    }

    /// What its containers carry.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mark = self.mark.clone();
        aside(async move |daemon| daemon.remove_run(&mark).await);
    }
}

/// Removes a container from wherever its handle is dropped.
pub(super) fn remove_aside(id: &str) {
    let id = id.to_owned();
    aside(async move |daemon| daemon.remove(&id).await);
}

/// Works on a thread and runtime of its own, and waits for it: values are dropped where no runtime is, or one that ends.
fn aside(work: impl AsyncFn(Daemon) -> Result<(), Error> + Send + 'static) {
    let try_all = move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut last = Ok(());
            for _ in 0..REMOVE_TRIES {
                let attempt = async { Ok(work(Daemon::reach().await?).await?) };
                last = timeout(REMOVED_WITHIN, attempt)
                    .await
                    .unwrap_or_else(|_| Err(anyhow!("not done within {REMOVED_WITHIN:?}")));
                if last.is_ok() {
                    break;
                }
            }
            last
        })
    };
    let done = thread::spawn(try_all).join();
    if let Ok(Err(error)) = done {
        tracing::error!(
            "containers may be left; the next lab, or `lab clean`, removes them: {}",
            Causes(&error)
        );
    }
}

fn host() -> String {
    nix::unistd::gethostname().map_or_else(
        |_| "unknown".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing_is_there(_: &Path) -> bool {
        false
    }

    #[test]
    fn a_variable_or_a_socket_leads_to_a_daemon() {
        let host = |name: &str| (name == "DOCKER_HOST").then(|| "tcp://127.0.0.1:1".into());
        assert!(leads_to_one(host, nothing_is_there));
        let usual = |place: &Path| place == Path::new("/var/run/docker.sock");
        assert!(leads_to_one(|_| None, usual));
        let home = |name: &str| (name == "HOME").then(|| "/home/a".into());
        let own = |place: &Path| place == Path::new("/home/a/.docker/run/docker.sock");
        assert!(leads_to_one(home, own));
    }

    #[test]
    fn without_them_it_is_nowhere() {
        let home = |name: &str| (name == "HOME").then(|| "/home/a".into());
        assert!(!leads_to_one(home, nothing_is_there));
    }
}
