//! Connections of clients that speak HTTP/2.

mod age;
pub(crate) mod connection;
mod sink;
mod source;
mod staged_head;
pub(crate) mod stream;
mod wakes;
