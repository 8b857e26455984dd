//! Orders over HTTP. Whoever does not know what became of his order asks for it again.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use lapin::{ExchangeKind, options::ExchangeDeclareOptions, types::FieldTable};
use sqlx::{PgPool, query_scalar};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Settings,
    broker::{self, EXCHANGE},
    bug::{Bug, fires},
    database::{self, ANSWER_WITHIN},
    event::Order,
    orders::{Failure, Stored, store},
    publisher::Publisher,
    within,
};

/// What requests work on.
struct Desk {
    pool: PgPool,
    /// Nobody but a mistake sends from here.
    publisher: Option<Publisher>,
}

/// Says at once, where a log is read first, if events would go nowhere; orders are taken all the same.
async fn look_for_the_exchange(amqp: String) {
    let looked = async {
        let (connection, channel) = broker::connect(&amqp, "zoo-outbox api").await?;
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let there = channel.exchange_declare(
            EXCHANGE.into(),
            ExchangeKind::Fanout,
            passive,
            FieldTable::default(),
        );
        within(broker::ANSWER_WITHIN, there).await??;
        broker::hang_up(&connection).await;
        anyhow::Ok(())
    };
    if let Err(error) = looked.await {
        eprintln!("zoo-outbox api: the exchange {EXCHANGE} is not there: {error:#}");
    }
}

/// Takes orders until `stop`, and finishes those at hand.
pub async fn serve(
    settings: &Settings,
    port: u16,
    connections: u32,
    stop: CancellationToken,
) -> Result<()> {
    let sends = fires(Bug::DualWrite) || fires(Bug::PublishInTransaction);
    let desk = Desk {
        pool: database::pool(&settings.database, connections)?,
        publisher: match sends {
            true => Some(Publisher::open(&settings.amqp).await?),
            false => None,
        },
    };
    tokio::spawn(look_for_the_exchange(settings.amqp.clone()));
    let routes = Router::new()
        .route("/orders", post(place))
        .route("/orders/{id}", get(look))
        .route("/readyz", get(ready))
        .with_state(Arc::new(desk));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.context("listening")?;
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("serving")
}

/// Whether orders can be taken now.
async fn ready(State(desk): State<Arc<Desk>>) -> StatusCode {
    let asked = sqlx::query("SELECT 1").execute(&desk.pool);
    match timeout(ANSWER_WITHIN, asked).await {
        Ok(Ok(_)) => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// 201 and 200: it is stored. 409 and 422: it is not, and never will be. 503: nobody knows.
async fn place(State(desk): State<Arc<Desk>>, Json(order): Json<Order>) -> StatusCode {
    if fires(Bug::AnswerBeforeCommit) {
        tokio::spawn(async move { placed(&desk, &order).await });
        return StatusCode::CREATED;
    }
    placed(&desk, &order).await
}

async fn placed(desk: &Desk, order: &Order) -> StatusCode {
    let Ok(mut session) = desk.pool.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    let storing = store(&mut session, order, desk.publisher.as_ref());
    let stored = match fires(Bug::NoStatementDeadline) {
        true => Ok(storing.await),
        false => timeout(ANSWER_WITHIN, storing).await,
    };
    match stored {
        Ok(Ok(Stored::New)) => StatusCode::CREATED,
        Ok(Ok(Stored::Known)) if fires(Bug::AgainIsRefusal) => StatusCode::CONFLICT,
        Ok(Ok(Stored::Known)) => StatusCode::OK,
        Ok(Ok(Stored::Conflict)) => StatusCode::UNPROCESSABLE_ENTITY,
        Ok(Err(failure)) => {
            if fires(Bug::ConnectionLeaked) {
                std::mem::forget(session);
            } else if fires(Bug::DirtyConnection) {
                let _ = sqlx::query("BEGIN").execute(&mut *session).await;
                let _ = sqlx::query("SELECT 1 / 0").execute(&mut *session).await;
            } else {
                // Whatever is left of it, nobody else gets it.
                drop(session.detach());
            }
            match failure {
                Failure::RolledBack(error) => {
                    eprintln!("zoo-outbox api: {} is rolled back: {error}", order.id);
                    StatusCode::CONFLICT
                }
                Failure::Unknown(error) => {
                    eprintln!("zoo-outbox api: {} is unknown: {error}", order.id);
                    StatusCode::SERVICE_UNAVAILABLE
                }
            }
        }
        Err(_) => {
            drop(session.detach());
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

async fn look(State(desk): State<Arc<Desk>>, Path(id): Path<Uuid>) -> StatusCode {
    let there = query_scalar("SELECT EXISTS (SELECT FROM orders WHERE id = $1)").bind(id);
    match timeout(ANSWER_WITHIN, there.fetch_one(&desk.pool)).await {
        Ok(Ok(true)) => StatusCode::OK,
        Ok(Ok(false)) => StatusCode::NOT_FOUND,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}
