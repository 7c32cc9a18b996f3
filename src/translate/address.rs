//! Which addresses are never connected to, whoever wrote them into an EndpointSlice or DNS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::model::Resolution;
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

/// The same of what an external name leads to. Its author chooses the port too, so that our own sockets must be out of reach:
/// the debug views trust who comes from loopback, and a request to ourselves would go round for ever.
pub(crate) fn external_refusal(address: SocketAddr, settings: &Settings) -> Option<&'static str> {
    let (ip, own) = (address.ip().to_canonical(), &settings.own);
    let is_own = own.ports.contains(&address.port()) && (ip.is_loopback() || own.addresses.contains(&ip));
    refusal(ip, settings).or(is_own.then_some("our own"))
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [127, ..] => Some("loopback"),
        [169, 254, ..] => Some("link-local"),
        [224..=239, ..] => Some("multicast"),
        [0, ..] => Some("unspecified"),
        [255, 255, 255, 255] => Some("broadcast"),
        // Where Azure, Alibaba and Oracle serve the credentials of a node. Single addresses, as some clusters have pods
        // beside them.
        [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => Some("metadata"),
        _ => None,
    }
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        // The same of AWS and of Google.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Some("metadata"),
        _ => embedded_v4(address).and_then(refusal_v4),
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

/// Whether there is something to report about what DNS says of a name.
pub(crate) fn is_faulty_resolution(resolution: &Resolution, settings: &Settings) -> bool {
    let Resolution { addresses, failure } = resolution;
    let may_be_own = |ip: &IpAddr| ip.is_loopback() || settings.own.addresses.contains(ip);
    failure.is_some() || addresses.iter().any(|ip| refusal(*ip, settings).is_some() || may_be_own(ip))
}
