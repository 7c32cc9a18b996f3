//! Who the client is, where trusted peers speak for it.

use std::net::{IpAddr, SocketAddr};

use super::peer::Peer;
use crate::http1::{Field, FieldKind, RequestHead};
use crate::proxy::config::Forwarding;

/// The address of the client: whom trusted peers speak for, else the peer.
pub(crate) fn client(head: &[u8], request: &RequestHead, peer: &Peer, forwarding: &Forwarding) -> IpAddr {
    client_of(head, &request.fields, peer, forwarding).unwrap_or_else(|| peer.address.ip())
}

/// The client that trusted peers speak for: the last address of `X-Forwarded-For` that is not itself trusted, or the
/// first if all are (nginx `real_ip_recursive`). The search ends at a member that is not an address.
pub(crate) fn client_of(head: &[u8], fields: &[Field], peer: &Peer, forwarding: &Forwarding) -> Option<IpAddr> {
    if !peer.is_trusted {
        return None;
    }
    let values = fields.iter().rev().filter(|field| field.kind == FieldKind::XForwardedFor);
    let members = values.flat_map(|field| field.value.of(head).rsplit(|&byte| byte == b','));
    let mut client = None;
    for address in members.map_while(forwarded_address) {
        client = Some(address);
        if !forwarding.is_trusted(address) {
            break;
        }
    }
    client
}

/// An address as load balancers write it, some of them with a port.
fn forwarded_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let address = text.parse().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip())).ok()?;
    Some(address.to_canonical())
}
