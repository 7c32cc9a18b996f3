//! What a stream id stands for (RFC 9113 §5.1, §5.1.1).

use super::event::{Ending, Key};
use super::limits::REMEMBERED;
use super::{Connection, Role};
use crate::http2::code::ErrorCode;

/// What a frame's stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// One that was not released.
    Held(Key),
    /// One of the peer's that it may open now (servers).
    New,
    /// One that nobody opened.
    Idle,
    /// One that we reset, or that came behind our farewell: the peer could not know.
    Ignored,
    /// One that has ended.
    Closed,
}

/// Ids of streams that we reset while the peer could send on them.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    ids: Vec<u32>,
    /// Which one is forgotten next.
    oldest: usize,
}

impl Remembered {
    pub(super) fn add(&mut self, id: u32) {
        if self.ids.len() < REMEMBERED {
            self.ids.push(id);
        } else {
            self.ids[self.oldest] = id;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
    }

    fn has(&self, id: u32) -> bool {
        self.ids.contains(&id)
    }

    /// Memory that is held, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.ids.capacity() * 4
    }
}

impl Connection {
    /// What the stream of a frame is. `id` is not 0.
    #[inline]
    pub(super) fn standing(&self, id: u32) -> Standing {
        match self.streams.find(id) {
            Some(key) => Standing::Held(key),
            None => self.standing_of_unheld(id),
        }
    }

    fn standing_of_unheld(&self, id: u32) -> Standing {
        let is_odd = id & 1 == 1;
        match self.role {
            Role::Server if is_odd && id > self.highest => {
                if self.farewell.is_final() {
                    Standing::Ignored
                } else {
                    Standing::New
                }
            }
            Role::Client if is_odd && id >= self.next => Standing::Idle,
            Role::Server | Role::Client if !is_odd => Standing::Idle,
            Role::Server | Role::Client if self.remembered.has(id) => Standing::Ignored,
            Role::Server | Role::Client => Standing::Closed,
        }
    }

    /// A frame other than HEADERS for a stream that nobody opened.
    pub(super) fn idle_stream() -> Ending {
        Ending { code: ErrorCode::PROTOCOL_ERROR, reason: "frame on an idle stream" }
    }

    /// DATA or HEADERS for a stream that has ended.
    pub(super) fn closed_stream() -> Ending {
        Ending { code: ErrorCode::STREAM_CLOSED, reason: "frame on a closed stream" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_reset_is_forgotten_first() {
        let mut remembered = Remembered::default();
        let many = u32::try_from(REMEMBERED).unwrap();
        (0..many + 2).for_each(|id| remembered.add(id));
        assert!(!remembered.has(0) && !remembered.has(1));
        assert!((2..many + 2).all(|id| remembered.has(id)));
    }
}
