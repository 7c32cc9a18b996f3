//! A wait that ends at a moment, or never.

use tokio::time::Instant;

/// Waits until then; for ever when there is no such moment.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
