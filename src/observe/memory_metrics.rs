//! What is counted of the process's memory against its limit.

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::families;
use super::labels::Relief;
use super::register::{opts, register};

/// The metrics of memory.
#[derive(Debug)]
pub struct MemoryMetrics {
    limit: IntGauge,
    used: IntGauge,
    relief: IntGauge,
    began: [IntCounter; Relief::ALL.len()],
}

impl MemoryMetrics {
    /// Those of a registry.
    pub(super) fn new(registry: &prometheus::Registry) -> Self {
        let gauge = |family| register(registry, IntGauge::with_opts(opts(family)));
        let began = IntCounterVec::new(opts(&families::MEMORY_RELIEFS), families::MEMORY_RELIEFS.labels);
        let began = register(registry, began);
        Self {
            limit: gauge(&families::MEMORY_LIMIT),
            used: gauge(&families::MEMORY_USED),
            relief: gauge(&families::MEMORY_RELIEF),
            began: Relief::ALL.map(|relief| began.with_label_values(&[relief.as_str()])),
        }
    }

    /// The limit in bytes; zero is none.
    pub fn limit(&self, bytes: u64) {
        self.limit.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Bytes in use, and what is done to save some.
    pub fn used(&self, bytes: u64, relief: Relief) {
        self.used.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.relief.set(relief as i64);
    }

    /// One more thing is done to save memory.
    pub fn began(&self, relief: Relief) {
        self.began[relief as usize].inc();
    }
}
