//! The PROXY protocol: load balancers in front tell who the client of a connection is.
//!
//! Only peers in the trusted ranges may send a header (hazard E10). What others send is never read as one, so that a
//! client that reaches the listener past the load balancer cannot choose an address. A header names the client and
//! nothing more: the `X-Forwarded-*` fields of that client are believed only if its own address is trusted too.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::observe::{Listener, ProxyHeader};
use crate::proxy::config::ProxyProtocol;
use crate::proxy::shard::Shard;
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::socket::{Reader, until};
use crate::proxy_protocol::{Client, Fault, Header, Start, Version, parse};

/// From the first byte of a header to its last. The first byte may take as long as for any client, because some load
/// balancers (AWS NLB) send it together with the client's first bytes.
const PATIENCE: Duration = Duration::from_secs(3);

/// A connection whose client is known.
pub(crate) struct Introduced {
    /// The client.
    pub address: SocketAddr,
    /// What was read behind the header, or instead of one.
    pub received: Option<Buffer>,
    /// Deadline for the first byte of a header, and for the handshake behind it.
    pub deadline: Instant,
}

/// Why a connection is closed before it was served.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// Its peer is not in the trusted ranges.
    #[error("its peer is not trusted to send one")]
    Untrusted,
    /// It does not begin with a header.
    #[error("it has none")]
    Missing,
    /// Its header is malformed.
    #[error(transparent)]
    Invalid(Fault),
    /// Its header did not come in time.
    #[error("it did not come in time")]
    TimedOut,
    /// It was closed before its header was complete: by a health check over TCP, most often.
    #[error("it was closed before")]
    Closed,
}

/// Reads the header in front of a connection from `peer`, if there may or must be one. `None` means that the connection
/// is to be closed; that was counted. Not called when the protocol is off.
pub(crate) async fn receive(
    shard: &Shard,
    tcp: &mut TcpStream,
    listener: Listener,
    peer: SocketAddr,
) -> Option<Introduced> {
    let limit = match listener {
        Listener::Http => shard.config.listener.timeouts.head,
        Listener::Https => shard.config.listener.timeouts.handshake,
    };
    let deadline = Instant::now() + limit;
    let count = |result| shard.metrics.proxy_header(listener, result);
    let is_trusted = shard.config.listener.forwarding.may_introduce(peer.ip());
    let read = match (shard.config.listener.forwarding.proxy_protocol, is_trusted) {
        (ProxyProtocol::Off, _) | (ProxyProtocol::Auto, false) => {
            return Some(Introduced { address: peer, received: None, deadline });
        }
        (ProxyProtocol::Require, false) => Err(Refused::Untrusted),
        (ProxyProtocol::Auto | ProxyProtocol::Require, true) => read(shard, tcp, deadline).await,
    };
    let is_required = shard.config.listener.forwarding.proxy_protocol == ProxyProtocol::Require;
    let refused = match read {
        Ok((Some(header), received)) => {
            let (address, result) = match (header.client, header.version) {
                (Client::At(address), Version::V1) => (address, ProxyHeader::V1),
                (Client::At(address), Version::V2) => (address, ProxyHeader::V2),
                (Client::Sender, _) => (peer, ProxyHeader::Local),
            };
            count(result);
            return Some(Introduced { address, received, deadline });
        }
        Ok((None, received)) if !is_required => {
            count(ProxyHeader::Absent);
            return Some(Introduced { address: peer, received, deadline });
        }
        Ok((None, _)) => Refused::Missing,
        Err(refused) => refused,
    };
    count(match refused {
        Refused::Untrusted => ProxyHeader::Untrusted,
        Refused::Missing => ProxyHeader::Missing,
        Refused::Invalid(_) => ProxyHeader::Invalid,
        Refused::TimedOut => ProxyHeader::TimedOut,
        Refused::Closed => ProxyHeader::Closed,
    });
    tracing::debug!(%peer, reason = %refused, "closed for its PROXY protocol header");
    None
}

/// Reads the header that a connection from `peer` must have, whatever the listeners of the command line are told. Gives the
/// address of the client, and what was read behind the header. `None` means that the connection is to be closed.
pub(crate) async fn required(
    shard: &Shard,
    tcp: &mut TcpStream,
    peer: SocketAddr,
) -> Option<(SocketAddr, Option<Buffer>)> {
    let deadline = Instant::now() + shard.config.listener.timeouts.head;
    let read = match shard.config.listener.forwarding.may_introduce(peer.ip()) {
        true => read(shard, tcp, deadline).await,
        false => Err(Refused::Untrusted),
    };
    let refused = match read {
        Ok((Some(Header { client: Client::At(address), .. }), received)) => return Some((address, received)),
        Ok((Some(Header { client: Client::Sender, .. }), received)) => return Some((peer, received)),
        Ok((None, _)) => Refused::Missing,
        Err(refused) => refused,
    };
    tracing::debug!(%peer, reason = %refused, "closed for its PROXY protocol header");
    None
}

/// The header, if there is one, and what was read behind it.
async fn read(
    shard: &Shard,
    tcp: &mut TcpStream,
    mut deadline: Instant,
) -> Result<(Option<Header>, Option<Buffer>), Refused> {
    // Only connections with data hold a buffer.
    let mut buffer: Option<Buffer> = None;
    loop {
        match until(deadline, |cx| tcp.poll_read_ready(cx)).await {
            Some(Ok(())) => {}
            Some(Err(_)) => return Err(Refused::Closed),
            None => return Err(Refused::TimedOut),
        }
        // The smallest buffer is larger than the longest header.
        let bytes = buffer.get_or_insert_with(|| {
            deadline = deadline.min(Instant::now() + PATIENCE);
            shard.buffers.take()
        });
        // Through AsyncRead, because it takes a short read as "no more".
        let mut reader = Reader::Tcp(tcp.split().0);
        match until(deadline, |cx| reader.poll_read(cx, bytes.space())).await {
            Some(Ok(count @ 1..)) => bytes.fill(count),
            Some(Ok(0) | Err(_)) => return Err(Refused::Closed),
            None => return Err(Refused::TimedOut),
        }
        match parse(bytes.data()).map_err(Refused::Invalid)? {
            Start::Partial => {}
            Start::Other => return Ok((None, buffer)),
            Start::Header(header) => {
                bytes.consume(header.len);
                return Ok((Some(header), buffer.filter(|rest| !rest.is_empty())));
            }
        }
    }
}
