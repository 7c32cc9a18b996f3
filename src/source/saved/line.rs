//! One object as one line: the plain view by the names of its fields, and Secrets with their key as DER.

use std::sync::Arc;

use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};

use crate::model::{Certificate, CertificateError, ObjectName};
use crate::source::objects::{Change, EndpointSlice, Ingress, IngressClass, Secret, SecretFault, Service};

/// An object to be written.
#[derive(Serialize)]
pub(super) enum Written<'a> {
    Ingress(&'a Ingress),
    IngressClass(&'a IngressClass),
    Service(&'a Service),
    EndpointSlice(&'a EndpointSlice),
    Secret(SavedSecret),
}

/// An object that was read. Holds keys, so there is no `Debug`.
#[derive(Deserialize)]
pub(super) enum Read {
    Ingress(Ingress),
    IngressClass(IngressClass),
    Service(Service),
    EndpointSlice(EndpointSlice),
    Secret(SavedSecret),
}

/// A Secret with what it takes to make its certificates again.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedSecret {
    name: ObjectName,
    /// The pair, when the Secret has a usable one.
    certificate: Option<Pair>,
    /// Why it has none.
    fault: Option<Fault>,
    /// The pair it had before.
    last_good: Option<Pair>,
}

/// Chain and key, DER in base64.
#[derive(Serialize, Deserialize)]
struct Pair {
    chain: Vec<ByteString>,
    key: ByteString,
}

/// `SecretFault` by name.
#[derive(Serialize, Deserialize)]
enum Fault {
    Type(Arc<str>),
    NoTlsCrt,
    NoTlsKey,
    NoCertificate,
    ChainTooLong,
    NoKey,
    UnsupportedKey,
    KeyMismatch,
    Unreadable,
}

impl Read {
    /// The object as it arrived once. `None` when its certificate is of no use here.
    pub(super) fn into_change(self) -> Option<Change> {
        Some(match self {
            Self::Ingress(object) => Change::Ingress(object.name.clone(), Some(Arc::new(object))),
            Self::IngressClass(object) => Change::IngressClass(object.name.clone(), Some(Arc::new(object))),
            Self::Service(object) => Change::Service(object.name.clone(), Some(Arc::new(object))),
            Self::EndpointSlice(object) => Change::EndpointSlice(object.name.clone(), Some(Arc::new(object))),
            Self::Secret(object) => {
                let secret = object.into_secret()?;
                Change::Secret(secret.name.clone(), Some(Arc::new(secret)))
            }
        })
    }
}

impl SavedSecret {
    pub(super) fn new(secret: &Secret) -> Self {
        let Secret { name, certificate, last_good } = secret;
        Self {
            name: name.clone(),
            certificate: certificate.as_ref().ok().map(|certificate| Pair::new(certificate)),
            fault: certificate.as_ref().err().map(Fault::new),
            last_good: last_good.as_ref().map(|certificate| Pair::new(certificate)),
        }
    }

    fn into_secret(self) -> Option<Secret> {
        let Self { name, certificate, fault, last_good } = self;
        let certificate = match (certificate, fault) {
            (Some(pair), _) => Ok(pair.into_certificate()?),
            (None, Some(fault)) => Err(fault.into_fault()),
            (None, None) => return None,
        };
        let last_good = match last_good {
            Some(pair) => Some(pair.into_certificate()?),
            None => None,
        };
        Some(Secret { name, certificate, last_good })
    }
}

impl Pair {
    fn new(certificate: &Certificate) -> Self {
        Self {
            chain: certificate.chain().map(|der| ByteString(der.to_vec())).collect(),
            key: ByteString(certificate.private_key().secret_der().to_vec()),
        }
    }

    fn into_certificate(self) -> Option<Arc<Certificate>> {
        let chain = self.chain.into_iter().map(|der| der.0).collect();
        Certificate::from_der(chain, self.key.0).ok().map(Arc::new)
    }
}

impl Fault {
    fn new(fault: &SecretFault) -> Self {
        match fault {
            SecretFault::Type(kind) => Self::Type(Arc::clone(kind)),
            SecretFault::Missing("tls.key") => Self::NoTlsKey,
            SecretFault::Missing(_) => Self::NoTlsCrt,
            SecretFault::Content(error) => match error {
                CertificateError::NoCertificate => Self::NoCertificate,
                CertificateError::ChainTooLong => Self::ChainTooLong,
                CertificateError::Unreadable => Self::Unreadable,
                CertificateError::NoKey => Self::NoKey,
                CertificateError::UnsupportedKey => Self::UnsupportedKey,
                CertificateError::KeyMismatch => Self::KeyMismatch,
            },
        }
    }

    fn into_fault(self) -> SecretFault {
        match self {
            Self::Type(kind) => SecretFault::Type(kind),
            Self::NoTlsCrt => SecretFault::Missing("tls.crt"),
            Self::NoTlsKey => SecretFault::Missing("tls.key"),
            Self::NoCertificate => CertificateError::NoCertificate.into(),
            Self::ChainTooLong => CertificateError::ChainTooLong.into(),
            Self::Unreadable => CertificateError::Unreadable.into(),
            Self::NoKey => CertificateError::NoKey.into(),
            Self::UnsupportedKey => CertificateError::UnsupportedKey.into(),
            Self::KeyMismatch => CertificateError::KeyMismatch.into(),
        }
    }
}
