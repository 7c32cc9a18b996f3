//! How long changes take from being seen to being followed by all traffic.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectName, UnitKey};
use crate::observe::Metrics;
use crate::translate::Invalidated;

/// The changes of one batch, until it is known which of them had an effect.
#[derive(Default)]
pub(super) struct Propagation {
    changes: Vec<(ObjectKind, Instant, Invalidated)>,
    filled: BTreeMap<ObjectName, Instant>,
}

impl Propagation {
    /// Takes a change of the batch in: when the source saw it, and what it invalidates.
    pub(super) fn begin(&mut self, kind: ObjectKind, seen: Instant, invalidated: &Invalidated) {
        if !invalidated.is_empty() {
            self.changes.push((kind, seen, invalidated.clone()));
        }
    }

    /// The endpoint sets of upstreams of these Services have just changed.
    pub(super) fn filled(&mut self, services: BTreeSet<ObjectName>) {
        let now = Instant::now();
        self.filled.extend(services.into_iter().map(|service| (service, now)));
    }

    /// The batch is done, and these units have changed. A change that neither changed a unit nor filled an endpoint set had
    /// no effect: traffic followed it before.
    pub(super) fn end(self, units: &BTreeSet<UnitKey>, metrics: &Metrics) {
        let now = Instant::now();
        for (kind, seen, invalidated) in self.changes {
            let filled = invalidated.services.iter().filter_map(|service| self.filled.get(service)).max();
            let done = if units.is_disjoint(&invalidated.units) { filled.copied() } else { Some(now) };
            if let Some(done) = done {
                metrics.configuration().propagated(kind, done.saturating_duration_since(seen));
            }
        }
    }
}
