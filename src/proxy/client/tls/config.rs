//! The TLS configuration of the listeners: versions, protocols, resumption.

use std::sync::Arc;

use arc_swap::ArcSwap;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ProducesTickets};

use super::asking::{Anybody, Tickets};
use super::resolver::SniResolver;
use super::shared_tickets::SharedTickets;
use crate::model::{KeyUse, SharedKeys};

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

/// Whose keys seal the tickets of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TicketKeys {
    /// Those of this process. The default.
    #[default]
    OfProcess,
    /// Those that replicas share, while there are some.
    OfReplicas,
}

/// The configurations of the listeners.
#[derive(Debug)]
pub struct TlsConfigs {
    /// It asks nobody for a certificate.
    plain: Arc<ServerConfig>,
    /// It asks the clients of some server names.
    asking: ArcSwap<Asking>,
    resolver: Arc<SniResolver>,
    tickets: Arc<Tickets>,
    /// Those of `tickets` that take keys of replicas.
    shared: Vec<Arc<SharedTickets>>,
}

/// A configuration that asks, with what it asks by.
#[derive(Debug)]
struct Asking {
    config: Arc<ServerConfig>,
    anybody: Arc<Anybody>,
}

impl Asking {
    fn new(resolver: &Arc<SniResolver>, tickets: &Arc<Tickets>) -> Result<Arc<Self>, rustls::Error> {
        let anybody = Arc::new(Anybody::new());
        let tickets: Arc<dyn ProducesTickets> = Arc::clone(tickets) as _;
        let config = config(Some(Arc::clone(&anybody)), Arc::clone(resolver), tickets, Http2::Offered)?;
        Ok(Arc::new(Self { config, anybody }))
    }
}

impl TlsConfigs {
    /// `resolver` is one that asks, and `plain` the same without. Both offer HTTP/2.
    pub fn new(plain: Arc<SniResolver>, asking: Arc<SniResolver>, keys: TicketKeys) -> Result<Self, rustls::Error> {
        let mut shared = Vec::new();
        let mut tickets_of = |of| -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
            let own = tickets()?;
            Ok(match keys {
                TicketKeys::OfProcess => own,
                TicketKeys::OfReplicas => {
                    let tickets = Arc::new(SharedTickets::new(of, own));
                    shared.push(Arc::clone(&tickets));
                    tickets
                }
            })
        };
        let of_others = tickets_of(KeyUse::Tickets)?;
        let of_shown = tickets_of(KeyUse::TicketsOfKnown)?;
        let tickets = Arc::new(Tickets { of_others: Arc::clone(&of_others), of_shown });
        let plain = server_config(plain, of_others, Http2::Offered)?;
        Ok(Self { plain, asking: ArcSwap::new(Asking::new(&asking, &tickets)?), resolver: asking, tickets, shared })
    }

    /// From now on these keys seal tickets and open them, if replicas share any.
    pub fn share(&self, keys: &SharedKeys) {
        self.shared.iter().for_each(|tickets| tickets.share(keys));
    }

    /// That of a handshake which begins now; whether any host asks for certificates.
    pub(crate) fn of_now(&self, asks: bool) -> Arc<ServerConfig> {
        if asks { self.asking() } else { Arc::clone(&self.plain) }
    }

    fn asking(&self) -> Arc<ServerConfig> {
        let asking = self.asking.load();
        if asking.anybody.is_full()
            && let Ok(next) = Asking::new(&self.resolver, &self.tickets)
        {
            self.asking.store(next);
        }
        Arc::clone(&asking.config)
    }
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
    config(None, resolver, tickets, http2)
}

fn config(
    verifier: Option<Arc<Anybody>>,
    resolver: Arc<SniResolver>,
    tickets: Arc<dyn ProducesTickets>,
    http2: Http2,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let builder = match verifier {
        None => builder.with_no_client_auth(),
        Some(anybody) => builder.with_client_cert_verifier(anybody),
    };
    let mut config = builder.with_cert_resolver(resolver);
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
