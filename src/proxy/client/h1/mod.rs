//! HTTP/1 towards clients.

pub(crate) mod connection;
pub(crate) mod head;
mod sink;
