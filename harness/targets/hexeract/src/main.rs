//! An application on hexeract, as its documentation shows one: an API that writes, and an outbox worker whose handler is the
//! bridge to the bus.

use std::{env, time::Duration};

use anyhow::{Context, Result, bail};
use axum::{Router, extract::Query, extract::State, http::StatusCode, routing::get, routing::post};
use hexeract::{
    bus::{BusError, Message, Transport},
    bus_rabbitmq::RabbitMqTransport,
    core::HandlerContext,
    outbox::{Event, Handler, OutboxError, OutboxPublisher},
    outbox_sql::{PgOutboxPublisher, PgOutboxWorkerBuilder, postgres::ensure_schema},
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The library's own name for it.
const TABLE: &str = "audit_outbox";
/// The default exchange routes by a queue's name.
const QUEUE: &str = "orders.placed";

#[derive(Debug, Serialize, Deserialize)]
struct OrderPlaced {
    id: Uuid,
    key: String,
    n: i64,
}

impl Event for OrderPlaced {
    const EVENT_TYPE: &'static str = "orders.placed";
}

impl Message for OrderPlaced {
    const MESSAGE_TYPE: &'static str = "orders.placed";
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_ansi(false).init();
    let url = env::var("DATABASE_URL").context("DATABASE_URL")?;
    let pool = PgPool::connect_lazy(&url)?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    let mut term = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        term.recv().await;
        asked.cancel();
    });
    match env::args().nth(1).as_deref() {
        Some("migrate") => migrate(&pool).await,
        Some("api") => api(pool, stop).await,
        Some("relay") => relay(&pool, &stop).await,
        _ => bail!("hexeract-target migrate | api | relay"),
    }
}

async fn migrate(pool: &PgPool) -> Result<()> {
    ensure_schema(pool, TABLE).await?;
    sqlx::query("CREATE TABLE orders (id uuid PRIMARY KEY, key text, n bigint)")
        .execute(pool)
        .await?;
    Ok(())
}

async fn api(pool: PgPool, stop: CancellationToken) -> Result<()> {
    let port: u16 = env::var("PORT").context("PORT")?.parse()?;
    let publisher = PgOutboxPublisher::new(pool, TABLE)?;
    let app = Router::new()
        .route("/orders", post(place))
        .route("/ready", get(ready))
        .with_state(publisher);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let serve = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned());
    Ok(serve.await?)
}

async fn ready(State(publisher): State<PgOutboxPublisher>) -> StatusCode {
    match sqlx::query("SELECT FROM orders LIMIT 1")
        .execute(publisher.pool())
        .await
    {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn place(
    State(publisher): State<PgOutboxPublisher>,
    Query(order): Query<OrderPlaced>,
) -> StatusCode {
    match placed(&publisher, &order).await {
        Ok(()) => StatusCode::CREATED,
        Err(error) => {
            eprintln!("an order was not placed: {error:#}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

async fn placed(publisher: &PgOutboxPublisher, order: &OrderPlaced) -> Result<()> {
    let mut transaction = publisher.pool().begin().await?;
    let inserted = sqlx::query("INSERT INTO orders VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(order.id)
        .bind(&order.key)
        .bind(order.n)
        .execute(&mut *transaction)
        .await?;
    if inserted.rows_affected() == 1 {
        publisher.publish_in_tx(&mut transaction, order).await?;
    }
    Ok(transaction.commit().await?)
}

/// The handler that is the bridge to the broker.
struct Bridge {
    transport: RabbitMqTransport,
    /// Told when the connection is gone: it does not come back by itself.
    lost: CancellationToken,
}

impl Handler<OrderPlaced> for Bridge {
    type Error = OutboxError;

    async fn handle(&self, order: OrderPlaced, ctx: &HandlerContext) -> Result<(), OutboxError> {
        let chain = *ctx.correlation_id.as_uuid();
        let published = self
            .transport
            .publish_with_correlation_id(QUEUE, chain, &order)
            .await;
        published.map(drop).map_err(|error: BusError| {
            if !self
                .transport
                .pool()
                .connection()
                .inner()
                .status()
                .connected()
            {
                self.lost.cancel();
            }
            OutboxError::Internal(error.to_string())
        })
    }
}

/// "Wrap your worker spawn in a supervisor that restarts on terminal broker errors."
async fn relay(pool: &PgPool, stop: &CancellationToken) -> Result<()> {
    let url = env::var("AMQP_URL").context("AMQP_URL")?;
    while !stop.is_cancelled() {
        let transport = tokio::select! {
            () = stop.cancelled() => break,
            transport = RabbitMqTransport::new(&url) => transport,
        };
        let transport = match transport {
            Ok(transport) => transport,
            Err(error) => {
                eprintln!("no connection to RabbitMQ: {error}");
                continue;
            }
        };
        let lost = stop.child_token();
        let bridge = Bridge {
            transport,
            lost: lost.clone(),
        };
        let mut worker = PgOutboxWorkerBuilder::new(pool.clone())
            .table_name(TABLE)
            .register_handler::<OrderPlaced, _>(bridge);
        // What is not set is the library's own.
        if let Ok(seconds) = env::var("DISPATCH_TIMEOUT_SECONDS") {
            worker = worker.dispatch_timeout(Duration::from_secs(seconds.parse()?));
        }
        if let Ok(attempts) = env::var("MAX_ATTEMPTS") {
            worker = worker.max_attempts(attempts.parse()?);
        }
        println!("the worker runs");
        tokio::spawn(worker.build()?.run(lost)).await??;
    }
    Ok(())
}
