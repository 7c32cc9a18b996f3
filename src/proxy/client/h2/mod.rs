//! HTTP/2 towards clients, by the `h2` crate (see [`crate::proxy::wire::h2`]).

mod activity;
pub(crate) mod connection;
mod sink;
pub(crate) mod stream;
