//! Which fields an encoder has seen, and where in its table they are.
//!
//! A small table of hashes that forgets: what falls on the places of others drives out what was noted first. So a
//! look-up has four places to look at whatever values a peer chooses, and what is forgotten costs bytes on the wire and
//! nothing else. A hash proves nothing: an entry is only used when its bytes are the field's.

use super::table::Table;

/// Number of sets, and of places in each: which set, the hash tells.
const SETS: usize = 16;
const PLACES: usize = 4;

/// The bit of a tag that says that the field became an entry. It is no part of the hash.
const ENTRY: u16 = 1;

/// What was seen with a hash.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Bits of the hash that the place itself does not tell, and as the lowest bit whether the field became an entry.
    tag: u16,
    /// The serial number of that entry.
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
    sets: Vec<[Place; PLACES]>,
    /// The serial number of the next entry.
    next: u16,
}

impl Sights {
    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.sets.capacity() * size_of::<[Place; PLACES]>()
    }

    /// Looks for a field with this hash.
    #[inline]
    pub(super) fn find(&self, hash: u32, table: &Table, name: &[u8], value: &[u8]) -> Sight {
        let Some(places) = self.sets.get(set_of(hash)) else { return Sight::New };
        let tag = tag_of(hash);
        for place in places {
            if place.tag | ENTRY == tag {
                let number = number_of(*place, self.next);
                return if table.is_entry(number, name, value) { Sight::Entry(number) } else { Sight::Again };
            }
        }
        Sight::New
    }

    /// Notes that the field with this hash has been seen, and whether it is made the next entry.
    pub(super) fn remember(&mut self, hash: u32, becomes_entry: bool, table: &Table) {
        if self.sets.is_empty() {
            self.sets.reserve_exact(SETS);
            self.sets.resize(SETS, Default::default());
        }
        let (tag, next) = (tag_of(hash), self.next);
        let Some(places) = self.sets.get_mut(set_of(hash)) else { return };
        let is_entry = |place: &Place| place.tag & ENTRY != 0 && number_of(*place, next) < table.count();
        // The field's own place, else the last one that names no entry, else the last.
        let own = places.iter().position(|place| place.tag | ENTRY == tag);
        let victim = own.or_else(|| places.iter().rposition(|place| !is_entry(place))).unwrap_or(PLACES - 1);
        // Places are in the order in which they were noted, the latest first.
        if let Some(moved) = places.get_mut(..=victim) {
            moved.rotate_right(1);
        }
        places[0] = Place { tag: if becomes_entry { tag } else { tag & !ENTRY }, serial: next };
    }

    /// An entry has been added to the table.
    #[inline]
    pub(super) fn count_entry(&mut self) {
        self.next = self.next.wrapping_add(1);
    }
}

/// The number that an entry has now, when `next` is the next one's serial number. None has it, if the entry is gone.
#[inline]
fn number_of(place: Place, next: u16) -> usize {
    usize::from(next.wrapping_sub(place.serial).wrapping_sub(1))
}

#[inline]
fn set_of(hash: u32) -> usize {
    hash as usize % SETS
}

#[inline]
fn tag_of(hash: u32) -> u16 {
    (hash >> 16) as u16 | ENTRY
}
