//! The heartbeats of shards: counts that go on for as long as a shard looks at its timers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Those of all shards that run. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Heartbeats(Arc<Mutex<Vec<Beating>>>);

/// The name of a shard's thread, and its beats.
type Beating = (String, Arc<AtomicU64>);

/// The heartbeat of one shard, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    all: Heartbeats,
    count: Arc<AtomicU64>,
}

impl Heartbeats {
    /// The shard of the calling thread has begun.
    pub(crate) fn begin(&self) -> Heartbeat {
        let count = Arc::new(AtomicU64::new(0));
        let name = std::thread::current().name().unwrap_or("unnamed").to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name, Arc::clone(&count)));
        Heartbeat { all: self.clone(), count }
    }

    /// The name of each shard's thread with the number of its beats.
    pub fn all(&self) -> Vec<(String, u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, count)| (name.clone(), count.load(Relaxed))).collect()
    }
}

impl Heartbeat {
    /// The shard runs.
    pub(crate) fn beat(&self) {
        self.count.fetch_add(1, Relaxed);
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, count)| !Arc::ptr_eq(count, &self.count));
    }
}
