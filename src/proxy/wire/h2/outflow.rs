//! A body leaving on a stream, as fast as the other side's windows and its socket allow.

use std::time::Duration;

use tokio::time::Instant;

use super::link::Link;
use crate::http2::connection::Key;
use crate::proxy::wire::socket::within;

/// The other side must take this much within each stall of waiting: one that takes a byte a second does not keep its
/// stream. Bytes.
const PROGRESS: usize = 16 * 1024;

/// Why a body cannot leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// The other side takes too little.
    Stalled,
    /// The stream is over.
    Closed,
}

/// The outgoing side of a stream.
pub(crate) struct Outflow {
    stall: Duration,
    /// Time spent waiting for room since the last 16 KiB, and what was sent since.
    waited: Duration,
    sent: usize,
}

impl Outflow {
    /// The other side must take 16 KiB within each `stall` of waiting.
    pub(crate) fn new(stall: Duration) -> Self {
        Self { stall, waited: Duration::ZERO, sent: 0 }
    }

    /// Another patience from here on.
    pub(crate) fn set_stall(&mut self, stall: Duration) {
        self.stall = stall;
    }

    /// Writes all of `bytes`.
    pub(crate) async fn write(&mut self, link: &Link, stream: Key, mut bytes: &[u8]) -> Result<(), Blocked> {
        while !bytes.is_empty() {
            let room = self.room(link, stream).await?.min(bytes.len());
            link.lend_output();
            let taken = link.codec.borrow_mut().data(stream, &bytes[..room], false);
            link.wake_task();
            if taken == 0 {
                return Err(Blocked::Closed);
            }
            bytes = &bytes[taken..];
            self.sent += taken;
            if self.sent >= PROGRESS {
                (self.sent, self.waited) = (0, Duration::ZERO);
            }
        }
        Ok(())
    }

    async fn room(&mut self, link: &Link, stream: Key) -> Result<usize, Blocked> {
        let mut begun = None;
        let room = within(self.stall.saturating_sub(self.waited), |cx| {
            let room = link.poll_room(cx, stream);
            if room.is_pending() && begun.is_none() {
                begun = Some(Instant::now());
            }
            room
        })
        .await
        .ok_or(Blocked::Stalled)?;
        if let Some(begun) = begun {
            self.waited += begun.elapsed();
        }
        if room == 0 { Err(Blocked::Closed) } else { Ok(room) }
    }
}
