//! Claims: what is taken, in which order, and what stays behind.

use std::time::Duration;

use anyhow::{Result, ensure};
use outbox_service::outbox::{self, Floor, lanes};
use uuid::Uuid;

use crate::site::Site;

const LEASE: Duration = Duration::from_secs(60);
const LAMP: Uuid = Uuid::from_u128(7);
const VASE: Uuid = Uuid::from_u128(8);

crate::cases!(a_head_that_falls_due_during_the_claim_is_not_overtaken);

async fn a_head_that_falls_due_during_the_claim_is_not_overtaken(site: &Site) -> Result<()> {
    let relay = Uuid::now_v7();
    let mut connection = site.tuned().await?;
    lanes::beat(&mut connection, relay, LEASE, false).await?;
    site.append(LAMP, 1, 1).await?;
    site.append(VASE, 1, 100_000).await?;
    site.append(LAMP, 2, 1).await?;
    sqlx::query("UPDATE outbox_events SET status = 'failed', processed_at = now() WHERE auction_id = $1 AND sequence = 1")
        .bind(VASE).execute(&site.pool).await?;
    sqlx::query("UPDATE outbox_events SET retry_at = clock_timestamp() + interval '30 ms' WHERE auction_id = $1 AND sequence = 1")
        .bind(LAMP).execute(&site.pool).await?;
    let claimed = outbox::claim(&mut connection, relay, 500, true, &mut Floor::default()).await?;
    ensure!(claimed.is_empty(), "claimed {claimed:?}");
    Ok(())
}
