//! A RabbitMQ broker of the lab's own: a node name, ports, cookie and data of its own, with its own epmd beside it.

mod slim;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use async_trait::async_trait;
use tokio::task::spawn_blocking;

use super::Binaries;
use crate::{
    ask::fault::Resource,
    os::port::free_port,
    os::process::{Launch, Process, until_ready},
    servers::{
        answers,
        body::{self, Body},
        management::Management,
    },
};

/// A few seconds, unless the machine is busy with something else.
const READY_WITHIN: Duration = Duration::from_secs(180);
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Its command line starts an Erlang of its own: half a minute where four builds share two cores.
const CONTROL_WITHIN: Duration = Duration::from_secs(90);
/// Two schedulers are enough for a lab, and none of them may burn a core while it waits. Erlang's own
/// port is for this machine alone: whoever reaches it and knows the cookie owns the broker.
const ERLANG: &str = "+S 2:2 +SDcpu 1:1 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false \
                      -kernel inet_dist_use_interface {127,0,0,1}";

/// The node's name ends in `localhost`, and not every container's `/etc/hosts` says where that is.
const NAMES: &str = "{host, {127,0,0,1}, [\"localhost\"]}.\n{lookup, [file, native]}.\n";

/// A running broker.
pub struct RabbitMq {
    name: String,
    amqp: u16,
    management: Management,
    folder: PathBuf,
    home: PathBuf,
    run_folder: PathBuf,
    binaries: Binaries,
    ports: Ports,
    epmd: Mutex<Option<Arc<Process>>>,
    process: Mutex<Option<Arc<Process>>>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    distribution: u16,
    epmd: u16,
}

impl RabbitMq {
    /// Starts a fresh broker with more lines in its `rabbitmq.conf`, and more plugins.
    pub async fn boot_with(
        name: &str,
        binaries: &Binaries,
        run_folder: &Path,
        settings: &str,
        plugins: &[&str],
    ) -> Result<Self> {
        let (amqp, api) = (free_port()?, free_port()?);
        let folder = run_folder.join(name);
        let home = slim::slim_home(&binaries.rabbitmq, &folder.join("server"), plugins)
            .context("linking RabbitMQ's plugins into the run's folder")?;
        let server = Self {
            name: name.to_owned(),
            home,
            amqp,
            management: Management::new(&format!("http://guest:guest@127.0.0.1:{api}").parse()?)?,
            folder,
            run_folder: run_folder.to_owned(),
            binaries: binaries.clone(),
            ports: Ports {
                distribution: free_port()?,
                epmd: free_port()?,
            },
            epmd: Mutex::new(None),
            process: Mutex::new(None),
        };
        server
            .prepare(api, settings, plugins)
            .context("preparing RabbitMQ's folder")?;
        server.start().await?;
        Ok(server)
    }

    /// The URL of its first vhost.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.amqp)
    }

    /// Its management API.
    pub fn management(&self) -> &Management {
        &self.management
    }

    fn process(&self) -> Result<Arc<Process>> {
        lock(&self.process)
            .clone()
            .ok_or_else(|| anyhow!("{} was never started", self.name))
    }

    fn prepare(&self, api: u16, settings: &str, plugins: &[&str]) -> Result<()> {
        for folder in ["home", "bin", "mnesia", "log"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        let enabled = [&["rabbitmq_management"], plugins].concat().join(",");
        fs::write(self.folder.join("plugins"), format!("[{enabled}]."))?;
        fs::write(self.folder.join("inetrc"), NAMES)?;
        fs::write(
            self.folder.join("rabbitmq.conf"),
            format!(
                "listeners.tcp.default = 127.0.0.1:{}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api}\n\
                 disk_free_limit.absolute = 50MB\ncollect_statistics_interval = 1000\nlog.console = true\n\
                 log.console.level = info\nlog.file = false\n{settings}\n",
                self.amqp
            ),
        )?;
        if let Some(erlang) = &self.binaries.erlang {
            // Erlang's own `erl` has the folder written into it that the package would be installed in.
            let bin = erts(erlang)?;
            let erl = self.folder.join("bin/erl");
            let script = format!(
                "#!/bin/sh\nROOTDIR={} BINDIR={} EMU=beam PROGNAME=erl\nexport ROOTDIR BINDIR EMU PROGNAME\n\
                 exec \"$BINDIR/erlexec\" \"$@\"\n",
                erlang.display(),
                bin.display()
            );
            fs::write(&erl, script)?;
            fs::set_permissions(&erl, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    fn launch(&self, part: &str, program: PathBuf) -> Launch {
        let name = if part.is_empty() {
            self.name.clone()
        } else {
            format!("{}-{part}", self.name)
        };
        let launch = Launch::new(&name, program, &self.run_folder).clean();
        match &self.binaries.libraries {
            Some(libraries) => launch.env("LD_LIBRARY_PATH", libraries),
            None => launch,
        }
    }

    fn environment(&self, launch: Launch) -> Launch {
        let path = std::env::var("PATH").unwrap_or_default();
        let file = |name: &str| self.folder.join(name);
        launch
            .env("PATH", format!("{}:{path}", file("bin").display()))
            .env("HOME", file("home"))
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_INETRC", file("inetrc"))
            .env("RABBITMQ_NODENAME", format!("{}@localhost", self.name))
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", file("mnesia"))
            .env("RABBITMQ_LOG_BASE", file("log"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("plugins"))
            .env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", file("no-environment-file"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG)
            // The start script then becomes the broker instead of waiting for it.
            .env("RUNNING_UNDER_SYSTEMD", "true")
    }

    fn epmd_program(&self) -> Result<PathBuf> {
        match &self.binaries.erlang {
            Some(erlang) => Ok(erts(erlang)?.join("epmd")),
            None => Ok(PathBuf::from("epmd")),
        }
    }
}

#[async_trait]
impl Body for RabbitMq {
    async fn start(&self) -> Result<()> {
        if lock(&self.epmd).is_none() {
            let epmd = self
                .launch("epmd", self.epmd_program()?)
                .args(["-port", &self.ports.epmd.to_string()]);
            *lock(&self.epmd) = Some(Arc::new(epmd.args(["-address", "127.0.0.1"]).spawn()?));
        }
        let program = self.home.join("sbin/rabbitmq-server");
        let process = Arc::new(self.environment(self.launch("", program)).spawn()?);
        *lock(&self.process) = Some(process.clone());
        let url = self.url();
        let ask = || answers::rabbitmq(&url, &self.management);
        Ok(until_ready(&*process, READY_WITHIN, ask).await?)
    }

    async fn stop(&self) -> Result<()> {
        let process = self.process()?;
        process.terminate()?;
        process.wait(STOP_WITHIN).await?;
        // Its helper programs are children that may linger.
        Ok(spawn_blocking(move || process.kill()).await??)
    }

    async fn crash(&self) -> Result<()> {
        let process = self.process()?;
        Ok(spawn_blocking(move || process.kill()).await??)
    }

    async fn freeze(&self) -> Result<()> {
        let process = self.process()?;
        Ok(spawn_blocking(move || process.freeze()).await??)
    }

    async fn thaw(&self) -> Result<()> {
        let process = self.process()?;
        Ok(spawn_blocking(move || process.thaw()).await??)
    }

    async fn alarm(&self, of: Resource, raised: bool) -> Result<()> {
        let program = self.home.join("sbin/rabbitmqctl");
        let ctl = self.environment(self.launch("ctl", program));
        let ctl = ctl.args(body::alarm(of, raised)).spawn()?;
        let ended = ctl.wait(CONTROL_WITHIN).await?;
        ensure!(ended.success(), "rabbitmqctl: {ended}: {}", ctl.log_tail());
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("never poisoned: no code panics under this lock")
}

/// Erlang's runtime programs.
fn erts(erlang: &Path) -> Result<PathBuf> {
    fs::read_dir(erlang)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|folder| {
            folder
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("erts-"))
        })
        .map(|folder| folder.join("bin"))
        .with_context(|| format!("no erts-* in {}", erlang.display()))
}
