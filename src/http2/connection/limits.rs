//! What a peer may cost us beyond what streams and windows bound. All limits hold in both roles unless the table says
//! otherwise.
//!
//! | Limit | Value | Beyond it the peer sees | [`Limit`] |
//! |---|---|---|---|
//! | Streams open at a time (servers) | `Config::streams` | RST_STREAM REFUSED_STREAM; each costs [`REFUSAL`] credits | `Streams` |
//! | Streams that are over and not yet released (servers) | as many again | the same | `Streams` |
//! | Bytes of heads held for streams | `Config::heads_bytes`, or what `set_heads_room` leaves | RST_STREAM REFUSED_STREAM, for responses CANCEL | `Heads` |
//! | Fields, bytes, target of one head | `Config::head` | 431, 414: the owner's answer | none: the verdict of the event |
//! | Header block, compressed | [`BLOCK`] | GOAWAY ENHANCE_YOUR_CALM | `HeaderBlock` |
//! | CONTINUATION frames of a block | [`CONTINUATIONS`] | GOAWAY ENHANCE_YOUR_CALM | `Continuations` |
//! | Trailers | `http1::MAX_TRAILER_FIELDS`, `MAX_TRAILER_BYTES` | RST_STREAM PROTOCOL_ERROR | `Trailers` |
//! | Interim responses of a stream (clients) | `http1::MAX_INTERIM` | RST_STREAM ENHANCE_YOUR_CALM | `Interims` |
//! | Bytes of a body that are not passed on | `Config::stream_window` | its window; RST_STREAM FLOW_CONTROL_ERROR | `StreamWindow` |
//! | The same of all bodies | `Config::connection_window` | its window; GOAWAY FLOW_CONTROL_ERROR | `ConnectionWindow` |
//! | Frame | 16,384 bytes | GOAWAY FRAME_SIZE_ERROR | `FrameSize` |
//! | Frames of no use | [`BURST`] credits, [`PER_SECOND`] more each second | GOAWAY ENHANCE_YOUR_CALM | `Pings`, `Settings`, `WindowUpdates`, `SmallFrames`: what was one too many |
//! | Streams reset before their answer began (servers) | `Config::early_resets`, as many more each second | GOAWAY ENHANCE_YOUR_CALM | `EarlyResets` |
//! | Streams that we reset for a broken rule | `Config::local_resets` in all | GOAWAY ENHANCE_YOUR_CALM | `LocalResets` |
//! | Answers to control frames that the peer does not read | [`CONTROL_OUTPUT`] | GOAWAY ENHANCE_YOUR_CALM | `Unread` |
//! | Streams that were reset and are remembered | [`REMEMBERED`] | DATA or HEADERS on older ones: GOAWAY STREAM_CLOSED | none: as on any closed stream |
//!
//! [`Event::Reset`](super::Event::Reset), [`Event::Rejected`](super::Event::Rejected) and
//! [`Connection::limit`](super::Connection::limit) say which limit it was; none if the peer broke another rule.
//!
//! What opens a stream, carries bytes of a body or ends one costs nothing. Every other frame costs a credit. Credits come
//! with time, with streams and with frames of bodies that we send, so that honest peers, who answer our frames with
//! theirs, never run out. Resets by servers are not counted: each belongs to a request that we sent.

/// Credits at the start and at the most.
pub const BURST: u32 = 2_000;
/// Credits that come back each second.
pub const PER_SECOND: u32 = 1_000;
/// Credits that come with a stream, whoever opens it.
pub const PER_STREAM: u32 = 4;
/// Credits that come with each DATA frame that we send: it may be answered with an update of both windows.
pub const PER_PIECE: u32 = 2;
/// What a request beyond the limit of streams costs: 250 at once, 125 more each second.
pub const REFUSAL: u32 = 8;
/// So many parameters of SETTINGS cost one more credit: a frame may have 2,730.
pub const PARAMETERS: u32 = 16;

/// Longest header block, in bytes as compressed. A head within `Config::head` is shorter unless it is padded with what
/// decodes to nothing.
pub const BLOCK: usize = 64 * 1024;
/// Most CONTINUATION frames of a header block. Four full ones carry as much as a block may have.
pub const CONTINUATIONS: u8 = 32;
/// Most bytes of acknowledgements, resets and window updates, caused by frames of the peer, that wait to be sent.
pub const CONTROL_OUTPUT: usize = 64 * 1024;
/// Most ids of streams that we reset and on which frames may still be on their way.
pub const REMEMBERED: usize = 256;
/// Most streams that the table of a connection has room for, whatever the configuration says.
pub const SLOTS: u32 = 32_768;
/// Streams that we open before the server has said how many it takes (RFC 9113 §6.5.2 recommends at least as many).
pub const STREAMS_BEFORE_SETTINGS: u32 = 100;

/// A row of the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Streams at a time.
    Streams,
    /// Bytes of the heads of all streams.
    Heads,
    /// Bytes of a header block as sent.
    HeaderBlock,
    /// CONTINUATION frames of a header block.
    Continuations,
    /// Fields and bytes of trailers.
    Trailers,
    /// Interim responses of a stream.
    Interims,
    /// Bytes on a stream beyond its window.
    StreamWindow,
    /// Bytes on the connection beyond its window.
    ConnectionWindow,
    /// Bytes of a frame.
    FrameSize,
    /// Frames of no use, the last of them PING.
    Pings,
    /// Frames of no use, the last of them SETTINGS.
    Settings,
    /// Frames of no use, the last of them WINDOW_UPDATE.
    WindowUpdates,
    /// Frames of no use, the last of them any other: empty DATA, PRIORITY, unknown types.
    SmallFrames,
    /// Streams that the peer reset before they were answered.
    EarlyResets,
    /// Streams that the peer made us reset.
    LocalResets,
    /// Bytes of answers to control frames that the peer does not read.
    Unread,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Streams,
        Self::Heads,
        Self::HeaderBlock,
        Self::Continuations,
        Self::Trailers,
        Self::Interims,
        Self::StreamWindow,
        Self::ConnectionWindow,
        Self::FrameSize,
        Self::Pings,
        Self::Settings,
        Self::WindowUpdates,
        Self::SmallFrames,
        Self::EarlyResets,
        Self::LocalResets,
        Self::Unread,
    ];
}
