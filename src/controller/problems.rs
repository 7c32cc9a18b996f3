//! The findings that stand: of translation, of the source, and of Services without endpoints.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Problem;
use crate::translate::Findings;

/// The findings that stand, for those who show them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Problems(Arc<Mutex<Found>>);

/// By what finds them.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Translation, unit by unit.
    pub(super) units: Findings,
    /// The source: objects that cannot be read.
    pub(super) source: Vec<Problem>,
    /// Services that have had no endpoint for a while.
    pub(super) without_endpoints: Vec<Problem>,
    /// Ports of streams that the system does not give.
    pub(super) ports: Vec<Problem>,
}

impl Problems {
    /// All of them.
    pub fn all(&self) -> Vec<Problem> {
        let found = self.lock();
        let of_units = found.units.values().flatten();
        of_units.chain(&found.source).chain(&found.without_endpoints).chain(&found.ports).cloned().collect()
    }

    /// Those that translation did not find.
    pub(super) fn of_others(&self) -> Vec<Problem> {
        let found = self.lock();
        found.source.iter().chain(&found.without_endpoints).chain(&found.ports).cloned().collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
