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

mod bodies;
mod config;
mod control;
mod credits;
mod event;
mod farewell;
mod heads;
pub mod limits;
mod receive;
mod send;
mod settings;
mod standing;
mod stream;
mod streams;
mod tail;
#[cfg(test)]
mod tests;
mod view;
mod window;

pub use config::{Config, Returns, Role};
pub use event::{Arrival, Ending, Event, Key, NoStream};
pub use view::View;

use credits::{Credits, EarlyResets};
use farewell::Farewell;
use heads::Block;
use limits::{Limit, SLOTS, STREAMS_BEFORE_SETTINGS};
use receive::{Expected, Partial, Stage};
use standing::Remembered;
use streams::Streams;
use tail::Tail;
use window::{INITIAL, LARGEST, ReceiveWindow, SendWindow};

use super::frame::PREFACE;
use super::hpack::{DEFAULT_TABLE_BYTES, Decoder, Encoder};
use super::write;

/// A connection.
pub struct Connection {
    role: Role,
    config: Config,
    /// Set when the connection is over.
    ended: Option<Ending>,
    /// The limit for which it is over, if it is for one.
    exceeded: Option<Limit>,

    stage: Stage,
    expected: Expected,
    partial: Partial,
    block: Block,
    decoder: Decoder,

    streams: Streams,
    remembered: Remembered,
    /// The highest stream of the peer's that we took up or refused (servers).
    highest: u32,
    /// Whether the peer left out ids (servers).
    has_skipped: bool,
    /// The id of the next stream that we open (clients).
    next: u32,
    farewell: Farewell,

    receive_window: ReceiveWindow,
    send_window: SendWindow,
    /// Windows that new streams have for sending.
    initial_send_window: i32,
    /// Windows that new streams have for receiving, at least 65,535 until the peer has acknowledged our settings.
    initial_receive_window: u32,
    is_acknowledged: bool,
    /// Streams that the peer lets us open (clients).
    peer_streams: u32,
    /// Whether the peer takes extended CONNECT (clients).
    takes_connect: bool,

    /// Bytes of heads that the owner holds.
    heads: u32,
    /// Bytes that it may hold for now.
    heads_most: u32,
    credits: Credits,
    early_resets: EarlyResets,
    local_resets: u32,

    encoder: Encoder,
    out: Vec<u8>,
    tail: Tail,
    /// Bytes at the start of `out` that were sent.
    out_sent: usize,
    /// Bytes in `out` that answer frames of the peer.
    out_control: usize,
    is_ping_open: bool,
}

impl Connection {
    /// Begins a connection: what we send first (RFC 9113 §3.4) is in the output.
    pub fn new(role: Role, config: &Config) -> Self {
        let mut config = *config;
        config.streams = config.streams.min(SLOTS);
        config.stream_window = config.stream_window.min(LARGEST.unsigned_abs());
        config.connection_window = config.connection_window.clamp(INITIAL, LARGEST.unsigned_abs());
        let mut out = Vec::new();
        if role == Role::Client {
            out.extend_from_slice(PREFACE);
        }
        settings::write_ours(&mut out, role, &config);
        if config.connection_window > INITIAL {
            write::window_update(&mut out, 0, config.connection_window - INITIAL);
        }
        Self {
            role,
            ended: None,
            exceeded: None,
            stage: if role == Role::Server { Stage::Preface } else { Stage::Header },
            expected: Expected::Settings,
            partial: Partial::default(),
            block: Block::default(),
            decoder: Decoder::new(DEFAULT_TABLE_BYTES),
            streams: Streams::default(),
            remembered: Remembered::default(),
            highest: 0,
            has_skipped: false,
            next: 1,
            farewell: Farewell::default(),
            receive_window: ReceiveWindow::new(config.connection_window),
            send_window: SendWindow::new(INITIAL as i32),
            initial_send_window: INITIAL as i32,
            initial_receive_window: config.stream_window.max(INITIAL),
            is_acknowledged: false,
            peer_streams: STREAMS_BEFORE_SETTINGS,
            takes_connect: false,
            heads: 0,
            heads_most: u32::MAX,
            credits: Credits::new(),
            early_resets: EarlyResets::new(config.early_resets),
            local_resets: 0,
            encoder: Encoder::new(),
            out,
            tail: Tail::default(),
            out_sent: 0,
            out_control: 0,
            is_ping_open: false,
            config,
        }
    }

    /// What is to be sent to the peer.
    #[inline]
    pub fn output(&self) -> &[u8] {
        &self.out[self.out_sent..]
    }

    /// So many bytes of the output were sent.
    pub fn sent(&mut self, bytes: usize) {
        /// What was sent is moved out of the way when it is as much.
        const MUCH: usize = 64 * 1024;
        self.tail.forget();
        self.out_sent = (self.out_sent + bytes).min(self.out.len());
        if self.out_sent == self.out.len() {
            self.out.clear();
            self.out_sent = 0;
            self.out_control = 0;
        } else if self.out_sent >= MUCH {
            self.out.drain(..self.out_sent);
            self.out_sent = 0;
            self.out_control = self.out_control.min(self.out.len());
        }
    }

    /// Gives memory for the output; its contents are thrown away. What the output holds already is kept.
    pub fn lend_output(&mut self, mut memory: Vec<u8>) {
        self.tail.forget();
        memory.clear();
        if self.out.is_empty() {
            self.out = memory;
        } else if memory.capacity() > self.out.capacity() {
            memory.extend_from_slice(self.output());
            self.out = memory;
            self.out_sent = 0;
        }
    }

    /// Takes the memory of the output, and what is in it, so that a connection without anything to send holds none. What
    /// was reported as [`sent`](Self::sent) is not in it.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.tail.forget();
        self.out_control = 0;
        let sent = std::mem::take(&mut self.out_sent);
        let mut out = std::mem::take(&mut self.out);
        if sent > 0 {
            out.drain(..sent);
        }
        out
    }

    /// Whether the preface and the first settings of the peer have come.
    pub fn is_greeted(&self) -> bool {
        self.expected != Expected::Settings
    }

    /// Whether a header block has begun and not ended.
    pub fn is_in_head(&self) -> bool {
        self.expected == Expected::Continuation || matches!(self.stage, Stage::Block { .. })
    }

    /// Whether a frame has begun and not ended.
    pub fn is_in_frame(&self) -> bool {
        !matches!(self.stage, Stage::Header) || !self.partial.is_empty()
    }

    /// Streams that are open on the wire.
    pub fn open_streams(&self) -> usize {
        self.streams.open() as usize
    }

    /// Streams that were not released, whatever has become of them.
    pub fn held_streams(&self) -> usize {
        self.streams.len()
    }

    /// Streams that may be opened now. 0 for servers.
    pub fn free_streams(&self) -> usize {
        match self.no_stream() {
            Some(_) => 0,
            None => (self.stream_limit() - self.streams.open()) as usize,
        }
    }

    /// Whether the peer has said that it takes extended CONNECT (RFC 8441 §3). Before its settings have come, it has
    /// not. Never for servers.
    pub fn takes_connect(&self) -> bool {
        self.takes_connect
    }

    /// Bytes of heads that the owner holds for streams.
    pub fn heads(&self) -> u32 {
        self.heads
    }

    /// From here on only so many bytes more may be held, also if `Config::heads_bytes` is more: several connections have
    /// one budget.
    pub fn set_heads_room(&mut self, bytes: u32) {
        self.heads_most = self.heads.saturating_add(bytes);
    }

    /// The last stream that the peer opened.
    pub fn last_stream(&self) -> u32 {
        self.highest
    }

    /// The limit that the peer went beyond, when the connection is over for that and not for another rule.
    pub fn limit(&self) -> Option<Limit> {
        self.exceeded
    }

    /// Whether no stream waits for its release, nothing is to be sent, and no frame has begun.
    pub fn is_idle(&self) -> bool {
        self.streams.len() == 0 && self.output().is_empty() && !self.is_in_frame() && !self.is_in_head()
    }

    /// Gives back the memory that streams and heads leave for the next ones. For a connection that goes idle.
    pub fn rest(&mut self) {
        self.streams.rest();
        self.block.rest();
        if self.out.is_empty() {
            self.out = Vec::new();
        }
    }
}
