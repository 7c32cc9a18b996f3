//! A connection to an endpoint: one that waits in the shard's pool, or a new one.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::error::ProxyError;
use super::forward::{Again, Failed};
use super::shard::Shard;
use super::socket::Socket;
use crate::observe::UpstreamMetrics;
use crate::upstream::InFlight;

/// Probing of pods that are silent within a request.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));

/// An HTTP/1 connection to an endpoint, between two requests.
pub(crate) struct H1Conn {
    /// The connection.
    pub socket: Socket,
}

impl H1Conn {
    /// Whether nothing has arrived since the last answer: neither an end nor bytes nobody asked for, which would be
    /// taken for the answer to the next request.
    ///
    /// The system is asked, because what the runtime knows is as old as its last look at all sockets: one call for each
    /// request on a kept connection.
    fn is_quiet(&self) -> bool {
        match &self.socket {
            Socket::Tcp(tcp) => {
                let peeked = SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]);
                peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            }
            Socket::Tls(_) => false,
        }
    }
}

/// A connection, and whether it has served before. Requests that must not be sent twice get only those that were idle
/// for a moment: a pod closes idle connections at its own time, and may be doing so right now.
pub(crate) async fn obtain(
    shard: &Shard,
    endpoint: &InFlight,
    now: Instant,
    metrics: &UpstreamMetrics,
    is_idempotent: bool,
    afresh: bool,
) -> Result<(H1Conn, bool), Failed> {
    if !afresh {
        let max_idle = if is_idempotent { Duration::MAX } else { shard.pool.config().post_idle };
        while let Some(conn) = shard.pool.take(endpoint.endpoint().id(), max_idle, now) {
            if conn.is_quiet() {
                return Ok((conn, true));
            }
        }
    }
    let tcp = dial(shard, endpoint, metrics).await?;
    Ok((H1Conn { socket: Socket::Tcp(tcp) }, false))
}

/// A new connection. Failures make the endpoint suspect.
pub(crate) async fn dial(shard: &Shard, endpoint: &InFlight, metrics: &UpstreamMetrics) -> Result<TcpStream, Failed> {
    let address = endpoint.endpoint().address();
    let started = Instant::now();
    let error = match tokio::time::timeout(shard.config.upstream.connect, TcpStream::connect(address)).await {
        Ok(Ok(tcp)) => {
            let _ = tcp.set_nodelay(true);
            // A pod whose node has vanished says nothing: a tunnel to it would wait for an hour.
            let _ = SockRef::from(&tcp).set_tcp_keepalive(&KEEPALIVE);
            endpoint.endpoint().connect_succeeded();
            metrics.connected();
            return Ok(tcp);
        }
        Ok(Err(error)) => {
            if is_of_the_pod(error.kind()) {
                endpoint.endpoint().connect_failed(started);
            } else {
                tracing::debug!(%address, %error, "no connection to a pod, for a reason of our own");
            }
            ProxyError::ConnectRefused
        }
        Err(_) => {
            endpoint.endpoint().connect_failed(started);
            ProxyError::ConnectTimeout
        }
    };
    Err(Failed { error, again: Again::Elsewhere })
}

/// Whether a failed connect says something about the pod. Being out of ports, descriptors or memory says nothing; to
/// hold it against pods would take away all of them.
fn is_of_the_pod(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream as StdStream};

    use super::*;

    /// Both ends of a connection: ours, whose readiness is known to be none, and the pod's.
    async fn waiting() -> (H1Conn, StdStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut pod, _) = listener.accept().unwrap();
        pod.set_nodelay(true).unwrap();
        pod.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // The runtime learns of readiness by waiting, and of its end by a read that finds nothing more.
        ours.readable().await.unwrap();
        while ours.try_read(&mut [0; 64]).is_ok() {}
        (H1Conn { socket: Socket::Tcp(ours) }, pod)
    }

    #[tokio::test]
    async fn b20_what_a_pod_sent_since_the_runtime_last_looked_spoils_its_connection() {
        let (conn, mut pod) = waiting().await;
        assert!(conn.is_quiet());
        // On the loopback these have arrived when the call returns, and nothing here waits in between.
        pod.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").unwrap();
        assert!(!conn.is_quiet());
        let (conn, pod) = waiting().await;
        drop(pod);
        assert!(!conn.is_quiet());
    }
}
