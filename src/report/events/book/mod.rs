//! Which problems become Events, and when: plain state, without a clock or an API.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectRef, Problem, ProblemCode, Severity};
use crate::report::bucket::Bucket;

/// How often the Event of a problem that stands is repeated: API servers keep Events for an hour by default.
pub(super) const REPEAT: Duration = Duration::from_secs(30 * 60);
/// Shortest time between two Events of a problem that comes and goes.
pub(super) const GAP: Duration = Duration::from_secs(5 * 60);
/// Events of one object at once, then one each `OBJECT_PACE` (as client-go's spam filter).
const OBJECT_BURST: u32 = 25;
/// See `OBJECT_BURST`.
const OBJECT_PACE: Duration = Duration::from_secs(5 * 60);
/// Most problems that are tracked.
const MOST: usize = 10_000;
/// Pause after the first failure, doubled after each.
const PAUSE: Duration = Duration::from_secs(5);

/// The problems that stand.
#[derive(Debug, Default)]
pub(super) struct Book {
    standing: HashMap<Arc<Problem>, Standing>,
    due: BTreeSet<(Instant, Arc<Problem>)>,
    /// When an Event of a problem that has gone was last written, for `GAP`.
    told: HashMap<Arc<Problem>, Instant>,
    objects: HashMap<ObjectRef, Bucket>,
    dropped: u64,
}

#[derive(Debug)]
struct Standing {
    /// How many units find it.
    count: i64,
    due: Instant,
    told: Option<Instant>,
    failures: u32,
}

impl Book {
    /// The number of units that find this problem has changed by this much.
    pub(super) fn note(&mut self, problem: Problem, change: i64, now: Instant) {
        if !is_told(&problem) {
            return;
        }
        if let Some(standing) = self.standing.get_mut(&problem) {
            standing.count += change;
            if standing.count <= 0 {
                self.remove(&problem);
            }
            return;
        }
        if change <= 0 {
            return;
        }
        if self.standing.len() >= MOST {
            self.dropped += 1;
            return;
        }
        let problem = Arc::new(problem);
        let told = self.told.remove(&problem);
        let due = told.map_or(now, |told| (told + GAP).max(now));
        self.standing.insert(Arc::clone(&problem), Standing { count: change, due, told, failures: 0 });
        self.due.insert((due, problem));
    }

    /// A problem to report now, if there is one. Problems beyond the limit of their object wait.
    pub(super) fn next(&mut self, now: Instant) -> Option<Arc<Problem>> {
        while self.next_due().is_some_and(|due| due <= now) {
            let (_, problem) = self.due.pop_first()?;
            let bucket = self
                .objects
                .entry(problem.object.clone())
                .or_insert_with(|| Bucket::new(OBJECT_BURST, OBJECT_PACE, now));
            let may = bucket.take(now).is_ok();
            // It is due again later unless it is reported.
            self.schedule(&problem, now + REPEAT);
            if may {
                return Some(problem);
            }
            self.dropped += 1;
        }
        None
    }

    /// When the next problem is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Its Event was written.
    pub(super) fn told(&mut self, problem: &Arc<Problem>, now: Instant) {
        if let Some(standing) = self.standing.get_mut(problem) {
            standing.told = Some(now);
            standing.failures = 0;
        } else {
            self.told.insert(Arc::clone(problem), now);
        }
    }

    /// Its Event could not be written.
    pub(super) fn failed(&mut self, problem: &Arc<Problem>, now: Instant) {
        if let Some(standing) = self.standing.get_mut(problem) {
            let pause = PAUSE.saturating_mul(1 << standing.failures.min(16)).min(REPEAT);
            standing.failures = standing.failures.saturating_add(1);
            self.schedule(problem, now + pause);
        }
    }

    /// How many problems were not tracked since the last call.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Forgets what does not matter any more.
    pub(super) fn tidy(&mut self, now: Instant) {
        self.told.retain(|_, told| *told + GAP > now);
        self.objects.retain(|_, bucket| !bucket.is_full(now));
    }

    fn remove(&mut self, problem: &Problem) {
        let Some((problem, standing)) = self.standing.remove_entry(problem) else { return };
        self.due.remove(&(standing.due, Arc::clone(&problem)));
        if let Some(told) = standing.told.filter(|_| self.told.len() < MOST) {
            self.told.insert(problem, told);
        }
    }

    fn schedule(&mut self, problem: &Arc<Problem>, at: Instant) {
        if let Some(standing) = self.standing.get_mut(problem) {
            self.due.remove(&(standing.due, Arc::clone(problem)));
            standing.due = at;
            self.due.insert((at, Arc::clone(problem)));
        }
    }
}

/// Files are not objects. An Event about a Secret or ConfigMap that we may not read, or that is not there, is impossible, because it needs the uid. An Ingress of
/// a class that does not exist may be served by another controller, one that goes by names: we report on it only if it names
/// our class.
fn is_told(problem: &Problem) -> bool {
    problem.object.kind != ObjectKind::File
        && !matches!(
            problem.code,
            ProblemCode::SecretForbidden
                | ProblemCode::EndpointsForbidden
                | ProblemCode::TooManySecrets
                | ProblemCode::ConfigMapForbidden
                | ProblemCode::TooManyConfigMaps
        )
        && (problem.code != ProblemCode::ClassNotFound || problem.severity == Severity::Error)
}

#[cfg(test)]
mod tests;
