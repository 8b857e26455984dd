//! A target's file, its servers, and its system, for one case.

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use anyhow::{Context, Result};
use outbox_harness::{
    ask::{scenario, target::Target},
    run::own_servers::OwnServers,
    servers::lab::Lab,
    system::{Place, Staging, System},
};
use uuid::Uuid;

use crate::shop::AS_SHOP;

/// A case under way.
pub type Case<'c> = Pin<Box<dyn Future<Output = Result<()>> + 'c>>;

/// What every file begins with.
const HEAD: &str = "name = \"shop\"\npromise = { order = \"none\" }\n\
                    pace = { ready_within = \"10s\", stops_within = \"5s\" }\n";
const WRITE: &str = "[write]\nsql = \"INSERT INTO orders VALUES ('{{id}}')\"\n[witness]\nexchange = \"shop.events\"\n";

/// A target of one folder.
pub fn target(folder: &Path, setup: &str, processes: &str) -> Result<Target> {
    let text = format!("{HEAD}{setup}\n{WRITE}\n{processes}");
    let target = Target::read(&text).with_context(|| text)?;
    Ok(target.of_folder(folder.to_owned()))
}

/// The words that start this program as the shop.
pub fn run(command: &str) -> Result<String> {
    let program = std::env::current_exe()?;
    Ok(format!("run = [{:?}, \"{AS_SHOP}\", {command:?}]", program))
}

/// A target's own servers and what runs on them.
pub struct Stand {
    lab: Arc<Lab>,
    pub name: String,
    pub target: Target,
    pub servers: OwnServers,
    folder: PathBuf,
}

impl Stand {
    pub async fn of(lab: Arc<Lab>, target: Target, folder: &Path) -> Result<Self> {
        let name = format!("launch_{}", Uuid::now_v7().simple());
        let servers = OwnServers::prepare(&lab, &[], &target, &name).await?;
        Ok(Self {
            lab,
            servers,
            target,
            folder: folder.join(&name),
            name,
        })
    }

    /// Where a process such as `relay-1` works, or its log is.
    pub fn folder(&self, process: &str) -> PathBuf {
        self.folder.join(process)
    }

    pub async fn start(&self, story: &scenario::System, as_shipped: bool) -> Result<System> {
        std::fs::create_dir_all(&self.folder)?;
        let place = Place {
            name: self.name.clone(),
            run: self.servers.run(),
            environment: self.lab.folder().to_owned(),
            folder: self.folder.clone(),
            told: None,
        };
        let staging = Staging {
            target: &self.target,
            story,
            as_shipped,
        };
        let control = Some(self.lab.control());
        System::start(&staging, &self.servers.addresses(), control, &place).await
    }

    /// Whether everybody goes over its edges.
    pub async fn check(&self, system: &System) -> Result<()> {
        let pool = sqlx::PgPool::connect(&self.servers.observing_url()).await?;
        let management = self.lab.rabbitmq().management();
        let addresses = self.servers.addresses();
        let checked = system
            .goes_over_its_edges(&addresses, &pool, management)
            .await;
        pool.close().await;
        checked
    }

    pub async fn clear(self, system: System) -> Result<()> {
        system.remove_edges().await?;
        drop(system);
        self.servers.remove(&self.lab).await
    }
}
