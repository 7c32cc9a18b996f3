//! A bounded memory of what came lately.

use std::hash::Hash;

use foldhash::HashMap;
use tokio::time::{Duration, Instant};

/// How long what is not asked for is remembered at least.
const KEPT: Duration = Duration::from_secs(3600);

/// Entries that were set or asked for lately: at least the last `bound` of them, at most twice as many.
pub(super) struct Recent<K, V> {
    bound: usize,
    new: HashMap<K, V>,
    old: HashMap<K, V>,
    since: Option<Instant>,
}

impl<K: Hash + Eq + Copy, V: Copy> Recent<K, V> {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, new: HashMap::default(), old: HashMap::default(), since: None }
    }

    pub(super) fn get(&mut self, key: &K, now: Instant) -> Option<V> {
        if let Some(value) = self.new.get(key) {
            return Some(*value);
        }
        let value = self.old.remove(key)?;
        self.insert(*key, value, now);
        Some(value)
    }

    pub(super) fn insert(&mut self, key: K, value: V, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if self.new.len() >= self.bound || now.saturating_duration_since(since) > KEPT {
            self.old = std::mem::take(&mut self.new);
            self.since = Some(now);
        }
        self.old.remove(&key);
        self.new.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_for_lately_stays_and_the_rest_makes_room() {
        let (mut recent, now) = (Recent::new(4), Instant::now());
        for key in 0..100 {
            recent.insert(key, key, now);
            assert_eq!(recent.get(&0, now), Some(0), "{key}");
            assert!(recent.new.len() + recent.old.len() <= 8);
        }
        assert_eq!(recent.get(&99, now), Some(99));
        assert_eq!(recent.get(&50, now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_is_forgotten_after_hours() {
        let (mut recent, now) = (Recent::new(100), Instant::now());
        recent.insert(1, (), now);
        recent.insert(2, (), now + KEPT * 2);
        recent.insert(3, (), now + KEPT * 4);
        assert_eq!(recent.get(&1, now + KEPT * 4), None);
    }
}
