//! Heads between HTTP/2 and the form in which exchanges work (RFC 9113 §8).
//!
//! What it is for: taking the fields of a decoded header block over into [`RequestHead`](crate::http1::RequestHead) and
//! [`ResponseHead`](crate::http1::ResponseHead), whose spans point into an arena of lines, without HTTP/1 text in
//! between; and writing heads as frames. What is accepted here means the same when it is written as HTTP/1.
//!
//! What it must not know: frames that come, streams, windows. It sees one header block at a time.
//!
//! Where it sits: between [`hpack`](crate::http2::hpack) and the connection, which hands whole heads to exchanges.

mod cookies;
pub mod encode;
mod fault;
mod lines;
mod request;
mod response;
mod rules;
#[cfg(test)]
mod tests;
mod trailers;

pub use fault::{HeadFault, ResponseFault, TrailerFault};
pub use request::RequestReader;
pub use response::ResponseReader;
pub use trailers::TrailerReader;
