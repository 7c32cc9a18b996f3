//! How long the other side takes nothing of what is sent to it.

use tokio::time::Instant;

/// A socket that was full must take this much before its deadline: a peer that reads one byte a second does not keep
/// its connection. Bytes.
const PROGRESS: usize = 16 * 1024;

/// The state of a socket that may be full.
#[derive(Default)]
pub(crate) struct Stall {
    since: Option<Instant>,
    taken: usize,
}

impl Stall {
    /// The socket has taken bytes.
    pub(crate) fn took(&mut self, bytes: usize) {
        if self.since.is_some() {
            self.taken += bytes;
            if self.taken >= PROGRESS {
                *self = Self::default();
            }
        }
    }

    /// Whether something waits for the socket.
    pub(crate) fn is_waiting(&mut self, is_waiting: bool) {
        if !is_waiting {
            *self = Self::default();
        } else if self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    /// Since when it waits; `None` when nothing does.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Whether something waits for the socket.
    pub(crate) fn is_stalled(&self) -> bool {
        self.since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn c05_a_drip_of_bytes_does_not_prolong_a_stall_and_real_progress_does() {
        let mut stall = Stall::default();
        stall.took(1000);
        stall.is_waiting(true);
        let begun = stall.since();
        assert!(begun.is_some());
        tokio::time::advance(Duration::from_secs(10)).await;
        for _ in 0..10 {
            stall.took(1);
            stall.is_waiting(true);
        }
        assert_eq!(stall.since(), begun);
        stall.took(PROGRESS);
        stall.is_waiting(true);
        assert_eq!(stall.since(), Some(Instant::now()));
        stall.is_waiting(false);
        assert!(!stall.is_stalled());
    }
}
