//! The plain view of a Secret.

use std::sync::Arc;

use crate::model::{
    CaBundle, Certificate, CertificateError, ClientTrust, CrlError, ObjectName, SecretUsers, SharedKeys,
    SharedKeysFault,
};

/// A Secret (core/v1), reduced to what TLS and passwords need. Values are parsed on arrival and never kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Namespace and name.
    pub name: ObjectName,
    /// The certificate and key, or why there is none.
    pub certificate: Result<Arc<Certificate>, SecretFault>,
    /// When the present content is unusable: the last usable certificate of this Secret, which goes on serving.
    pub last_good: Option<Arc<Certificate>>,
    /// The authorities in `ca.crt`; `None` when there are none that can be used.
    pub authorities: Option<Arc<CaBundle>>,
    /// The certificates in a `tls.crt` without a `tls.key`, where there is no `ca.crt`: haproxytech's controller has authorities of pods
    /// there. They are those of nothing else.
    pub lone_chain: Option<Arc<CaBundle>>,
    /// The authorities with the revocation lists in `ca.crl`, for certificates of clients, or why those lists cannot be used; `None`
    /// without authorities.
    pub clients: Option<Result<Arc<ClientTrust>, CrlError>>,
    /// Users with the hashes of their passwords; `None` for type `kubernetes.io/tls`, which has none.
    pub users: Option<Arc<SecretUsers>>,
    /// Keys that replicas share, or why there are none; `None` where nobody asks for them, and for type `kubernetes.io/tls`.
    pub shared: Option<Result<SharedKeys, SharedKeysFault>>,
}

/// Why a Secret has no usable certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// Not of type `kubernetes.io/tls`, nor of type `Opaque` with the keys of that.
    #[error("its type is {0}, where kubernetes.io/tls is asked for, or Opaque with tls.crt and tls.key")]
    Type(Arc<str>),
    /// A key of `data` is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// The content is unusable.
    #[error(transparent)]
    Content(#[from] CertificateError),
}
