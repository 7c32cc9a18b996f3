//! Frames by hand, and a connection whose events are written down.

use std::time::Duration;

use crate::http2::code::ErrorCode;
use crate::http2::connection::limits::Limit;
use crate::http2::connection::{Arrival, Config, Connection, Ending, Event, Key, Role};
use crate::http2::frame::{FrameHeader, HEADER, PREFACE, flag, kind};

/// A frame that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The number in a payload of four bytes, or at its start.
    pub(super) fn word(&self) -> u32 {
        u32::from_be_bytes(*self.payload.first_chunk().unwrap())
    }

    pub(super) fn goaway_code(&self) -> ErrorCode {
        ErrorCode(u32::from_be_bytes(self.payload[4..8].try_into().unwrap()))
    }
}

/// The bytes of a frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A header block: every field as a literal that is not indexed.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let mut length = text.len();
            if length < 127 {
                block.push(length as u8);
            } else {
                block.push(127);
                length -= 127;
                while length >= 128 {
                    block.push((length % 128) as u8 | 128);
                    length /= 128;
                }
                block.push(length as u8);
            }
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

pub(super) const GET: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")];
pub(super) const POST: &[(&str, &str)] =
    &[(":method", "POST"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")];

pub(super) fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(kind::HEADERS, flags | flag::END_HEADERS, stream, &block(fields))
}

pub(super) fn data(stream: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(kind::DATA, flags, stream, bytes)
}

pub(super) fn word(kind: u8, stream: u32, word: u32) -> Vec<u8> {
    frame(kind, 0, stream, &word.to_be_bytes())
}

pub(super) fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::http2::write::settings(&mut out, pairs);
    out
}

/// An event, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Path, end, status of a refusal.
    Request(u32, String, bool, Option<u16>),
    /// Status and end; status 0 if refused.
    Response(u32, u16, bool),
    Data(u32, Vec<u8>, bool),
    Trailers(u32, String),
    Reset(u32, ErrorCode, bool),
    Rejected(u32, ErrorCode),
    Writable(Option<u32>),
    Settings,
    Pong,
    Goaway(u32, ErrorCode),
}

/// A connection of ours, and what it told.
pub(super) struct Rig {
    pub(super) connection: Connection,
    pub(super) arrival: Arrival,
    pub(super) now: Duration,
    pub(super) seen: Vec<Seen>,
    pub(super) keys: Vec<Key>,
    /// The limits for which streams were reset or rejected by us; `None` for other rules.
    pub(super) broken: Vec<Option<Limit>>,
}

impl Rig {
    pub(super) fn new(role: Role, config: &Config) -> Self {
        Self {
            connection: Connection::new(role, config),
            arrival: Arrival::default(),
            now: Duration::from_secs(1000),
            seen: Vec::new(),
            keys: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// A server whose client has begun, and whose output is empty.
    pub(super) fn server_with(config: &Config) -> Self {
        let mut rig = Self::new(Role::Server, config);
        rig.feed(PREFACE).unwrap();
        rig.feed(&settings(&[])).unwrap();
        rig.feed(&frame(kind::SETTINGS, flag::ACK, 0, &[])).unwrap();
        rig.seen.clear();
        rig.sent();
        rig
    }

    pub(super) fn server() -> Self {
        Self::server_with(&Config::default())
    }

    /// A client whose server has begun, and whose output is empty.
    pub(super) fn client_with(config: &Config, theirs: &[(u16, u32)]) -> Self {
        let mut rig = Self::new(Role::Client, config);
        rig.feed(&settings(theirs)).unwrap();
        rig.feed(&frame(kind::SETTINGS, flag::ACK, 0, &[])).unwrap();
        rig.seen.clear();
        rig.sent();
        rig
    }

    pub(super) fn client() -> Self {
        Self::client_with(&Config::default(), &[])
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        self.feed_in(bytes, usize::MAX)
    }

    /// Gives the bytes in pieces.
    pub(super) fn feed_in(&mut self, bytes: &[u8], size: usize) -> Result<(), Ending> {
        for piece in bytes.chunks(size.min(bytes.len().max(1))) {
            let mut rest = piece;
            loop {
                let (taken, event) = self.connection.receive(rest, &mut self.arrival, self.now)?;
                rest = &rest[taken..];
                match event {
                    Some(event) => self.note(event),
                    None => break assert!(rest.is_empty(), "all is taken when nothing happens"),
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, event: Event<'_>) {
        let seen = match event {
            Event::Request { stream, is_end, verdict } => {
                self.keys.push(stream);
                let head = &self.arrival.request;
                let path = String::from_utf8_lossy(head.target.of(&self.arrival.bytes)).into_owned();
                Seen::Request(stream.id, path, is_end, verdict.err().map(|error| error.status()))
            }
            Event::Response { stream, is_end, verdict } => {
                let status = if verdict.is_ok() { self.arrival.response.status } else { 0 };
                Seen::Response(stream.id, status, is_end)
            }
            Event::Data { stream, bytes, is_end } => {
                assert!(is_end || !bytes.is_empty());
                match self.seen.last_mut() {
                    // Pieces of a frame are one here, so that cuts make no difference.
                    Some(Seen::Data(id, all, end)) if *id == stream.id && !*end => {
                        all.extend_from_slice(bytes);
                        *end = is_end;
                        return;
                    }
                    _ => Seen::Data(stream.id, bytes.to_vec(), is_end),
                }
            }
            Event::Trailers { stream } => {
                Seen::Trailers(stream.id, String::from_utf8_lossy(&self.arrival.bytes).into_owned())
            }
            Event::Reset { stream, code, by_peer, reason: _, limit } => {
                if !by_peer {
                    self.broken.push(limit);
                }
                Seen::Reset(stream.id, code, by_peer)
            }
            Event::Rejected { id, code, reason: _, limit } => {
                self.broken.push(limit);
                Seen::Rejected(id, code)
            }
            Event::Writable { stream } => Seen::Writable(stream.map(|key| key.id)),
            Event::Settings => Seen::Settings,
            Event::Pong => Seen::Pong,
            Event::Goaway { last, code } => Seen::Goaway(last, code),
        };
        self.seen.push(seen);
    }

    /// What was told since the last call.
    pub(super) fn told(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    /// The frames that were sent since the last call.
    pub(super) fn sent(&mut self) -> Vec<Frame> {
        let out = self.connection.output().to_vec();
        self.connection.sent(out.len());
        let mut rest = out.as_slice();
        if let Some(tail) = rest.strip_prefix(PREFACE) {
            rest = tail;
        }
        frames(rest)
    }

    /// The stream of this id.
    pub(super) fn key(&self, id: u32) -> Key {
        *self.keys.iter().find(|key| key.id == id).expect("a request with this id came")
    }
}

pub(super) fn frames(mut rest: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((header, tail)) = rest.split_first_chunk::<HEADER>() {
        let FrameHeader { length, kind, flags, stream } = FrameHeader::parse(header);
        let (payload, tail) = tail.split_at(length as usize);
        frames.push(Frame { kind, flags, stream, payload: payload.to_vec() });
        rest = tail;
    }
    assert!(rest.is_empty());
    frames
}
