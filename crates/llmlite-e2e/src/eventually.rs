//! Waiting for something that happens soon, but not at once.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until `look` finds something.
///
/// # Panics
///
/// When it has not after 20 seconds.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not after {PATIENCE:?}");
        sleep(Duration::from_millis(20)).await;
    }
}
