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
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ProducesTickets;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::model::{Hostname, is_signed_in_handshake, key_of_certificate};

/// Most bytes of all certificates that a client shows, which its connection keeps; with more the handshake fails. A chain has two
/// to six kilobytes.
const MOST: usize = 32 * 1024;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asks {
    /// Its hello has not been read.
    #[default]
    Unknown,
    /// It is not.
    No,
    /// It is.
    Yes,
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
}

impl Anybody {
    pub(super) fn new() -> Self {
        Self { algorithms: aws_lc_rs::default_provider().signature_verification_algorithms }
    }
}

impl ClientCertVerifier for Anybody {
    fn offer_client_auth(&self) -> bool {
        note(|course| {
            // Called once before the hello, to keep what a client may sign later, and once where it is not resumed.
            course.has_shown = false;
            course.asks != Asks::No
        })
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: one configuration asks for all hosts.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
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
        match note(|course| (course.asks, course.has_shown)) {
            (Asks::No, _) => self.of_others.encrypt(plain),
            (Asks::Yes, true) => self.of_shown.encrypt(plain),
            (Asks::Yes, false) | (Asks::Unknown, _) => None,
        }
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        match note(|course| course.asks) {
            Asks::No => self.of_others.decrypt(cipher),
            Asks::Yes => {
                let plain = self.of_shown.decrypt(cipher)?;
                note(|course| course.has_shown = true);
                Some(plain)
            }
            Asks::Unknown => None,
        }
    }
}
