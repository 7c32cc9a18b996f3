//! Which fields an encoder has seen, and where in its table they are.
//!
//! A small table of hashes that forgets: what falls on the place of another drives it out. So a look-up has two places
//! to look at whatever values a peer chooses, and what is forgotten costs bytes on the wire and nothing else. A hash
//! proves nothing: an entry is only used when its bytes are the field's.

use super::table::{Name, Table};

/// Number of places, in pairs.
const PLACES: usize = 64;

/// What was seen with a hash.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Bits of the hash that the place itself does not tell. 0: nothing.
    tag: u16,
    /// The serial number of the entry that the field became or, if it never did, of one that it is not.
    serial: u16,
}

/// Whether a field has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It is the entry with this number.
    Entry(usize),
    /// It has been seen and is no entry, or not any more.
    Again,
    /// It has not been seen lately.
    New,
}

/// The fields that have been seen lately.
#[derive(Debug, Default)]
pub(super) struct Sights {
    /// Empty before the first field.
    places: Vec<[Place; 2]>,
    /// The serial number of the next entry.
    next: u16,
}

impl Sights {
    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.places.capacity() * size_of::<[Place; 2]>()
    }

    /// Looks for a field with this hash.
    #[inline]
    pub(super) fn find(&self, hash: u32, table: &Table, name: Name<'_>, value: &[u8]) -> Sight {
        let Some(places) = self.places.get(pair_of(hash)) else { return Sight::New };
        let tag = tag_of(hash);
        for place in places {
            if place.tag == tag {
                let number = self.number_of(*place);
                return match table.get(number) {
                    Some(entry) if entry == (name, value) => Sight::Entry(number),
                    _ => Sight::Again,
                };
            }
        }
        Sight::New
    }

    /// Notes that the field with this hash has been seen and is the next entry, if one is made of it.
    pub(super) fn remember(&mut self, hash: u32, table: &Table) {
        if self.places.is_empty() {
            self.places.resize(PLACES / 2, Default::default());
        }
        let (tag, next) = (tag_of(hash), self.next);
        let is_entry = |place: &Place| usize::from(next.wrapping_sub(place.serial).wrapping_sub(1)) < table.count();
        let Some([first, second]) = self.places.get_mut(pair_of(hash)) else { return };
        // Its own place, or one that names no entry; else the second, so that the first one stays.
        let place =
            if first.tag == tag || second.tag != tag && !is_entry(first) && is_entry(second) { first } else { second };
        *place = Place { tag, serial: next };
    }

    /// An entry has been added to the table.
    #[inline]
    pub(super) fn count_entry(&mut self) {
        self.next = self.next.wrapping_add(1);
    }

    /// The number that an entry has now. None has it, if the field is no entry.
    #[inline]
    fn number_of(&self, place: Place) -> usize {
        usize::from(self.next.wrapping_sub(place.serial).wrapping_sub(1))
    }
}

#[inline]
fn pair_of(hash: u32) -> usize {
    hash as usize % (PLACES / 2)
}

#[inline]
fn tag_of(hash: u32) -> u16 {
    (hash >> 16) as u16 | 1
}
