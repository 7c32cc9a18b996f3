//! Header blocks that come (RFC 9113 §4.3, §6.2, §6.10): requests, responses, trailers.
//!
//! Every block is decoded, whatever becomes of its stream: the tables of both sides must stay in step.

use std::time::Duration;

use super::event::{Arrival, Ending, Event, Key, Step};
use super::limits::{BLOCK, CONTINUATIONS, Limit, PER_STREAM, REFUSAL};
use super::receive::{Expected, Stage};
use super::standing::Standing;
use super::stream::{Fate, Stream, UNKNOWN};
use super::window::{ReceiveWindow, SendWindow};
use super::{Config, Connection, Role};
use crate::http1::{Framing, MAX_INTERIM, Method, RequestContext, Upgrade};
use crate::http2::code::ErrorCode;
use crate::http2::frame::{FrameHeader, MAX_STREAM, flag};
use crate::http2::head::{HeadFault, RequestReader, ResponseFault, ResponseReader, TrailerFault, TrailerReader};
use crate::http2::hpack::FieldSink;
use crate::http2::write;

/// A header block that does not lie whole in the input.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    start: BlockStart,
    /// Where the block begins in `bytes`: behind padding's length and priority.
    from: usize,
    continuations: u8,
}

/// What the HEADERS frame of a block tells beside it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BlockStart {
    stream: u32,
    flags: u8,
    depends_on_itself: bool,
}

impl BlockStart {
    fn is_end(self) -> bool {
        self.flags & flag::END_STREAM != 0
    }
}

impl Block {
    /// Keeps a piece of the block.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        if self.bytes.len() + bytes.len() > BLOCK {
            return Err(Ending { code: ErrorCode::ENHANCE_YOUR_CALM, reason: "header block is too long" });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Memory that is held, in bytes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives back the memory of a block that has ended.
    pub(super) fn rest(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }
}

/// Where the block lies in the payload of HEADERS, and whether the stream depends on itself.
fn strip(payload: &[u8], header: FrameHeader) -> Result<(std::ops::Range<usize>, bool), Ending> {
    let wrong = |code, reason| Err(Ending { code, reason });
    let (mut from, mut to) = (0, payload.len());
    if header.has(flag::PADDED) {
        let Some(&padding) = payload.first() else {
            return wrong(ErrorCode::FRAME_SIZE_ERROR, "padding is missing");
        };
        from = 1;
        match to.checked_sub(usize::from(padding)) {
            Some(end) if end >= from => to = end,
            _ => return wrong(ErrorCode::PROTOCOL_ERROR, "padding is longer than its frame"),
        }
    }
    let mut depends_on_itself = false;
    if header.has(flag::PRIORITY) {
        let Some(&[a, b, c, d, _]) = payload[from..to].first_chunk::<5>() else {
            return wrong(ErrorCode::FRAME_SIZE_ERROR, "priority is missing");
        };
        depends_on_itself = u32::from_be_bytes([a, b, c, d]) & MAX_STREAM == header.stream;
        from += 5;
    }
    Ok((from..to, depends_on_itself))
}

/// Drops fields that nobody waits for.
struct Dropped;

impl FieldSink for Dropped {
    fn field(&mut self, _name: &[u8], _value: &[u8]) {}
}

impl Connection {
    /// HEADERS begins. A block that lies whole in the input is decoded in place.
    #[inline]
    pub(super) fn begin_headers<'i>(
        &mut self,
        header: FrameHeader,
        rest: &mut &'i [u8],
        arrival: &mut Arrival,
        now: Duration,
    ) -> Step<'i> {
        if header.stream == 0 {
            return Err(Ending { code: ErrorCode::PROTOCOL_ERROR, reason: "HEADERS without a stream" });
        }
        if header.has(flag::END_HEADERS)
            && let Some((payload, tail)) = rest.split_at_checked(header.length as usize)
        {
            *rest = tail;
            let (range, depends_on_itself) = strip(payload, header)?;
            let start = BlockStart { stream: header.stream, flags: header.flags, depends_on_itself };
            return self.head(start, &payload[range], arrival, now);
        }
        self.block.start = BlockStart { stream: header.stream, flags: header.flags, depends_on_itself: false };
        self.block.continuations = 0;
        self.block.bytes.clear();
        self.stage = Stage::Block { left: header.length };
        Ok(None)
    }

    /// CONTINUATION begins.
    pub(super) fn begin_continuation(&mut self, header: FrameHeader) -> Result<(), Ending> {
        if self.expected != Expected::Continuation || header.stream != self.block.start.stream {
            return Err(Ending {
                code: ErrorCode::PROTOCOL_ERROR,
                reason: "CONTINUATION of no header block of its stream",
            });
        }
        self.block.continuations += 1;
        if self.block.continuations > CONTINUATIONS {
            const REASON: &str = "header block has too many continuations";
            return self.beyond(Limit::Continuations, ErrorCode::ENHANCE_YOUR_CALM, REASON);
        }
        self.block.start.flags |= header.flags & flag::END_HEADERS;
        self.stage = Stage::Block { left: header.length };
        Ok(())
    }

    /// All of a frame with a part of a block has come.
    pub(super) fn end_fragment(&mut self, arrival: &mut Arrival, now: Duration) -> Step<'static> {
        let block = &mut self.block;
        if self.expected != Expected::Continuation {
            let BlockStart { stream, flags, .. } = block.start;
            let header = FrameHeader { length: 0, kind: 0, flags, stream };
            let (range, depends_on_itself) = strip(&block.bytes, header)?;
            block.start.depends_on_itself = depends_on_itself;
            block.from = range.start;
            block.bytes.truncate(range.end);
        }
        if block.start.flags & flag::END_HEADERS == 0 {
            self.expected = Expected::Continuation;
            return Ok(None);
        }
        self.expected = Expected::Any;
        let bytes = std::mem::take(&mut block.bytes);
        let step = self.head(self.block.start, bytes.get(self.block.from..).unwrap_or_default(), arrival, now);
        self.block.bytes = bytes;
        self.block.bytes.clear();
        step
    }

    /// A whole header block has come.
    fn head(&mut self, start: BlockStart, block: &[u8], arrival: &mut Arrival, now: Duration) -> Step<'static> {
        match self.standing(start.stream) {
            Standing::New => self.new_request(start, block, arrival, now),
            Standing::Held(key) => self.head_of_held(key, start, block, arrival, now),
            Standing::Ignored => {
                self.drop_block(block)?;
                self.charge(1, now)?;
                Ok(None)
            }
            Standing::Idle => Err(Ending {
                code: ErrorCode::PROTOCOL_ERROR,
                reason: "HEADERS on a stream that is not the peer's to open",
            }),
            // Ids must rise (RFC 9113 §5.1.1): one that was left out was never a stream.
            Standing::Closed if self.has_skipped && start.stream != self.highest => {
                Err(Ending { code: ErrorCode::PROTOCOL_ERROR, reason: "a new stream has a smaller id than one before" })
            }
            Standing::Closed => Err(Self::closed_stream()),
        }
    }

    fn head_of_held(
        &mut self,
        key: Key,
        start: BlockStart,
        block: &[u8],
        arrival: &mut Arrival,
        now: Duration,
    ) -> Step<'static> {
        let Some(stream) = self.streams.get(key) else { return Ok(None) };
        let fault = if !stream.can_receive() {
            match stream.fate {
                Fate::ResetByUs => {
                    self.drop_block(block)?;
                    self.charge(1, now)?;
                    return Ok(None);
                }
                Fate::Regular if stream.is_local_open => (ErrorCode::STREAM_CLOSED, "HEADERS behind the end"),
                Fate::Regular | Fate::ResetByPeer => return Err(Self::closed_stream()),
            }
        } else if start.depends_on_itself {
            (ErrorCode::PROTOCOL_ERROR, "a stream depends on itself")
        } else if self.role == Role::Client && !stream.is_answered {
            // No other CONNECT is ever sent.
            let upgrade = (stream.method == Method::Connect).then_some(Upgrade::WebSocket);
            let request = RequestContext { method: stream.method, upgrade };
            return self.response(key, start, block, request, arrival, now);
        } else if stream.method == Method::Connect {
            // RFC 9113 §8.5.
            (ErrorCode::PROTOCOL_ERROR, "HEADERS in a tunnel")
        } else if !start.is_end() {
            (ErrorCode::PROTOCOL_ERROR, "trailers do not end the stream")
        } else if stream.body_left != 0 && stream.body_left != UNKNOWN {
            (ErrorCode::PROTOCOL_ERROR, "the body is not as long as content-length says")
        } else {
            return self.trailers_came(key, block, arrival);
        };
        self.drop_block(block)?;
        self.fault(key, fault.0, fault.1)
    }

    /// Decodes a block that nobody waits for.
    fn drop_block(&mut self, block: &[u8]) -> Result<(), Ending> {
        self.decode(block, &mut Dropped)
    }

    #[inline]
    fn decode(&mut self, block: &[u8], sink: &mut impl FieldSink) -> Result<(), Ending> {
        self.decoder
            .decode(block, sink)
            .map_err(|_| Ending { code: ErrorCode::COMPRESSION_ERROR, reason: "header block is malformed" })
    }

    /// A client opens a stream.
    fn new_request(&mut self, start: BlockStart, block: &[u8], arrival: &mut Arrival, now: Duration) -> Step<'static> {
        let id = start.stream;
        self.has_skipped |= id != self.highest + if self.highest == 0 { 1 } else { 2 };
        self.highest = id;
        let limit = self.config.streams;
        if self.streams.open() >= limit || self.streams.len() >= 2 * limit as usize {
            self.drop_block(block)?;
            self.charge_for(Limit::Streams, REFUSAL, now)?;
            return self.refuse(start, Limit::Streams, "too many streams are open");
        }
        if start.depends_on_itself {
            self.drop_block(block)?;
            return self.malformed(start, "a stream depends on itself");
        }
        let Config { head, offers_connect, .. } = &self.config;
        let mut reader = RequestReader::new(&mut arrival.bytes, &mut arrival.request, head, *offers_connect);
        if self.decoder.decode(block, &mut reader).is_err() {
            return Err(Ending { code: ErrorCode::COMPRESSION_ERROR, reason: "header block is malformed" });
        }
        let verdict = match reader.finish(start.is_end()) {
            Ok(()) => Ok(()),
            Err(HeadFault::Refused(error)) => Err(error),
            Err(HeadFault::Malformed(reason)) => return self.malformed(start, reason),
        };
        let is_tunnel = arrival.request.upgrade.is_some();
        let body_left = if verdict.is_ok() && !is_tunnel { body_of(arrival.request.framing) } else { UNKNOWN };
        if start.is_end() && body_left != 0 && body_left != UNKNOWN {
            return self.malformed(start, "the body is not as long as content-length says");
        }
        let Some(head) = self.held_head(&arrival.bytes) else {
            self.charge_for(Limit::Heads, REFUSAL, now)?;
            return self.refuse(start, Limit::Heads, "the heads of open streams are too large");
        };
        self.credits.add(PER_STREAM);
        let method = if is_tunnel { Method::Connect } else { Method::Get };
        let key = self.open(id, method, true, !start.is_end());
        if let Some(stream) = self.streams.get_mut(key) {
            (stream.head, stream.body_left, stream.opened) = (head, body_left, now);
        }
        Ok(Some(Event::Request { stream: key, is_end: start.is_end(), verdict }))
    }

    /// A stream begins, with the windows that hold now.
    pub(super) fn open(&mut self, id: u32, method: Method, is_local_open: bool, is_remote_open: bool) -> Key {
        self.streams.insert(Stream {
            id,
            send: SendWindow::new(self.initial_send_window),
            receive: ReceiveWindow::new(self.initial_receive_window),
            held: 0,
            head: 0,
            body_left: UNKNOWN,
            opened: Duration::ZERO,
            fate: Fate::Regular,
            is_remote_open,
            is_local_open,
            is_answered: false,
            method,
            interims: 0,
        })
    }

    /// Counts a head that the owner may keep. `None` if it may not.
    fn held_head(&mut self, bytes: &[u8]) -> Option<u32> {
        let length = u32::try_from(bytes.len()).ok()?;
        let most = self.config.heads_bytes.min(self.heads_most);
        self.heads = self.heads.checked_add(length).filter(|&heads| heads <= most)?;
        Some(length)
    }

    /// A request is reset before anything of it is kept, and may be tried again (RFC 9113 §8.7).
    #[cold]
    fn refuse(&mut self, start: BlockStart, limit: Limit, reason: &'static str) -> Step<'static> {
        self.control(crate::http2::frame::HEADER + 4)?;
        self.reject(start, Some(limit), ErrorCode::REFUSED_STREAM, reason)
    }

    /// A request is reset because it is none (RFC 9113 §8.1.1).
    #[cold]
    fn malformed(&mut self, start: BlockStart, reason: &'static str) -> Step<'static> {
        self.count_reset()?;
        self.reject(start, None, ErrorCode::PROTOCOL_ERROR, reason)
    }

    fn reject(
        &mut self,
        start: BlockStart,
        limit: Option<Limit>,
        code: ErrorCode,
        reason: &'static str,
    ) -> Step<'static> {
        write::reset(&mut self.out, start.stream, code);
        if !start.is_end() {
            self.remembered.add(start.stream);
        }
        Ok(Some(Event::Rejected { id: start.stream, code, reason, limit }))
    }

    /// A server answers.
    fn response(
        &mut self,
        key: Key,
        start: BlockStart,
        block: &[u8],
        request: RequestContext,
        arrival: &mut Arrival,
        now: Duration,
    ) -> Step<'static> {
        let mut reader = ResponseReader::new(&mut arrival.bytes, &mut arrival.response, &self.config.head);
        if self.decoder.decode(block, &mut reader).is_err() {
            return Err(Ending { code: ErrorCode::COMPRESSION_ERROR, reason: "header block is malformed" });
        }
        let is_end = start.is_end();
        match reader.finish(is_end, request) {
            Ok(()) => {}
            Err(ResponseFault::Malformed(reason)) => return self.fault(key, ErrorCode::PROTOCOL_ERROR, reason),
            Err(ResponseFault::Refused(error)) => {
                self.reset(key, ErrorCode::CANCEL);
                self.count_reset()?;
                return Ok(Some(Event::Response { stream: key, is_end, verdict: Err(error) }));
            }
        }
        if arrival.response.is_interim() {
            self.charge(1, now)?;
            let Some(stream) = self.streams.get_mut(key) else { return Ok(None) };
            stream.interims += 1;
            if usize::from(stream.interims) > MAX_INTERIM {
                const REASON: &str = "too many interim responses";
                return self.fault_beyond(Some(Limit::Interims), key, ErrorCode::ENHANCE_YOUR_CALM, REASON);
            }
            return Ok(Some(Event::Response { stream: key, is_end: false, verdict: Ok(()) }));
        }
        let is_tunnel = arrival.response.upgrade.is_some();
        let body_left = if is_tunnel { UNKNOWN } else { body_of(arrival.response.framing) };
        if is_end && body_left != 0 && body_left != UNKNOWN {
            const REASON: &str = "the body is not as long as content-length says";
            return self.fault(key, ErrorCode::PROTOCOL_ERROR, REASON);
        }
        let Some(head) = self.held_head(&arrival.bytes) else {
            // No rule of the server's: not counted.
            self.reset(key, ErrorCode::CANCEL);
            return Ok(Some(Event::Reset {
                stream: key,
                code: ErrorCode::CANCEL,
                by_peer: false,
                reason: "the heads of open streams are too large",
                limit: Some(Limit::Heads),
            }));
        };
        self.streams.change(key, |stream| {
            (stream.head, stream.body_left) = (head, body_left);
            stream.is_answered = true;
            stream.is_remote_open = !is_end;
            if stream.method == Method::Connect && !is_tunnel {
                stream.method = Method::Get;
            }
        });
        Ok(Some(Event::Response { stream: key, is_end, verdict: Ok(()) }))
    }

    fn trailers_came(&mut self, key: Key, block: &[u8], arrival: &mut Arrival) -> Step<'static> {
        let mut reader = TrailerReader::new(&mut arrival.bytes);
        self.decode(block, &mut reader)?;
        match reader.finish() {
            Ok(()) => {
                self.streams.change(key, |stream| stream.is_remote_open = false);
                Ok(Some(Event::Trailers { stream: key }))
            }
            Err(TrailerFault::Malformed(reason)) => self.fault(key, ErrorCode::PROTOCOL_ERROR, reason),
            Err(TrailerFault::TooLarge) => {
                const REASON: &str = "the trailers are too large";
                self.fault_beyond(Some(Limit::Trailers), key, ErrorCode::PROTOCOL_ERROR, REASON)
            }
        }
    }
}

/// How many bytes of DATA must come.
fn body_of(framing: Framing) -> u64 {
    match framing {
        Framing::None => 0,
        Framing::Length(length) => length,
        Framing::Chunked | Framing::UntilClose => UNKNOWN,
    }
}
