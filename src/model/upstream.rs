//! What a route forwards to: a port of a Service, and how to speak to its pods. Endpoints are not part of it:
//! they change far more often than anything here and live in a cell of their own.
//!
//! Nor is the policy of routes part of it (see [`RoutePolicy`](super::RoutePolicy)): routes of different policy share one
//! upstream with its endpoints, connections, suspicion and counts, and an edit of an annotation keeps them all. What will
//! have to be one for all routes of an upstream (health checks, connections per pod, slow start) belongs in an
//! `UpstreamPolicy` beside the key. The registry then replaces it in the living upstream and makes nothing anew.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::affinity::token;
use super::names::ObjectName;
use super::pod_tls::PodTls;

/// A Service port as an Ingress backend names it (Ingress `backend.service.port`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortRef {
    /// By number of the Service port.
    Number(u16),
    /// By name of the Service port.
    Name(Arc<str>),
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// What is spoken to the pods.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Protocol {
    /// HTTP/1.1 in clear.
    #[default]
    Http1,
    /// HTTP/2 in clear with prior knowledge (`appProtocol: kubernetes.io/h2c`, `grpc`).
    H2c,
    /// HTTP through TLS (`appProtocol: https`, `kubernetes.io/wss`, `grpcs`).
    Tls(Arc<PodTls>),
}

impl Protocol {
    /// Lower-case name, as in logs and the debug view.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::H2c => "h2c",
            Self::Tls(tls) => tls.http.as_str(),
        }
    }
}

/// What tells upstreams apart. Routes whose keys are equal share one living upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamKey {
    /// The Service.
    pub service: ObjectName,
    /// Where the endpoints' ports are found in EndpointSlices.
    pub endpoint_port: EndpointPort,
    /// What is spoken to the pods by who speaks HTTP, and how that is encrypted. Streams over TCP have what HTTP would have on
    /// the port, and so share its upstream.
    pub protocol: Protocol,
}

/// An upstream as a route names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamSpec {
    /// Which upstream.
    pub key: UpstreamKey,
    /// The port as the Ingress names it: what metrics and the debug view show. A port that one Ingress names by number and
    /// another by name is one upstream; each of the two names has metrics of its own.
    pub port: PortRef,
    /// Where requests go instead whose client uses https. Default the same way; annotation `backend-protocol: AUTO_HTTP`.
    pub for_https: Option<Arc<UpstreamSpec>>,
}

impl UpstreamSpec {
    /// The name that HAProxy's Ingress controller (haproxytech) gives its backend: `NAMESPACE_svc_SERVICE_PORT`.
    pub fn backend_name(&self) -> BackendName<'_> {
        BackendName(self)
    }
}

/// The name of an upstream as HAProxy's Ingress controller gives it.
#[derive(Clone, Copy, Debug)]
pub struct BackendName<'a>(&'a UpstreamSpec);

impl fmt::Display for BackendName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UpstreamSpec { key, port, for_https: _ } = self.0;
        write!(f, "{}_svc_{}_{port}", key.service.namespace, key.service.name)
    }
}

/// Where an endpoint's port number comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndpointPort {
    /// From the slice port of this name (empty for a Service's only, unnamed port), or this number in slices whose
    /// port list is absent ("all ports").
    Named {
        /// Name of the Service port, which slices repeat.
        name: Arc<str>,
        /// The Service's numeric targetPort, or its port, for slices without a port list.
        otherwise: u16,
    },
    /// The same of a port for datagrams.
    Udp {
        /// Name of the Service port, which slices repeat.
        name: Arc<str>,
        /// The Service's numeric targetPort, or its port, for slices without a port list.
        otherwise: u16,
    },
    /// This number: of a headless Service without ports, or of an ExternalName Service.
    Fixed(u16),
    /// This port of the Service's own address (`clusterIP`), which stands for all of its pods: there is one endpoint.
    OfService(u16),
}

/// An endpoint as data: what an upstream is filled with.
///
/// Names of pods, nodes and zones are not here: for 50,000 endpoints they would take more than the living endpoints themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointSpec {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it takes new requests.
    pub state: EndpointState,
    /// Its share, beside those of the others.
    pub weight: Weight,
    /// Whether it is for clients of other zones or nodes: it gets a request where no sound one is near. Default false; `hints` of
    /// EndpointSlices.
    pub is_far: bool,
    /// What sessions know it by: its pod and its Service ([`pod_identity`](super::pod_identity)), or its address
    /// ([`token`](super::token)) where no pod is known.
    pub identity: u64,
}

/// The share of an endpoint, beside those of the others of its upstream: 0 to 256. Default 100; HAProxy `weight` of a server.
/// 0: no requests but those that a cookie leads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    /// The greatest.
    pub const MOST: u16 = 256;

    /// `None`: above 256.
    pub fn new(weight: u16) -> Option<Self> {
        (weight <= Self::MOST).then_some(Self(weight))
    }

    /// As a number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(100)
    }
}

/// Whether an endpoint takes new requests: what an operator decides at run time, beside what its objects say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum EndpointState {
    /// It does.
    #[default]
    Active,
    /// It does not, even if no other does, but for requests that a cookie leads there. Requests in flight go on. HAProxy `drain`.
    Draining,
    /// It does not, whatever a cookie says. Requests in flight go on. HAProxy `maint`.
    Maintenance,
}

impl EndpointSpec {
    /// An active endpoint of which nothing but the address is known.
    pub fn active(address: SocketAddr) -> Self {
        Self {
            address,
            state: EndpointState::Active,
            weight: Weight::default(),
            is_far: false,
            identity: token(address),
        }
    }
}
