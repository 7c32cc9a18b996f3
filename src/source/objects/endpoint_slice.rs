//! The plain view of an EndpointSlice.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{ObjectName, PodMark};

/// An EndpointSlice (discovery.k8s.io/v1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSlice {
    /// Namespace and name.
    pub name: ObjectName,
    /// Label `kubernetes.io/service-name`; `None` when absent.
    pub service: Option<Arc<str>>,
    /// `addressType`.
    pub addresses: AddressKind,
    /// `ports`; `None` when the list is absent.
    pub ports: Option<Box<[SlicePort]>>,
    /// `endpoints` with at least one readable address.
    pub endpoints: Box<[SliceEndpoint]>,
    /// `hints` of each of them; none at all where no endpoint has any.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub hints: Box<[SliceHints]>,
    /// Addresses that are not IP addresses and were left out.
    pub unreadable: Box<[Arc<str>]>,
    /// The names of the pods of `endpoints`, in their order; none where nobody asks for them.
    #[serde(default, skip_serializing_if = "<[Box<str>]>::is_empty")]
    pub pods: Box<[Box<str>]>,
}

/// `hints` of an endpoint: from where it is to be used. Empty: nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceHints {
    /// `forZones`.
    pub zones: Box<[Arc<str>]>,
    /// `forNodes`.
    pub nodes: Box<[Arc<str>]>,
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
    /// `protocol` is UDP.
    #[serde(default)]
    pub is_udp: bool,
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
    /// The pod of `targetRef`.
    #[serde(default, skip_serializing_if = "PodMark::is_none")]
    pub pod: PodMark,
}
