//! Whom clients' certificates must come from, and whether one does.
//!
//! The TLS library verifies chains. It takes no certificate of version 1, which is what `openssl x509 -req` makes without a file of
//! extensions, and no certificate of an authority as that of a client, which is what `openssl req -x509` makes. Both are verified
//! here, in the two ways that need no more than a signature: an authority signed it itself, or it is listed itself.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error, OtherError, RootCertStore};
use x509_parser::prelude::{ASN1Time, CertificateRevocationList, FromDer, X509Certificate, X509Name, X509Version};

use super::client_certificate::is_signed_by;
use super::pod_tls::CaBundle;

/// Longest text of revocation lists that is read. Bytes. An object of Kubernetes holds hardly more.
const LONGEST: usize = 1024 * 1024;
/// Longest certificate of a client that is looked at. Bytes. It may go into a field of the request, in a form that is half as long again.
const LONGEST_CERTIFICATE: usize = 16 * 1024;

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// Authorities that clients' certificates come from, with what they have revoked (nginx `ssl_client_certificate`, `ssl_crl`). Two
/// are equal when their certificates and lists are.
pub struct ClientTrust {
    authorities: Arc<CaBundle>,
    revoked: Box<[CertificateRevocationListDer<'static>]>,
    /// `None`: there is no authority among the certificates.
    verifier: OnceLock<Option<Arc<dyn ClientCertVerifier>>>,
}

/// Why revocation lists cannot be used. Never holds any of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// It is not PEM, or has no list.
    #[error("it holds no PEM revocation list")]
    NoList,
    /// It is too long.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// A list cannot be read.
    #[error("a list of it is not readable as X.509")]
    Unreadable,
}

/// Why a certificate of a client is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFault {
    /// It cannot be read, or is too long.
    Unreadable,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYet,
    /// Nobody but itself says that it is right.
    SelfSigned,
    /// It does not come from one of the authorities, or too many others are between.
    UnknownIssuer,
    /// An authority has revoked it, or one between.
    Revoked,
    /// Whether it is revoked is not known, as no list of its issuer is there.
    NoCrl,
    /// Whether it is revoked is not known, as the list of its issuer has expired.
    ExpiredCrl,
    /// It is for another purpose than that of a client.
    Purpose,
    /// Anything else.
    Unsuitable,
}

impl ClientFault {
    /// As OpenSSL says it, since pods get it as nginx gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "certificate cannot be read",
            Self::Expired => "certificate has expired",
            Self::NotYet => "certificate is not yet valid",
            Self::SelfSigned => "self-signed certificate",
            Self::UnknownIssuer => "unable to get local issuer certificate",
            Self::Revoked => "certificate revoked",
            Self::NoCrl => "unable to get certificate CRL",
            Self::ExpiredCrl => "CRL has expired",
            Self::Purpose => "unsuitable certificate purpose",
            Self::Unsuitable => "certificate rejected",
        }
    }

    /// Whether nothing is wrong but who it comes from.
    pub fn is_of_issuer(self) -> bool {
        match self {
            Self::SelfSigned | Self::UnknownIssuer => true,
            Self::Unreadable
            | Self::Expired
            | Self::NotYet
            | Self::Revoked
            | Self::NoCrl
            | Self::ExpiredCrl
            | Self::Purpose
            | Self::Unsuitable => false,
        }
    }
}

impl ClientTrust {
    /// With revocation lists as PEM (`ca.crl`), where there are any.
    pub fn parse(authorities: Arc<CaBundle>, crl: Option<&[u8]>) -> Result<Self, CrlError> {
        let Some(pem) = crl else { return Self::new(authorities, Box::default()) };
        if pem.len() > LONGEST {
            return Err(CrlError::TooLong);
        }
        let lists: Result<Box<[_]>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
        match lists {
            Ok(lists) if !lists.is_empty() => Self::new(authorities, lists),
            Ok(_) | Err(_) => Err(CrlError::NoList),
        }
    }

    /// The same with revocation lists as DER, as [`Self::revoked`] gave them.
    pub fn from_der(authorities: Arc<CaBundle>, lists: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, CrlError> {
        Self::new(authorities, lists.into_iter().map(CertificateRevocationListDer::from).collect())
    }

    fn new(
        authorities: Arc<CaBundle>,
        revoked: Box<[CertificateRevocationListDer<'static>]>,
    ) -> Result<Self, CrlError> {
        let trust = Self { authorities, revoked, verifier: OnceLock::new() };
        if !trust.revoked.is_empty() {
            let is_readable = |list| matches!(CertificateRevocationList::from_der(list), Ok(([], _)));
            let verifier = trust.made().map_err(|_| CrlError::Unreadable)?;
            if !trust.revoked().all(is_readable) {
                return Err(CrlError::Unreadable);
            }
            // Nobody has set it before.
            let _ = trust.verifier.set(verifier);
        }
        Ok(trust)
    }

    /// The authorities.
    pub fn authorities(&self) -> &Arc<CaBundle> {
        &self.authorities
    }

    /// The revocation lists, each as DER.
    pub fn revoked(&self) -> impl Iterator<Item = &[u8]> {
        self.revoked.iter().map(AsRef::as_ref)
    }

    /// Whether a client's certificate, the first of these, comes from one of the authorities and is valid `now`. Between them may be
    /// up to `depth` of the others (nginx `ssl_verify_depth`).
    pub fn verify(&self, chain: &[CertificateDer<'_>], depth: u32, now: UnixTime) -> Result<(), ClientFault> {
        let (leaf, others) = chain.split_first().ok_or(ClientFault::Unreadable)?;
        let Ok(([], parsed)) = X509Certificate::from_der(leaf) else { return Err(ClientFault::Unreadable) };
        if leaf.len() > LONGEST_CERTIFICATE {
            return Err(ClientFault::Unreadable);
        }
        let is_listed = |der: &[u8]| self.authorities.certificates().any(|known| known == der);
        if is_listed(leaf) || parsed.version() == X509Version::V1 {
            return self.verify_directly(leaf, &parsed, is_listed(leaf), now);
        }
        let own_issuer = if parsed.issuer().as_raw() == parsed.subject().as_raw() {
            ClientFault::SelfSigned
        } else {
            ClientFault::UnknownIssuer
        };
        if parsed.is_ca() {
            at(&parsed, now)?;
            return Err(own_issuer);
        }
        let verifier = self.verifier.get_or_init(|| self.made().unwrap_or_default());
        let Some(verifier) = verifier else {
            at(&parsed, now)?;
            return Err(own_issuer);
        };
        // No more than these can be between. Senders put them in order (RFC 5246 §7.4.2), and some add the authority itself.
        let between: Vec<_> = others.iter().filter(|der| !is_listed(der)).take(depth as usize).cloned().collect();
        match verifier.verify_client_cert(leaf, &between, now) {
            Ok(_) => Ok(()),
            Err(error) => Err(match fault(&error) {
                ClientFault::UnknownIssuer => own_issuer,
                fault => fault,
            }),
        }
    }

    /// The verifier of the TLS library, which takes authorities only.
    fn made(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, ()> {
        let mut roots = RootCertStore::empty();
        for der in self.authorities.certificates().filter(|der| may_sign(der)) {
            roots.add(CertificateDer::from(der.to_vec())).map_err(|_| ())?;
        }
        if roots.is_empty() {
            return Ok(None);
        }
        let roots = if roots.len() == self.authorities.roots().len() {
            Arc::clone(self.authorities.roots())
        } else {
            Arc::new(roots)
        };
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&PROVIDER));
        if !self.revoked.is_empty() {
            builder = builder.with_crls(self.revoked.iter().cloned()).enforce_revocation_expiration();
        }
        builder.build().map(Some).map_err(|_| ())
    }

    /// A certificate that is listed itself, or that one of the authorities has signed itself.
    fn verify_directly(
        &self,
        der: &[u8],
        leaf: &X509Certificate<'_>,
        is_listed: bool,
        now: UnixTime,
    ) -> Result<(), ClientFault> {
        at(leaf, now)?;
        if !is_listed && !self.signers(leaf.issuer()).any(|key| is_signed_by(der, &key)) {
            return Err(if leaf.issuer().as_raw() == leaf.subject().as_raw() {
                ClientFault::SelfSigned
            } else {
                ClientFault::UnknownIssuer
            });
        }
        if self.revoked.is_empty() { Ok(()) } else { self.is_unrevoked(leaf, now) }
    }

    /// The keys of the authorities of this name.
    fn signers<'a>(&'a self, name: &'a X509Name<'_>) -> impl Iterator<Item = Box<[u8]>> + 'a {
        self.authorities.certificates().filter(|der| may_sign(der)).filter_map(move |der| {
            let (_, authority) = X509Certificate::from_der(der).ok()?;
            let is_it = authority.subject().as_raw() == name.as_raw();
            is_it.then(|| authority.public_key().raw.into())
        })
    }

    /// Whether a list of its issuer says that the certificate is not revoked.
    fn is_unrevoked(&self, leaf: &X509Certificate<'_>, now: UnixTime) -> Result<(), ClientFault> {
        let mut found = Err(ClientFault::NoCrl);
        for der in self.revoked() {
            let Ok(([], list)) = CertificateRevocationList::from_der(der) else { continue };
            let is_of_issuer = list.issuer().as_raw() == leaf.issuer().as_raw();
            // What is critical says what a list is not about.
            if !is_of_issuer || list.extensions().iter().any(|extension| extension.critical) {
                continue;
            }
            if !self.signers(list.issuer()).any(|key| is_signed_by(der, &key)) {
                continue;
            }
            if list.iter_revoked_certificates().any(|revoked| revoked.raw_serial() == leaf.raw_serial()) {
                return Err(ClientFault::Revoked);
            }
            let is_over = |end: ASN1Time| end.timestamp() < seconds(now);
            if list.next_update().is_some_and(is_over) {
                found = found.or(Err(ClientFault::ExpiredCrl));
            } else {
                found = Ok(());
            }
        }
        found
    }
}

/// Whether a certificate is that of an authority. Those of version 1 do not say what they are.
fn may_sign(der: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    let signs = || match certificate.key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.key_cert_sign()),
        Err(_) => false,
    };
    certificate.version() == X509Version::V1 || certificate.is_ca() && signs()
}

/// Whether a certificate is valid at this time.
fn at(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), ClientFault> {
    let (now, validity) = (seconds(now), certificate.validity());
    if now < validity.not_before.timestamp() {
        Err(ClientFault::NotYet)
    } else if now > validity.not_after.timestamp() {
        Err(ClientFault::Expired)
    } else {
        Ok(())
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// What the TLS library has found.
fn fault(error: &Error) -> ClientFault {
    let Error::InvalidCertificate(error) = error else { return ClientFault::Unsuitable };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => ClientFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => ClientFault::NotYet,
        CertificateError::Revoked => ClientFault::Revoked,
        CertificateError::UnknownIssuer => ClientFault::UnknownIssuer,
        CertificateError::UnknownRevocationStatus => ClientFault::NoCrl,
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            ClientFault::ExpiredCrl
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => ClientFault::Purpose,
        CertificateError::BadEncoding => ClientFault::Unreadable,
        CertificateError::Other(OtherError(_)) => ClientFault::Unsuitable,
        // An enum of another crate that is not exhaustive.
        _ => ClientFault::Unsuitable,
    }
}

impl PartialEq for ClientTrust {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ClientTrust {}

impl Hash for ClientTrust {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.authorities.hash(state);
        self.revoked().for_each(|der| der.hash(state));
    }
}

impl PartialOrd for ClientTrust {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ClientTrust {
    fn cmp(&self, other: &Self) -> Ordering {
        self.authorities.cmp(&other.authorities).then_with(|| self.revoked().cmp(other.revoked()))
    }
}

impl fmt::Debug for ClientTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authorities, revoked, verifier: _ } = self;
        f.debug_struct("ClientTrust")
            .field("authorities", authorities)
            .field("revoked", &revoked.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    const CA: &[u8] = include_bytes!("fixtures/clients-ca.crt");
    const V1: &[u8] = include_bytes!("fixtures/client-v1.crt");

    fn bundle(pem: &[u8]) -> Arc<CaBundle> {
        Arc::new(CaBundle::parse(pem).unwrap())
    }

    fn certificate(pem: &[u8]) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).unwrap()
    }

    /// In the middle of 2026, in seconds.
    fn now() -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_780_000_000))
    }

    fn verified(ca: &[u8], crl: Option<&[u8]>, leaf: &[u8]) -> Result<(), ClientFault> {
        ClientTrust::parse(bundle(ca), crl).unwrap().verify(&[certificate(leaf)], 1, now())
    }

    #[test]
    fn a_certificate_of_version_1_is_right_if_an_authority_has_signed_it() {
        assert_eq!(verified(CA, None, V1), Ok(()));
        for (crl, expected) in [
            (&include_bytes!("fixtures/clients-empty.crl")[..], Ok(())),
            (include_bytes!("fixtures/clients-revoked.crl"), Err(ClientFault::Revoked)),
            (include_bytes!("fixtures/clients-old.crl"), Err(ClientFault::ExpiredCrl)),
        ] {
            assert_eq!(verified(CA, Some(crl), V1), expected);
        }
        // A certificate with the name of the authority and another key.
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "My Cert Authority");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let namesake = params.self_signed(&key).unwrap().pem();
        assert_eq!(verified(namesake.as_bytes(), None, V1), Err(ClientFault::UnknownIssuer));
    }

    #[test]
    fn a_certificate_that_is_listed_is_right_by_itself_and_signs_no_other() {
        let key = rcgen::KeyPair::generate().unwrap();
        for is_ca in [rcgen::IsCa::NoCa, rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained)] {
            let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
            let signs = matches!(is_ca, rcgen::IsCa::Ca(_));
            params.is_ca = is_ca;
            let own = params.self_signed(&key).unwrap().pem();
            assert_eq!(verified(own.as_bytes(), None, own.as_bytes()), Ok(()), "{signs}");
            assert_eq!(verified(CA, None, own.as_bytes()), Err(ClientFault::SelfSigned), "{signs}");
            let issuer = rcgen::Issuer::new(params, &key);
            let mut other = rcgen::CertificateParams::new(["b.example".to_owned()]).unwrap();
            other.distinguished_name.push(rcgen::DnType::CommonName, "b");
            let other = other.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap().pem();
            let expected = if signs { Ok(()) } else { Err(ClientFault::UnknownIssuer) };
            assert_eq!(verified(own.as_bytes(), None, other.as_bytes()), expected, "{signs}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_never_right() {
        let trust = ClientTrust::parse(bundle(CA), None).unwrap();
        let verify = |chain: &[CertificateDer<'_>]| trust.verify(chain, 1, now());
        assert_eq!(verify(&[]), Err(ClientFault::Unreadable));
        let good = certificate(V1);
        let longer = [good.as_ref(), b"\0"].concat();
        for der in [&b""[..], b"garbage", &good[..good.len() - 1], &longer] {
            assert_eq!(verify(&[CertificateDer::from(der)]), Err(ClientFault::Unreadable), "{}", der.len());
        }
        for at in 0..good.len() {
            let mut changed = good.to_vec();
            changed[at] ^= 1;
            assert_ne!(verify(&[CertificateDer::from(changed)]), Ok(()), "byte {at}");
        }
        assert_eq!(ClientTrust::parse(bundle(CA), Some(b"garbage")), Err(CrlError::NoList));
        assert_eq!(ClientTrust::parse(bundle(CA), Some(V1)), Err(CrlError::NoList));
        let broken = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
        assert_eq!(ClientTrust::parse(bundle(CA), Some(broken)), Err(CrlError::Unreadable));
        assert_eq!(ClientTrust::parse(bundle(CA), Some(&vec![b' '; LONGEST + 1])), Err(CrlError::TooLong));
    }

    #[test]
    fn authorities_are_told_apart_by_their_certificates_and_lists() {
        let empty: &[u8] = include_bytes!("fixtures/clients-empty.crl");
        let of = |crl| ClientTrust::parse(bundle(CA), crl).unwrap();
        assert_eq!(of(None), of(None));
        assert_eq!(of(Some(empty)), of(Some(empty)));
        assert_ne!(of(None), of(Some(empty)));
        let again = ClientTrust::from_der(bundle(CA), of(Some(empty)).revoked().map(<[u8]>::to_vec)).unwrap();
        assert_eq!(again, of(Some(empty)));
    }
}
