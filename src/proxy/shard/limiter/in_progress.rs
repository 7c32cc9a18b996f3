//! How many requests of each client are in progress. A client without any takes no room, so there are never more entries than
//! requests in progress, which have bounds of their own.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::HashMap;

/// Parts, each with a lock of its own.
const PARTS: usize = 64;

/// The requests in progress of all clients.
#[derive(Debug)]
pub(super) struct Places([Mutex<HashMap<u64, u32>>; PARTS]);

/// A place for a request in progress, until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    key: u64,
}

impl Default for Places {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Places {
    /// One more place, unless `most` are taken.
    pub(super) fn take(places: &Arc<Self>, key: u64, most: NonZeroU32) -> Option<Place> {
        let mut part = places.part(key).lock().unwrap_or_else(PoisonError::into_inner);
        let taken = part.entry(key).or_default();
        if *taken >= most.get() {
            return None;
        }
        *taken += 1;
        Some(Place { places: Arc::clone(places), key })
    }

    fn part(&self, key: u64) -> &Mutex<HashMap<u64, u32>> {
        &self.0[key as usize % PARTS]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut part = self.places.part(self.key).lock().unwrap_or_else(PoisonError::into_inner);
        match part.get_mut(&self.key) {
            Some(taken) if *taken > 1 => *taken -= 1,
            Some(_) | None => _ = part.remove(&self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_l2_places_are_given_back_and_nothing_is_left_of_them() {
        let places = Arc::<Places>::default();
        let two = NonZeroU32::new(2).unwrap();
        let take = |key| Places::take(&places, key, two);
        let (first, second) = (take(7), take(7));
        assert!(first.is_some() && second.is_some() && take(7).is_none());
        assert!(take(8).is_some(), "another client has its own");
        drop(first);
        let third = take(7);
        assert!(third.is_some() && take(7).is_none());
        drop((second, third));
        assert!(places.0.iter().all(|part| part.lock().unwrap().is_empty()));
    }
}
