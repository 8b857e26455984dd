//! The shell's variables. Some steer servers and clients that the lab means to steer itself: `PGSSLMODE` reaches every
//! connection to Postgres, `RABBITMQ_DEFAULT_USER` and `ERL_AFLAGS` every broker, `HTTP_PROXY` a client of Toxiproxy on
//! loopback. A lab that they reach measures the shell it was started from.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::Command,
};

/// Beginnings of the names of variables that steer Postgres and its clients, RabbitMQ, Erlang, and where traces go.
const STEERING: [&str; 4] = ["PG", "RABBITMQ_", "ERL_", "OTEL_"];
/// Beginnings of the names of variables that mean nothing when they are empty: that is how a template writes one that it has
/// no value for.
const UNSET_IF_EMPTY: [&str; 2] = ["LAB_", "DOCKER_"];
/// What sends HTTP elsewhere; the lab's downloads may need it.
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
/// Where no proxy is asked, under both of its names; clients read the first that is set.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// Everything that the lab talks to by HTTP.
const LOOPBACK: &str = "127.0.0.1,localhost,::1";
/// All that a server needs of the shell: where things are, and how file names are spelt.
const NEEDED: [&str; 7] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
];

/// Starts this very program again, in its place, without the variables that would steer what the lab steers itself; returns
/// where there are none. Must come first in a program: its own clients read variables, too, and a process that has threads
/// cannot change its own.
pub fn clean() -> io::Result<()> {
    let changes = Changes::of(env::vars_os());
    if changes.is_empty() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut again = Command::new(env::current_exe()?);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again.args(arguments);
    changes.apply(&mut again);
    Err(again.exec())
}

/// Takes from a child what steers servers and their clients.
pub(crate) fn without_steering(child: &mut Command) {
    for name in env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| steers(name))
    {
        child.env_remove(name);
    }
}

/// Gives a child nothing but what every program needs.
pub(crate) fn only_what_is_needed(child: &mut Command) {
    child.env_clear();
    for name in NEEDED {
        if let Some(value) = env::var_os(name) {
            child.env(name, value);
        }
    }
}

fn steers(name: &OsStr) -> bool {
    begins(name, &STEERING)
}

fn begins(name: &OsStr, beginnings: &[&str]) -> bool {
    let name = name.as_encoded_bytes();
    beginnings
        .iter()
        .any(|beginning| name.starts_with(beginning.as_bytes()))
}

/// What differs between the shell's variables and those that the lab runs with.
#[derive(Debug, PartialEq, Eq)]
struct Changes {
    remove: Vec<OsString>,
    set: Vec<(&'static str, OsString)>,
}

impl Changes {
    fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut remove = Vec::new();
        let mut proxied = false;
        let mut excepted = None;
        for (name, value) in variables {
            let text = name.to_string_lossy();
            proxied |= PROXIES.contains(&text.to_uppercase().as_str()) && !value.is_empty();
            let unset = value.is_empty() && begins(&name, &UNSET_IF_EMPTY);
            if text == NO_PROXY[0] || (text == NO_PROXY[1] && excepted.is_none()) {
                excepted = Some(value);
            }
            if steers(&name) || unset {
                remove.push(name);
            }
        }
        let set = match excepted.unwrap_or_default() {
            excepted if proxied && !excepts_loopback(&excepted) => {
                let mut all = excepted;
                if !all.is_empty() {
                    all.push(",");
                }
                all.push(LOOPBACK);
                NO_PROXY.map(|name| (name, all.clone())).to_vec()
            }
            _ => Vec::new(),
        };
        Self { remove, set }
    }

    fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty()
    }

    fn apply(&self, command: &mut Command) {
        for name in &self.remove {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
    }
}

fn excepts_loopback(excepted: &OsStr) -> bool {
    excepted.to_string_lossy().ends_with(LOOPBACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(variables: &[(&str, &str)]) -> Changes {
        let owned = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Changes::of(owned)
    }

    #[test]
    fn what_steers_servers_and_their_clients_goes_and_all_else_stays() {
        let found = changes(&[
            ("PGSSLMODE", "require"),
            ("RABBITMQ_DEFAULT_USER", "app"),
            ("ERL_AFLAGS", "-name x"),
            ("PATH", "/bin"),
            ("LAB_SEED", "7"),
            ("OUTBOX_PLANT", "1"),
        ]);
        assert_eq!(
            found.remove,
            ["PGSSLMODE", "RABBITMQ_DEFAULT_USER", "ERL_AFLAGS"]
        );
        assert!(found.set.is_empty());
    }

    #[test]
    fn a_variable_of_the_labs_or_dockers_that_is_empty_is_as_if_it_were_not_set() {
        let found = changes(&[("DOCKER_HOST", ""), ("LAB_BACKEND", ""), ("OTHER", "")]);
        assert_eq!(found.remove, ["DOCKER_HOST", "LAB_BACKEND"]);
    }

    #[test]
    fn a_proxy_stays_for_downloads_and_is_not_asked_for_loopback() {
        let found = changes(&[
            ("http_proxy", "http://127.0.0.1:9"),
            ("no_proxy", "example.org"),
        ]);
        let wanted = OsString::from("example.org,127.0.0.1,localhost,::1");
        assert!(found.remove.is_empty());
        assert_eq!(
            found.set,
            [("NO_PROXY", wanted.clone()), ("no_proxy", wanted)]
        );
    }

    #[test]
    fn what_was_changed_needs_no_second_change() {
        assert!(changes(&[("PATH", "/bin"), ("HTTP_PROXY", "")]).is_empty());
        for excepted in ["", "example.org"] {
            let first = changes(&[("HTTPS_PROXY", "http://p"), ("NO_PROXY", excepted)]);
            let [(_, value), _] = &first.set[..] else {
                panic!("{first:?}")
            };
            let value = value.to_str().unwrap();
            let second = [
                ("HTTPS_PROXY", "http://p"),
                ("NO_PROXY", value),
                ("no_proxy", value),
            ];
            assert!(changes(&second).is_empty());
        }
    }
}
