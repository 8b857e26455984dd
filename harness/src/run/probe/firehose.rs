//! The broker's firehose: it tells of everything that is published in a vhost, wherever it goes. For a probe alone: a broker
//! that is restarted forgets it.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{arrivals::Arrivals, facts::By};
use crate::{
    run::heard::{FIREHOSE, traced},
    servers::{management::Management, vhost::LAB},
};

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Messages that were published, and none that were delivered.
const PUBLISHED: &str = "publish.#";

/// It runs, until it is shut.
pub struct Firehose {
    management: Management,
    vhost: String,
    _connection: Connection,
    _task: AbortOnDropHandle<()>,
}

impl Firehose {
    /// Has the broker tell of what is published in a vhost. What is published from the return of this on is told to `arrivals`.
    pub async fn open(
        amqp_url: &str,
        management: &Management,
        vhost: &str,
        arrivals: Arrivals,
    ) -> Result<Self> {
        management.trace(vhost, true).await?;
        let opened = timeout(ANSWER_WITHIN, listen(amqp_url)).await;
        let (connection, mut consumer) = opened
            .with_context(|| format!("the broker did not answer within {ANSWER_WITHIN:?}"))?
            .context("listening to the broker's firehose")?;
        let task = tokio::spawn(async move {
            while let Some(Ok(told)) = consumer.next().await {
                if let Some(message) = traced(&told) {
                    arrivals.take(By::Firehose, message);
                }
            }
        });
        Ok(Self {
            management: management.clone(),
            vhost: vhost.to_owned(),
            _connection: connection,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// The broker tells of nothing more.
    pub async fn shut(self) -> Result<()> {
        self.management.trace(&self.vhost, false).await
    }
}

async fn listen(amqp_url: &str) -> lapin::Result<(Connection, lapin::Consumer)> {
    let properties =
        ConnectionProperties::default().with_connection_name(format!("{LAB}firehose").into());
    let connection = Connection::connect(amqp_url, properties).await?;
    let channel = connection.create_channel().await?;
    let own = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..Default::default()
    };
    let queue = channel
        .queue_declare("".into(), own, FieldTable::default())
        .await?;
    let name = queue.name().clone();
    let bound = QueueBindOptions::default();
    channel
        .queue_bind(
            name.clone(),
            FIREHOSE.into(),
            PUBLISHED.into(),
            bound,
            FieldTable::default(),
        )
        .await?;
    let unanswered = BasicConsumeOptions {
        no_ack: true,
        ..Default::default()
    };
    let consumer = channel
        .basic_consume(name, "".into(), unanswered, FieldTable::default())
        .await?;
    Ok((connection, consumer))
}
