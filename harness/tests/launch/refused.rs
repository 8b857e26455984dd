//! What is refused, and how it is told.

use std::{path::Path, sync::Arc};

use anyhow::{Result, ensure};
use outbox_harness::{
    ask::{scenario, target::need::Need},
    servers::{lab::Lab, needs},
    system::Bypass,
};

use crate::stand::{Stand, run, target};

fn said(done: Result<impl Sized>) -> String {
    match done {
        Ok(_) => "nothing was refused".to_owned(),
        Err(error) => format!("{error:#}"),
    }
}

/// A relay that is told its edges, and has another address written somewhere.
fn relay(written: &str) -> Result<String> {
    Ok(format!(
        "[[process]]\nname = \"relay\"\n{}\nready = {{ log = \"open\" }}\n\
         env = {{ A = \"{{{{postgres.url}}}}\", B = \"{{{{rabbitmq.url}}}}\", {written} }}\n",
        run("publish")?
    ))
}

pub async fn around(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    for (variable, told, server) in [
        (
            "DATABASE_URL",
            "AMQP_URL = \"{{rabbitmq.url}}\"",
            "Postgres",
        ),
        (
            "AMQP_URL",
            "DATABASE_URL = \"{{postgres.url}}\"",
            "RabbitMQ",
        ),
    ] {
        let mut stand = Stand::of(lab.clone(), target(folder, "", &relay(told)?)?, folder).await?;
        let direct = match server {
            "Postgres" => stand.servers.database_url(),
            _ => stand.servers.amqp_url(),
        };
        let written = format!("{told}, {variable} = \"{direct}\"");
        stand.target = target(folder, "", &relay(&written)?)?;
        let system = stand.start(&scenario::System::default(), false).await?;
        let error = said(stand.check(&system).await);
        ensure!(
            error.starts_with(&format!("relay 1 goes around its edge to {server}: ")),
            "{error}"
        );
        stand.clear(system).await?;
    }
    Ok(())
}

pub async fn unused(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    let processes = relay("DATABASE_URL = \"{{postgres.url}}\"")?;
    let stand = Stand::of(lab, target(folder, "", &processes)?, folder).await?;
    let system = stand.start(&scenario::System::default(), false).await?;
    let refused = stand.check(&system).await;
    let wanted = Bypass::Unused {
        process: "relay 1".to_owned(),
        edge: "rabbitmq",
    };
    let found = refused
        .as_ref()
        .err()
        .and_then(|error| error.downcast_ref());
    ensure!(found == Some(&wanted), "{}", said(refused));
    stand.clear(system).await
}

pub async fn missing(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    let need = |text: &str| Need::try_from(text.to_owned());
    let wal = need("postgres.wal_level=minimal").map_err(anyhow::Error::msg)?;
    let error = said(needs::check(&lab, &[wal]).await);
    ensure!(
        error == "the target needs Postgres with wal_level = minimal, and it is logical here",
        "{error}"
    );
    let plugin = need("rabbitmq_shovel").map_err(anyhow::Error::msg)?;
    let error = said(needs::check(&lab, &[plugin]).await);
    ensure!(error.contains("have not enabled it"), "{error}");

    let processes = relay("X = \"1\"")?.replace("run = ", "run = \"./shop\" # ");
    let stand = Stand::of(lab, target(folder, "", &processes)?, folder).await?;
    let error = said(stand.start(&scenario::System::default(), false).await);
    let line = 12;
    ensure!(
        error.starts_with(&format!(
            "relay 1, line {line} of the target's file: there is no program"
        )) && error.ends_with("shop; build it first"),
        "{error}"
    );
    Ok(())
}
