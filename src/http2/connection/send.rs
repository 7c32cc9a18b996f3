//! What the owner does with streams.

use super::config::Returns;
use super::event::{Key, NoStream};
use super::limits::{PER_PIECE, PER_STREAM};
use super::stream::Fate;
use super::{Connection, Role};
use crate::http1::Method;
use crate::http2::code::ErrorCode;
use crate::http2::frame::{MAX_PAYLOAD, MAX_STREAM, flag, kind};
use crate::http2::head::encode::{self, Give, RequestStart};
use crate::http2::write;

impl Connection {
    /// Sends the head of a response: final, or interim if the status is 1xx, which never ends a stream. `give` passes the
    /// fields on. Servers only; nothing happens if the stream cannot send, or has been answered.
    pub fn respond(&mut self, stream: Key, status: u16, is_end: bool, give: impl FnOnce(&mut Give<'_>)) {
        let is_final = status >= 200;
        let is_end = is_end && is_final;
        let may = |stream: &super::stream::Stream| stream.can_send() && !stream.is_answered;
        if self.role != Role::Server || !self.streams.get(stream).is_some_and(may) {
            return;
        }
        let at = self.out.len();
        encode::response(&mut self.encoder, &mut self.out, stream.id, status, is_end, give);
        if is_final {
            self.tail.set(stream.id, at, &self.out);
        }
        self.streams.change(stream, |stream| {
            stream.is_answered = is_final;
            stream.is_local_open = !is_end;
        });
    }

    /// Opens a stream with a request's head. `give` passes its fields on. Clients only.
    ///
    /// # Errors
    ///
    /// When no stream may be opened, now or any more; nothing is sent then.
    pub fn request(
        &mut self,
        start: &RequestStart<'_>,
        is_end: bool,
        give: impl FnOnce(&mut Give<'_>),
    ) -> Result<Key, NoStream> {
        if let Some(no_stream) = self.no_stream() {
            return Err(no_stream);
        }
        let id = self.next;
        self.next += 2;
        let at = self.out.len();
        encode::request(&mut self.encoder, &mut self.out, id, start, is_end, give);
        self.tail.set(id, at, &self.out);
        self.credits.add(PER_STREAM);
        Ok(self.open(id, Method::of(start.method), !is_end, true))
    }

    /// Why no stream may be opened.
    pub(super) fn no_stream(&self) -> Option<NoStream> {
        if self.role == Role::Server || self.ended.is_some() || self.farewell.is_begun() {
            Some(NoStream::GoingAway)
        } else if self.next > MAX_STREAM {
            Some(NoStream::Exhausted)
        } else if self.streams.open() >= self.stream_limit() || self.streams.len() >= 2 * self.config.streams as usize {
            Some(NoStream::Limit)
        } else {
            None
        }
    }

    /// Streams that we may have open.
    pub(super) fn stream_limit(&self) -> u32 {
        self.config.streams.min(self.peer_streams)
    }

    /// How many bytes of a body both windows allow now. 0 for a stream that cannot send.
    #[inline]
    pub fn capacity(&self, stream: Key) -> usize {
        let stream = self.streams.get(stream).filter(|stream| stream.can_send());
        stream.map_or(0, |stream| stream.send.available().min(self.send_window.available()))
    }

    /// Sends bytes of a body, as many as the windows allow, and tells how many. The stream ends with the last of them if
    /// `is_end` and if all were taken. Pieces of a stream that follow one another become one frame, which then also ends it.
    ///
    /// The output grows by what is taken: the owner looks at its length before.
    pub fn data(&mut self, stream: Key, bytes: &[u8], is_end: bool) -> usize {
        let Some(known) = self.streams.get_mut(stream).filter(|stream| stream.can_send()) else { return 0 };
        let taken = bytes.len().min(known.send.available()).min(self.send_window.available());
        let is_end = is_end && taken == bytes.len();
        if taken == 0 && !is_end {
            return 0;
        }
        known.send.take(taken);
        self.send_window.take(taken);
        let joined = self.tail.extend(stream.id, &bytes[..taken], &mut self.out);
        for piece in bytes[joined..taken].chunks(MAX_PAYLOAD) {
            let at = self.out.len();
            write::frame_header(&mut self.out, piece.len(), kind::DATA, 0, stream.id);
            self.out.extend_from_slice(piece);
            self.tail.set(stream.id, at, &self.out);
            self.credits.add(PER_PIECE);
        }
        if is_end {
            if !self.tail.end_stream(stream.id, &mut self.out) {
                write::frame_header(&mut self.out, 0, kind::DATA, flag::END_STREAM, stream.id);
            }
            self.streams.change(stream, |stream| stream.is_local_open = false);
        }
        taken
    }

    /// Ends a body with trailers, given as lines.
    pub fn trailers(&mut self, stream: Key, lines: &[u8]) {
        if lines.is_empty() {
            self.data(stream, &[], true);
            return;
        }
        if !self.streams.get(stream).is_some_and(|stream| stream.can_send()) {
            return;
        }
        encode::trailers(&mut self.encoder, &mut self.out, stream.id, lines);
        self.streams.change(stream, |stream| stream.is_local_open = false);
    }

    /// Ends a stream at once, if it is not over. It still is to be released.
    pub fn reset(&mut self, stream: Key, code: ErrorCode) {
        if self.streams.get(stream).is_some_and(|stream| stream.is_open()) {
            write::reset(&mut self.out, stream.id, code);
            self.streams.change(stream, |stream| stream.fate = Fate::ResetByUs);
        }
    }

    /// The owner has passed on so many bytes of those that came with [`Event::Data`](super::Event::Data): the peer may
    /// send as many more.
    pub fn consumed(&mut self, stream: Key, bytes: usize) {
        let Some(known) = self.streams.get_mut(stream) else { return };
        let bytes = u32::try_from(bytes).map_or(known.held, |bytes| bytes.min(known.held));
        known.held -= bytes;
        if known.can_receive()
            && let Some(increment) = known.receive.give(bytes, self.config.stream_window)
        {
            write::window_update(&mut self.out, stream.id, increment);
        }
        if self.config.returns_connection_window == Returns::OnConsumed {
            self.give_back(bytes);
        }
    }

    /// The owner is done with the stream. Resets it if it is not over: with NO_ERROR behind a complete answer (RFC 9113
    /// §8.1), else with CANCEL.
    pub fn release(&mut self, stream: Key) {
        let Some(known) = self.streams.get(stream) else { return };
        let is_answered = self.role == Role::Server && !known.is_local_open;
        self.reset(stream, if is_answered { ErrorCode::NO_ERROR } else { ErrorCode::CANCEL });
        self.head_released(stream);
        let Some(known) = self.streams.remove(stream) else { return };
        if known.fate == Fate::ResetByUs && known.is_remote_open {
            self.remembered.add(stream.id);
        }
        if self.config.returns_connection_window == Returns::OnConsumed {
            self.give_back(known.held);
        }
    }

    /// The owner no longer holds the bytes of the stream's head.
    pub fn head_released(&mut self, stream: Key) {
        if let Some(stream) = self.streams.get_mut(stream) {
            self.heads -= std::mem::take(&mut stream.head);
        }
    }
}
