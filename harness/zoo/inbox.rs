//! The inbox: a message's id and what it is for, in one transaction.

use std::{collections::HashSet, time::Duration};

use anyhow::Result;
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction, query, query_scalar,
};

use super::{
    bug::{Bug, fires},
    database::ANSWER_WITHIN,
    event::Order,
    within,
};

/// What a message says.
#[derive(Debug)]
pub struct Message {
    /// The same on every copy.
    pub event_id: String,
    /// Its event's place in the outbox.
    pub place: i64,
    /// What is to be shipped.
    pub order: Order,
}

/// What a session of the database knows.
pub struct Inbox {
    session: PgConnection,
    seen: HashSet<String>,
}

impl Inbox {
    /// Over a session of its own.
    pub fn new(session: PgConnection) -> Self {
        let seen = HashSet::new();
        Self { session, seen }
    }

    /// Ships an order unless its message is known. What the database refuses for what it is, is refunded.
    pub async fn apply(&mut self, message: &Message) -> Result<()> {
        loop {
            let applied = within(ANSWER_WITHIN, self.try_to_apply(message)).await?;
            match applied {
                Ok(()) => return Ok(()),
                // Another consumer has drawn the same number for this customer.
                Err(error) if constraint(&error) == Some("inbox_customer_number_key") => {}
                Err(error) if is_refused(&error) && !fires(Bug::EndlessRequeue) => {
                    eprintln!(
                        "zoo-outbox consumer: {} is refused: {error}",
                        message.order.id
                    );
                    if fires(Bug::RefusedIsAcked) {
                        return Ok(());
                    }
                    let refunded = within(ANSWER_WITHIN, self.refund(message)).await?;
                    return Ok(refunded?);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn try_to_apply(&mut self, message: &Message) -> sqlx::Result<()> {
        if fires(Bug::CopiesCount) {
            let mut transaction = self.session.begin().await?;
            ship(&mut transaction, message).await?;
            return transaction.commit().await;
        }
        if fires(Bug::DedupInMemory) {
            if self.seen.insert(message.event_id.clone()) {
                let mut transaction = self.session.begin().await?;
                ship(&mut transaction, message).await?;
                transaction.commit().await?;
            }
            return Ok(());
        }
        let mut transaction = self.session.begin().await?;
        if fires(Bug::EffectBeforeInbox) {
            if !is_known(&mut transaction, message).await? {
                ship(&mut transaction, message).await?;
                transaction.commit().await?;
                transaction = self.session.begin().await?;
                note(&mut transaction, message).await?;
            }
            return transaction.commit().await;
        }
        let known = match () {
            () if fires(Bug::CheckThenShip) => is_known(&mut transaction, message).await?,
            () if fires(Bug::GapIgnored) => is_behind(&mut transaction, message).await?,
            () => !note(&mut transaction, message).await?,
        };
        if fires(Bug::InboxBeforeEffect) {
            transaction.commit().await?;
            transaction = self.session.begin().await?;
        }
        if !known {
            ship(&mut transaction, message).await?;
            if fires(Bug::CheckThenShip) || fires(Bug::GapIgnored) {
                note(&mut transaction, message).await?;
            }
        }
        transaction.commit().await
    }

    async fn refund(&mut self, message: &Message) -> sqlx::Result<()> {
        let mut transaction = self.session.begin().await?;
        if note(&mut transaction, message).await? {
            query("INSERT INTO refunds (order_id) VALUES ($1)")
                .bind(message.order.id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    /// Forgets what cannot come again.
    pub async fn prune(&mut self, after: Duration) -> Result<()> {
        let after = match fires(Bug::InboxPrunedTooEarly) {
            true => Duration::from_millis(200),
            false => after,
        };
        let pruned = query("DELETE FROM inbox WHERE received_at < now() - $1 * interval '1 ms'")
            .bind(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        within(ANSWER_WITHIN, pruned.execute(&mut self.session)).await??;
        Ok(())
    }
}

/// Notes a message with the next number of its customer. False if it is known.
async fn note(
    transaction: &mut Transaction<'_, Postgres>,
    message: &Message,
) -> sqlx::Result<bool> {
    let target = match fires(Bug::NoConflictTarget) {
        true => "",
        false => "(event_id)",
    };
    let sql = format!(
        "INSERT INTO inbox (event_id, customer, place, number)
         SELECT $1, $2, $3, 1 + coalesce(max(number), 0) FROM inbox WHERE customer = $2
         ON CONFLICT {target} DO NOTHING"
    );
    let noted = query(AssertSqlSafe(sql))
        .bind(&message.event_id)
        .bind(&message.order.customer)
        .bind(message.place)
        .execute(&mut **transaction)
        .await?;
    Ok(noted.rows_affected() == 1)
}

async fn ship(transaction: &mut Transaction<'_, Postgres>, message: &Message) -> sqlx::Result<()> {
    query("INSERT INTO shipments (order_id, customer) VALUES ($1, $2)")
        .bind(message.order.id)
        .bind(&message.order.customer)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn is_known(
    transaction: &mut Transaction<'_, Postgres>,
    message: &Message,
) -> sqlx::Result<bool> {
    query_scalar("SELECT EXISTS (SELECT FROM inbox WHERE event_id = $1)")
        .bind(&message.event_id)
        .fetch_one(&mut **transaction)
        .await
}

async fn is_behind(
    transaction: &mut Transaction<'_, Postgres>,
    message: &Message,
) -> sqlx::Result<bool> {
    query_scalar("SELECT EXISTS (SELECT FROM inbox WHERE customer = $1 AND place >= $2)")
        .bind(&message.order.customer)
        .bind(message.place)
        .fetch_one(&mut **transaction)
        .await
}

fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}

/// Whether the database will never take it: its data are wrong, or break a rule.
fn is_refused(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
