//! Which certificate a handshake gets.

use std::fmt;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::asking::{Asks, note};
use crate::model::{AskedOf, Certificate, Hostname};

type Choose = dyn Fn(Option<&str>) -> Vec<Arc<Certificate>> + Send + Sync;
type Ask = dyn Fn(Option<&str>) -> Option<AskedOf> + Send + Sync;

/// Gives each handshake the certificate its server name has at that moment.
pub struct SniResolver {
    choose: Box<Choose>,
    /// `None`: nobody is asked for a certificate.
    ask: Option<Box<Ask>>,
    fallback: Arc<Certificate>,
}

impl SniResolver {
    /// `choose` gives the usable certificates for a server name (lower case, valid, no trailing dot), or for none,
    /// in order of preference within a kind of key; default certificate included. When it gives nothing that the
    /// client can use, `fallback` is shown: a name without a certificate is not a reason to refuse a handshake.
    pub fn new(
        choose: impl Fn(Option<&str>) -> Vec<Arc<Certificate>> + Send + Sync + 'static,
        fallback: Arc<Certificate>,
    ) -> Self {
        Self { choose: Box::new(choose), ask: None, fallback }
    }

    /// The same, asking clients for a certificate where `ask` says of their server name whose.
    pub fn asking(self, ask: impl Fn(Option<&str>) -> Option<AskedOf> + Send + Sync + 'static) -> Self {
        Self { ask: Some(Box::new(ask)), ..self }
    }
}

impl ResolvesServerCert for SniResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| Hostname::parse(name).ok());
        let certificates = (self.choose)(name.as_ref().map(Hostname::as_str));
        let asked_of = self.ask.as_ref().and_then(|ask| ask(name.as_ref().map(Hostname::as_str)));
        note(|course| {
            course.name = name;
            course.asks = asked_of.map_or(Asks::No, Asks::Yes);
        });
        // These schemes are already reduced to those that the client's cipher suites can use.
        let schemes = hello.signature_schemes();
        let usable = certificates.iter().filter(|c| c.key().key.choose_scheme(schemes).is_some());
        let chosen = usable.min_by_key(|c| cost(c.algorithm())).unwrap_or(&self.fallback);
        Some(Arc::clone(chosen.key()))
    }
}

/// Order of preference: a handshake takes 82 us of CPU with ECDSA P-256, 295 with RSA-2048.
fn cost(algorithm: SignatureAlgorithm) -> u8 {
    match algorithm {
        SignatureAlgorithm::ECDSA => 0,
        SignatureAlgorithm::ED25519 => 1,
        _ => 2,
    }
}

impl fmt::Debug for SniResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SniResolver").finish_non_exhaustive()
    }
}
