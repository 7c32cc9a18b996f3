//! How often the runtime of a shard has looked at all of its sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count of the runtime's turns. Between two of them it learns of nothing that arrives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<AtomicU64>);

impl Turns {
    /// The runtime has looked at all sockets.
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// How often it has.
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
