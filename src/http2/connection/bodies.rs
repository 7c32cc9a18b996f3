//! DATA that comes (RFC 9113 §6.1, §6.9).

use std::time::Duration;

use super::Connection;
use super::config::Returns;
use super::event::{Ending, Event, Key, Step};
use super::limits::Limit;
use super::receive::Stage;
use super::standing::Standing;
use super::stream::{Fate, UNKNOWN};
use crate::http2::code::ErrorCode;
use crate::http2::frame::{FrameHeader, flag};
use crate::http2::write;

impl Connection {
    /// A DATA frame begins; of its payload the byte with the length of the padding has been read if there is one.
    #[inline]
    pub(super) fn begin_data(&mut self, header: FrameHeader, padding: Option<u8>, now: Duration) -> Step<'static> {
        if header.stream == 0 {
            return Err(Ending { code: ErrorCode::PROTOCOL_ERROR, reason: "DATA without a stream" });
        }
        let field = u32::from(padding.is_some());
        let padding = padding.unwrap_or(0);
        let Some(length) = header.length.checked_sub(field + u32::from(padding)) else {
            return Err(Ending { code: ErrorCode::PROTOCOL_ERROR, reason: "padding is longer than its frame" });
        };
        // Padding counts too (RFC 9113 §6.9.1).
        if self.receive_window.take(header.length).is_err() {
            const REASON: &str = "more DATA than the connection's window allows";
            return self.beyond(Limit::ConnectionWindow, ErrorCode::FLOW_CONTROL_ERROR, REASON);
        }
        let left = header.length - field;
        let key = match self.standing(header.stream) {
            Standing::Held(key) => key,
            Standing::New | Standing::Idle => return Err(Self::idle_stream()),
            Standing::Ignored => return self.discard(header, left, now),
            Standing::Closed => return Err(Self::closed_stream()),
        };
        let is_end = header.has(flag::END_STREAM);
        let is_client = self.role == super::Role::Client;
        let window = self.config.stream_window;
        let Some(stream) = self.streams.get_mut(key) else { return self.discard(header, left, now) };
        let mut limit = None;
        let fault = if !stream.can_receive() {
            match stream.fate {
                Fate::ResetByUs => return self.discard(header, left, now),
                Fate::Regular if stream.is_local_open => (ErrorCode::STREAM_CLOSED, "DATA behind the end"),
                Fate::Regular | Fate::ResetByPeer => return Err(Self::closed_stream()),
            }
        } else if stream.receive.take(header.length).is_err() {
            limit = Some(Limit::StreamWindow);
            (ErrorCode::FLOW_CONTROL_ERROR, "more DATA than the stream's window allows")
        } else if is_client && !stream.is_answered {
            (ErrorCode::PROTOCOL_ERROR, "DATA in front of the head")
        } else if stream.body_left != UNKNOWN
            && (stream.body_left < u64::from(length) || is_end && stream.body_left != u64::from(length))
        {
            (ErrorCode::PROTOCOL_ERROR, "the body is not as long as content-length says")
        } else {
            // Nobody passes padding on.
            let useless = field + u32::from(padding);
            if useless > 0
                && let Some(increment) = stream.receive.give(useless, window)
                && !is_end
            {
                write::window_update(&mut self.out, key.id, increment);
            }
            return self.enter_data(key, length, useless, padding, is_end, now);
        };
        self.discard(header, left, now)?;
        self.fault_beyond(limit, key, fault.0, fault.1)
    }

    /// The frame is accepted: waits for its bytes, if it has any.
    #[inline]
    fn enter_data(
        &mut self,
        stream: Key,
        length: u32,
        useless: u32,
        padding: u8,
        is_end: bool,
        now: Duration,
    ) -> Step<'static> {
        match self.config.returns_connection_window {
            Returns::OnArrival => self.give_back(length + useless),
            Returns::OnConsumed if useless > 0 => self.give_back(useless),
            Returns::OnConsumed => {}
        }
        if length > 0 {
            self.stage = Stage::Data { stream, left: length, padding, is_end };
            return Ok(None);
        }
        self.behind_data(padding);
        if !is_end {
            self.charge(1, now)?;
            return Ok(None);
        }
        self.streams.change(stream, |stream| stream.is_remote_open = false);
        Ok(Some(Event::Data { stream, bytes: &[], is_end }))
    }

    /// A piece of an accepted frame, of which `left` bytes were to come. The stream may be over meanwhile.
    #[inline]
    pub(super) fn piece<'i>(
        &mut self,
        key: Key,
        bytes: &'i [u8],
        left: u32,
        padding: u8,
        is_end: bool,
    ) -> Option<Event<'i>> {
        let length = bytes.len() as u32;
        let left = left - length;
        if left == 0 {
            self.behind_data(padding);
        } else {
            self.stage = Stage::Data { stream: key, left, padding, is_end };
        }
        let is_end = is_end && left == 0;
        let Some(stream) = self.streams.get_mut(key).filter(|stream| stream.can_receive()) else {
            if self.config.returns_connection_window == Returns::OnConsumed {
                self.give_back(length);
            }
            return None;
        };
        stream.held += length;
        if stream.body_left != UNKNOWN {
            stream.body_left -= u64::from(length);
        }
        if is_end {
            self.streams.change(key, |stream| stream.is_remote_open = false);
        }
        Some(Event::Data { stream: key, bytes, is_end })
    }

    #[inline]
    fn behind_data(&mut self, padding: u8) {
        self.stage = if padding == 0 { Stage::Header } else { Stage::Skip { left: padding.into() } };
    }

    /// Nobody wants the frame, whose header was counted: gives its bytes back to the connection.
    #[cold]
    fn discard(&mut self, header: FrameHeader, left: u32, now: Duration) -> Step<'static> {
        self.stage = Stage::Skip { left };
        if header.length == 0 {
            self.charge(1, now)?;
        }
        // Bytes cost nothing, as on streams that are open: when we reset a stream, thousands of small messages may be on
        // their way.
        self.give_back(header.length);
        Ok(None)
    }

    /// The peer may send so many more bytes on the connection.
    #[inline]
    pub(super) fn give_back(&mut self, bytes: u32) {
        if let Some(increment) = self.receive_window.give(bytes, self.config.connection_window) {
            write::window_update(&mut self.out, 0, increment);
        }
    }
}
