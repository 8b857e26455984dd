//! The one transaction: an order and its event.

use chrono::Utc;
use sqlx::{
    Connection as _, Executor as _, PgConnection, Postgres, Transaction, query, query_scalar,
    types::Json,
};
use uuid::Uuid;

use super::{
    bug::{Bug, fires},
    event::{Event, Order},
    publisher::Publisher,
};

/// What became of an order.
#[derive(Debug)]
pub enum Stored {
    /// It is new.
    New,
    /// It was there.
    Known,
    /// Another one has its id.
    Conflict,
}

/// Why an order is not known to be stored.
#[derive(Debug)]
pub enum Failure {
    /// It is not, and never will be by this request.
    RolledBack(sqlx::Error),
    /// Nobody knows.
    Unknown(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    /// Before COMMIT is asked for, whatever fails takes the transaction with it; whoever asks again may succeed.
    fn from(error: sqlx::Error) -> Self {
        Self::Unknown(error)
    }
}

/// Stores an order and its event, together or not at all.
pub async fn store(
    session: &mut PgConnection,
    order: &Order,
    publisher: Option<&Publisher>,
) -> Result<Stored, Failure> {
    let mut transaction = session.begin().await?;
    let known_already = fires(Bug::CheckThenInsert) && is_there(&mut transaction, order.id).await?;
    let early = match fires(Bug::PlaceBeforeLock) {
        true => Some(announce(&mut transaction, order).await?),
        false => None,
    };
    // Places are drawn in the order of commits: whoever orders for this customer waits here for the one before.
    query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(&order.customer)
        .execute(&mut *transaction)
        .await?;
    let new = match () {
        () if fires(Bug::CheckThenInsert) => !known_already,
        () if fires(Bug::IdempotencyKeyTooShort) => !resembles(&mut transaction, order.id).await?,
        () => true,
    };
    let new = new && insert(&mut transaction, order).await?;
    if !new && fires(Bug::EventPerRequest) {
        announce(&mut transaction, order).await?;
        transaction.commit().await?;
        return Ok(Stored::Known);
    }
    if !new {
        let same = is_same(&mut transaction, order).await?;
        transaction.rollback().await?;
        return Ok(match same || fires(Bug::IdempotencyKeyTooShort) {
            true => Stored::Known,
            false => Stored::Conflict,
        });
    }
    if fires(Bug::EventAfterCommit) {
        transaction.commit().await?;
        let mut second = session.begin().await?;
        announce(&mut second, order).await?;
        second.commit().await?;
        return Ok(Stored::New);
    }
    let event = match early {
        Some(event) => event,
        None if fires(Bug::DualWrite) => unwritten(order),
        None if fires(Bug::EventLossLogged) => {
            announce_if_possible(&mut transaction, order).await?
        }
        None => announce(&mut transaction, order).await?,
    };
    if fires(Bug::PublishInTransaction)
        && let Some(publisher) = publisher
    {
        publisher.send_alone(&event).await;
    }
    commit(transaction).await?;
    if fires(Bug::DualWrite)
        && let Some(publisher) = publisher
    {
        publisher.send_alone(&event).await;
    }
    Ok(Stored::New)
}

async fn insert(transaction: &mut Transaction<'_, Postgres>, order: &Order) -> sqlx::Result<bool> {
    let sql = match fires(Bug::CheckThenInsert) {
        true => "INSERT INTO orders (id, customer, amount) VALUES ($1, $2, $3)",
        false => {
            "INSERT INTO orders (id, customer, amount) SELECT $1, $2, $3
             WHERE NOT EXISTS (SELECT FROM orders WHERE id = $1) ON CONFLICT DO NOTHING"
        }
    };
    let inserted = query(sql)
        .bind(order.id)
        .bind(&order.customer)
        .bind(order.amount)
        .execute(&mut **transaction)
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes the event, and wakes whoever publishes it once it is committed.
async fn announce(
    transaction: &mut Transaction<'_, Postgres>,
    order: &Order,
) -> sqlx::Result<Event> {
    let mut event = unwritten(order);
    event.id = query_scalar(
        "INSERT INTO outbox_events (event_id, order_id, customer, payload) VALUES ($1, $2, $3, $4) RETURNING id",
    )
    .bind(event.event_id)
    .bind(order.id)
    .bind(&order.customer)
    .bind(&event.payload)
    .fetch_one(&mut **transaction)
    .await?;
    if !fires(Bug::NeverNotified) {
        transaction
            .execute("SELECT pg_notify('outbox', '')")
            .await?;
    }
    Ok(event)
}

async fn announce_if_possible(
    transaction: &mut Transaction<'_, Postgres>,
    order: &Order,
) -> sqlx::Result<Event> {
    let mut inner = transaction.begin().await?;
    match announce(&mut inner, order).await {
        Ok(event) => {
            inner.commit().await?;
            Ok(event)
        }
        Err(error) => {
            eprintln!("zoo-outbox api: no event of {}: {error}", order.id);
            inner.rollback().await?;
            Ok(unwritten(order))
        }
    }
}

fn unwritten(order: &Order) -> Event {
    Event {
        id: 0,
        event_id: Uuid::now_v7(),
        customer: order.customer.clone(),
        payload: Json(serde_json::json!(order)),
        created_at: Utc::now(),
    }
}

/// Between asking for COMMIT and its answer nobody knows; a server that answers with a rollback has rolled back.
async fn commit(transaction: Transaction<'_, Postgres>) -> Result<(), Failure> {
    match transaction.commit().await {
        Ok(()) => Ok(()),
        Err(_) if fires(Bug::CommitErrorIgnored) => Ok(()),
        Err(error) if was_rolled_back(&error) => Err(Failure::RolledBack(error)),
        Err(error) if fires(Bug::UnknownIsRefusal) => Err(Failure::RolledBack(error)),
        Err(error) => Err(Failure::Unknown(error)),
    }
}

fn was_rolled_back(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("40") && code != "40003")
}

async fn is_there(transaction: &mut Transaction<'_, Postgres>, id: Uuid) -> sqlx::Result<bool> {
    query_scalar("SELECT EXISTS (SELECT FROM orders WHERE id = $1)")
        .bind(id)
        .fetch_one(&mut **transaction)
        .await
}

async fn is_same(transaction: &mut Transaction<'_, Postgres>, order: &Order) -> sqlx::Result<bool> {
    query_scalar(
        "SELECT EXISTS (SELECT FROM orders WHERE id = $1 AND customer = $2 AND amount = $3)",
    )
    .bind(order.id)
    .bind(&order.customer)
    .bind(order.amount)
    .fetch_one(&mut **transaction)
    .await
}

async fn resembles(transaction: &mut Transaction<'_, Postgres>, id: Uuid) -> sqlx::Result<bool> {
    query_scalar(
        "SELECT EXISTS (SELECT FROM orders WHERE right(id::text, 12) = right($1::text, 12))",
    )
    .bind(id)
    .fetch_one(&mut **transaction)
    .await
}
