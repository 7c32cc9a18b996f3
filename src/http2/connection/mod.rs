//! One connection: frames in, events out (RFC 9113 §3–§6).
//!
//! What it is for: everything that HTTP/2 has beyond heads and bodies: the preface, settings, the states of streams,
//! windows, resets, farewells, and the limits that keep a peer from making us work or hold for nothing. The owner feeds
//! it bytes with [`Connection::receive`], acts on the events, answers with [`Connection::respond`],
//! [`Connection::data`] and [`Connection::trailers`], and sends what [`Connection::output`] holds.
//!
//! What it must not know: sockets, tasks, clocks, routes, and what heads and bodies mean.
//!
//! Where it sits: between a socket's bytes and the exchanges of its streams, on either side. A frame that lies whole in
//! the input is handled in place; bodies are handed on as slices of the input. Nothing is allocated for a stream once as
//! many have been open at a time before.
//!
//! **Life of a stream.** It begins with [`Event::Request`] or [`Connection::request`], and lasts until the owner calls
//! [`Connection::release`], whatever ends it on the wire: the owner must release each stream, also one that was reset.

mod config;
mod event;

pub use config::{Config, Returns, Role};
pub use event::{Arrival, Ask, Ending, Event, Key, NoStream};

use std::time::Duration;

use super::code::ErrorCode;

/// A connection.
pub struct Connection {
    out: Vec<u8>,
}

impl Connection {
    /// Begins a connection: what we send first (RFC 9113 §3.4) is in the output.
    pub fn new(_role: Role, _config: &Config) -> Self {
        Self { out: Vec::new() }
    }

    /// Takes bytes from the peer up to the next event, and tells how many. All of `input` is taken when there is no
    /// event; nothing of it is needed again. A head or trailers lie in `arrival` until the next call.
    ///
    /// `now` is the time since any fixed point.
    pub fn receive<'i>(
        &mut self,
        input: &'i [u8],
        _arrival: &mut Arrival,
        _now: Duration,
    ) -> Result<(usize, Option<Event<'i>>), Ending> {
        Ok((input.len(), None))
    }

    /// What is to be sent to the peer.
    pub fn output(&self) -> &[u8] {
        &self.out
    }

    /// So many bytes of the output were sent.
    pub fn sent(&mut self, _bytes: usize) {}

    /// Gives memory for the output. What it holds is thrown away.
    pub fn lend_output(&mut self, _memory: Vec<u8>) {}

    /// Takes the memory of the output, and what is in it, so that a connection without anything to send holds none. What
    /// was reported as [`sent`](Self::sent) is not in it.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Sends a head: final, or interim if the status is 1xx, which never ends a stream.
    pub fn respond(
        &mut self,
        _stream: Key,
        _status: u16,
        _is_end: bool,
        _give: impl FnOnce(&mut dyn FnMut(&[u8], &[u8])),
    ) {
    }

    /// Opens a stream with a request's head. Clients only.
    pub fn request(
        &mut self,
        _ask: &Ask<'_>,
        _is_end: bool,
        _give: impl FnOnce(&mut dyn FnMut(&[u8], &[u8])),
    ) -> Result<Key, NoStream> {
        Err(NoStream::GoingAway)
    }

    /// How many bytes of a body both windows allow now. 0 for a stream that cannot send.
    pub fn capacity(&self, _stream: Key) -> usize {
        0
    }

    /// Sends bytes of a body, as many as the windows allow, and tells how many. The stream ends with the last of them if
    /// `is_end` and if all were taken; then also an empty piece is a frame.
    pub fn data(&mut self, _stream: Key, _bytes: &[u8], _is_end: bool) -> usize {
        0
    }

    /// Ends a body with trailers, given as lines.
    pub fn trailers(&mut self, _stream: Key, _lines: &[u8]) {}

    /// Ends a stream at once, if it is not over. It still is to be released.
    pub fn reset(&mut self, _stream: Key, _code: ErrorCode) {}

    /// The owner has passed on so many bytes of bodies that came with [`Event::Data`]: the peer may send as many more.
    pub fn consumed(&mut self, _stream: Key, _bytes: usize) {}

    /// The owner is done with the stream. Resets it if it is not over: with NO_ERROR behind a complete answer (RFC 9113
    /// §8.1), else with CANCEL.
    pub fn release(&mut self, _stream: Key) {}

    /// The owner no longer holds the bytes of the stream's head.
    pub fn head_released(&mut self, _stream: Key) {}

    /// Tells the peer to open no further streams. Those that cross the message are served still (RFC 9113 §6.8).
    pub fn announce_goaway(&mut self) {}

    /// Tells the peer which of its streams is the last. Later ones are ignored. With an error code the connection is over:
    /// the owner sends the output and closes.
    pub fn goaway(&mut self, _code: ErrorCode) {}

    /// Asks the peer whether it is there: [`Event::Pong`] is the answer. Does nothing while an answer is awaited.
    pub fn ping(&mut self) {}

    /// Whether the preface and the first settings of the peer have come.
    pub fn is_greeted(&self) -> bool {
        false
    }

    /// Whether a header block has begun and not ended.
    pub fn is_in_head(&self) -> bool {
        false
    }

    /// Whether a frame has begun and not ended.
    pub fn is_in_frame(&self) -> bool {
        false
    }

    /// Streams that are open on the wire.
    pub fn open_streams(&self) -> usize {
        0
    }

    /// Streams of ours that may be opened now. Clients only.
    pub fn free_streams(&self) -> usize {
        0
    }

    /// The last stream that the peer opened and we took.
    pub fn last_stream(&self) -> u32 {
        0
    }

    /// Whether no stream waits for its release and nothing is to be sent.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// Gives back the memory that streams leave for the next ones. For a connection that goes idle.
    pub fn rest(&mut self) {}
}
