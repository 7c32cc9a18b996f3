//! What a connection tells its owner, and how streams are named between them.

use super::limits::Limit;
use crate::http1::{RequestError, RequestHead, ResponseError, ResponseHead};
use crate::http2::code::ErrorCode;

/// Names a stream. A key stays harmless when its stream is gone: what is done with it then does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Where the connection keeps the stream. Slots are used again.
    pub slot: u16,
    /// The stream's number in frames. It is never used again.
    pub id: u32,
}

/// Memory for the head or the trailers that arrive. One per thread is enough: the owner swaps out what it keeps.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// The lines of the head, into which the spans of `request` or `response` point; or the lines of trailers.
    pub bytes: Vec<u8>,
    /// The head of a request.
    pub request: RequestHead,
    /// The head of a response.
    pub response: ResponseHead,
}

/// What has come from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'i> {
    /// A new stream, whose head lies in [`Arrival::request`]. A refused one is an open stream all the same: the owner
    /// answers it. Servers only.
    Request {
        /// The new stream.
        stream: Key,
        /// Whether the request has no body and no trailers.
        is_end: bool,
        /// Whether the head is accepted.
        verdict: Result<(), RequestError>,
    },
    /// A head lies in [`Arrival::response`], final or interim. A refused one has been reset with CANCEL already.
    /// Clients only.
    Response {
        /// The stream.
        stream: Key,
        /// Whether the response has no body and no trailers.
        is_end: bool,
        /// Whether the head is accepted.
        verdict: Result<(), ResponseError>,
    },
    /// A piece of a body. One frame may come in several pieces.
    Data {
        /// The stream.
        stream: Key,
        /// The piece; empty at most together with `is_end`.
        bytes: &'i [u8],
        /// Whether the body ends with the piece.
        is_end: bool,
    },
    /// The body ends with trailers, whose lines lie in [`Arrival::bytes`].
    Trailers {
        /// The stream.
        stream: Key,
    },
    /// The stream is over before its time. The owner releases it.
    Reset {
        /// The stream.
        stream: Key,
        /// Why, as RST_STREAM says it.
        code: ErrorCode,
        /// Whether the peer reset it, rather than we because the peer broke a rule.
        by_peer: bool,
        /// Which rule was broken; empty if the peer reset the stream.
        reason: &'static str,
        /// The limit that the peer went beyond; `None` if it broke another rule or reset the stream itself.
        limit: Option<Limit>,
    },
    /// A request was reset before it became a stream of the owner's: malformed, or more than is allowed. For the record.
    Rejected {
        /// The stream's number.
        id: u32,
        /// Why, as our RST_STREAM said it.
        code: ErrorCode,
        /// The same in words.
        reason: &'static str,
        /// The limit that the peer went beyond; `None` if the request is malformed.
        limit: Option<Limit>,
    },
    /// A window was closed and is open again.
    Writable {
        /// The stream whose window it is; `None` for the window of the connection, on which all streams may have waited.
        stream: Option<Key>,
    },
    /// The peer's settings have come: more streams may be allowed, and windows of all streams may have opened.
    Settings,
    /// The peer answers [`Connection::ping`](super::Connection::ping).
    Pong,
    /// The peer takes no further streams.
    Goaway {
        /// The last of our streams that the peer has or may have processed: later ones may be tried elsewhere. They stay
        /// until the owner releases them.
        last: u32,
        /// Why.
        code: ErrorCode,
    },
}

/// The connection is over, by us, because the peer broke a rule that spares no stream. A GOAWAY is in the output: the
/// owner sends what the output holds, and closes. [`Connection::limit`](super::Connection::limit) tells whether the rule is
/// a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({code})")]
pub struct Ending {
    /// Why, as GOAWAY says it.
    pub code: ErrorCode,
    /// The same in words.
    pub reason: &'static str,
}

/// What comes of a step: at most one event.
pub(super) type Step<'i> = Result<Option<Event<'i>>, Ending>;

/// Why no stream could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStream {
    /// As many streams are open as the peer, or our own limit, allows.
    #[error("as many streams are open as the peer allows")]
    Limit,
    /// One of the sides has sent GOAWAY, or the connection has ended.
    #[error("the connection takes no further streams")]
    GoingAway,
    /// The connection has used all stream ids.
    #[error("the connection has no stream ids left")]
    Exhausted,
}
