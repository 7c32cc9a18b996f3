//! GOAWAY and PING (RFC 9113 §6.7, §6.8).

use super::event::{Ending, Event, Step};
use super::{Connection, Role};
use crate::http2::code::ErrorCode;
use crate::http2::frame::MAX_STREAM;
use crate::http2::write;

/// What our pings carry.
pub(super) const PING: [u8; 8] = *b"are you?";

/// Who has said that no further streams are to be opened.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    /// We have announced it.
    is_announced: bool,
    /// We have said which stream is the last.
    is_final: bool,
    /// The last stream of ours that the peer takes, once it has said so.
    peer_last: Option<u32>,
}

impl Farewell {
    /// Whether either side has said that no further streams are to be opened.
    pub(super) fn is_begun(&self) -> bool {
        self.is_announced || self.is_final || self.peer_last.is_some()
    }

    /// Whether streams above the last one are ignored.
    pub(super) fn is_final(&self) -> bool {
        self.is_final
    }
}

impl Connection {
    /// Tells the peer to open no further streams. Those that cross the message are served still: [`Connection::ping`]
    /// tells when none can come any more (RFC 9113 §6.8).
    pub fn announce_goaway(&mut self) {
        if !self.farewell.is_announced && !self.farewell.is_final {
            self.farewell.is_announced = true;
            let last = if self.role == Role::Server { MAX_STREAM } else { 0 };
            write::goaway(&mut self.out, last, ErrorCode::NO_ERROR, b"");
        }
    }

    /// Tells the peer which of its streams is the last. Later ones are ignored. With an error code the connection is over:
    /// the owner sends the output and closes.
    pub fn goaway(&mut self, code: ErrorCode) {
        if code != ErrorCode::NO_ERROR {
            self.end(Ending { code, reason: "the owner ends the connection" });
        } else if !self.farewell.is_final && self.ended.is_none() {
            self.farewell.is_final = true;
            write::goaway(&mut self.out, self.highest, code, b"");
        }
    }

    /// Whether we have told the peer which of its streams is the last.
    pub fn is_closing(&self) -> bool {
        self.farewell.is_final
    }

    /// The connection is over.
    pub(super) fn end(&mut self, ending: Ending) {
        if self.ended.replace(ending).is_none() {
            self.farewell.is_final = true;
            write::goaway(&mut self.out, self.highest, ending.code, ending.reason.as_bytes());
        }
    }

    /// Asks the peer whether it is there: [`Event::Pong`] is the answer. Does nothing while an answer is awaited.
    pub fn ping(&mut self) {
        if !std::mem::replace(&mut self.is_ping_open, true) {
            write::ping(&mut self.out, false, PING);
        }
    }

    /// The peer sends GOAWAY.
    pub(super) fn told_goaway(&mut self, payload: [u8; 8]) -> Step<'static> {
        let [a, b, c, d, e, f, g, h] = payload;
        let last = u32::from_be_bytes([a, b, c, d]) & MAX_STREAM;
        let code = ErrorCode(u32::from_be_bytes([e, f, g, h]));
        if self.farewell.peer_last.is_some_and(|before| last > before) {
            return Err(Ending { code: ErrorCode::PROTOCOL_ERROR, reason: "GOAWAY takes a refusal back" });
        }
        self.farewell.peer_last = Some(last);
        Ok(Some(Event::Goaway { last, code }))
    }
}
