//! Which addresses are never connected to, whoever wrote them into an EndpointSlice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::source::objects::{AddressKind, EndpointSlice};

use super::settings::Settings;

/// Where clouds serve the credentials of a node outside of the link-local range: Azure, Alibaba, Oracle; AWS and Google over
/// IPv6. Single addresses, as some clusters have pods beside them.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

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
    } else if METADATA_V4.contains(&address) {
        Some("metadata")
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
    } else if METADATA_V6.contains(&address) {
        Some("metadata")
    } else {
        embedded_v4(address).and_then(refusal_v4)
    }
}

/// The IPv4 address that a gateway would connect to: of NAT64 (RFC 6052 §2.1) and of 6to4 (RFC 3056 §2).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] | [0x20, 0x02, a, b, c, d, ..] => {
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

/// Whether anything of the slice cannot be used.
pub(crate) fn is_faulty(slice: &EndpointSlice, settings: &Settings) -> bool {
    slice.addresses == AddressKind::Other
        || !slice.unreadable.is_empty()
        || slice.endpoints.iter().any(|endpoint| refusal(endpoint.address, settings).is_some())
}
