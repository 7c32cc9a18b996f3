//! The certificate that the client of a connection has shown, and whether it is right.
//!
//! The handshake takes any certificate whose key the client has. Verification takes place with the first request that needs it and
//! is remembered with the connection, for one set of authorities and for a minute: so an authority that is replaced counts at once,
//! and an expired certificate, or an expired list of revoked ones, within a minute.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::time::Instant;

use crate::filter::{Presented, ShownCertificate};
use crate::model::{CertificateNames, ClientTrust};

/// How long the outcome of a verification counts.
const COUNTS: Duration = Duration::from_secs(60);

/// What a client that was asked for a certificate has shown.
#[derive(Clone, Debug)]
pub(crate) struct ShownChain {
    /// Its certificate first. Empty: it has none.
    chain: Box<[CertificateDer<'static>]>,
    known: RefCell<Option<Known>>,
}

/// The outcome of a verification.
#[derive(Clone, Debug)]
struct Known {
    trust: Arc<ClientTrust>,
    depth: u32,
    since: Instant,
    shown: Rc<ShownCertificate>,
}

impl ShownChain {
    /// Not verified yet.
    pub(crate) fn new(chain: &[CertificateDer<'static>]) -> Self {
        Self { chain: chain.into(), known: RefCell::new(None) }
    }

    /// The certificate with the outcome of its verification.
    pub(crate) fn presented(&self, trust: &Arc<ClientTrust>, depth: u32) -> Presented {
        let Some(leaf) = self.chain.first() else { return Presented::Nothing };
        let mut known = self.known.borrow_mut();
        let counts = |known: &&Known| {
            known.depth == depth
                && known.since.elapsed() < COUNTS
                && (Arc::ptr_eq(&known.trust, trust) || known.trust == *trust)
        };
        if let Some(known) = known.as_ref().filter(counts) {
            return Presented::Certificate(Rc::clone(&known.shown));
        }
        let shown = Rc::new(ShownCertificate {
            der: leaf.as_ref().into(),
            names: CertificateNames::of(leaf),
            verified: trust.verify(&self.chain, depth, UnixTime::now()),
        });
        *known = Some(Known { trust: Arc::clone(trust), depth, since: Instant::now(), shown: Rc::clone(&shown) });
        Presented::Certificate(shown)
    }
}
