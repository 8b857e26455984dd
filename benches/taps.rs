//! What it costs a relay that its connections go over the lab's edges: beside none, with taps that read each message, and
//! with taps that look in each for operations and for a message that never comes.

use std::{sync::Arc, time::Duration};

use anyhow::{Error, Result};
use criterion::Criterion;
use outbox_harness::{
    ask::{
        fault::Server,
        scenario::{self, Message},
        wire::{Deed, Watched},
    },
    wire::tap::{Act, Audience, Trigger},
};

use crate::{
    backlog::{self, EVEN},
    rounds::Rounds,
    site::{Cast, Site, Ways},
    stage::{self, Stage},
};

/// What a tap is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Everything,
}

pub fn benches(stage: &Stage, criterion: &mut Criterion) {
    let backlog = if stage.quick { 20_000 } else { 50_000 };
    let mut rounds = Rounds::new(stage);
    rounds.add("taps/none", backlog, async move |site| {
        let wanted = Cast {
            relays: 1,
            ..Cast::default()
        };
        let system = site.start(wanted).await?;
        let since = backlog::append(&site.pool, 0, backlog as i64, EVEN).await?;
        let drained = backlog::drained(&site.pool, since);
        let took = stage.spend("taps/none", backlog, drained).await?;
        stage.strike(&system).await?;
        Ok(took)
    });
    rounds.add("taps/unarmed", backlog, async move |site| {
        drain(stage, site, "taps/unarmed", backlog, Asked::Nothing).await
    });
    rounds.add("taps/armed", backlog, async move |site| {
        drain(stage, site, "taps/armed", backlog, Asked::Everything).await
    });
    let mut group = stage::group(criterion, "taps");
    rounds.bench(&mut group);
    group.finish();
}

async fn drain(
    stage: &Stage,
    site: &Site<'_>,
    figure: &'static str,
    events: u64,
    asked: Asked,
) -> Result<Duration> {
    let told = (asked == Asked::Everything).then(|| Audience {
        run: site.servers.run(),
        told: Arc::new(|_| ()),
    });
    let wanted = Cast {
        relays: 1,
        ..Cast::default()
    };
    let system = site.start_on(Ways::Edges(told), wanted).await?;
    let mut armed = Vec::new();
    if asked == Asked::Everything {
        for (server, edge, event) in [
            (Server::RabbitMq, "relay -> rabbitmq", "confirm"),
            (Server::RabbitMq, "relay -> rabbitmq", "publish"),
            (Server::Postgres, "relay -> postgres", "execute"),
        ] {
            let trigger = Trigger::new(never(edge, event)?, Act::Deed(Deed::Reset));
            for link in system.links_to(server) {
                link.tap().arm(&trigger);
            }
            armed.push(trigger);
        }
    }
    let since = backlog::append(&site.pool, 0, events as i64, EVEN).await?;
    let drained = backlog::drained(&site.pool, since);
    let took = stage.spend(figure, events, drained).await?;
    armed.iter().for_each(|trigger| trigger.disarm());
    stage.strike(&system).await?;
    Ok(took)
}

/// A message that never passes.
fn never(edge: &str, event: &str) -> Result<Watched> {
    let message = Message {
        edge: Some(edge.to_owned()),
        event: event.to_owned(),
        nth: 1,
        of: None,
        matching: Some("what nobody ever says".to_owned()),
        fingerprint: None,
        side: None,
        times: 1,
    };
    Watched::parse(&message, None, &scenario::System::default()).map_err(Error::msg)
}
