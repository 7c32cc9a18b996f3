//! Handshakes that ask clients for a certificate, where the host of their server name needs one.
//!
//! The handshake takes every certificate whose key the client has, and takes clients without one: those get an answer that says
//! what is wrong, and no broken connection. Whether a certificate is right is found out with the first request that needs it
//! (`walk/identity.rs`), against the authorities of that moment. Nothing else may rely on a certificate that was shown here.
//!
//! Which names ask is not known before the hello, and the TLS library lets a configuration ask everybody or nobody. But it calls
//! the resolver, the tickets and the verifier of the configuration within the call that processes a message, on the same thread.
//! So what is known of the handshake is left in this thread's [`Course`] for that call, and taken back behind it.
//!
//! Tickets of handshakes that ask have keys of their own, and are given only to clients that have shown a certificate, which the
//! ticket holds. So a session of a host that did not ask is never resumed as one of a host that asks, and who had no certificate is
//! asked again. The TLS library resumes sessions under the same server name only.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ProducesTickets;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::model::{AskedOf, ClientTrust, Hostname, is_signed_in_handshake, key_of_certificate};

/// Most bytes of all certificates that a client shows, which its connection keeps; with more the handshake fails. A chain has two
/// to six kilobytes.
const MOST: usize = 32 * 1024;
/// Longest names of authorities that clients are told, together. Bytes. A message of TLS holds 64 KiB.
const LONGEST_NAMES: usize = 16 * 1024;
/// So many lists of authorities are known by name, former ones too, before all are forgotten.
const MOST_TOLD: usize = 64;

thread_local! {
    /// The handshake that this thread is working on. Empty outside of that.
    static COURSE: Cell<Course> = const { Cell::new(Course::NEW) };
}

/// What is known of a handshake.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The server name of the hello. The unbuffered connection does not tell it, and a second parser of hellos could read another.
    pub(super) name: Option<Hostname>,
    /// Whether the client is asked for a certificate.
    pub(super) asks: Asks,
    /// Whether it has shown one.
    has_shown: bool,
}

/// Whether a client is asked for a certificate.
#[derive(Clone, Debug, Default)]
pub(super) enum Asks {
    /// Its hello has not been read.
    #[default]
    Unknown,
    /// It is not.
    No,
    /// It is, for one of these.
    Yes(AskedOf),
}

impl Course {
    const NEW: Self = Self { name: None, asks: Asks::Unknown, has_shown: false };

    /// Leaves it for the TLS library's next call.
    pub(super) fn leave(self) {
        COURSE.set(self);
    }

    /// Takes back what [`Self::leave`] left, with what the call has found out.
    pub(super) fn take() -> Self {
        COURSE.take()
    }
}

/// Changes what is known of the handshake at hand.
pub(super) fn note<T>(change: impl FnOnce(&mut Course) -> T) -> T {
    let mut course = COURSE.take();
    let result = change(&mut course);
    COURSE.set(course);
    result
}

/// Takes every certificate whose key the client has.
#[derive(Debug)]
pub(super) struct Anybody {
    algorithms: WebPkiSupportedAlgorithms,
    /// What clients are told of authorities: as the library borrows it, it stays as long as this.
    told: Box<[OnceLock<Told>]>,
    /// Whether there is no room for others.
    is_full: AtomicBool,
}

/// The names of authorities.
#[derive(Debug)]
struct Told {
    trust: Arc<ClientTrust>,
    names: Box<[DistinguishedName]>,
}

impl Told {
    fn new(trust: &Arc<ClientTrust>) -> Self {
        let names = trust.authorities().roots().subjects();
        let is_short = names.iter().map(|name| name.as_ref().len()).sum::<usize>() <= LONGEST_NAMES;
        Self { trust: Arc::clone(trust), names: if is_short { names.into() } else { Box::default() } }
    }
}

impl Anybody {
    pub(super) fn new() -> Self {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let told = (0..MOST_TOLD).map(|_| OnceLock::new()).collect();
        Self { algorithms, told, is_full: AtomicBool::new(false) }
    }

    /// Whether another one should take its place, as some clients are told nothing.
    pub(super) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    fn names_of(&self, trust: &Arc<ClientTrust>) -> &[DistinguishedName] {
        for told in &self.told {
            let told = told.get_or_init(|| Told::new(trust));
            if Arc::ptr_eq(&told.trust, trust) || told.trust == *trust {
                return &told.names;
            }
        }
        self.is_full.store(true, Ordering::Relaxed);
        &[]
    }
}

impl ClientCertVerifier for Anybody {
    fn offer_client_auth(&self) -> bool {
        note(|course| {
            // Called once before the hello, to keep what a client may sign later, and once where it is not resumed.
            course.has_shown = false;
            !matches!(course.asks, Asks::No)
        })
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match note(|course| course.asks.clone()) {
            Asks::Yes(AskedOf::Authorities(trust)) => self.names_of(&trust),
            Asks::Yes(AskedOf::Several) | Asks::No | Asks::Unknown => &[],
        }
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if leaf.len() + others.iter().map(|der| der.len()).sum::<usize>() > MOST {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        note(|course| course.has_shown = true);
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // A certificate that cannot be read is never right (`ClientTrust::verify`), and proves nothing.
        let Some(key) = key_of_certificate(certificate) else { return Ok(HandshakeSignatureValid::assertion()) };
        if is_signed_in_handshake(message, &key, signed.scheme, signed.signature()) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::BadSignature))
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(key) = key_of_certificate(certificate) else { return Ok(HandshakeSignatureValid::assertion()) };
        let key = SubjectPublicKeyInfoDer::from(&*key);
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Tickets with other keys for handshakes that ask.
#[derive(Debug)]
pub(super) struct Tickets {
    /// Those of clients that are not asked.
    pub(super) of_others: Arc<dyn ProducesTickets>,
    /// Those of clients that have shown a certificate.
    pub(super) of_shown: Arc<dyn ProducesTickets>,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.of_others.enabled() && self.of_shown.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.of_others.lifetime().min(self.of_shown.lifetime())
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        match note(|course| (course.asks.clone(), course.has_shown)) {
            (Asks::No, _) => self.of_others.encrypt(plain),
            (Asks::Yes(_), true) => self.of_shown.encrypt(plain),
            (Asks::Yes(_), false) | (Asks::Unknown, _) => None,
        }
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        match note(|course| course.asks.clone()) {
            Asks::No => self.of_others.decrypt(cipher),
            Asks::Yes(_) => {
                let plain = self.of_shown.decrypt(cipher)?;
                note(|course| course.has_shown = true);
                Some(plain)
            }
            Asks::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CaBundle;

    fn trust(name: &str, count: usize) -> Arc<ClientTrust> {
        let pem = |_| {
            let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
        };
        let bundle = CaBundle::parse((0..count).map(pem).collect::<String>().as_bytes()).unwrap();
        Arc::new(ClientTrust::parse(Arc::new(bundle), None).unwrap())
    }

    fn is_told(names: &[DistinguishedName], name: &str) -> bool {
        names.iter().any(|told| told.as_ref().windows(name.len()).any(|part| part == name.as_bytes()))
    }

    #[test]
    fn clients_are_told_the_authorities_of_their_host_and_no_others() {
        let anybody = Anybody::new();
        let (one, two) = (trust("one", 1), trust("two", 2));
        for (trust, name, count) in [(&one, "one", 1), (&two, "two", 2), (&one, "one", 1)] {
            let names = anybody.names_of(trust);
            assert!(is_told(names, name) && names.len() == count, "{names:?}");
        }
        assert_eq!(anybody.names_of(&trust(&"long".repeat(100), 50)).len(), 0, "they are too long");
        let asked = |asks| {
            Course { asks, ..Course::default() }.leave();
            let told = anybody.root_hint_subjects().len();
            Course::take();
            told
        };
        assert_eq!(asked(Asks::Yes(AskedOf::Authorities(two))), 2);
        assert_eq!(asked(Asks::Yes(AskedOf::Several)) + asked(Asks::No) + asked(Asks::Unknown), 0);
    }

    #[test]
    fn what_clients_are_told_is_bounded() {
        let anybody = Anybody::new();
        for at in 0..MOST_TOLD {
            assert!(is_told(anybody.names_of(&trust(&format!("number {at}"), 1)), &format!("number {at}")));
        }
        assert!(!anybody.is_full());
        assert_eq!(anybody.names_of(&trust("one more", 1)).len(), 0);
        assert!(anybody.is_full(), "another takes its place");
    }
}
