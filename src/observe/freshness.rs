//! Whether the configuration is current, and since when it is not known to be.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::model::ObjectKind;

/// The controller writes it; metrics and readiness read it.
#[derive(Debug, Default)]
pub struct Freshness(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The age of the saved objects when they were taken up, and when that was: the wall clock may jump afterwards.
    saved_objects: Option<(Duration, Instant)>,
    /// The kinds whose changes are missed, each with the time since when.
    lost: BTreeMap<ObjectKind, Instant>,
}

impl Freshness {
    /// Saved objects are in force. They were current at that time.
    pub fn serve_saved_objects(&self, current: SystemTime) {
        let age = SystemTime::now().duration_since(current).unwrap_or(Duration::ZERO);
        self.lock().saved_objects = Some((age, Instant::now()));
    }

    /// Everything was read: nothing is in force only because it was saved.
    pub fn end_saved_objects(&self) {
        self.lock().saved_objects = None;
    }

    /// Changes of this kind arrive again.
    pub fn found(&self, kind: ObjectKind) {
        self.lock().lost.remove(&kind);
    }

    /// Changes of this kind that came after this time are missed, unless they were missed before. The loss may be noticed
    /// some time after it.
    pub fn lost(&self, kind: ObjectKind, since: Instant) {
        self.lock().lost.entry(kind).or_insert(since);
    }

    /// Whether nothing is missed.
    pub fn is_current(&self) -> bool {
        let state = self.lock();
        state.saved_objects.is_none() && state.lost.is_empty()
    }

    /// How old the saved objects are that are in force, if any are.
    pub fn saved_objects_age(&self) -> Option<Duration> {
        self.lock().saved_objects.map(|(age, since)| age + since.elapsed())
    }

    /// Time since everything was last known to be current; zero while it is.
    pub fn age(&self) -> Duration {
        let state = self.lock();
        let saved_objects = state.saved_objects.map(|(age, since)| age + since.elapsed());
        let lost = state.lost.values().map(Instant::elapsed).max();
        saved_objects.max(lost).unwrap_or(Duration::ZERO)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn f01_age_counts_from_the_first_kind_that_was_lost() {
        let freshness = Freshness::default();
        let wait = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        wait(5).await;
        assert_eq!((freshness.age(), freshness.is_current()), (Duration::ZERO, true));
        freshness.lost(ObjectKind::Secret, Instant::now());
        wait(10).await;
        freshness.lost(ObjectKind::Ingress, Instant::now());
        freshness.lost(ObjectKind::Secret, Instant::now());
        wait(10).await;
        assert_eq!((freshness.age(), freshness.is_current()), (Duration::from_secs(20), false));
        freshness.found(ObjectKind::Secret);
        assert_eq!(freshness.age(), Duration::from_secs(10));
        freshness.found(ObjectKind::Ingress);
        assert_eq!((freshness.age(), freshness.is_current()), (Duration::ZERO, true));
    }

    #[tokio::test(start_paused = true)]
    async fn f06_age_counts_from_the_last_sign_of_life_and_not_from_when_its_lack_was_noticed() {
        let freshness = Freshness::default();
        let heard = Instant::now();
        tokio::time::advance(Duration::from_secs(90)).await;
        freshness.lost(ObjectKind::Ingress, heard);
        assert_eq!(freshness.age(), Duration::from_secs(90));
    }

    #[tokio::test(start_paused = true)]
    async fn f03_saved_objects_age() {
        let freshness = Freshness::default();
        freshness.serve_saved_objects(SystemTime::now() - Duration::from_secs(3600));
        tokio::time::advance(Duration::from_secs(60)).await;
        let age = freshness.age().as_secs();
        assert!((3660..3670).contains(&age), "{age}");
        assert_eq!(freshness.saved_objects_age(), Some(freshness.age()));
        freshness.end_saved_objects();
        assert_eq!((freshness.age(), freshness.saved_objects_age()), (Duration::ZERO, None));
        freshness.serve_saved_objects(SystemTime::now() + Duration::from_secs(3600));
        assert_eq!(freshness.age(), Duration::ZERO, "from the future");
    }
}
