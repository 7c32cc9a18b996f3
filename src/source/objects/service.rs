//! The plain view of a Service.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::ObjectName;

use super::annotations::Annotations;

/// A Service (core/v1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Namespace and name.
    pub name: ObjectName,
    /// `metadata.creationTimestamp`, seconds since the Unix epoch; `i64::MAX` when absent, so that it counts as newest.
    #[serde(default = "newest")]
    pub created: i64,
    /// `spec.type`, as far as it matters.
    pub kind: ServiceKind,
    /// `spec.ports`.
    pub ports: Box<[ServicePort]>,
    /// Whether the first of `spec.ipFamilies` is IPv6: which slices of a dual-stack Service are preferred.
    pub prefers_ipv6: bool,
    /// `spec.clusterIP`, if it is an address.
    pub cluster_ip: Option<IpAddr>,
    /// Those that may matter to us. Nearly no Service has any.
    #[serde(default)]
    pub annotations: Annotations,
}

fn newest() -> i64 {
    i64::MAX
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
    /// `protocol` is UDP.
    #[serde(default)]
    pub is_udp: bool,
    /// `appProtocol`.
    pub app_protocol: Option<Arc<str>>,
}
