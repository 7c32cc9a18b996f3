//! Copies of requests that are under way in a shard: so many and no more. What copies hold of memory is bounded by it.

use std::cell::Cell;
use std::rc::Rc;

/// Copies under way at the most.
const MOST: usize = 128;

/// The copies of a shard.
#[derive(Debug, Default)]
pub(crate) struct Copies(Rc<Cell<usize>>);

/// A place for one of them.
#[derive(Debug)]
pub(crate) struct CopyPlace(Rc<Cell<usize>>);

impl Copies {
    /// A place, unless all are taken.
    pub(crate) fn place(&self) -> Option<CopyPlace> {
        let taken = self.0.get();
        (taken < MOST).then(|| {
            self.0.set(taken + 1);
            CopyPlace(Rc::clone(&self.0))
        })
    }
}

impl Drop for CopyPlace {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let copies = Copies::default();
        let places: Vec<_> = (0..MOST).map(|_| copies.place().unwrap()).collect();
        assert!(copies.place().is_none());
        drop(places);
        assert!(copies.place().is_some());
    }
}
