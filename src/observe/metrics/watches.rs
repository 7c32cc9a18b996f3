//! How watches of the Kubernetes API fare.

use prometheus::{IntCounterVec, IntGaugeVec};

/// The families of watches. Without a Kubernetes API they have no series.
pub(super) struct WatchMetrics {
    pub(super) connected: IntGaugeVec,
    pub(super) events: IntCounterVec,
    pub(super) errors: IntCounterVec,
    pub(super) relists: IntCounterVec,
}

impl super::Metrics {
    /// Whether all objects of a kind are followed at present.
    pub fn watch_connected(&self, kind: &'static str, is_connected: bool) {
        self.watches.connected.with_label_values(&[kind]).set(i64::from(is_connected));
    }

    /// Counts an object of a kind that came, changed or went, or was listed again.
    pub fn watch_event(&self, kind: &'static str) {
        self.watches.events.with_label_values(&[kind]).inc();
    }

    /// Counts a failure to list or watch a kind. Reasons are a closed set of the source's.
    pub fn watch_failed(&self, kind: &'static str, reason: &'static str) {
        self.watches.errors.with_label_values(&[kind, reason]).inc();
    }

    /// Counts that a kind is listed although it was listed before.
    pub fn watch_relisted(&self, kind: &'static str) {
        self.watches.relists.with_label_values(&[kind]).inc();
    }
}
