//! Whether the configuration is current, and since when it is not known to be.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::model::ObjectKind;

/// Told by the controller, asked by metrics and readiness.
#[derive(Debug, Default)]
pub struct Currency(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Age of the snapshot when it was taken up, and when that was: the wall clock may jump afterwards.
    snapshot: Option<(Duration, Instant)>,
    /// Since when each kind that is out of touch is.
    lost: BTreeMap<ObjectKind, Instant>,
}

impl Currency {
    /// Objects of a snapshot are in force, which were current at that time.
    pub fn set_snapshot(&self, current: SystemTime) {
        let age = SystemTime::now().duration_since(current).unwrap_or(Duration::ZERO);
        self.lock().snapshot = Some((age, Instant::now()));
    }

    /// Everything was read anew: nothing is in force only because a snapshot says so.
    pub fn end_snapshot(&self) {
        self.lock().snapshot = None;
    }

    /// Changes of this kind arrive again.
    pub fn found(&self, kind: ObjectKind) {
        self.lock().lost.remove(&kind);
    }

    /// Changes of this kind that came after this are missed, if they were not before: that is noticed late sometimes.
    pub fn lost(&self, kind: ObjectKind, since: Instant) {
        self.lock().lost.entry(kind).or_insert(since);
    }

    /// Whether nothing is missed.
    pub fn is_current(&self) -> bool {
        let state = self.lock();
        state.snapshot.is_none() && state.lost.is_empty()
    }

    /// How old the objects of the snapshot are that is in force, if one is.
    pub fn snapshot_age(&self) -> Option<Duration> {
        self.lock().snapshot.map(|(age, since)| age + since.elapsed())
    }

    /// Time since everything was last known to be current; zero while it is.
    pub fn age(&self) -> Duration {
        let state = self.lock();
        let snapshot = state.snapshot.map(|(age, since)| age + since.elapsed());
        let lost = state.lost.values().map(Instant::elapsed).max();
        snapshot.max(lost).unwrap_or(Duration::ZERO)
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
        let currency = Currency::default();
        let wait = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        wait(5).await;
        assert_eq!((currency.age(), currency.is_current()), (Duration::ZERO, true));
        currency.lost(ObjectKind::Secret, Instant::now());
        wait(10).await;
        currency.lost(ObjectKind::Ingress, Instant::now());
        currency.lost(ObjectKind::Secret, Instant::now());
        wait(10).await;
        assert_eq!((currency.age(), currency.is_current()), (Duration::from_secs(20), false));
        currency.found(ObjectKind::Secret);
        assert_eq!(currency.age(), Duration::from_secs(10));
        currency.found(ObjectKind::Ingress);
        assert_eq!((currency.age(), currency.is_current()), (Duration::ZERO, true));
    }

    #[tokio::test(start_paused = true)]
    async fn f06_age_counts_from_the_last_sign_of_life_and_not_from_when_its_lack_was_noticed() {
        let currency = Currency::default();
        let heard = Instant::now();
        tokio::time::advance(Duration::from_secs(90)).await;
        currency.lost(ObjectKind::Ingress, heard);
        assert_eq!(currency.age(), Duration::from_secs(90));
    }

    #[tokio::test(start_paused = true)]
    async fn f03_a_snapshot_is_as_old_as_its_objects() {
        let currency = Currency::default();
        currency.set_snapshot(SystemTime::now() - Duration::from_secs(3600));
        tokio::time::advance(Duration::from_secs(60)).await;
        let age = currency.age().as_secs();
        assert!((3660..3670).contains(&age), "{age}");
        assert_eq!(currency.snapshot_age(), Some(currency.age()));
        currency.end_snapshot();
        assert_eq!((currency.age(), currency.snapshot_age()), (Duration::ZERO, None));
        currency.set_snapshot(SystemTime::now() + Duration::from_secs(3600));
        assert_eq!(currency.age(), Duration::ZERO, "from the future");
    }
}
