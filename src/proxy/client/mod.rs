//! Towards clients: sockets, what comes before the first request, TLS, and the two protocols.

pub(crate) mod accepting;
mod first_bytes;
pub(crate) mod h1;
pub(crate) mod h2;
pub mod listener;
pub(crate) mod proxy_header;
pub(crate) mod serving;
pub mod tls;
