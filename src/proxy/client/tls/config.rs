//! The TLS configuration of the listeners: versions, protocols, resumption.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ProducesTickets};

use super::resolver::SniResolver;

/// Whether HTTP/2 is offered in ALPN beside HTTP/1.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http2 {
    /// `h2`, then `http/1.1`. The default.
    #[default]
    Offered,
    /// `http/1.1` only.
    Disabled,
}

/// Makes the keys that encrypt session tickets: random, replaced every 6 hours, valid for 12. All configurations share
/// them, so that a client can resume on every shard.
pub fn tickets() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    aws_lc_rs::Ticketer::new()
}

/// The configuration of one kind of listener: TLS 1.2 and 1.3 (1.0 and 1.1 are refused), no client certificates, no
/// early data (RFC 8470: it can be replayed), no renegotiation, no compression of any kind.
///
/// Sessions resume by ticket only (`tickets`): nothing is kept in memory for clients that left.
pub fn server_config(
    resolver: Arc<SniResolver>,
    tickets: Arc<dyn ProducesTickets>,
    http2: Http2,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = match http2 {
        Http2::Offered => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Http2::Disabled => vec![b"http/1.1".to_vec()],
    };
    config.ticketer = tickets;
    // rustls sends two by default, which costs 4 to 7 % of a handshake. Clients that open one connection at a time need
    // one.
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Decompression before authentication can be made to use much memory.
    config.cert_compressors = Vec::new();
    config.cert_decompressors = Vec::new();
    Ok(Arc::new(config))
}
