//! How the configuration follows the cluster: propagation, age, and the file of saved objects.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use prometheus::{Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::families;
use super::freshness::Freshness;
use super::register::{opts, register, unix_seconds};
use crate::model::ObjectKind;

/// Upper bounds of propagation: peers need seconds, we need less than a millisecond. Seconds.
const PROPAGATION_BOUNDS: [f64; 17] =
    [5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2.5e-2, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// What the controller, the source and the writer of saved objects count. Requests touch nothing of it.
pub struct ConfigMetrics {
    freshness: Freshness,
    /// Of each kind that Kubernetes has.
    changes: BTreeMap<ObjectKind, IntCounter>,
    propagation: BTreeMap<ObjectKind, Histogram>,
    age: Gauge,
    replicas: IntGauge,
    saved_objects_in_use: IntGauge,
    saved_objects_written: IntGauge,
    saved_objects_bytes: IntGauge,
    saved_objects_errors: IntCounter,
    saved_objects_rejected: IntCounterVec,
}

impl ConfigMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |family| register(registry, IntGauge::with_opts(opts(family)));
        let changes = register(registry, IntCounterVec::new(opts(&families::CHANGES), families::CHANGES.labels));
        let family = &families::PROPAGATION;
        let propagation = HistogramOpts::new(family.name, family.meaning).buckets(PROPAGATION_BOUNDS.to_vec());
        let propagation = register(registry, HistogramVec::new(propagation, family.labels));
        let rejected = &families::SNAPSHOT_REJECTED;
        Self {
            freshness: Freshness::default(),
            changes: by_kind(|kind| changes.with_label_values(&[kind])),
            propagation: by_kind(|kind| propagation.with_label_values(&[kind])),
            age: register(registry, Gauge::with_opts(opts(&families::CONFIG_AGE))),
            replicas: gauge(&families::REPLICAS),
            saved_objects_in_use: gauge(&families::SNAPSHOT_IN_USE),
            saved_objects_written: gauge(&families::SNAPSHOT_WRITTEN),
            saved_objects_bytes: gauge(&families::SNAPSHOT_BYTES),
            saved_objects_errors: register(registry, IntCounter::with_opts(opts(&families::SNAPSHOT_ERRORS))),
            saved_objects_rejected: register(registry, IntCounterVec::new(opts(rejected), rejected.labels)),
        }
    }

    /// Whether what is served is current.
    pub fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// Counts an object that arrived, changed or went.
    pub fn changed(&self, kind: ObjectKind) {
        if let Some(count) = self.changes.get(&kind) {
            count.inc();
        }
    }

    /// Records how long it took until all traffic followed a change.
    pub fn propagated(&self, kind: ObjectKind, took: Duration) {
        if let Some(times) = self.propagation.get(&kind) {
            times.observe(took.as_secs_f64());
        }
    }

    /// So many replicas are ready.
    pub fn replicas(&self, count: usize) {
        self.replicas.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The file of saved objects was read at the start. Size in bytes.
    pub fn saved_objects_read(&self, bytes: u64) {
        self.saved_objects_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The file of saved objects was written. Size in bytes.
    pub fn saved_objects_written(&self, at: SystemTime, bytes: u64) {
        self.saved_objects_read(bytes);
        self.saved_objects_written.set(i64::try_from(unix_seconds(at)).unwrap_or(i64::MAX));
    }

    /// The file of saved objects could not be written.
    pub fn saved_objects_failed(&self) {
        self.saved_objects_errors.inc();
    }

    /// The file of saved objects that was there at the start is not used. The reason is one of a closed set.
    pub fn saved_objects_rejected(&self, reason: &'static str) {
        self.saved_objects_rejected.with_label_values(&[reason]).inc();
    }

    /// Sets what is computed from the time, before a scrape.
    pub(super) fn refresh(&self) {
        self.age.set(self.freshness.age().as_secs_f64());
        self.saved_objects_in_use.set(i64::from(self.freshness.saved_objects_age().is_some()));
    }
}

fn by_kind<T>(metric: impl Fn(&'static str) -> T) -> BTreeMap<ObjectKind, T> {
    ObjectKind::OF_KUBERNETES.into_iter().map(|kind| (kind, metric(kind.as_str()))).collect()
}
