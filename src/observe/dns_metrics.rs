//! What is counted of the look-ups of external names.

use std::time::SystemTime;

use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

use super::families;
use super::register::{opts, register, unix_seconds};
use crate::model::LookupFailure;

/// The counters. They are there from the start, so that an alert can compare.
pub struct DnsMetrics {
    answered: IntCounter,
    failed: [IntCounter; LookupFailure::ALL.len()],
    names: IntGauge,
    last_answer: IntGauge,
}

impl DnsMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let lookups =
            register(registry, IntCounterVec::new(opts(&families::DNS_LOOKUPS), families::DNS_LOOKUPS.labels));
        let gauge = |family| register(registry, IntGauge::with_opts(opts(family)));
        Self {
            answered: lookups.with_label_values(&["ok"]),
            failed: LookupFailure::ALL.map(|failure| lookups.with_label_values(&[failure.as_str()])),
            names: gauge(&families::DNS_NAMES),
            last_answer: gauge(&families::DNS_LAST_ANSWER),
        }
    }

    /// Counts a look-up, by why it failed if it did.
    pub fn looked_up(&self, failure: Option<LookupFailure>) {
        match failure {
            Some(failure) => self.failed[failure as usize].inc(),
            None => {
                self.answered.inc();
                self.last_answer.set(i64::try_from(unix_seconds(SystemTime::now())).unwrap_or(i64::MAX));
            }
        }
    }

    /// How many names are followed now.
    pub fn set_names(&self, names: usize) {
        self.names.set(i64::try_from(names).unwrap_or(i64::MAX));
    }
}
