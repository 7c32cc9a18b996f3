//! Sockets that accept connections, and what happens to a connection before its first request.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use socket2::{Domain, Protocol, SockRef, Socket as RawSocket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::accepting::{self, BACKLOG, Refusals};
use super::first_bytes::{FirstBytes, first_bytes};
use super::proxy_header::{self, Introduced};
use super::serving::Serving;
use super::tls::{self, TlsConfigs, TlsError};
use super::{h1, h2};
use crate::lifecycle::{Busy, Phase};
use crate::observe::{Handshake, Listener};
use crate::proxy::config::{Plain, ProxyProtocol};
use crate::proxy::shard::Shard;
use crate::proxy::shard::clients::Entered;
use crate::proxy::shard::handover::{Handed, Seat};
use crate::proxy::walk::identity::ShownChain;
use crate::proxy::walk::peer::{Peer, Scheme, TlsPeer};
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::client_mark::{ClientMark, Standing};
use crate::proxy::wire::socket::Socket;
use crate::proxy::wire::tls::stream::{Alpn, TlsStream, TlsVersion};

/// The protocol of a listener.
#[derive(Clone)]
pub enum ListenerProtocol {
    /// HTTP in clear.
    Http,
    /// HTTP over TLS.
    Https(Arc<TlsConfigs>),
}

/// Binds one socket for each shard to the same address, among which the kernel spreads connections.
///
/// Port 0 takes any free port, the same for all. An address that another process listens on is an error, although
/// SO_REUSEPORT would let us join it.
///
/// `keepalive`: idle time after which the kernel probes whether a client is still there, at least a second.
pub fn bind(address: SocketAddr, shards: usize, keepalive: Duration) -> io::Result<Vec<StdListener>> {
    drop(bind_one(address, false, keepalive)?);
    let first = bind_one(address, true, keepalive)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..shards {
        listeners.push(bind_one(address, true, keepalive)?);
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr, is_shared: bool, keepalive: Duration) -> io::Result<StdListener> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    if address.is_ipv6() {
        // [::] accepts IPv4 clients too, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    // On Linux accepted sockets inherit these, which saves system calls for each.
    socket.set_tcp_nodelay(true)?;
    let interval = (keepalive / 4).max(Duration::from_secs(1));
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(keepalive).with_interval(interval))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if is_shared {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

/// Accepts connections until the drain closes the listeners, and takes those that other shards have `handed` over from their
/// listeners of the same `index`.
pub(crate) async fn run(
    shard: Rc<Shard>,
    serving: Rc<Serving>,
    (listener, protocol): (StdListener, ListenerProtocol),
    index: usize,
    mut handed: mpsc::Receiver<Handed>,
) -> io::Result<()> {
    let _busy = shard.drain.busy();
    // Bytes that the kernel takes of us for a client before it has sent them. What it has sent and the client has not
    // acknowledged is not limited by it. Accepted sockets inherit this too.
    SockRef::from(&listener).set_tcp_notsent_lowat(shard.kernel_bytes())?;
    let listener = TcpListener::from_std(listener)?;
    let serve = |tcp, address, seat: Seat| {
        shard.clients.start(seat, |entered| {
            let place = (entered, shard.drain.busy());
            connection(Rc::clone(&shard), Rc::clone(&serving), tcp, address, protocol.clone(), place)
        });
    };
    let take_over = |(tcp, address, seat): Handed| match TcpStream::from_std(tcp) {
        Ok(tcp) => serve(tcp, address, seat),
        Err(error) => tracing::warn!(%error, "a connection that another thread accepted cannot be served"),
    };
    let mut closing = std::pin::pin!(shard.drain.reached(Phase::Closing));
    let mut refusals = Refusals::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(connection) = handed.recv() => {
                take_over(connection);
                continue;
            }
            () = closing.as_mut() => break,
        };
        match accepted {
            Ok((tcp, address)) => {
                let counted = tokio::select! {
                    counted = shard.client_place() => Some(counted),
                    () = closing.as_mut() => None,
                };
                let is_closing = counted.is_none();
                // What was accepted is served.
                let counted = counted.unwrap_or_else(|| shard.connections.count());
                match shard.neighbours.lighter(index).filter(|_| !is_closing) {
                    None => serve(tcp, address, shard.neighbours.seat(counted)),
                    Some(other) => match tcp.into_std() {
                        Ok(tcp) => other.take(tcp, address, counted),
                        Err(error) => tracing::warn!(%error, "a connection cannot be handed to another thread"),
                    },
                }
                if is_closing {
                    break;
                }
            }
            Err(error) => refusals.take(error).await,
        }
    }
    handed.close();
    while let Some(connection) = handed.recv().await {
        take_over(connection);
    }
    let seat = || shard.neighbours.seat(shard.connections.count());
    accepting::take_waiting(&listener, |tcp, address| serve(tcp, address, seat())).await;
    Ok(())
}

/// One client connection. What sets it up is boxed: that memory is not needed while the connection lives.
fn connection(
    shard: Rc<Shard>,
    serving: Rc<Serving>,
    tcp: TcpStream,
    address: SocketAddr,
    protocol: ListenerProtocol,
    (entered, busy): (Entered, Busy),
) -> impl Future<Output = ()> {
    let listener = match &protocol {
        ListenerProtocol::Http => Listener::Http,
        ListenerProtocol::Https(_) => Listener::Https,
    };
    let opening =
        Box::pin(read_proxy_header(Rc::clone(&shard), tcp, address, listener, protocol, Rc::clone(&entered.mark)));
    async move {
        let _busy = busy;
        let _open = shard.metrics.listener(listener).accepted();
        let Some(Opened { socket, peer, first }) = opening.await else { return };
        if peer.is_http2 {
            let first = first.map(|first| Box::new(first.bytes));
            Box::pin(h2::connection::serve(shard, Rc::clone(&serving.h2), socket, peer, first, entered)).await;
        } else {
            h1::connection::serve(shard, &serving.h1, socket, peer, first, entered).await;
        }
    }
}

/// A connection whose protocol is known.
struct Opened {
    socket: Socket,
    peer: Rc<Peer>,
    /// Bytes that were read already.
    first: Option<Box<FirstBytes>>,
}

async fn read_proxy_header(
    shard: Rc<Shard>,
    mut tcp: TcpStream,
    address: SocketAddr,
    listener: Listener,
    protocol: ListenerProtocol,
    mark: Rc<ClientMark>,
) -> Option<Opened> {
    if shard.config.listener.forwarding.proxy_protocol == ProxyProtocol::Off {
        return open(&shard, tcp, (address, address.ip()), protocol, None, &mark).await;
    }
    let sender = address.ip();
    let Introduced { address, received, deadline } = proxy_header::receive(&shard, &mut tcp, listener, address).await?;
    open(&shard, tcp, (address, sender), protocol, Some((received, deadline)), &mark).await
}

/// Finds out which version of HTTP the client at `address` uses, whose bytes come from `sender`. `before`: bytes of it
/// that were read already, and when its handshake must be done.
async fn open(
    shard: &Rc<Shard>,
    tcp: TcpStream,
    (address, sender): (SocketAddr, IpAddr),
    protocol: ListenerProtocol,
    before: Option<(Option<Buffer>, Instant)>,
    mark: &ClientMark,
) -> Option<Opened> {
    let forwarding = &shard.config.listener.forwarding;
    let ip = address.ip().to_canonical();
    let (scheme, port) = match forwarding.plain {
        Plain::Http => (Scheme::Http, forwarding.http_port),
        Plain::Https => (Scheme::Https, forwarding.https_port),
    };
    let mut peer = Peer {
        address: SocketAddr::new(ip, address.port()),
        sender: sender.to_canonical(),
        address_text: ip.to_string(),
        scheme,
        port,
        is_trusted: forwarding.is_trusted(ip),
        is_http2: false,
        tls: None,
    };
    let (received, deadline) = before.unzip();
    let received = received.flatten();
    let config = match protocol {
        ListenerProtocol::Http => {
            let mut socket = Socket::Tcp(tcp);
            let first = first_bytes(shard, &mut socket, received).await?;
            peer.is_http2 = first.is_http2();
            return Some(Opened { socket, peer: Rc::new(peer), first: Some(Box::new(first)) });
        }
        ListenerProtocol::Https(configs) => configs.of_now(shard.table.load().asks_for_certificates()),
    };
    let stream = handshake(shard, tcp, (received, deadline), &peer, config, mark).await?;
    peer.scheme = Scheme::Https;
    peer.port = forwarding.https_port;
    peer.tls = Some(TlsPeer {
        server_name: stream.server_name().map(str::to_owned),
        version: stream.version(),
        cipher: stream.cipher(),
        shown: stream.shown_chain().map(|chain| Box::new(ShownChain::new(&chain))),
    });
    peer.is_http2 = stream.alpn() == Alpn::Http2;
    Some(Opened { socket: Socket::Tls(Box::new(stream)), peer: Rc::new(peer), first: None })
}

async fn handshake(
    shard: &Shard,
    tcp: TcpStream,
    (received, deadline): (Option<Buffer>, Option<Instant>),
    peer: &Peer,
    config: Arc<ServerConfig>,
    mark: &ClientMark,
) -> Option<TlsStream> {
    let started = Instant::now();
    let deadline = deadline.unwrap_or(started + shard.config.listener.timeouts.handshake);
    // While others wait, housekeeping cuts those that stand still.
    let Ok(_turn) = timeout_at(deadline, shard.handshakes.turn()).await else {
        shard.metrics.handshake(Handshake::TimedOut, started.elapsed());
        return None;
    };
    mark.stands(Standing::Handshake);
    let buffers = Rc::clone(&shard.buffers);
    let accepted = match received {
        None => tls::accept(tcp, config, buffers, deadline).await,
        Some(received) => tls::accept_after(tcp, received, config, buffers, deadline).await,
    };
    match accepted {
        Ok(stream) => {
            let result = match stream.version() {
                TlsVersion::Tls12 => Handshake::Tls12,
                TlsVersion::Tls13 => Handshake::Tls13,
            };
            shard.metrics.handshake(result, started.elapsed());
            // It has not sent a request yet.
            mark.stands(Standing::New);
            Some(stream)
        }
        Err(error) => {
            let result = match error {
                TlsError::Deadline => Handshake::TimedOut,
                TlsError::PlainHttp | TlsError::Closed | TlsError::Tls(_) | TlsError::Io(_) => Handshake::Failed,
            };
            shard.metrics.handshake(result, started.elapsed());
            tracing::debug!(client = %peer.address, %error, "no TLS connection");
            None
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, D, E, G, F>(_: fn(A, B, C, D, E, G) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_task_of_a_connection_is_small() {
        // Most of what an idle connection over HTTP/1 in clear costs.
        assert!(size_of_future(connection) <= 320, "{} bytes", size_of_future(connection));
    }
}
