//! A relay that exists only in the database: it takes the lanes over at one instant, as a second relay does when leases
//! have run out, whatever the real relays are in the middle of, and claims what they had in flight.

use anyhow::{Result, ensure};
use sqlx::{Connection, PgConnection};

use crate::{ask::auction::harm::USURPER, run::own_servers::OwnServers};

impl OwnServers {
    /// Takes every lane with a new token and claims with it what was in flight, in one transaction. From then on nothing but
    /// the token tells the real relays' marks from the owner's. It claims without counting an attempt, for what it never
    /// publishes it does not try; so `attempts`, which facts count, is written by the system under test alone.
    pub async fn usurp(&self) -> Result<&'static str> {
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        let mut tx = connection.begin().await?;
        let lanes = sqlx::query(
            "UPDATE relay_lanes SET owner = $1, token = nextval('relay_tokens'), draining = false, lease_until = 'infinity'",
        )
        .bind(USURPER)
        .execute(&mut *tx)
        .await?;
        ensure!(lanes.rows_affected() > 0, "there are no lanes to take over");
        let events = sqlx::query(
            "UPDATE outbox_events e SET claim_token = l.token
             FROM relay_lanes l WHERE l.lane = e.lane AND e.status = 'processing'",
        )
        .execute(&mut *tx)
        .await?;
        ensure!(
            events.rows_affected() > 0,
            "no event was in a relay's hands"
        );
        tx.commit().await?;
        Ok("lanes_taken_with_events_in_flight")
    }

    /// Frees the lanes, as the end of a lease does. Whoever takes them finds the events in flight.
    pub async fn usurp_no_more(&self) -> Result<()> {
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        sqlx::query(
            "UPDATE relay_lanes SET owner = NULL, lease_until = '-infinity' WHERE owner = $1",
        )
        .bind(USURPER)
        .execute(&mut connection)
        .await?;
        Ok(())
    }
}
