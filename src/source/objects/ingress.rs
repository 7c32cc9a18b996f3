//! The plain view of an Ingress.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::annotations::Annotations;
use crate::model::ObjectName;

/// An Ingress (networking.k8s.io/v1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingress {
    /// Namespace and name.
    pub name: ObjectName,
    /// `metadata.creationTimestamp`, seconds since the Unix epoch; `i64::MAX` when absent, so that it counts as newest.
    pub created: i64,
    /// `spec.ingressClassName`.
    pub class: Option<Arc<str>>,
    /// `metadata.annotations` that can concern us: ours, the class annotation, and those of the dialects.
    pub annotations: Annotations,
    /// `spec.defaultBackend`.
    pub default_backend: Option<Backend>,
    /// `spec.rules`.
    pub rules: Box<[Rule]>,
    /// `spec.tls`.
    pub tls: Box<[TlsEntry]>,
    /// `status.loadBalancer.ingress`: the addresses at which the Ingress says it is reached. Only reports use it, never
    /// translation.
    #[serde(default)]
    pub addresses: Box<[Address]>,
    /// Whether these addresses were written by this installation: `metadata.managedFields` names its `Signature`. `false`
    /// from sources that are never written to. Only reports use it.
    #[serde(default)]
    pub is_status_ours: bool,
}

impl Ingress {
    /// An Ingress that asks for nothing. Its other fields are set with `Ingress { …, ..Ingress::new(name) }`.
    pub fn new(name: ObjectName) -> Self {
        Self {
            name,
            created: i64::MAX,
            class: None,
            annotations: Annotations::default(),
            default_backend: None,
            rules: Box::default(),
            tls: Box::default(),
            addresses: Box::default(),
            is_status_ours: false,
        }
    }

    /// Whether the two differ in their status at most: everything that translation reads is the same.
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        let Self { name, created, class, annotations, default_backend, rules, tls, addresses: _, is_status_ours: _ } =
            self;
        *name == other.name
            && *created == other.created
            && *class == other.class
            && *annotations == other.annotations
            && *default_backend == other.default_backend
            && *rules == other.rules
            && *tls == other.tls
    }

    /// The order that decides conflicts: oldest first, then by namespace and name.
    pub fn seniority(&self) -> (i64, &ObjectName) {
        (self.created, &self.name)
    }
}

/// An entry of `status.loadBalancer.ingress`, its ports left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Address {
    /// `ip`.
    Ip(IpAddr),
    /// `hostname`, or an `ip` that is not an IP address.
    Hostname(Arc<str>),
}

/// An entry of `spec.rules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `host`; empty for any host.
    pub host: Arc<str>,
    /// `http.paths`; `None` when the rule has no `http` block.
    pub paths: Option<Box<[Path]>>,
}

/// An entry of `http.paths`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// `path`; empty when absent.
    pub path: Arc<str>,
    /// `pathType`.
    pub kind: PathKind,
    /// `backend`.
    pub backend: Backend,
}

/// `pathType`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants are the values of the API")]
pub enum PathKind {
    Exact,
    Prefix,
    ImplementationSpecific,
    /// A value the API does not know, or none (empty).
    Unknown(Arc<str>),
}

/// A backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend {
    /// `service` with name and port; the port is `None` when neither number nor name is given.
    Service {
        /// `service.name`.
        name: Arc<str>,
        /// `service.port`.
        port: Option<PortValue>,
    },
    /// `resource`, as `kind/name`.
    Resource(Arc<str>),
    /// Neither, or both.
    Invalid,
}

/// A port as written, unchecked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PortValue {
    /// By number, any number.
    Number(i32),
    /// By name.
    Name(Arc<str>),
}

/// An entry of `spec.tls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsEntry {
    /// `hosts`.
    pub hosts: Box<[Arc<str>]>,
    /// `secretName`; `None` when absent or empty.
    pub secret: Option<Arc<str>>,
}
