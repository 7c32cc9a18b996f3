//! How long changes take from being seen to being followed by all traffic.

use std::collections::BTreeSet;

use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectName, UnitKey};
use crate::observe::{FollowedKind, Metrics};
use crate::translate::Touched;

/// The changes of one batch, until it is known which of them had an effect.
#[derive(Default)]
pub(super) struct Propagation {
    changes: Vec<(FollowedKind, Instant, Touched)>,
    filled: Option<(BTreeSet<ObjectName>, Instant)>,
}

impl Propagation {
    /// Takes a change of the batch in: when the source saw it, and what it concerns.
    pub(super) fn begin(&mut self, kind: ObjectKind, seen: Instant, touched: &Touched) {
        if let Some(kind) = FollowedKind::of(kind)
            && !touched.is_empty()
        {
            self.changes.push((kind, seen, touched.clone()));
        }
    }

    /// The endpoint sets of upstreams of these Services are others from now on.
    pub(super) fn filled(&mut self, services: BTreeSet<ObjectName>) {
        if !services.is_empty() {
            self.filled = Some((services, Instant::now()));
        }
    }

    /// The batch is done, and with it these units are others. A change that neither made another unit nor filled an
    /// endpoint set had no effect: traffic was as it wants before.
    pub(super) fn end(self, units: &BTreeSet<UnitKey>, metrics: &Metrics) {
        let now = Instant::now();
        for (kind, seen, touched) in self.changes {
            let filled = self.filled.as_ref().filter(|(services, _)| !services.is_disjoint(&touched.services));
            let done = if units.is_disjoint(&touched.units) { filled.map(|(_, at)| *at) } else { Some(now) };
            if let Some(done) = done {
                metrics.configuration().propagated(kind, done.saturating_duration_since(seen));
            }
        }
    }
}
