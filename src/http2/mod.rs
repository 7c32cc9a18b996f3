//! HTTP/2 as bytes (RFC 9113, RFC 7541): strict, without input or output of its own, used towards clients and towards pods.

pub mod code;
pub mod connection;
pub mod frame;
pub mod head;
pub mod hpack;
pub mod write;
