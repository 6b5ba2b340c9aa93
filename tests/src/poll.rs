//! Waiting for something to become true, with a deadline instead of a guess.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

/// Long enough for a busy machine of two cores, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(20);

/// Asks until `question` answers with something, and hands that back.
///
/// `Ok(None)` means not yet. An error means not yet either: it is told only if the deadline passes.
pub async fn until<T, F>(what: &str, within: Duration, mut question: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<Option<T>>,
{
    let start = Instant::now();
    loop {
        // A question that hangs is an answer too.
        let left = within.saturating_sub(start.elapsed()).max(STEP);
        let last_error = match tokio::time::timeout(left, question()).await {
            Ok(Ok(Some(answer))) => return Ok(answer),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(anyhow!("no answer in time")),
        };
        if start.elapsed() >= within {
            match last_error {
                Some(error) => return Err(error.context(format!("{what}: not within {within:?}"))),
                None => bail!("{what}: not within {within:?}"),
            }
        }
        tokio::time::sleep(STEP).await;
    }
}

/// As [`until`], for a plain yes or no.
pub async fn until_true<F>(what: &str, within: Duration, mut question: F) -> Result<()>
where
    F: AsyncFnMut() -> Result<bool>,
{
    until(what, within, async || Ok(question().await?.then_some(()))).await
}

/// Ends a future that takes longer than [`PATIENCE`], saying what was waited for.
pub async fn soon<T>(what: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(result) => result,
        Err(_) => bail!("{what}: not within {PATIENCE:?}"),
    }
}
