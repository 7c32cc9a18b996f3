//! What a shard tells of its connections: plain data, without anything of the shard in it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::http2::connection::View;

/// The connections of a shard.
#[derive(Clone, Debug, Default)]
pub struct ShardView {
    /// HTTP/2 connections of clients.
    pub clients: Listing<ClientView>,
    /// HTTP/2 connections to pods.
    pub pods: Listing<PodView>,
    /// HTTP/1 connections to pods that are kept for the next request.
    pub idle_http1_pods: usize,
}

/// Some of those there are.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    /// How many there are.
    pub total: usize,
    /// As many of them as were asked for, in no order.
    pub some: Vec<T>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { total: 0, some: Vec::new() }
    }
}

/// How long a connection of a client goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing says that it ends.
    Open,
    /// The process is about to end, and the client does not know yet.
    Draining,
    /// One side has sent GOAWAY: open streams finish.
    Ending,
}

impl Standing {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Draining => "draining",
            Self::Ending => "ending",
        }
    }
}

/// An HTTP/2 connection of a client.
#[derive(Clone, Debug)]
pub struct ClientView {
    /// The client; that of the PROXY protocol header if there was one.
    pub address: SocketAddr,
    /// Whether TLS ends here.
    pub is_tls: bool,
    /// Time since its first byte, or since its handshake.
    pub age: Duration,
    /// Requests taken up so far; refused streams are not among them.
    pub requests: u64,
    /// Time since no stream is open and nothing is left to be sent, if that is so.
    pub idle: Option<Duration>,
    /// How long it goes on.
    pub standing: Standing,
    /// What the protocol holds.
    pub codec: View,
}

/// An HTTP/2 connection to a pod.
#[derive(Clone, Debug)]
pub struct PodView {
    /// The endpoint.
    pub address: SocketAddr,
    /// The version of TLS, as `TLSv1.3`; `None` in clear text.
    pub tls: Option<&'static str>,
    /// Time since it was made.
    pub age: Duration,
    /// Requests that use it, or wait for a stream of it.
    pub leases: usize,
    /// Requests that wait for a stream of it.
    pub waiting: usize,
    /// Time since no request uses it, if none does.
    pub idle: Option<Duration>,
    /// Whether it gets no new requests.
    pub is_given_up: bool,
    /// What the protocol holds.
    pub codec: View,
}
