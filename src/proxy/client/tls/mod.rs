//! TLS towards clients: certificates by SNI, the handshake, and a stream that holds no buffer while it is idle.
//!
//! Sits between the listener and the protocols. It must not know of routes or hosts: which certificates a name has is
//! asked of a closure ([`SniResolver`]), once for each handshake, so that a rotated certificate is in force at once
//! for new connections and touches no existing one.

mod accept;
mod config;
mod fallback;
mod resolver;

#[cfg(test)]
mod tests;

pub use crate::proxy::wire::tls::stream::{Alpn, Ending, TlsStream, TlsVersion};
pub use accept::{TlsError, accept, accept_after};
pub use config::{Http2, server_config, tickets};
pub use fallback::{FallbackError, fallback_certificate};
pub use resolver::SniResolver;
