//! The streams of a connection, by key and by id.
//!
//! Streams lie in slots, which are used again; a sorted list of ids leads to them. A connection without streams has no
//! memory here until its first, and none again after [`Streams::rest`].

use super::event::Key;
use super::stream::{Fate, Stream};

#[derive(Debug, Default)]
pub(super) struct Streams {
    slots: Vec<Stream>,
    free: Vec<u16>,
    /// Ids with their slots. Ids only rise, so new ones go to the end.
    order: Vec<(u32, u16)>,
    open: u32,
}

impl Streams {
    /// Streams that wait for their release.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Streams that count as open on the wire.
    pub(super) fn open(&self) -> u32 {
        self.open
    }

    /// Takes an open stream whose id is higher than all before. The caller bounds their number.
    pub(super) fn insert(&mut self, stream: Stream) -> Key {
        debug_assert!(stream.is_open() && self.order.last().is_none_or(|&(last, _)| last < stream.id));
        let id = stream.id;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[usize::from(slot)] = stream;
                slot
            }
            None => {
                self.slots.push(stream);
                u16::try_from(self.slots.len() - 1).expect("at most twice SLOTS streams")
            }
        };
        self.order.push((id, slot));
        self.open += 1;
        Key { slot, id }
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&Stream> {
        self.slots.get(usize::from(key.slot)).filter(|stream| stream.id == key.id && key.id != 0)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Stream> {
        self.slots.get_mut(usize::from(key.slot)).filter(|stream| stream.id == key.id && key.id != 0)
    }

    #[inline]
    pub(super) fn find(&self, id: u32) -> Option<Key> {
        match self.order.last() {
            Some(&(last, slot)) if last == id => Some(Key { slot, id }),
            Some(_) => self.place(id).map(|place| Key { slot: self.order[place].1, id }),
            None => None,
        }
    }

    fn place(&self, id: u32) -> Option<usize> {
        self.order.binary_search_by_key(&id, |&(id, _)| id).ok()
    }

    /// Changes what has become of a stream, and keeps the count of open ones.
    #[inline]
    pub(super) fn change(&mut self, key: Key, change: impl FnOnce(&mut Stream)) {
        if let Some(stream) = self.slots.get_mut(usize::from(key.slot)).filter(|stream| stream.id == key.id) {
            let was_open = stream.is_open();
            change(stream);
            self.open -= u32::from(was_open && !stream.is_open());
        }
    }

    /// Forgets a stream. Tells what was known of it.
    pub(super) fn remove(&mut self, key: Key) -> Option<Stream> {
        const NONE: Stream = Stream {
            id: 0,
            send: super::window::SendWindow::NONE,
            receive: super::window::ReceiveWindow::NONE,
            held: 0,
            head: 0,
            body_left: 0,
            opened: std::time::Duration::ZERO,
            fate: Fate::Regular,
            is_remote_open: false,
            is_local_open: false,
            is_answered: false,
            method: crate::http1::Method::Get,
            interims: 0,
        };
        self.get(key)?;
        let stream = std::mem::replace(&mut self.slots[usize::from(key.slot)], NONE);
        self.open -= u32::from(stream.is_open());
        if let Some(place) = self.place(key.id) {
            self.order.remove(place);
        }
        self.free.push(key.slot);
        Some(stream)
    }

    /// All streams.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slots.iter_mut().filter(|stream| stream.id != 0)
    }

    /// Gives back all memory if there is no stream.
    pub(super) fn rest(&mut self) {
        if self.order.is_empty() {
            *self = Self::default();
        }
    }

    /// Memory that is held, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.slots.capacity() * size_of::<Stream>() + self.free.capacity() * 2 + self.order.capacity() * 8
    }
}
