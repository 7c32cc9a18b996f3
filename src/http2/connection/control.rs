//! What control frames do: PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE (RFC 9113 §6). GOAWAY is in `farewell`.

use std::time::Duration;

use super::event::{Ending, Event, Step};
use super::limits::Limit;
use super::receive::{Expected, Stage, wrong};
use super::settings::{PARAMETER, Setting};
use super::standing::Standing;
use super::stream::Fate;
use super::window::INITIAL;
use super::{Connection, Role};
use crate::http2::code::ErrorCode;
use crate::http2::frame::{FrameHeader, HEADER, MAX_STREAM, flag, kind};
use crate::http2::write;

impl Connection {
    /// A control frame other than SETTINGS begins.
    pub(super) fn begin_control(&mut self, header: FrameHeader) -> Step<'static> {
        let is_of_stream = matches!(header.kind, kind::PRIORITY | kind::RST_STREAM);
        if is_of_stream && header.stream == 0 {
            return wrong(ErrorCode::PROTOCOL_ERROR, "frame of a stream without one");
        }
        if !is_of_stream && header.kind != kind::WINDOW_UPDATE && header.stream != 0 {
            return wrong(ErrorCode::PROTOCOL_ERROR, "frame of the connection on a stream");
        }
        let fits = match header.kind {
            kind::PRIORITY => header.length == 5,
            kind::PING => header.length == 8,
            kind::GOAWAY => header.length >= 8,
            _ => header.length == 4,
        };
        if fits {
            self.stage = Stage::Control { header };
            return Ok(None);
        }
        const REASON: &str = "control frame has a wrong length";
        match self.standing(header.stream) {
            // RFC 9113 §6.3: only the stream ends.
            Standing::Held(key) if header.kind == kind::PRIORITY => {
                self.stage = Stage::Skip { left: header.length };
                self.fault(key, ErrorCode::FRAME_SIZE_ERROR, REASON)
            }
            _ => wrong(ErrorCode::FRAME_SIZE_ERROR, REASON),
        }
    }

    /// RFC 9113 §5.3: priorities are ignored, but for what RFC 7540 §5.3.1 forbids.
    pub(super) fn priority(&mut self, stream: u32, [a, b, c, d, _]: [u8; 5]) -> Step<'static> {
        self.stage = Stage::Header;
        if u32::from_be_bytes([a, b, c, d]) & MAX_STREAM != stream {
            return Ok(None);
        }
        const REASON: &str = "a stream depends on itself";
        match self.standing(stream) {
            Standing::Held(key) => self.fault(key, ErrorCode::PROTOCOL_ERROR, REASON),
            Standing::New | Standing::Idle | Standing::Ignored | Standing::Closed => {
                wrong(ErrorCode::PROTOCOL_ERROR, REASON)
            }
        }
    }

    /// PING, or the answer to ours (RFC 9113 §6.7).
    pub(super) fn pinged(&mut self, header: FrameHeader, payload: [u8; 8]) -> Step<'static> {
        self.stage = Stage::Header;
        if !header.has(flag::ACK) {
            write::ping(&mut self.out, true, payload);
            self.control(HEADER + 8)?;
            return Ok(None);
        }
        let is_ours = self.is_ping_open && payload == super::farewell::PING;
        self.is_ping_open &= !is_ours;
        Ok(is_ours.then_some(Event::Pong))
    }

    /// SETTINGS begin, or acknowledge ours (RFC 9113 §6.5).
    pub(super) fn begin_settings(&mut self, header: FrameHeader) -> Step<'static> {
        if header.stream != 0 {
            return wrong(ErrorCode::PROTOCOL_ERROR, "SETTINGS on a stream");
        }
        if header.has(flag::ACK) {
            if header.length != 0 {
                return wrong(ErrorCode::FRAME_SIZE_ERROR, "acknowledgement with settings");
            }
            self.acknowledged();
            return Ok(None);
        }
        if !(header.length as usize).is_multiple_of(PARAMETER) {
            return wrong(ErrorCode::FRAME_SIZE_ERROR, "SETTINGS of a wrong length");
        }
        self.stage = Stage::Settings { left: header.length, window: None };
        Ok(None)
    }

    /// Applies one parameter. Windows are told, not applied: there is one change however many parameters there are.
    pub(super) fn set(&mut self, parameter: [u8; PARAMETER]) -> Result<Option<u32>, Ending> {
        match Setting::parse(parameter, self.role)? {
            Setting::HeaderTableSize(bytes) => self.encoder.set_table_bytes(bytes),
            Setting::MaxConcurrentStreams(streams) => self.peer_streams = streams,
            Setting::InitialWindowSize(size) => return Ok(Some(size)),
            Setting::ConnectProtocol(false) if self.takes_connect => {
                const REASON: &str = "SETTINGS_ENABLE_CONNECT_PROTOCOL is taken back";
                return Err(Ending { code: ErrorCode::PROTOCOL_ERROR, reason: REASON });
            }
            Setting::ConnectProtocol(takes_connect) => self.takes_connect = takes_connect,
            Setting::Other => {}
        }
        Ok(None)
    }

    /// All parameters have come.
    pub(super) fn end_settings(&mut self, window: Option<u32>) -> Step<'static> {
        if self.expected == Expected::Settings {
            self.expected = Expected::Any;
        }
        if let Some(size) = window.and_then(|size| i32::try_from(size).ok())
            && size != self.initial_send_window
        {
            let by = i64::from(size) - i64::from(self.initial_send_window);
            self.initial_send_window = size;
            for stream in self.streams.iter_mut() {
                if stream.send.shift(by).is_err() {
                    return wrong(ErrorCode::FLOW_CONTROL_ERROR, "settings make a window too large");
                }
            }
        }
        write::settings_ack(&mut self.out);
        self.control(HEADER)?;
        Ok(Some(Event::Settings))
    }

    /// The peer has applied our settings: from here on its streams have the windows that we told.
    fn acknowledged(&mut self) {
        if std::mem::replace(&mut self.is_acknowledged, true) {
            return;
        }
        let by = INITIAL.saturating_sub(self.config.stream_window);
        if by > 0 {
            self.streams.iter_mut().for_each(|stream| stream.receive.shrink(by));
        }
        self.initial_receive_window = self.config.stream_window;
    }

    /// RST_STREAM (RFC 9113 §6.4).
    pub(super) fn told_reset(&mut self, stream: u32, code: ErrorCode, now: Duration) -> Step<'static> {
        self.stage = Stage::Header;
        let key = match self.standing(stream) {
            Standing::Held(key) => key,
            Standing::New | Standing::Idle => return Err(Self::idle_stream()),
            Standing::Ignored | Standing::Closed => return Ok(None),
        };
        let mut is_answered = true;
        let mut was_open = false;
        let mut opened = now;
        self.streams.change(key, |stream| {
            was_open = stream.is_open();
            opened = stream.opened;
            is_answered = stream.is_answered;
            if was_open {
                stream.fate = Fate::ResetByPeer;
            }
        });
        if !was_open {
            return Ok(None);
        }
        if self.role == Role::Server && !is_answered && !self.early_resets.count(opened, now) {
            const REASON: &str = "too many streams are reset before they are answered";
            return self.beyond(Limit::EarlyResets, ErrorCode::ENHANCE_YOUR_CALM, REASON);
        }
        Ok(Some(Event::Reset { stream: key, code, by_peer: true, reason: "", limit: None }))
    }

    /// WINDOW_UPDATE (RFC 9113 §6.9).
    pub(super) fn widened(&mut self, stream: u32, by: u32) -> Step<'static> {
        self.stage = Stage::Header;
        const NOTHING: &str = "a window is made larger by nothing";
        const TOO_MUCH: &str = "a window becomes too large";
        if stream == 0 {
            if by == 0 {
                return wrong(ErrorCode::PROTOCOL_ERROR, NOTHING);
            }
            return match self.send_window.shift(by.into()) {
                Ok(has_opened) => Ok(has_opened.then_some(Event::Writable { stream: None })),
                Err(_) => wrong(ErrorCode::FLOW_CONTROL_ERROR, TOO_MUCH),
            };
        }
        let key = match self.standing(stream) {
            Standing::Held(key) => key,
            Standing::New | Standing::Idle => return Err(Self::idle_stream()),
            Standing::Ignored | Standing::Closed => return Ok(None),
        };
        let Some(stream) = self.streams.get_mut(key).filter(|stream| stream.is_open()) else { return Ok(None) };
        if by == 0 {
            return self.fault(key, ErrorCode::PROTOCOL_ERROR, NOTHING);
        }
        match stream.send.shift(by.into()) {
            Ok(has_opened) => {
                let is_awaited = has_opened && stream.is_local_open;
                Ok(is_awaited.then_some(Event::Writable { stream: Some(key) }))
            }
            Err(_) => self.fault(key, ErrorCode::FLOW_CONTROL_ERROR, TOO_MUCH),
        }
    }
}
