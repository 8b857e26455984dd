//! How one process of the service is started: the program, its role, its settings, its log.

use std::{
    collections::BTreeMap, ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode,
};

use anyhow::Result;

use crate::{
    ask::fault::Role,
    os::process::{self, Process, ProcessError},
    system::Place,
};

/// This program, as the kernel has it, whatever has become of its file.
const SELF: &str = "/proc/self/exe";
/// Set by cargo for tests and benches of the root package; elsewhere the lab is the service itself.
const PROGRAM: &str = "CARGO_BIN_EXE_outbox-service";
/// The lab's hidden first argument that makes it the service.
const AS_SERVICE: &str = "__service";

/// A process to be started, as often as wanted.
#[derive(Debug, Clone)]
pub struct Launch {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    environment: PathBuf,
    log: PathBuf,
}

impl Launch {
    /// The process `number` of `role`, logging into the run's folder.
    pub fn of(
        role: Role,
        number: u32,
        http: SocketAddr,
        place: &Place,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let (program, first) = service()?;
        let mut env = settings.clone();
        env.insert("OUTBOX_HTTP_ADDR".to_owned(), http.to_string());
        Ok(Self {
            name: format!("{} {number}", role.name()),
            program,
            args: first.into_iter().chain([role.name().to_owned()]).collect(),
            env,
            environment: place.environment.clone(),
            log: place.folder.join(format!("{}-{number}.log", role.name())),
        })
    }

    /// A command of the service that an operator would give, around all edges.
    pub fn operator(place: &Place, settings: &BTreeMap<String, String>) -> Result<Self> {
        let (program, first) = service()?;
        Ok(Self {
            name: "operator".to_owned(),
            program,
            args: first.into_iter().collect(),
            env: settings.clone(),
            environment: place.environment.clone(),
            log: place.folder.join("operator.log"),
        })
    }

    /// The same with more arguments.
    pub fn with(&self, args: &[&str]) -> Self {
        let mut more = self.clone();
        more.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        more
    }

    /// Sets an environment variable.
    pub fn set(&mut self, name: &str, value: String) {
        self.env.insert(name.to_owned(), value);
    }

    /// Starts it; its log is continued.
    pub fn spawn(&self) -> Result<Process, ProcessError> {
        let env = self
            .env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        process::Launch::new(&self.name, &self.program, &self.environment)
            .args(&self.args)
            .without(outbox_service::settings())
            .envs(env)
            .log(self.log.clone())
            .spawn()
    }
}

/// The real binary where cargo built one, else this very program in the service's place: never stale, also when its file
/// was built anew meanwhile, and a process of its own all the same.
fn service() -> Result<(PathBuf, Option<String>)> {
    if let Some(program) = std::env::var_os(PROGRAM) {
        return Ok((program.into(), None));
    }
    Ok((SELF.into(), Some(AS_SERVICE.to_owned())))
}

/// Becomes the service if this process was started to be it.
pub fn as_service() -> Option<ExitCode> {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1)? != AS_SERVICE {
        return None;
    }
    args.remove(1);
    Some(outbox_service::main(args))
}
