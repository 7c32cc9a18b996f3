//! What is counted of each port of streams. A shard asks for the counters when it opens the port.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::exposition::Exposition;
use super::families::{STREAM_CONNECTIONS, STREAM_DROPPED, STREAM_FAILURES, STREAM_OPEN, STREAM_RECEIVED, STREAM_SENT};

/// Why a connection of a stream ended otherwise than by both of its sides, or came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamFailure {
    /// It has no header of the PROXY protocol, or one that cannot be read, or comes from a peer that may send none.
    Header,
    /// Nothing takes it: the port was closed meanwhile.
    NoStream,
    /// There is no endpoint, or none that was not tried already.
    NoEndpoint,
    /// All endpoints have as many connections as they may, and had for as long as one may wait.
    Full,
    /// No endpoint took the connection.
    Connect,
    /// No endpoint took it in time.
    ConnectTimeout,
    /// We had no port, descriptor or memory for it.
    ConnectOther,
    /// The client broke it off.
    Client,
    /// The pod broke it off.
    Pod,
    /// Nothing moved for too long.
    Idle,
    /// There are as many as may be: it was refused, or, with datagrams, it gave way to another one.
    Limit,
}

impl StreamFailure {
    const ALL: [Self; 11] = [
        Self::Header,
        Self::NoStream,
        Self::NoEndpoint,
        Self::Full,
        Self::Connect,
        Self::ConnectTimeout,
        Self::ConnectOther,
        Self::Client,
        Self::Pod,
        Self::Idle,
        Self::Limit,
    ];

    /// The value of the label `reason`, and how the access log names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "proxy_header",
            Self::NoStream => "no_stream",
            Self::NoEndpoint => "no_endpoint",
            Self::Full => "full",
            Self::Connect => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectOther => "connect_other",
            Self::Client => "client_reset",
            Self::Pod => "pod_reset",
            Self::Idle => "idle",
            Self::Limit => "limit",
        }
    }

    /// How HAProxy writes the state at the end of a TCP session (its configuration manual, "Session state at disconnection").
    pub(super) fn haproxy_state(self) -> &'static str {
        match self {
            Self::Header => "PR",
            Self::NoStream | Self::NoEndpoint | Self::Connect => "SC",
            Self::Full => "sQ",
            Self::ConnectTimeout => "sC",
            Self::ConnectOther | Self::Limit => "RC",
            Self::Client => "CD",
            Self::Pod => "SD",
            Self::Idle => "cD",
        }
    }

    /// The status by which nginx tells the same (`ngx_stream_core_module`, `$status`).
    pub(super) fn nginx_status(self) -> u16 {
        match self {
            Self::Header => 400,
            Self::NoStream | Self::NoEndpoint | Self::Connect | Self::ConnectTimeout => 502,
            Self::Full | Self::Limit => 503,
            Self::ConnectOther => 500,
            Self::Client | Self::Pod | Self::Idle => 200,
        }
    }
}

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatagramDrop {
    /// As many clients are known as may be, and all of them wait for answers.
    TooManyClients,
    /// Memory is short, and the client is not known yet.
    Memory,
    /// There is no endpoint for it.
    NoEndpoint,
    /// No socket could be opened, or the one to the pod or the client took nothing.
    Socket,
}

impl DatagramDrop {
    const ALL: [Self; 4] = [Self::TooManyClients, Self::Memory, Self::NoEndpoint, Self::Socket];

    fn as_str(self) -> &'static str {
        match self {
            Self::TooManyClients => "too_many_clients",
            Self::Memory => "memory",
            Self::NoEndpoint => "no_endpoint",
            Self::Socket => "socket",
        }
    }
}

/// The counters of a port.
#[derive(Debug, Default)]
pub struct StreamMetrics {
    connections: AtomicU64,
    open: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    failures: [AtomicU64; StreamFailure::ALL.len()],
    dropped: [AtomicU64; DatagramDrop::ALL.len()],
}

/// A connection that is open, or a client of datagrams that is known, until dropped.
#[derive(Debug)]
#[must_use = "the connection counts as open for as long as this lives"]
pub struct OpenStream(Arc<StreamMetrics>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl StreamMetrics {
    /// Counts a connection, or a client of datagrams.
    pub fn opened(self: &Arc<Self>) -> OpenStream {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(self))
    }

    /// Counts bytes that a client has sent.
    pub fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that were sent to a client.
    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a connection that came to nothing, or ended otherwise than by both of its sides.
    pub fn failed(&self, reason: StreamFailure) {
        self.failures[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a datagram that was dropped.
    pub fn dropped(&self, reason: DatagramDrop) {
        self.dropped[reason as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes the families of streams.
pub(crate) fn write(out: &mut Exposition, rows: &[(String, Arc<StreamMetrics>)]) {
    for (family, value) in [
        (STREAM_CONNECTIONS, (|port| &port.connections) as fn(&StreamMetrics) -> &AtomicU64),
        (STREAM_OPEN, |port| &port.open),
        (STREAM_RECEIVED, |port| &port.received),
        (STREAM_SENT, |port| &port.sent),
    ] {
        out.family(&family);
        for (labels, port) in rows {
            out.integer(family.name, "", labels, value(port).load(Ordering::Relaxed));
        }
    }
    let failures = StreamFailure::ALL.map(StreamFailure::as_str);
    each(out, rows, (&STREAM_FAILURES, &failures), |port| &port.failures);
    each(out, rows, (&STREAM_DROPPED, &DatagramDrop::ALL.map(DatagramDrop::as_str)), |port| &port.dropped);
}

/// Writes a family with one more label, of which a value appears with its first count.
fn each(
    out: &mut Exposition,
    rows: &[(String, Arc<StreamMetrics>)],
    (family, reasons): (&super::families::Family, &[&str]),
    counters: fn(&StreamMetrics) -> &[AtomicU64],
) {
    out.family(family);
    for (labels, port) in rows {
        for (reason, count) in reasons.iter().zip(counters(port)) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                out.integer_with(family.name, "", labels, ("reason", reason), count);
            }
        }
    }
}
