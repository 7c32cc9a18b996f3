//! The dynamic table (RFC 7541 §2.3.2, §4): the fields that a connection has seen last.
//!
//! The bytes of all entries lie in one piece of memory, the oldest first, each entry in one piece, so that they are
//! handed out as slices. New ones are put behind the last one; when there is no room, those that are left move to the
//! front. That happens once per third of the memory at most, and so costs each byte two moves at most. Nothing is
//! allocated before the first entry.
//!
//! Behind the entries is the *tail*: strings that are being decoded. They become an entry where they lie.

use super::static_table::Known;
use super::{ENTRY_OVERHEAD, MAX_TABLE_BYTES};

/// Bytes that memory grows by at least.
const STEP: usize = 256;

/// Entries that there is room for at first.
const LEAST_ENTRIES: usize = 8;

/// Where an entry's bytes lie: the name, unless it is a known one, then the value. 16 bits are enough: entries are in
/// the first two times [`MAX_TABLE_BYTES`] of the memory.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u16,
    name: u16,
    value: u16,
    known: Option<Known>,
}

const _: () = assert!(2 * MAX_TABLE_BYTES <= 1 << 16);

impl Entry {
    fn size(self) -> usize {
        let name = self.known.map_or(usize::from(self.name), Known::len);
        name + usize::from(self.value) + ENTRY_OVERHEAD
    }
}

/// A name of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// One of the static table.
    Known(Known),
    /// Another one.
    Other(&'a [u8]),
}

/// Entries, from the newest, which has number 0, to the oldest.
#[derive(Debug)]
pub(super) struct Table {
    /// The memory. Nothing in it is uninitialized, so that strings can be decoded into it.
    bytes: Vec<u8>,
    /// Where the tail begins and ends: behind the last entry, and behind what has been decoded.
    tail: usize,
    end: usize,
    /// A ring: its length is a power of two, or 0.
    entries: Vec<Entry>,
    /// Places in the ring: of the oldest entry, and behind the newest. They count on and wrap.
    oldest: usize,
    next: usize,
    /// Size of all entries (RFC 7541 §4.1).
    size: usize,
    /// The most that they may have.
    max: usize,
}

impl Table {
    pub(super) fn new(max: usize) -> Self {
        let max = max.min(MAX_TABLE_BYTES as usize);
        Self { bytes: Vec::new(), tail: 0, end: 0, entries: Vec::new(), oldest: 0, next: 0, size: 0, max }
    }

    pub(super) fn count(&self) -> usize {
        self.next.wrapping_sub(self.oldest)
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Bytes of memory that the table holds.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Entries that no longer fit go (RFC 7541 §4.3).
    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max.min(MAX_TABLE_BYTES as usize);
        self.evict(self.max);
    }

    #[inline]
    fn entry(&self, number: usize) -> Option<Entry> {
        if number >= self.count() {
            return None;
        }
        self.entries.get(self.next.wrapping_sub(1).wrapping_sub(number) & self.mask()).copied()
    }

    #[inline]
    fn mask(&self) -> usize {
        self.entries.len().wrapping_sub(1)
    }

    /// The oldest entry.
    #[inline]
    fn front(&self) -> Option<&Entry> {
        if self.count() == 0 { None } else { self.entries.get(self.oldest & self.mask()) }
    }

    fn push(&mut self, entry: Entry) {
        if self.count() == self.entries.len() {
            // The oldest comes to the front of the ring that is twice as large.
            let start = self.oldest & self.mask();
            self.entries.rotate_left(start);
            let length = (2 * self.entries.len()).max(LEAST_ENTRIES);
            self.next = self.count();
            self.oldest = 0;
            self.entries.reserve_exact(length - self.entries.len());
            self.entries.resize(length, entry);
        }
        let place = self.next & self.mask();
        if let Some(slot) = self.entries.get_mut(place) {
            *slot = entry;
            self.next = self.next.wrapping_add(1);
        }
    }

    /// The name of an entry.
    #[inline]
    pub(super) fn name(&self, number: usize) -> Option<Name<'_>> {
        let entry = self.entry(number)?;
        Some(match entry.known {
            Some(known) => Name::Known(known),
            None => Name::Other(self.slice(usize::from(entry.start), usize::from(entry.name))),
        })
    }

    /// Name and value of an entry.
    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<(Name<'_>, &[u8])> {
        let entry = self.entry(number)?;
        let (start, name, value) = (usize::from(entry.start), usize::from(entry.name), usize::from(entry.value));
        match entry.known {
            Some(known) => Some((Name::Known(known), self.slice(start, value))),
            None => {
                let (name, value) = self.slice(start, name + value).split_at_checked(name)?;
                Some((Name::Other(name), value))
            }
        }
    }

    #[inline]
    fn slice(&self, start: usize, length: usize) -> &[u8] {
        self.bytes.get(start..start + length).unwrap_or_default()
    }

    /// What has been appended to the tail.
    #[inline]
    pub(super) fn tail(&self) -> &[u8] {
        self.bytes.get(self.tail..self.end).unwrap_or_default()
    }

    /// Appends to the tail.
    #[inline]
    pub(super) fn append(&mut self, text: &[u8]) {
        self.room(text.len()).copy_from_slice(text);
        self.end += text.len();
    }

    /// Appends the name of an entry to the tail. Known names have no bytes.
    pub(super) fn append_name(&mut self, number: usize) {
        if let Some(Entry { name, known: None, .. }) = self.entry(number) {
            // First room, because entries may move.
            self.room(usize::from(name));
            if let Some(Entry { start, .. }) = self.entry(number) {
                let start = usize::from(start);
                self.bytes.copy_within(start..start + usize::from(name), self.end);
                self.end += usize::from(name);
            }
        }
    }

    /// The next `length` bytes behind the tail, to write to. [`Self::grow`] then says how many of them count.
    #[inline]
    pub(super) fn room(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < length {
            self.make_room(length);
        }
        &mut self.bytes[self.end..self.end + length]
    }

    /// The first `length` bytes of the room are part of the tail now.
    #[inline]
    pub(super) fn grow(&mut self, length: usize) {
        self.end = (self.end + length).min(self.bytes.len());
    }

    /// Forgets the tail.
    #[inline]
    pub(super) fn drop_tail(&mut self) {
        self.end = self.tail;
    }

    /// Makes the tail an entry: its first `name` bytes are the name, unless that is a known one, and the others the
    /// value. An entry larger than the table empties it (RFC 7541 §4.4).
    pub(super) fn commit(&mut self, known: Option<Known>, name: usize) {
        let value = (self.end - self.tail).saturating_sub(name);
        let size = known.map_or(name, Known::len) + value + ENTRY_OVERHEAD;
        if size > self.max {
            self.clear();
            return;
        }
        self.evict(self.max - size);
        // A long string may have made the memory larger than entries may use. Sizes and places stay below 2^16.
        if self.tail > 2 * self.max {
            self.compact();
        }
        self.push(Entry { start: self.tail as u16, name: name as u16, value: value as u16, known });
        self.size += size;
        self.tail = self.end;
    }

    /// Adds an entry, whose name is kept as it is.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        if name.len() + value.len() + ENTRY_OVERHEAD > self.max {
            self.clear();
            return;
        }
        self.append(name);
        self.append(value);
        self.commit(None, name.len());
    }

    /// Whether an entry is what [`Self::insert`] has made of this name and this value.
    #[inline]
    pub(super) fn is_entry(&self, number: usize, name: &[u8], value: &[u8]) -> bool {
        self.entry(number).is_some_and(|entry| {
            let (start, middle) = (usize::from(entry.start), usize::from(entry.start) + usize::from(entry.name));
            usize::from(entry.name) == name.len()
                && usize::from(entry.value) == value.len()
                && self.slice(middle, value.len()) == value
                && self.slice(start, name.len()) == name
        })
    }

    /// Removes all entries, and the tail.
    pub(super) fn clear(&mut self) {
        self.oldest = self.next;
        self.size = 0;
        self.tail = 0;
        self.end = 0;
    }

    /// Gives memory back that only strings larger than the table needed.
    #[inline]
    pub(super) fn trim(&mut self) {
        let most = (2 * self.max).max(STEP);
        if self.bytes.len() > most {
            self.compact();
            self.bytes.truncate(most.max(self.end));
            self.bytes.shrink_to_fit();
        }
    }

    /// Removes the oldest entries until the size is at most `size`.
    #[inline]
    fn evict(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.front() else { return };
            self.size -= oldest.size();
            self.oldest = self.oldest.wrapping_add(1);
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, length: usize) {
        let gap = self.compactable();
        let live = self.end - gap;
        if gap >= live / 2 {
            self.compact();
        }
        let need = self.end + length;
        if need > self.bytes.len() {
            let more = need.next_multiple_of(STEP).max(self.bytes.len() + self.bytes.len() / 2);
            self.bytes.reserve_exact(more - self.bytes.len());
            self.bytes.resize(more, 0);
        }
    }

    /// How many bytes in front of the oldest entry are free.
    fn compactable(&self) -> usize {
        self.front().map_or(self.tail, |oldest| usize::from(oldest.start))
    }

    /// Moves everything to the front.
    fn compact(&mut self) {
        let gap = self.compactable();
        self.bytes.copy_within(gap..self.end, 0);
        // Places without an entry take part, which is harmless.
        for entry in &mut self.entries {
            entry.start = entry.start.wrapping_sub(gap as u16);
        }
        self.tail -= gap;
        self.end -= gap;
    }
}
