//! Header compression (RFC 7541).
//!
//! What it is for: turning header blocks into fields and fields into header blocks, each side with the table of the
//! fields that the connection has seen ([`Decoder`], [`Encoder`]).
//!
//! What it must not know: which fields a message may have, frames, streams, limits of heads. It hands out slices that
//! live for one call, and copies nothing that the peer does not pay for with bytes of its own: who receives the fields
//! ([`FieldSink`]) sees their lengths first and bounds what it keeps.
//!
//! Where it sits: between frames, whose fragments the connection joins to blocks, and heads.

mod decoder;
mod encoder;
mod error;
mod huffman;
mod integer;
mod sights;
mod static_table;
mod table;
#[cfg(test)]
mod tests;

pub use decoder::{Decoder, FieldSink};
pub use encoder::{Encoder, Pseudo};
pub use error::HpackError;
pub use static_table::Known;

/// What both sides' tables may hold until SETTINGS say otherwise, in bytes as RFC 7541 §4.1 counts them.
pub const DEFAULT_TABLE_BYTES: u32 = 4096;

/// The largest table that a [`Decoder`] offers, in bytes as RFC 7541 §4.1 counts them.
pub const MAX_TABLE_BYTES: u32 = 16_384;

/// What an entry of a table counts beside its bytes (RFC 7541 §4.1).
const ENTRY_OVERHEAD: usize = 32;
