//! HTTP/2 on both sides, by the `h2` crate. A request is turned into an HTTP/1 head once, so that routing, filters and
//! forwarding exist once; bodies go through the same two traits as HTTP/1's.
//!
//! Not by hyper, which is `h2` with a service on top: a proxy must decide by itself when it gives window back, what it
//! does about a side that does not read, how many small frames it takes, and with which code it resets a stream.

pub(crate) mod body;
pub(crate) mod convert;
pub(crate) mod io;
pub(crate) mod meter;
pub(crate) mod piece;
pub(crate) mod reply;
