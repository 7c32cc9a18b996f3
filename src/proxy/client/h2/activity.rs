//! What a client's HTTP/2 connection must know about its streams.

use std::cell::Cell;
use std::rc::Rc;

use tokio::time::Instant;

use crate::proxy::wire::h2::piece::Held;

/// What the streams of a connection do.
pub(super) struct Activity {
    pub(super) open: Cell<usize>,
    pub(super) closed_at: Cell<Instant>,
    /// Bytes that are still to be sent, also of streams that have ended.
    pub(super) held: Rc<Held>,
    /// Bytes of the heads of open streams.
    pub(super) heads: Cell<usize>,
    pub(super) resets: EarlyResets,
}

impl Activity {
    /// For a new connection. `resets`: streams that the client may reset early, in a burst and again each second.
    pub(super) fn new(held: &Rc<Held>, resets: usize) -> Rc<Self> {
        Rc::new(Self {
            open: Cell::new(0),
            closed_at: Cell::new(Instant::now()),
            held: Rc::clone(held),
            heads: Cell::new(0),
            resets: EarlyResets::new(resets),
        })
    }

    /// Since when no stream is open and nothing is left to be sent; `None` while there is a stream or anything to send.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let sent_at = self.held.nothing_since()?;
        (self.open.get() == 0).then(|| self.closed_at.get().max(sent_at))
    }
}

/// Counts streams that the client reset before they were answered. A burst is allowed, and again as many each second.
pub(super) struct EarlyResets {
    burst: f64,
    left: Cell<f64>,
    since: Cell<Instant>,
}

impl EarlyResets {
    pub(super) fn new(burst: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a limit of a few hundred")]
        let burst = burst as f64;
        Self { burst, left: Cell::new(burst), since: Cell::new(Instant::now()) }
    }

    fn count(&self) {
        let since = self.since.replace(Instant::now()).elapsed();
        let left = (self.left.get() + since.as_secs_f64() * self.burst).min(self.burst);
        self.left.set(left - 1.0);
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.left.get() < 0.0
    }
}

/// A stream that is counted until dropped.
pub(super) struct OpenStream {
    activity: Rc<Activity>,
    head: Cell<usize>,
}

impl OpenStream {
    pub(super) fn new(activity: &Rc<Activity>) -> Self {
        activity.open.set(activity.open.get() + 1);
        Self { activity: Rc::clone(activity), head: Cell::new(0) }
    }

    /// The stream holds a head of so many bytes.
    pub(super) fn holds(&self, head: usize) {
        let former = self.head.replace(head);
        self.activity.heads.set(self.activity.heads.get() - former + head);
    }

    /// The client reset the stream before it was answered.
    pub(super) fn was_reset_early(&self) {
        self.activity.resets.count();
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.holds(0);
        self.activity.open.set(self.activity.open.get() - 1);
        self.activity.closed_at.set(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn c01_a_burst_of_early_resets_is_forgiven_and_a_steady_stream_is_not() {
        let resets = EarlyResets::new(100);
        (0..100).for_each(|_| resets.count());
        assert!(!resets.are_too_many());
        resets.count();
        assert!(resets.are_too_many());
        let resets = EarlyResets::new(100);
        for _ in 0..1000 {
            tokio::time::advance(Duration::from_millis(11)).await;
            resets.count();
        }
        assert!(!resets.are_too_many());
        for _ in 0..1000 {
            tokio::time::advance(Duration::from_millis(5)).await;
            resets.count();
        }
        assert!(resets.are_too_many());
    }
}
