//! What has left: endpoints, announced to the shards, and upstreams, noted for the registry. One for the process.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::retirement::{RetirementSignal, RetirementWatch};
use crate::model::ObjectName;

/// Told by upstreams, read by the registry and the shards.
#[derive(Debug)]
pub(super) struct Departures {
    endpoints: RetirementSignal,
    /// Services of upstreams that have ended, so that the registry need not search for them. An upstream cannot remove
    /// itself: it may end anywhere, also while its entry is locked.
    services: Mutex<Vec<ObjectName>>,
    upstreams: AtomicUsize,
}

impl Departures {
    /// Nothing has left.
    pub(super) fn new() -> Self {
        Self { endpoints: RetirementSignal::new(), services: Mutex::default(), upstreams: AtomicUsize::new(0) }
    }

    /// Announces that the endpoint of this id is marked as retired.
    pub(super) fn endpoint(&self, id: u64) {
        self.endpoints.announce(id);
    }

    /// Notes that an upstream of this Service has ended.
    pub(super) fn upstream(&self, service: &ObjectName) {
        self.upstreams.fetch_add(1, Relaxed);
        self.services.lock().unwrap_or_else(PoisonError::into_inner).push(service.clone());
    }

    /// Endpoints that are announced from now on.
    pub(super) fn watch(&self) -> RetirementWatch {
        self.endpoints.watch()
    }

    /// How many upstreams have ended so far.
    pub(super) fn upstreams(&self) -> usize {
        self.upstreams.load(Relaxed)
    }

    /// The Services of upstreams that have ended since the last call.
    pub(super) fn take_services(&self) -> Vec<ObjectName> {
        std::mem::take(&mut self.services.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
