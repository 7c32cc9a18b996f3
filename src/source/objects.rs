//! The plain view of the objects we read: only the fields that matter, in compact form, whoever delivered them.
//!
//! Translation sees these types and nothing else of the sources. Values are as the author wrote them: judging them is
//! translation's work, so that every finding is reported in one way.
//!
//! There may be a hundred thousand of them, so lists are boxed slices: a `Vec` that was collected has room for four at
//! least, which is three too many for the one rule, path or port that most have.
//!
//! The snapshot file holds these types by the names of their fields (`saved`): a field that is added needs
//! `#[serde(default)]` unless it is an `Option`, lest files of the version before be of no use.

mod annotations;
mod signature;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::HashMap;
use serde::{Deserialize, Serialize};

use crate::model::{Certificate, CertificateError, ObjectKind, ObjectName, ObjectRef};

pub use annotations::Annotations;
pub use signature::Signature;

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
    /// `status.loadBalancer.ingress`: what the Ingress says of where it is reached. Concerns reports only, never
    /// translation.
    #[serde(default)]
    pub addresses: Box<[Address]>,
    /// Whether these addresses were written by this installation: `metadata.managedFields` names its `Signature`. `false`
    /// from sources that are never written to. Concerns reports only.
    #[serde(default)]
    pub is_status_ours: bool,
}

impl Ingress {
    /// Whether the two differ in nothing but their status: whatever translation reads is the same.
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
    /// `hostname`, or an `ip` that is none.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// An IngressClass (networking.k8s.io/v1). Cluster-scoped: the namespace of its name is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressClass {
    /// Name.
    pub name: Arc<str>,
    /// `spec.controller`.
    pub controller: Arc<str>,
    /// `spec.parameters`, as `kind/name`.
    pub parameters: Option<Arc<str>>,
    /// Annotation `ingressclass.kubernetes.io/is-default-class: "true"`.
    pub is_default: bool,
}

/// A Service (core/v1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Namespace and name.
    pub name: ObjectName,
    /// `spec.type`, as far as it matters.
    pub kind: ServiceKind,
    /// `spec.ports`.
    pub ports: Box<[ServicePort]>,
    /// Whether the first of `spec.ipFamilies` is IPv6: which slices of a dual-stack Service are preferred.
    pub prefers_ipv6: bool,
}

/// `spec.type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceKind {
    /// ClusterIP, NodePort or LoadBalancer: routed to its endpoints all the same.
    Cluster,
    /// `clusterIP: None`.
    Headless,
    /// ExternalName, with `spec.externalName`.
    ExternalName(Arc<str>),
}

/// An entry of a Service's `spec.ports`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    /// `name`; empty when absent.
    pub name: Arc<str>,
    /// `port`.
    pub port: u16,
    /// `targetPort` when it is a number.
    pub target: Option<u16>,
    /// `protocol` is TCP (or absent).
    pub is_tcp: bool,
    /// `appProtocol`.
    pub app_protocol: Option<Arc<str>>,
}

/// An EndpointSlice (discovery.k8s.io/v1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSlice {
    /// Namespace and name.
    pub name: ObjectName,
    /// Label `kubernetes.io/service-name`; `None` when absent.
    pub service: Option<Arc<str>>,
    /// `addressType`.
    pub addresses: AddressKind,
    /// `ports`; `None` when the list is absent ("all ports").
    pub ports: Option<Box<[SlicePort]>>,
    /// `endpoints` with at least one readable address.
    pub endpoints: Box<[SliceEndpoint]>,
    /// Addresses that are no IP addresses, which were left out.
    pub unreadable: Box<[Arc<str>]>,
}

/// `addressType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants are the values of the API")]
pub enum AddressKind {
    IPv4,
    IPv6,
    /// FQDN or a value the API does not know: not used.
    Other,
}

/// An entry of a slice's `ports`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicePort {
    /// `name`; empty when absent.
    pub name: Arc<str>,
    /// `port`; `None` when absent or out of range.
    pub port: Option<u16>,
    /// `protocol` is TCP (or absent).
    pub is_tcp: bool,
}

/// An entry of a slice's `endpoints`: its first address and its conditions with their defaults resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceEndpoint {
    /// `addresses[0]`.
    pub address: IpAddr,
    /// `conditions.ready`; absent is true.
    pub is_ready: bool,
    /// `conditions.serving`; absent is `ready`.
    pub is_serving: bool,
    /// `conditions.terminating`; absent is false.
    pub is_terminating: bool,
}

/// A Secret (core/v1), reduced to what TLS needs. Values are parsed on arrival and never kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Namespace and name.
    pub name: ObjectName,
    /// The certificate and key, or why there is none.
    pub certificate: Result<Arc<Certificate>, SecretFault>,
    /// When the present content is unusable: the last usable one this Secret had, which goes on serving.
    pub last_good: Option<Arc<Certificate>>,
}

/// Why a Secret has no usable certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// Not of type `kubernetes.io/tls`.
    #[error("its type is {0}, not kubernetes.io/tls")]
    Type(Arc<str>),
    /// A key of `data` is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// The content is unusable.
    #[error(transparent)]
    Content(#[from] CertificateError),
}

/// An object has arrived, changed, or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the Kubernetes kinds of the same names")]
pub enum Change {
    Ingress(ObjectName, Option<Arc<Ingress>>),
    IngressClass(Arc<str>, Option<Arc<IngressClass>>),
    Service(ObjectName, Option<Arc<Service>>),
    EndpointSlice(ObjectName, Option<Arc<EndpointSlice>>),
    Secret(ObjectName, Option<Arc<Secret>>),
}

impl Change {
    /// Which object.
    pub fn object(&self) -> ObjectRef {
        let (kind, name) = match self {
            Self::Ingress(name, _) => (ObjectKind::Ingress, name.clone()),
            Self::IngressClass(name, _) => (ObjectKind::IngressClass, ObjectName::new("", name.clone())),
            Self::Service(name, _) => (ObjectKind::Service, name.clone()),
            Self::EndpointSlice(name, _) => (ObjectKind::EndpointSlice, name.clone()),
            Self::Secret(name, _) => (ObjectKind::Secret, name.clone()),
        };
        ObjectRef { kind, name }
    }
}

/// All objects, with the one join that both translation and endpoints need: slices by Service.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    ingresses: HashMap<ObjectName, Arc<Ingress>>,
    classes: BTreeMap<Arc<str>, Arc<IngressClass>>,
    services: HashMap<ObjectName, Arc<Service>>,
    slices: HashMap<ObjectName, Arc<EndpointSlice>>,
    /// By Service, sorted by name of slice.
    slices_of: HashMap<ObjectName, Vec<Arc<EndpointSlice>>>,
    secrets: HashMap<ObjectName, Arc<Secret>>,
}

impl Objects {
    /// The Ingress of this name.
    pub fn ingress(&self, name: &ObjectName) -> Option<&Arc<Ingress>> {
        self.ingresses.get(name)
    }

    /// All Ingresses, in no particular order.
    pub fn ingresses(&self) -> impl Iterator<Item = &Arc<Ingress>> {
        self.ingresses.values()
    }

    /// The IngressClass of this name.
    pub fn class(&self, name: &str) -> Option<&Arc<IngressClass>> {
        self.classes.get(name)
    }

    /// All IngressClasses, by name.
    pub fn classes(&self) -> impl Iterator<Item = &Arc<IngressClass>> {
        self.classes.values()
    }

    /// The Service of this name.
    pub fn service(&self, name: &ObjectName) -> Option<&Arc<Service>> {
        self.services.get(name)
    }

    /// All Services, in no particular order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// The slice of this name.
    pub fn slice(&self, name: &ObjectName) -> Option<&Arc<EndpointSlice>> {
        self.slices.get(name)
    }

    /// All slices, in no particular order.
    pub fn slices(&self) -> impl Iterator<Item = &Arc<EndpointSlice>> {
        self.slices.values()
    }

    /// The slices labelled with this Service, by name of slice.
    pub fn slices_of(&self, service: &ObjectName) -> impl Iterator<Item = &Arc<EndpointSlice>> {
        self.slices_of.get(service).into_iter().flatten()
    }

    /// The Secret of this name.
    pub fn secret(&self, name: &ObjectName) -> Option<&Arc<Secret>> {
        self.secrets.get(name)
    }

    /// All Secrets, in no particular order.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<Secret>> {
        self.secrets.values()
    }

    /// Whether a change would leave everything as it is.
    pub fn agree_with(&self, change: &Change) -> bool {
        match change {
            Change::Ingress(name, new) => self.ingress(name) == new.as_ref(),
            Change::IngressClass(name, new) => self.class(name) == new.as_ref(),
            Change::Service(name, new) => self.service(name) == new.as_ref(),
            Change::EndpointSlice(name, new) => self.slice(name) == new.as_ref(),
            Change::Secret(name, new) => self.secret(name) == new.as_ref(),
        }
    }

    /// Takes a change in and returns what stood there before, in the same form (`None` inside: nothing stood there).
    /// A Secret that becomes unusable keeps its last usable certificate.
    pub fn apply(&mut self, change: Change) -> Change {
        match change {
            Change::Ingress(name, new) => {
                let old = replace(&mut self.ingresses, &name, new);
                Change::Ingress(name, old)
            }
            Change::IngressClass(name, new) => {
                let old = match new {
                    Some(new) => self.classes.insert(name.clone(), new),
                    None => self.classes.remove(&name),
                };
                Change::IngressClass(name, old)
            }
            Change::Service(name, new) => {
                let old = replace(&mut self.services, &name, new);
                Change::Service(name, old)
            }
            Change::EndpointSlice(name, new) => {
                let old = replace(&mut self.slices, &name, new.clone());
                self.join_slice(old.as_ref(), new);
                Change::EndpointSlice(name, old)
            }
            Change::Secret(name, new) => {
                let new = new.map(|new| self.with_last_good(new));
                let old = replace(&mut self.secrets, &name, new);
                Change::Secret(name, old)
            }
        }
    }

    fn join_slice(&mut self, old: Option<&Arc<EndpointSlice>>, new: Option<Arc<EndpointSlice>>) {
        if let Some((old, service)) = old.and_then(|old| Some((old, service_of(old)?)))
            && let Some(slices) = self.slices_of.get_mut(&service)
        {
            slices.retain(|slice| !Arc::ptr_eq(slice, old));
            if slices.is_empty() {
                self.slices_of.remove(&service);
            }
        }
        if let Some((new, service)) = new.and_then(|new| service_of(&new).map(|service| (new, service))) {
            // Most Services have one slice, and a Vec that grows by itself begins with four.
            let slices = self.slices_of.entry(service).or_insert_with(|| Vec::with_capacity(1));
            let at = slices.partition_point(|slice| slice.name < new.name);
            slices.insert(at, new);
        }
    }

    fn with_last_good(&self, mut new: Arc<Secret>) -> Arc<Secret> {
        if new.certificate.is_err()
            && let Some(old) = self.secrets.get(&new.name)
        {
            let last_good = old.certificate.as_ref().ok().or(old.last_good.as_ref()).cloned();
            Arc::make_mut(&mut new).last_good = last_good;
        }
        new
    }
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectName> {
    Some(ObjectName::new(slice.name.namespace.clone(), slice.service.clone()?))
}

fn replace<T>(map: &mut HashMap<ObjectName, Arc<T>>, name: &ObjectName, new: Option<Arc<T>>) -> Option<Arc<T>> {
    match new {
        Some(new) => map.insert(name.clone(), new),
        None => map.remove(name),
    }
}
