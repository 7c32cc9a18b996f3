//! A connection to an endpoint: one that waits in the shard's pool, or a new one.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use super::attempt::Attempt;
use super::retry::{Failure, Reached};
use crate::observe::UpstreamMetrics;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::connections::Counted;
use crate::proxy::shard::h1_conn::H1Conn;
use crate::proxy::wire::body::{BodySink, unless_lost};
use crate::proxy::wire::socket::Socket;
use crate::upstream::Endpoint;

/// When the kernel probes pods that are silent within a request.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));

/// A connection for an attempt.
pub(super) struct Obtained {
    /// The connection.
    pub conn: Box<H1Conn>,
    /// Whether it has served other requests before.
    pub is_reused: bool,
    /// When it was ready for the request.
    pub since: Instant,
}

/// A connection from the pool, or a new one. A request that must not be sent twice gets only a connection that was idle
/// for a short time: a pod closes idle connections at its own time, and may be doing so now. Nothing is dialled for a client
/// that goes meanwhile.
pub(super) async fn obtain(
    shard: &Shard,
    attempt: &Attempt<'_>,
    may_repeat: bool,
    sink: &impl BodySink,
) -> Result<Obtained, Failure> {
    match idle(shard, attempt, may_repeat) {
        Some(obtained) => Ok(obtained),
        // In a box: most requests get a connection that is there, and none of them carries the state of a dial along.
        None => Box::pin(new(shard, attempt, sink)).await,
    }
}

/// A new connection in clear.
async fn new(shard: &Shard, attempt: &Attempt<'_>, sink: &impl BodySink) -> Result<Obtained, Failure> {
    let (tcp, place) = unless_lost(sink, dial(shard, attempt)).await?;
    let since = Instant::now();
    Ok(Obtained { conn: H1Conn::new(Socket::Tcp(tcp), Some(place), since), is_reused: false, since })
}

/// A connection from the pool, if there is one and the attempt takes it.
pub(super) fn idle(shard: &Shard, attempt: &Attempt<'_>, may_repeat: bool) -> Option<Obtained> {
    if attempt.newer_than.is_some() {
        return None;
    }
    quiet(shard, attempt, may_repeat).map(|conn| Obtained { conn, is_reused: true, since: attempt.began })
}

/// A connection from the pool on which nothing has arrived.
fn quiet(shard: &Shard, attempt: &Attempt<'_>, may_repeat: bool) -> Option<Box<H1Conn>> {
    let (turn, now) = (shard.turns.now(), attempt.began);
    let max_idle = (!may_repeat).then_some(attempt.policy.timeouts.reuse_unsafe);
    while let Some(mut conn) = shard.pool.take(attempt.endpoint.id(), max_idle, now, |conn| conn.fitness(turn, now)) {
        let is_quiet = if may_repeat { conn.was_quiet(turn) } else { conn.is_quiet() };
        if is_quiet {
            conn.begin(now);
            return Some(conn);
        }
    }
    None
}

/// A new connection in clear, and its place among those to pods.
pub(super) async fn dial(shard: &Shard, attempt: &Attempt<'_>) -> Result<(TcpStream, Counted), Failure> {
    let dialed = reach(shard, attempt).await?;
    attempt.endpoint.connect_succeeded();
    Ok(dialed)
}

/// The same. Failures make the endpoint suspect; whether success clears it is for the caller to say.
pub(super) async fn reach(shard: &Shard, attempt: &Attempt<'_>) -> Result<(TcpStream, Counted), Failure> {
    let Attempt { endpoint, policy, metrics, .. } = attempt;
    let reached = reach_endpoint(shard, endpoint, policy.timeouts.connect, metrics).await;
    reached.map_err(|error| Failure::new(error, Reached::NotConnected))
}

/// The same of any endpoint, with so much patience.
pub(crate) async fn reach_endpoint(
    shard: &Shard,
    endpoint: &Endpoint,
    patience: Duration,
    metrics: &UpstreamMetrics,
) -> Result<(TcpStream, Counted), ProxyError> {
    let Some(place) = shard.pod_place() else { return Err(ProxyError::ConnectOther) };
    let address = endpoint.address();
    let started = Instant::now();
    let error = match tokio::time::timeout(patience, connect(address, shard.kernel_bytes())).await {
        Ok(Ok(tcp)) => {
            let _ = tcp.set_nodelay(true);
            // A pod on a lost node sends nothing. Without probes a tunnel to it would wait for an hour.
            let _ = SockRef::from(&tcp).set_tcp_keepalive(&KEEPALIVE);
            metrics.connected();
            return Ok((tcp, place));
        }
        Ok(Err(error)) => {
            let reason = reason(error.kind());
            if reason == ProxyError::ConnectRefused {
                endpoint.connect_failed(started);
            } else {
                tracing::debug!(%address, %error, "no connection to a pod, for a reason of our own");
            }
            reason
        }
        Err(_) => {
            endpoint.connect_failed(started);
            ProxyError::ConnectTimeout
        }
    };
    Err(error)
}

async fn connect(address: SocketAddr, received: u32) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Before the connection is made: its window follows from it.
    socket.set_recv_buffer_size(received)?;
    socket.connect(address).await
}

/// Whether an answer begins as an alert of TLS does (RFC 8446 §5.1): what servers of TLS say to those who do not speak it.
pub(super) fn speaks_tls(answer: &[u8]) -> bool {
    answer.starts_with(&[0x15, 0x03])
}

/// What a failed connect means. If this machine is out of ports, descriptors or memory, that says nothing about the
/// pod: otherwise all pods would become suspect at once.
pub(crate) fn reason(kind: ErrorKind) -> ProxyError {
    match kind {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::TimedOut => ProxyError::ConnectRefused,
        _ => ProxyError::ConnectOther,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_this_machine_lacks_is_not_told_as_the_fault_of_a_pod() {
        // ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT.
        for code in [111, 104, 113, 101, 110] {
            assert_eq!(reason(io::Error::from_raw_os_error(code).kind()), ProxyError::ConnectRefused, "{code}");
        }
        // EMFILE, ENFILE, EADDRNOTAVAIL, ENOMEM, ENOBUFS, EACCES.
        for code in [24, 23, 99, 12, 105, 13] {
            assert_eq!(reason(io::Error::from_raw_os_error(code).kind()), ProxyError::ConnectOther, "{code}");
        }
    }
}
