//! A Postgres server of the lab's own: fsync on, a data folder in the run's folder, a free port on loopback.

use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use nix::sys::signal::Signal;
use tokio::task::spawn_blocking;

use super::{
    Binaries,
    cache::Cache,
    command::run,
    disk::Disk,
    user::{self, other_user},
    zones,
};
use crate::{
    os::environment,
    os::port::free_port,
    os::process::{Launch, Process, until_ready},
    servers::{answers, body::Body},
};

/// Where a cluster's own settings are.
const SETTINGS: &str = "postgresql.auto.conf";
/// A second, unless the machine is busy with something else.
const READY_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// What takes longer is killed.
const QUIT_WITHIN: Duration = Duration::from_secs(2);

/// A running Postgres.
pub struct Postgres {
    name: String,
    data: PathBuf,
    port: u16,
    run_folder: PathBuf,
    binaries: Binaries,
    /// Of its own, if that is to be filled or its power cut.
    disk: Option<Disk>,
    process: Mutex<Option<Arc<Process>>>,
}

impl Postgres {
    /// Copies the initialised cluster (making it first, if this machine never had one) and starts a server on it.
    pub async fn boot(name: &str, binaries: &Binaries, run_folder: &Path) -> Result<Self> {
        let (data, port) = prepared(name, binaries, run_folder).await?;
        Self::on(name, data, port, binaries, run_folder, None).await
    }

    /// The same on a disk of its own.
    pub async fn boot_on_disk(name: &str, binaries: &Binaries, run_folder: &Path) -> Result<Self> {
        let (data, port) = prepared(name, binaries, run_folder).await?;
        let held = data.clone();
        let disk = spawn_blocking(move || Disk::holding(&held))
            .await?
            .context("making a disk for Postgres")?;
        Self::on(name, data, port, binaries, run_folder, Some(disk)).await
    }

    /// Starts a standby that follows `primary`.
    pub async fn boot_standby(name: &str, primary: &Self) -> Result<Self> {
        let port = free_port()?;
        let data = primary.run_folder.join(name);
        let copied = (primary.binaries.clone(), primary.url(""), data.clone());
        spawn_blocking(move || copy(&copied.0, &copied.1, &copied.2, port))
            .await?
            .context("copying a primary")?;
        let (binaries, run_folder) = (&primary.binaries, &primary.run_folder);
        Self::on(name, data, port, binaries, run_folder, None).await
    }

    /// Starts a server on a cluster that is there.
    async fn on(
        name: &str,
        data: PathBuf,
        port: u16,
        binaries: &Binaries,
        run_folder: &Path,
        disk: Option<Disk>,
    ) -> Result<Self> {
        let server = Self {
            name: name.to_owned(),
            data,
            port,
            run_folder: run_folder.to_owned(),
            binaries: binaries.clone(),
            disk,
            process: Mutex::new(None),
        };
        server.start().await?;
        Ok(server)
    }

    /// The folder of its programs, and the libraries that they need where those are not the system's.
    pub fn programs(&self) -> (&Path, Option<&OsStr>) {
        (&self.binaries.postgres, self.binaries.libraries.as_deref())
    }

    /// The log of this server's last start and those before.
    pub fn log(&self) -> PathBuf {
        self.run_folder.join(format!("{}.log", self.name))
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://lab@127.0.0.1:{}/{database}", self.port)
    }

    fn disk(&self) -> Result<Disk> {
        let disk = self.disk.clone();
        disk.with_context(|| format!("{} has no disk of its own", self.name))
    }

    async fn freed(&self, disk: Disk, process: &Process) -> Result<()> {
        let server = process.pid();
        spawn_blocking(move || disk.free(server)).await??;
        let url = self.url("postgres");
        Ok(until_ready(process, READY_WITHIN, || answers::postgres(&url)).await?)
    }

    fn process(&self) -> Result<Arc<Process>> {
        self.lock()
            .clone()
            .ok_or_else(|| anyhow!("{} was never started", self.name))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Process>>> {
        self.process
            .lock()
            .expect("never poisoned: no code panics under this lock")
    }
}

#[async_trait]
impl Body for Postgres {
    async fn start(&self) -> Result<()> {
        let (server, user) = (server(&self.binaries), other_user()?);
        let user = user.map(|user| (user.uid.as_raw(), user.gid.as_raw()));
        let mut launch = match (&self.disk, user) {
            (Some(disk), Some(user)) => {
                let (program, arguments) = disk.begin(user, &server);
                Launch::new(&self.name, program, &self.run_folder).args(arguments)
            }
            (Some(_), None) => bail!("only root mounts a disk for Postgres"),
            (None, None) => Launch::new(&self.name, server, &self.run_folder),
            (None, Some((uid, gid))) => {
                Launch::new(&self.name, server, &self.run_folder).user(uid, gid)
            }
        }
        .args([Path::new("-D"), &self.data]);
        if let Some(libraries) = &self.binaries.libraries {
            launch = launch.env("LD_LIBRARY_PATH", libraries);
        }
        let process = Arc::new(launch.clean().spawn()?);
        *self.lock() = Some(process.clone());
        let url = self.url("postgres");
        Ok(until_ready(&*process, READY_WITHIN, || answers::postgres(&url)).await?)
    }

    async fn stop(&self) -> Result<()> {
        let process = self.process()?;
        process.signal(Signal::SIGINT)?;
        process.wait(STOP_WITHIN).await?;
        Ok(())
    }

    async fn crash(&self) -> Result<()> {
        let process = self.process()?;
        spawn_blocking(move || process.kill()).await??;
        // All its processes are dead; the pid in it may soon be somebody else's.
        let _ = std::fs::remove_file(self.data.join("postmaster.pid"));
        Ok(())
    }

    async fn cut_power(&self) -> Result<()> {
        let disk = self.disk()?;
        self.freeze().await?;
        let copied = disk.clone();
        spawn_blocking(move || copied.copy()).await??;
        self.crash().await?;
        spawn_blocking(move || disk.restore()).await?
    }

    async fn flush(&self) -> Result<()> {
        let (disk, server) = (self.disk()?, self.process()?.pid());
        spawn_blocking(move || disk.flush(server)).await?
    }

    async fn fill_disk(&self) -> Result<()> {
        let (disk, server) = (self.disk()?, self.process()?.pid());
        spawn_blocking(move || disk.fill(server)).await?
    }

    async fn free_disk(&self) -> Result<()> {
        let (disk, process) = (self.disk()?, self.process()?);
        if !process.is_running() {
            return self.start().await;
        }
        let freed = self.freed(disk, &process).await;
        // One that died of the full disk while it was asked begins again on a disk with room.
        if freed.is_err() && !process.is_running() {
            return self.start().await;
        }
        freed
    }

    async fn freeze(&self) -> Result<()> {
        let process = self.process()?;
        Ok(spawn_blocking(move || process.freeze()).await??)
    }

    async fn thaw(&self) -> Result<()> {
        let process = self.process()?;
        Ok(spawn_blocking(move || process.thaw()).await??)
    }
}

impl Drop for Postgres {
    /// An immediate shutdown: it says nothing to clients, and takes back its segment of shared memory, which SIGKILL
    /// would leave behind.
    fn drop(&mut self) {
        let Some(process) = self.lock().take() else {
            return;
        };
        let deadline = Instant::now() + QUIT_WITHIN;
        if process.signal(Signal::SIGQUIT).is_ok() {
            while process.is_running() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Its folder, with the initialised cluster in it, and its port.
async fn prepared(name: &str, binaries: &Binaries, run_folder: &Path) -> Result<(PathBuf, u16)> {
    let port = free_port()?;
    let data = run_folder.join(name);
    let (binaries, run_folder, folder) = (binaries.clone(), run_folder.to_owned(), data.clone());
    spawn_blocking(move || prepare(&binaries, &run_folder, &folder, port))
        .await?
        .context("preparing Postgres' data")?;
    Ok((data, port))
}

fn prepare(binaries: &Binaries, run_folder: &Path, data: &Path, port: u16) -> Result<()> {
    let template = template(binaries, run_folder)?;
    run(Command::new("cp")
        .args(["-a", "--reflink=auto"])
        .arg(&template)
        .arg(data))?;
    let cluster = run_folder.file_name().unwrap_or_default().to_string_lossy();
    let settings = format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 400\n\
         shared_buffers = 256MB\nfsync = on\nsynchronous_commit = on\ntrack_commit_timestamp = on\n\
         wal_level = logical\nmax_replication_slots = 64\ndynamic_shared_memory_type = mmap\ncluster_name = '{cluster}'\nlogging_collector = off\n{}",
        zones::SETTINGS
    );
    let file = data.join(SETTINGS);
    std::fs::write(&file, settings).with_context(|| format!("writing {}", file.display()))?;
    if let Some(zones) = &binaries.zones {
        zones.link(data)?;
        finds_zones(binaries, data)?;
    }
    give_away(data)
}

/// Copies a running primary, and writes down that the copy follows it.
fn copy(binaries: &Binaries, primary: &str, data: &Path, port: u16) -> Result<()> {
    run(
        program_of(binaries, binaries.postgres.join("pg_basebackup"))
            .args([
                "--checkpoint=fast",
                "--write-recovery-conf",
                "--dbname",
                primary,
                "--pgdata",
            ])
            .arg(data),
    )?;
    if let Some(zones) = &binaries.zones {
        zones.link(data)?;
    }
    let settings = std::fs::OpenOptions::new()
        .append(true)
        .open(data.join(SETTINGS));
    writeln!(settings?, "port = {port}")?;
    give_away(data)
}

/// To the user that Postgres runs as.
fn give_away(data: &Path) -> Result<()> {
    if let Some(user) = other_user()? {
        run(Command::new("chown")
            .arg("-R")
            .arg(format!("{}:{}", user.uid, user.gid))
            .arg(data))?;
    }
    Ok(())
}

/// The program that is the server.
fn server(binaries: &Binaries) -> PathBuf {
    match &binaries.zones {
        Some(zones) => zones.server().to_owned(),
        None => binaries.postgres.join("postgres"),
    }
}

/// Asks the server's program before it is started: no client could connect, and each would say only that it was refused.
fn finds_zones(binaries: &Binaries, data: &Path) -> Result<()> {
    let asked = run(program_of(binaries, server(binaries))
        .args(["-C", "timezone", "-c", "timezone=UTC", "-D"])
        .arg(data)
        .current_dir(data));
    asked.map(drop).with_context(|| {
        format!(
            "this machine has no time zones for Postgres, and the lab's copy of it does not take those from package {}; install that package",
            zones::PACKAGE
        )
    })
}

/// The cached cluster for this version: initdb takes seconds, a copy does not.
fn template(binaries: &Binaries, run_folder: &Path) -> Result<PathBuf> {
    let cache = Cache::open()?;
    let version = version(binaries)?;
    let name = format!("cluster-{version}");
    if cache.entry(&name).is_dir() {
        return Ok(cache.entry(&name));
    }
    // Initialised in the run's folder, where the other user may write.
    let fresh = tempfile::Builder::new()
        .prefix("initdb-")
        .tempdir_in(run_folder)?;
    let data = fresh.path().join("data");
    let mut initdb = program_of(binaries, binaries.postgres.join("initdb"));
    initdb
        .args([
            "--username=lab",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--pgdata",
        ])
        .arg(&data);
    if let Some(user) = other_user()? {
        use std::os::unix::process::CommandExt;
        give_away(fresh.path())?;
        initdb.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    if let Some(lender) = &binaries.name_lender {
        user::lend_name(&mut initdb, lender, fresh.path())?;
    }
    run(&mut initdb)?;
    let workshop = cache.workshop(&name)?;
    let copy = workshop.join("data");
    run(Command::new("cp").arg("-a").arg(&data).arg(&copy))?;
    let entry = cache.put(&copy, &name)?;
    let _ = std::fs::remove_dir(workshop);
    Ok(entry)
}

fn version(binaries: &Binaries) -> Result<String> {
    let printed = run(program_of(binaries, binaries.postgres.join("postgres")).arg("--version"))?;
    let number = printed.split_whitespace().nth(2);
    Ok(number
        .with_context(|| format!("{printed:?} names no version"))?
        .to_owned())
}

fn program_of(binaries: &Binaries, program: PathBuf) -> Command {
    let mut command = Command::new(program);
    if let Some(libraries) = &binaries.libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    environment::without_steering(&mut command);
    command.current_dir("/");
    command
}
