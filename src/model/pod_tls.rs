//! How connections to pods are encrypted: what is spoken within, which server name is asked for, what is verified, and what we
//! show ourselves.
//!
//! It is part of an upstream's identity. A connection that was made under one of its values must serve no other: what was
//! verified for one route was perhaps not verified enough for another.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::certificate::Certificate;
use super::names::Hostname;

/// Certificates a bundle may have; more is refused. The bundle of all public authorities has about 150.
const MOST: usize = 1000;

/// How connections to the pods of an upstream are encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodTls {
    /// What is spoken within.
    pub http: TlsHttp,
    /// The name that pods are asked for (SNI), and that their certificate must have where it is verified. Default none:
    /// then no name is sent, and a certificate that is verified must have the pod's address. nginx `proxy_ssl_name` with
    /// `proxy_ssl_server_name`.
    pub server_name: Option<Hostname>,
    /// Whether pods are told the name. Default they are; nginx `proxy_ssl_server_name`.
    pub sni: Sni,
    /// What a pod's certificate must be. Default anything; nginx `proxy_ssl_verify`.
    pub verification: Verification,
    /// The versions of TLS. Default both; nginx `proxy_ssl_protocols`.
    pub versions: TlsVersions,
    /// The certificate that pods get where they ask for one. Default none; nginx `proxy_ssl_certificate`.
    pub client: Option<ClientCertificate>,
}

/// Whether a server name is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sni {
    /// It is, and their certificate must have it where it is verified.
    #[default]
    Sent,
    /// It is not; their certificate must have it all the same.
    Withheld,
}

/// The versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2.
    Only12,
    /// 1.3.
    Only13,
}

/// Our certificate towards pods. Two are equal when their chains are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate(pub Arc<Certificate>);

impl PodTls {
    /// Without a server name and without verification, as a Service's `appProtocol` asks for it.
    pub fn unverified(http: TlsHttp) -> Self {
        Self {
            http,
            server_name: None,
            sni: Sni::default(),
            verification: Verification::Unverified,
            versions: TlsVersions::default(),
            client: None,
        }
    }

    /// The same with a server name.
    pub fn named(self, server_name: Hostname) -> Self {
        Self { server_name: Some(server_name), ..self }
    }
}

/// What is spoken to pods within TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsHttp {
    /// HTTP/2 or HTTP/1.1, as the pod chooses (ALPN); HTTP/1.1 if it does not choose. `appProtocol: https`,
    /// `kubernetes.io/wss`.
    Negotiated,
    /// HTTP/2, also to pods that do not choose. `appProtocol: grpcs`.
    Http2,
}

impl TlsHttp {
    /// Lower-case name, as in logs and the debug view.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Negotiated => "https",
            Self::Http2 => "h2",
        }
    }
}

/// What a pod's certificate must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verification {
    /// Anything: pods make their own certificates, and nothing in the cluster says which are right.
    Unverified,
    /// Valid now and signed by an authority.
    Ca {
        /// The authorities.
        authorities: Arc<CaBundle>,
        /// How many certificates may be between that of a pod and its authority; nginx `proxy_ssl_verify_depth`.
        depth: u32,
        /// Which names it must have.
        name: NameCheck,
    },
}

/// Which names a pod's certificate must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameCheck {
    /// The server name or the pod's address.
    Asked,
    /// Any: whoever has a certificate of the authority is believed to be the pod; HAProxy `verify required` without `verifyhost`.
    Any,
}

/// Certificates of authorities, checked when they arrive, so that no later step can fail on them. Two are equal when their
/// certificates are, in the same order.
pub struct CaBundle {
    certificates: Box<[CertificateDer<'static>]>,
    roots: Arc<RootCertStore>,
}

/// Why PEM data is not a usable bundle. Never holds any of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    /// It is not PEM, or has no certificate.
    #[error("it holds no PEM certificate")]
    NoCertificate,
    /// More certificates than a bundle may have.
    #[error("it holds more than {MOST} certificates")]
    TooMany,
    /// A certificate cannot be read.
    #[error("certificate {0} of it is not readable as X.509")]
    Unreadable(usize),
}

impl CaBundle {
    /// Reads certificates as PEM (`ca.crt`).
    pub fn parse(pem: &[u8]) -> Result<Self, CaError> {
        Self::new(CertificateDer::pem_slice_iter(pem).map(|item| item.map_err(|_| CaError::NoCertificate)))
    }

    /// The same from DER, as [`Self::certificates`] gave it.
    pub fn from_der(certificates: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, CaError> {
        Self::new(certificates.into_iter().map(|der| Ok(CertificateDer::from(der))))
    }

    fn new(items: impl Iterator<Item = Result<CertificateDer<'static>, CaError>>) -> Result<Self, CaError> {
        let (mut certificates, mut roots) = (Vec::new(), RootCertStore::empty());
        for item in items {
            let certificate = item?;
            if certificates.len() == MOST {
                return Err(CaError::TooMany);
            }
            roots.add(certificate.clone()).map_err(|_| CaError::Unreadable(certificates.len() + 1))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(CaError::NoCertificate);
        }
        Ok(Self { certificates: certificates.into(), roots: Arc::new(roots) })
    }

    /// The authorities, as the TLS library takes them.
    pub fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    /// The certificates, each as DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(AsRef::as_ref)
    }
}

impl Hash for ClientCertificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.chain().for_each(|der| der.hash(state));
    }
}

impl PartialOrd for ClientCertificate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ClientCertificate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.chain().cmp(other.0.chain())
    }
}

impl PartialEq for CaBundle {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

impl Eq for CaBundle {}

impl Hash for CaBundle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.certificates.hash(state);
    }
}

impl PartialOrd for CaBundle {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CaBundle {
    fn cmp(&self, other: &Self) -> Ordering {
        self.certificates().cmp(other.certificates())
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaBundle").field("certificates", &self.certificates.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn bundles_are_told_apart_by_their_certificates() {
        let (one, two) = (pem(), pem());
        let parse = |text: &str| CaBundle::parse(text.as_bytes()).unwrap();
        assert_eq!(parse(&one), parse(&format!("A comment in front.\n{one}")));
        assert_ne!(parse(&one), parse(&two));
        assert_ne!(parse(&one), parse(&format!("{one}{two}")));
        assert_eq!(parse(&one).cmp(&parse(&two)), parse(&two).cmp(&parse(&one)).reverse());
        let both = parse(&format!("{one}{two}"));
        assert_eq!(both.roots().len(), 2);
        assert_eq!(CaBundle::from_der(both.certificates().map(<[u8]>::to_vec)).unwrap(), both);
        assert_eq!(format!("{:?}", parse(&one)), "CaBundle { certificates: 1, .. }");
    }

    #[test]
    fn what_is_unusable_says_why() {
        let parse = |text: &str| CaBundle::parse(text.as_bytes()).unwrap_err();
        assert_eq!(parse(""), CaError::NoCertificate);
        assert_eq!(parse("garbage"), CaError::NoCertificate);
        let broken = format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pem());
        assert_eq!(parse(&broken), CaError::Unreadable(2));
        assert_eq!(parse(&pem().repeat(MOST + 1)), CaError::TooMany);
    }
}
