//! Which certificate a handshake gets.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::model::{Certificate, Hostname};

thread_local! {
    /// The name of the hello that was resolved last on this thread. The unbuffered connection does not tell the SNI,
    /// and a second parser of hellos could read another name. Resolution runs inside the call that processes the hello,
    /// on the same thread: so the name is left here.
    static OFFERED: Cell<Option<Hostname>> = const { Cell::new(None) };
}

/// Takes the server name of the hello that this thread has just processed.
pub(super) fn take_offered_name() -> Option<Hostname> {
    OFFERED.take()
}

type Choose = dyn Fn(Option<&str>) -> Vec<Arc<Certificate>> + Send + Sync;

/// Gives each handshake the certificate its server name has at that moment.
pub struct SniResolver {
    choose: Box<Choose>,
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
        Self { choose: Box::new(choose), fallback }
    }
}

impl ResolvesServerCert for SniResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| Hostname::parse(name).ok());
        let certificates = (self.choose)(name.as_ref().map(Hostname::as_str));
        OFFERED.set(name);
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
