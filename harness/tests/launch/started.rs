//! What is started, and how.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use outbox_harness::{
    ask::{
        fault::{Party, Role, Server},
        scenario,
    },
    servers::lab::Lab,
    system::{Member, PROCESSES},
};
use sqlx::{Connection, PgConnection};

use crate::stand::{Stand, run, target};

const SOON: Duration = Duration::from_secs(10);

const ADDRESSES: &str = "DATABASE_URL = \"{{postgres.url}}\", AMQP_URL = \"{{rabbitmq.url}}\"";

fn two_relays() -> scenario::System {
    scenario::System {
        relays: 2,
        ..scenario::System::default()
    }
}

fn is_same<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<()> {
    ensure!(found == wanted, "{found:?} is not {wanted:?}");
    Ok(())
}

/// One of a role, or all.
fn party(role: Role, number: Option<u32>) -> Party {
    Party { role, number }
}

pub async fn told(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    let processes = format!(
        "[[process]]\nname = \"redis\"\nplays = []\nedges = []\n{run}\n\
         [[process]]\nname = \"orders\"\nplays = [\"api\", \"relay\"]\ncount = 2\n{run}\nready = {{ http = \"/up\" }}\n\
         files = {{ \"conf/shop.ini\" = \"number={{{{process.number}}}}\" }}\n\
         env = {{ {ADDRESSES}, PORT = \"{{{{port.http}}}}\", TOLD_DIR = \"{{{{dir}}}}\", TOLD_HOME = \"{{{{target.dir}}}}\", TOLD_RUN = \"{{{{run}}}}\" }}\n",
        run = run("serve")?,
    );
    let stand = Stand::of(lab, target(folder, "", &processes)?, folder).await?;
    let system = stand.start(&two_relays(), false).await?;
    let names: Vec<String> = system
        .members()
        .iter()
        .map(|member| member.name())
        .collect();
    is_same(
        names,
        ["redis 1", "orders 1", "orders 2"]
            .map(str::to_owned)
            .to_vec(),
    )?;
    for role in [Role::Api, Role::Relay] {
        let second = system.members_of(party(role, Some(2)))?;
        is_same(
            second.iter().map(|one| one.name()).collect(),
            vec!["orders 2".to_owned()],
        )?;
        for server in [Server::Postgres, Server::RabbitMq] {
            let to = party(Role::Server(server), None);
            is_same(system.links_of(party(role, None), to)?.len(), 2)?;
        }
    }
    for (api, number) in system.apis().iter().zip(1..) {
        let answered = reqwest::get(format!("{}/up", api.url)).await?;
        ensure!(answered.status().is_success(), "{answered:?}");
        let edge = system.links_of(party(Role::Client, None), party(Role::Api, Some(number)))?;
        ensure!(edge[0].counters().requests == 1, "not over the edge");
        let dir = stand.folder(&format!("orders-{number}"));
        let told = std::fs::read_to_string(dir.join("told"))?;
        let wanted = format!(
            "TOLD_DIR={}\nTOLD_HOME={}\nTOLD_RUN={}",
            dir.display(),
            folder.display(),
            stand.servers.run()
        );
        is_same(told, wanted)?;
        let file = std::fs::read_to_string(dir.join("conf/shop.ini"))?;
        is_same(file, format!("number={number}"))?;
    }
    stand.check(&system).await?;
    system.stop(&PROCESSES).await;
    for member in system.members() {
        is_same(member.death().await, None)?;
    }
    stand.clear(system).await
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Result<()> {
    let began = Instant::now();
    while !is_so().await {
        ensure!(began.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

pub async fn revived(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    let processes = format!(
        "[[process]]\nname = \"relay\"\n{}\ndir = \"keep\"\nended = \"restart after 100ms\"\n\
         ready = {{ log = \"^open in life [2-9]$\" }}\nenv = {{ {ADDRESSES}, LIVES = \"{{{{dir}}}}/lives\" }}\n",
        run("publish")?
    );
    let stand = Stand::of(lab, target(folder, "", &processes)?, folder).await?;
    let system = stand.start(&scenario::System::default(), false).await?;
    let relay: &Arc<Member> = system.members().first().context("a relay")?;
    is_same(relay.revived(), 1)?;
    is_same(relay.death().await, None)?;
    relay.kill().await?;
    let lives = || std::fs::read_to_string(stand.folder("relay-1").join("lives"));
    tokio::time::sleep(Duration::from_millis(400)).await;
    is_same(lives()?.lines().count(), 2)?;
    relay.start().await?;
    relay.wait_until_ready(SOON).await?;
    is_same(lives()?.lines().count(), 3)?;
    is_same(relay.revived(), 1)?;
    stand.clear(system).await
}

pub async fn folders(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    let process = |name: &str, dir: &str| -> Result<String> {
        Ok(format!(
            "[[process]]\nname = \"{name}\"\nplays = [\"relay\"]\n{}\ndir = \"{dir}\"\n\
             ready = {{ file = \"{{{{dir}}}}/told\" }}\nenv = {{ {ADDRESSES} }}\n",
            run("publish")?
        ))
    };
    let processes = process("fresh", "fresh")? + &process("kept", "keep")?;
    let stand = Stand::of(lab, target(folder, "", &processes)?, folder).await?;
    let system = stand.start(&scenario::System::default(), false).await?;
    for (member, stays) in system.members().iter().zip([false, true]) {
        let mark = stand
            .folder(&member.name().replace(' ', "-"))
            .join("offsets");
        std::fs::write(&mark, "12")?;
        member.kill().await?;
        member.start().await?;
        member.wait_until_ready(SOON).await?;
        is_same(mark.exists(), stays)?;
    }
    stand.clear(system).await
}

pub async fn set_up(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    let setup = format!(
        "[setup]\n{}\nsql = \"CREATE TABLE mails (id uuid); INSERT INTO mails VALUES (gen_random_uuid())\"\n\
         exchanges = [\"shop.events topic\", \"shop.mails topic\"]\nqueues = [\"shop.audit\"]\n",
        run("migrate")?
    );
    let processes = format!(
        "[[process]]\nname = \"migrator\"\nplays = []\nedges = [\"postgres\"]\n{run}\n\
         env = {{ DATABASE_URL = \"{{{{postgres.url}}}}\", MIGRATIONS = \"{{{{target.dir}}}}/migrations\" }}\n\
         [[process]]\nname = \"relay\"\n{run}\nenv = {{ {ADDRESSES} }}\n",
        run = run("publish")?
    );
    for _ in 0..2 {
        let target = target(folder, &setup, &processes)?;
        let stand = Stand::of(lab.clone(), target, folder).await?;
        let mut database = PgConnection::connect(&stand.servers.database_url()).await?;
        let mails: i64 = sqlx::query_scalar("SELECT count(*) FROM mails")
            .fetch_one(&mut database)
            .await?;
        is_same(mails, 1)?;
        sqlx::query("SELECT id FROM orders")
            .execute(&mut database)
            .await?;
        database.close().await?;
        let management = lab.rabbitmq().management();
        for exchange in ["shop.events", "shop.mails"] {
            is_same(management.bindings(&stand.name, exchange).await?, 0)?;
        }
        is_same(management.redelivered(&stand.name, "shop.audit").await?, 0)?;
        stand.servers.remove(&lab).await?;
    }
    let migrated = std::fs::read_to_string(folder.join("migrations"))?;
    is_same(migrated.lines().count(), 1)
}

pub async fn laboratory(lab: Arc<Lab>, folder: &Path) -> Result<()> {
    let processes = format!(
        "[[process]]\nname = \"relay\"\n{}\nready = {{ file = \"{{{{dir}}}}/told\" }}\n\
         env = {{ {ADDRESSES}, TOLD_POLL = \"1000\", TOLD_LEASE = \"10\" }}\n\
         [laboratory]\nTOLD_POLL = \"50\"\n",
        run("publish")?
    );
    let stand = Stand::of(lab, target(folder, "", &processes)?, folder).await?;
    let mut story = scenario::System::default();
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    story.settings.extend([
        setting("TOLD_LEASE", "3"),
        setting("AMQP_URL", "amqp://elsewhere"),
    ]);
    for (as_shipped, wanted) in [(false, "50"), (true, "1000")] {
        let system = stand.start(&story, as_shipped).await?;
        until("all is told", async || {
            let told = std::fs::read_to_string(stand.folder("relay-1").join("told"));
            told.is_ok_and(|told| told == format!("TOLD_LEASE=3\nTOLD_POLL={wanted}"))
        })
        .await?;
        until("over its edge to the broker", async || {
            stand.check(&system).await.is_ok()
        })
        .await?;
        system.remove_edges().await?;
    }
    Ok(())
}
