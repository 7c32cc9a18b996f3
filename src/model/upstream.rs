//! What a route forwards to: a port of a Service, and how to speak to its pods. Endpoints are not part of it:
//! they change far more often than anything here and live in a cell of their own.

use std::fmt;
use std::sync::Arc;

use super::names::ObjectName;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Protocol {
    /// HTTP/1.1 in clear.
    #[default]
    Http1,
    /// HTTP/2 in clear with prior knowledge (`appProtocol: kubernetes.io/h2c`, `grpc`).
    H2c,
}

impl Protocol {
    /// Lower-case name, as in logs and the debug view.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::H2c => "h2c",
        }
    }
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Balance {
    /// The next endpoint in turn is compared with one other and the one with fewer requests in flight is taken, the
    /// next in turn when equal: even on idle traffic, away from slow pods under load.
    #[default]
    LeastInFlight,
    /// Strictly in turn.
    RoundRobin,
}

/// An upstream as data. Two routes whose specs are equal share one living upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamSpec {
    /// The Service.
    pub service: ObjectName,
    /// The port as the Ingress names it: what metrics and the debug view show.
    pub port: PortRef,
    /// Where the endpoints' ports are found in EndpointSlices.
    pub endpoint_port: EndpointPort,
    /// What is spoken to the pods.
    pub protocol: Protocol,
    /// How an endpoint is chosen.
    pub balance: Balance,
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
    /// As the Ingress gives it: a headless Service without ports.
    Fixed(u16),
}
