//! How many client connections the process has, over all shards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;

/// A count shared by the shards.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    open: AtomicUsize,
    /// A shard has no place for a client, and no connection of its own that could give way.
    wanted: Notify,
}

/// One connection, counted until dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Shared>);

impl Connections {
    /// Connections open now.
    pub fn open(&self) -> usize {
        self.0.open.load(Relaxed)
    }

    /// Counts one more, unless there are `limit` already.
    pub(crate) fn count_within(&self, limit: usize) -> Option<Counted> {
        let more = |open| if open < limit { Some(open + 1) } else { None };
        self.0.open.fetch_update(Relaxed, Relaxed, more).is_ok().then(|| Counted(Arc::clone(&self.0)))
    }

    /// Counts one more in any case.
    pub(crate) fn count(&self) -> Counted {
        self.0.open.fetch_add(1, Relaxed);
        Counted(Arc::clone(&self.0))
    }

    /// Asks the other shards for a place.
    pub(crate) fn ask_others(&self) {
        self.0.wanted.notify_waiters();
    }

    /// Another shard asks for a place.
    pub(crate) async fn asked(&self) {
        self.0.wanted.notified().await;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
