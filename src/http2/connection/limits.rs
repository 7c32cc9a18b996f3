//! What a peer may cost us beyond what streams and windows bound. All limits hold in both roles unless the table says
//! otherwise.
//!
//! | Limit | Value | Beyond it the peer sees |
//! |---|---|---|
//! | Streams open at a time (servers) | `Config::streams` | RST_STREAM REFUSED_STREAM; each costs [`REFUSAL`] credits |
//! | Streams that are over and not yet released (servers) | as many again | the same |
//! | Bytes of heads held for streams | `Config::heads_bytes`, or what `set_heads_room` leaves | RST_STREAM REFUSED_STREAM, for responses CANCEL |
//! | Fields, bytes, target of one head | `Config::head` | 431, 414: the owner's answer |
//! | Header block, compressed | [`BLOCK`] | GOAWAY ENHANCE_YOUR_CALM |
//! | CONTINUATION frames of a block | [`CONTINUATIONS`] | GOAWAY ENHANCE_YOUR_CALM |
//! | Trailers | `http1::MAX_TRAILER_FIELDS`, `MAX_TRAILER_BYTES` | RST_STREAM PROTOCOL_ERROR |
//! | Interim responses of a stream (clients) | `http1::MAX_INTERIM` | RST_STREAM ENHANCE_YOUR_CALM |
//! | Bytes of a body that are not passed on | `Config::stream_window`, `connection_window` | its window; RST_STREAM or GOAWAY FLOW_CONTROL_ERROR |
//! | Frame | 16,384 bytes | GOAWAY FRAME_SIZE_ERROR |
//! | Frames of no use | [`BURST`] credits, [`PER_SECOND`] more each second | GOAWAY ENHANCE_YOUR_CALM |
//! | Streams reset before their answer began (servers) | `Config::early_resets`, as many more each second | GOAWAY ENHANCE_YOUR_CALM |
//! | Streams that we reset for a broken rule | `Config::local_resets` in all | GOAWAY ENHANCE_YOUR_CALM |
//! | Answers to control frames that the peer does not read | [`CONTROL_OUTPUT`] | GOAWAY ENHANCE_YOUR_CALM |
//! | Streams that were reset and are remembered | [`REMEMBERED`] | DATA or HEADERS on older ones: GOAWAY STREAM_CLOSED |
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
