//! What is counted of status and Events, the things written back to the Kubernetes API.

use prometheus::{IntCounter, IntGauge};

/// How a write of an Ingress's status ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusWrite {
    /// Our addresses stand there now.
    Written,
    /// They stood there already.
    Unchanged,
    /// Our addresses were taken out of an Ingress that left our class.
    Cleared,
    /// The Ingress had gone, or was about to be somebody else's.
    Skipped,
    /// The Ingress changed under every attempt; it is tried again later.
    Conflict,
    /// The API refused or did not answer; it is tried again later.
    Failed,
}

impl StatusWrite {
    pub(crate) const ALL: [Self; 6] =
        [Self::Written, Self::Unchanged, Self::Cleared, Self::Skipped, Self::Conflict, Self::Failed];

    /// The value of the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Cleared => "cleared",
            Self::Skipped => "skipped",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        }
    }
}

/// What became of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventWrite {
    /// It is new.
    Written,
    /// The Event that an earlier report of the problem made counts one more.
    Repeated,
    /// It was reported a short while ago, by another process or a former self.
    Unchanged,
    /// Its object has gone.
    Skipped,
    /// A limit of its object, or of how many are kept track of, is reached.
    Dropped,
    /// The API refused or did not answer.
    Failed,
}

impl EventWrite {
    pub(crate) const ALL: [Self; 6] =
        [Self::Written, Self::Repeated, Self::Unchanged, Self::Skipped, Self::Dropped, Self::Failed];

    /// The value of the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Repeated => "repeated",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// The counters.
#[derive(Clone, Debug)]
pub struct ReportMetrics {
    pub(super) leader: IntGauge,
    pub(super) status: [IntCounter; StatusWrite::ALL.len()],
    pub(super) events: [IntCounter; EventWrite::ALL.len()],
}

impl ReportMetrics {
    /// 1 while the Lease is held, else 0.
    pub fn leader(&self) -> &IntGauge {
        &self.leader
    }

    /// Counts a write of a status.
    pub fn status(&self, result: StatusWrite) {
        self.status[result as usize].inc();
    }

    /// Counts an Event.
    pub fn event(&self, result: EventWrite) {
        self.events[result as usize].inc();
    }
}
