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
/// So many outcomes are remembered with a connection: paths of a host may ask for certificates of different authorities.
const REMEMBERED: usize = 4;

/// What a client that was asked for a certificate has shown.
#[derive(Clone, Debug)]
pub(crate) struct ShownChain {
    /// Its certificate first. Empty: it has none.
    chain: Box<[CertificateDer<'static>]>,
    /// At most [`REMEMBERED`], the latest last.
    known: RefCell<Vec<Known>>,
}

/// The outcome of a verification.
#[derive(Clone, Debug)]
struct Known {
    trust: Arc<ClientTrust>,
    depth: u32,
    since: Instant,
    shown: Rc<ShownCertificate>,
}

impl Known {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < COUNTS
    }
}

impl ShownChain {
    /// Not verified yet.
    pub(crate) fn new(chain: &[CertificateDer<'static>]) -> Self {
        Self { chain: chain.into(), known: RefCell::default() }
    }

    /// The certificate with the outcome of its verification.
    pub(crate) fn presented(&self, trust: &Arc<ClientTrust>, depth: u32) -> Presented {
        let Some(leaf) = self.chain.first() else { return Presented::Nothing };
        let mut known = self.known.borrow_mut();
        let counts = |known: &&Known| {
            known.depth == depth && known.is_fresh() && (Arc::ptr_eq(&known.trust, trust) || known.trust == *trust)
        };
        if let Some(known) = known.iter().find(counts) {
            return Presented::Certificate(Rc::clone(&known.shown));
        }
        let shown = Rc::new(ShownCertificate {
            der: leaf.as_ref().into(),
            names: CertificateNames::of(leaf),
            verified: trust.verify(&self.chain, depth, UnixTime::now()),
        });
        known.retain(Known::is_fresh);
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        let outcome = Known { trust: Arc::clone(trust), depth, since: Instant::now(), shown: Rc::clone(&shown) };
        known.push(outcome);
        Presented::Certificate(shown)
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;
    use crate::model::{CaBundle, ClientFault};

    fn trust(crl: Option<&[u8]>) -> Arc<ClientTrust> {
        let bundle = CaBundle::parse(include_bytes!("../../model/fixtures/clients-ca.crt")).unwrap();
        Arc::new(ClientTrust::parse(Arc::new(bundle), crl).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn nginx_x1_what_was_verified_counts_for_a_minute_and_for_the_same_authorities() {
        let pem = include_bytes!("../../model/fixtures/client-v1.crt");
        let chain = ShownChain::new(&[CertificateDer::from_pem_slice(pem).unwrap()]);
        let of = |trust, depth| match chain.presented(trust, depth) {
            Presented::Certificate(shown) => shown,
            other => panic!("{other:?}"),
        };
        let (one, same) = (trust(None), trust(None));
        let first = of(&one, 1);
        assert_eq!(first.verified, Ok(()));
        assert!(Rc::ptr_eq(&first, &of(&one, 1)) && Rc::ptr_eq(&first, &of(&same, 1)));
        tokio::time::advance(COUNTS - Duration::from_secs(1)).await;
        assert!(Rc::ptr_eq(&first, &of(&one, 1)));
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = of(&one, 1);
        assert!(!Rc::ptr_eq(&first, &second), "the time may be another");
        let revoked = trust(Some(include_bytes!("../../model/fixtures/clients-revoked.crl")));
        assert_eq!(of(&revoked, 1).verified, Err(ClientFault::Revoked));
        assert!(Rc::ptr_eq(&second, &of(&one, 1)), "paths of a host may ask for different ones");
        for depth in 0..20 {
            assert_eq!(of(&one, depth).verified, Ok(()));
            assert!(chain.known.borrow().len() <= REMEMBERED);
        }
        let nothing = ShownChain::new(&[]).presented(&one, 1);
        assert!(matches!(nothing, Presented::Nothing), "{nothing:?}");
    }
}
