//! A connection to an endpoint: one that waits in the shard's pool, or a new one.

use std::io::ErrorKind;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::attempt::{Again, Failed};
use crate::observe::UpstreamMetrics;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::h1_conn::H1Conn;
use crate::proxy::wire::socket::Socket;
use crate::upstream::InFlight;

/// Probing of pods that are silent within a request.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));

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
