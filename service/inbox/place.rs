//! Who stands where: a bid has one place for ever, and a place one bid.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{NotReceived, ReceivedBid};

/// A batch by the bids' names. The same bid twice is a copy, in two places it is nonsense.
pub(super) fn by_name(batch: &[ReceivedBid]) -> Result<BTreeMap<Uuid, &ReceivedBid>, NotReceived> {
    let mut bids: BTreeMap<Uuid, &ReceivedBid> = BTreeMap::new();
    for bid in batch {
        let known = bids.entry(bid.bid_id).or_insert(bid);
        if (known.auction_id, known.sequence) != (bid.auction_id, bid.sequence) {
            return Err(NotReceived::Misplaced(bid.bid_id));
        }
    }
    Ok(bids)
}

/// Refuses bids whose place another bid has, or which have another place, as far as the inbox remembers. Asked only of
/// bids that are not new at their auction's end.
pub(super) async fn check(
    conn: &mut PgConnection,
    bids: &[&ReceivedBid],
) -> Result<(), NotReceived> {
    if bids.is_empty() {
        return Ok(());
    }
    let misplaced: Option<Uuid> = sqlx::query_scalar(
        "SELECT bid.bid_id
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS bid (bid_id, auction_id, sequence)
         CROSS JOIN LATERAL (
             (SELECT i.bid_id, i.auction_id, i.sequence FROM inbox i WHERE i.bid_id = bid.bid_id LIMIT 1)
             UNION ALL
             (SELECT i.bid_id, i.auction_id, i.sequence FROM inbox i
              WHERE i.auction_id = bid.auction_id AND i.sequence = bid.sequence LIMIT 1)
         ) AS known
         WHERE (known.bid_id, known.auction_id, known.sequence) <> (bid.bid_id, bid.auction_id, bid.sequence)
         LIMIT 1",
    )
    .bind(bids.iter().map(|bid| bid.bid_id).collect::<Vec<_>>())
    .bind(bids.iter().map(|bid| bid.auction_id).collect::<Vec<_>>())
    .bind(bids.iter().map(|bid| bid.sequence).collect::<Vec<_>>())
    .fetch_optional(conn)
    .await?;
    misplaced.map_or(Ok(()), |bid_id| Err(NotReceived::Misplaced(bid_id)))
}
