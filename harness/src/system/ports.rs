//! The ports that a process is given: free ones of loopback, the same over all its lives.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Context, Result};

use crate::{
    ask::target::{
        placeholder::{Placeholder, Values},
        process::Process,
    },
    os::port::free_port,
};

/// A process's ports by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Ports(BTreeMap<String, u16>);

impl Ports {
    /// One for each name that the process is told.
    pub fn draw(process: &Process) -> Result<Self> {
        let names = process.ports().into_iter();
        let drawn = names.map(|name| {
            let port = free_port().with_context(|| format!("no port for {}", process.name))?;
            Ok((name.to_owned(), port))
        });
        drawn.collect::<Result<_>>().map(Self)
    }

    /// Where the one of this name is.
    pub fn named(&self, name: &str) -> Result<SocketAddr> {
        let port = self.0.get(name);
        let port = port.with_context(|| format!("{{{{port.{name}}}}} is told to nobody"))?;
        Ok(([127, 0, 0, 1], *port).into())
    }

    /// What stands for them.
    pub fn tell(&self, values: Values) -> Values {
        let all = self.0.iter();
        all.fold(values, |values, (name, port)| {
            values.with(Placeholder::Port(name.clone()), port.to_string())
        })
    }
}
