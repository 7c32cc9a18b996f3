//! TLS handshakes with clients: how many are under way, and how many wait for their turn.

use std::cell::Cell;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Handshakes that the process has under way: so many, which shards share, and so many more for each shard.
const UNDER_WAY: usize = 256;
const MORE: usize = 32;

/// The handshakes of a shard.
pub(crate) struct Handshakes {
    /// One permit for each that may be under way.
    places: Semaphore,
    waiting: Cell<usize>,
}

impl Handshakes {
    /// None yet, at one of so many shards.
    pub(crate) fn of_shard(shards: usize) -> Self {
        Self { places: Semaphore::new(UNDER_WAY / shards.max(1) + MORE), waiting: Cell::new(0) }
    }

    /// Waits until one more may begin. It is under way until what this returns is dropped.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Some(place);
        }
        self.waiting.set(self.waiting.get() + 1);
        let _waits = Waits(&self.waiting);
        // The semaphore is never closed.
        self.places.acquire().await.ok()
    }

    /// How many wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.get()
    }
}

/// One that waits, until dropped.
struct Waits<'a>(&'a Cell<usize>);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn so_many_are_under_way_and_the_others_wait_until_one_ends_or_they_give_up() {
        let handshakes = Handshakes::of_shard(4);
        let mut under_way = Vec::new();
        for _ in 0..UNDER_WAY / 4 + MORE {
            under_way.push(handshakes.turn().await);
        }
        {
            let mut next = pin!(handshakes.turn());
            assert!(poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await.is_pending());
            assert_eq!(handshakes.waiting(), 1);
            under_way.pop();
            assert!(next.await.is_some());
            assert_eq!(handshakes.waiting(), 0);
            under_way.push(handshakes.turn().await);
            let mut last = pin!(handshakes.turn());
            assert!(poll_fn(|cx| Poll::Ready(last.as_mut().poll(cx))).await.is_pending());
            assert_eq!(handshakes.waiting(), 1);
        }
        assert_eq!(handshakes.waiting(), 0, "it gave up");
    }
}
