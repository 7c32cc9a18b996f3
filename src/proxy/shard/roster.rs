//! What a shard has at present of one kind, for those who look into it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

/// A list of what others own.
pub(crate) struct Roster<T>(RefCell<Places<T>>);

/// Places are used again, so that the list is as long as ever so many were there at a time.
struct Places<T> {
    places: Vec<Option<Weak<T>>>,
    free: Vec<usize>,
}

/// A place in the list, given back when this is dropped.
#[must_use = "it is in the list for as long as this lives"]
pub(crate) struct Listed<'a, T> {
    roster: &'a Roster<T>,
    place: usize,
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Self(RefCell::new(Places { places: Vec::new(), free: Vec::new() }))
    }
}

impl<T> Roster<T> {
    /// Puts one more into the list.
    pub(crate) fn list(&self, one: &Rc<T>) -> Listed<'_, T> {
        let Places { places, free } = &mut *self.0.borrow_mut();
        let one = Some(Rc::downgrade(one));
        let place = match free.pop() {
            Some(place) => {
                places[place] = one;
                place
            }
            None => {
                places.push(one);
                places.len() - 1
            }
        };
        Listed { roster: self, place }
    }

    /// How many there are, and what `look` tells of at most `limit` of them.
    pub(crate) fn look<V>(&self, limit: usize, look: impl Fn(&T) -> V) -> (usize, Vec<V>) {
        let Places { places, free } = &*self.0.borrow();
        let there = places.iter().flatten().filter_map(Weak::upgrade);
        (places.len() - free.len(), there.take(limit).map(|one| look(&one)).collect())
    }
}

impl<T> Drop for Listed<'_, T> {
    fn drop(&mut self) {
        let Places { places, free } = &mut *self.roster.0.borrow_mut();
        places[self.place] = None;
        free.push(self.place);
        if free.len() == places.len() {
            // Gives the memory of a busier time back.
            (*places, *free) = (Vec::new(), Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_gone_leaves_the_list_and_its_place_is_used_again() {
        let roster = Roster::default();
        let numbers: Vec<Rc<u32>> = (0..4).map(Rc::new).collect();
        let mut listed: Vec<_> = numbers.iter().map(|number| roster.list(number)).collect();
        assert_eq!(roster.look(10, |number| *number), (4, vec![0, 1, 2, 3]));
        assert_eq!(roster.look(2, |number| *number), (4, vec![0, 1]));
        assert_eq!(roster.look(0, |number| *number), (4, vec![]));
        drop(listed.remove(1));
        assert_eq!(roster.look(10, |number| *number), (3, vec![0, 2, 3]));
        let next = Rc::new(9);
        listed.push(roster.list(&next));
        assert_eq!(roster.look(10, |number| *number), (4, vec![0, 9, 2, 3]));
        drop(listed);
        assert_eq!(roster.look(10, |number| *number), (0, vec![]));
        assert_eq!(roster.0.borrow().places.capacity(), 0);
    }
}
