//! How many client connections the process has, over all shards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A count shared by the shards.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<AtomicUsize>);

/// One connection, counted until dropped.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Connections {
    /// Connections open now.
    pub fn open(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Counts one more.
    pub(crate) fn count(&self) -> Counted {
        self.0.fetch_add(1, Relaxed);
        Counted(Arc::clone(&self.0))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
