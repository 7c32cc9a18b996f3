//! HTTP/2 on both sides, by the `h2` crate. A request's head is converted to HTTP/1 form, so that routing, filters and
//! forwarding exist once. Bodies use the same two traits as those of HTTP/1.
//!
//! We do not use hyper, which is `h2` with a service on top: a proxy must decide by itself when it gives window back,
//! what it does when a side does not read, how many small frames it accepts, and with which code it resets a stream.

pub(crate) mod body;
pub(crate) mod convert;
pub(crate) mod io;
pub(crate) mod meter;
pub(crate) mod piece;
pub(crate) mod reply;
