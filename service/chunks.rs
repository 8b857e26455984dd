//! Work that is done in small transactions, one after the other, until nothing is left of it.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Rows of one transaction.
pub(crate) const CHUNK: i64 = 1_000;
/// Between two of them, for whoever waits for the same locks.
pub(crate) const BREATH: Duration = Duration::from_millis(5);

/// Does chunks of [`CHUNK`] until one is not full, or `stop`. Returns how many rows they were together.
pub(crate) async fn in_chunks<E, C>(
    stop: &CancellationToken,
    mut chunk: impl FnMut() -> C,
) -> Result<u64, E>
where
    C: Future<Output = Result<u64, E>>,
{
    let mut rows = 0;
    while !stop.is_cancelled() {
        let done = chunk().await?;
        rows += done;
        if done < CHUNK.unsigned_abs() {
            break;
        }
        sleep(BREATH).await;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rows(stop: &CancellationToken, mut chunks: Vec<Result<u64, ()>>) -> (u64, usize) {
        let mut chunk = || std::future::ready(chunks.pop().unwrap_or(Err(())));
        let done = in_chunks(stop, &mut chunk).await;
        (done.unwrap_or(0), chunks.len())
    }

    #[tokio::test]
    async fn it_ends_with_a_chunk_that_is_not_full_with_an_error_or_when_told_to() {
        let stop = CancellationToken::new();
        assert_eq!(rows(&stop, vec![Ok(9), Ok(7), Ok(1_000)]).await, (1_007, 1));
        assert_eq!(rows(&stop, vec![Ok(7), Err(())]).await, (0, 1));
        stop.cancel();
        assert_eq!(rows(&stop, vec![Ok(7)]).await, (0, 1));
    }
}
