//! TLS towards clients: certificates by SNI, the handshake, and a stream that holds no buffer while it is idle.
//!
//! It sits between the listener and the protocols and knows neither routes nor hosts. A closure ([`SniResolver`]) gives
//! the certificates of a name once for each handshake. So a rotated certificate is used at once for new connections,
//! and existing ones are not touched.

mod accept;
mod asking;
mod config;
mod fallback;
mod resolver;
mod shared_tickets;

#[cfg(test)]
mod tests;

pub use crate::proxy::wire::tls::stream::{Alpn, Ending, TlsStream, TlsVersion};
pub use accept::{TlsError, accept, accept_after};
pub use config::{Http2, TicketKeys, TlsConfigs, server_config, tickets};
pub use fallback::{FallbackError, fallback_certificate};
pub use resolver::SniResolver;
