//! The relays' shares of the lanes.

use std::time::Duration;

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

/// A few beats of the longest lease that is in use here.
const SHARED_WITHIN: Duration = Duration::from_secs(40);

/// Waits until `relays` relays share the lanes fairly, and says so if they never come to. A relay that starts beside others gets
/// its share with the next beat of theirs; what is done to one before that is done to a relay without work.
pub async fn not_fair_among(relays: u32, database_url: &str) -> Result<Option<String>> {
    if relays == 0 {
        return Ok(None);
    }
    let mut connection = PgConnection::connect(database_url).await?;
    let deadline = Instant::now() + SHARED_WITHIN;
    loop {
        let shared: bool = sqlx::query_scalar(
            "SELECT count(*) = $1 AND max(lanes) <= ceil((SELECT count(*) FROM relay_lanes)::float8 / $1) FROM (
                 SELECT owner, count(*) AS lanes FROM relay_lanes
                 WHERE lease_until > clock_timestamp() AND NOT draining GROUP BY owner) AS owned",
        )
        .bind(i64::from(relays))
        .fetch_one(&mut connection)
        .await?;
        if shared {
            connection.close().await?;
            return Ok(None);
        }
        if Instant::now() > deadline {
            return Ok(Some(format!(
                "{relays} relays did not come to share the lanes within {SHARED_WITHIN:?}"
            )));
        }
        sleep(Duration::from_millis(30)).await;
    }
}
