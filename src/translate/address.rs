//! Which addresses are never connected to, whoever wrote them into an EndpointSlice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::source::objects::{AddressKind, EndpointSlice};

use super::settings::Settings;

/// Why an address is never connected to; `None` when it may be. Nobody may reach the node's or our own loopback through us,
/// nor link-local services such as a cloud's metadata.
pub(crate) fn refusal(address: IpAddr, settings: &Settings) -> Option<&'static str> {
    match address.to_canonical() {
        address if address.is_loopback() && settings.allow_loopback => None,
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    if address.is_loopback() {
        Some("loopback")
    } else if address.is_link_local() {
        Some("link-local")
    } else if address.is_multicast() {
        Some("multicast")
    } else if address.octets()[0] == 0 {
        Some("unspecified")
    } else if address.is_broadcast() {
        Some("broadcast")
    } else {
        None
    }
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() {
        Some("loopback")
    } else if address.is_unicast_link_local() {
        Some("link-local")
    } else if address.is_multicast() {
        Some("multicast")
    } else if address.is_unspecified() {
        Some("unspecified")
    } else {
        None
    }
}

/// Whether anything of the slice cannot be used.
pub(crate) fn is_faulty(slice: &EndpointSlice, settings: &Settings) -> bool {
    slice.addresses == AddressKind::Other
        || !slice.unreadable.is_empty()
        || slice.endpoints.iter().any(|endpoint| refusal(endpoint.address, settings).is_some())
}
