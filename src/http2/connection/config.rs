//! What a connection may take.

use crate::http1::Limits;

/// Which side of a connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The peer is a client: it opens streams.
    Server,
    /// The peer is a server: we open streams.
    Client,
}

/// When bytes of bodies are given back to the window of the connection. Windows of streams wait for the owner in any
/// case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Returns {
    /// When they arrive. One slow stream does not hold up others; what all streams may hold is their windows' sum.
    OnArrival,
    /// When the owner has passed them on: the connection's window bounds what all its streams hold.
    #[default]
    OnConsumed,
}

/// What a connection may take. What is not here is fixed: see [`limits`](super::limits).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Streams that a client may have open (RFC 9113 §5.1.2), or that we open at most. Default 100; nginx
    /// `http2_max_concurrent_streams`.
    pub streams: u32,
    /// Bytes of a body that may arrive on a stream before the owner has passed any on. Default 256 KiB.
    pub stream_window: u32,
    /// The same for all streams of the connection. At least 65,535 (RFC 9113 §6.9.2). Default 1 MiB.
    pub connection_window: u32,
    /// When the window of the connection is given back. Default when consumed.
    pub returns_connection_window: Returns,
    /// Bytes of heads that the owner may hold for open streams; a request beyond is refused (CVE-2026-49975 and its
    /// kin). Default 1 MiB.
    pub heads_bytes: u32,
    /// What one head may be. Default that of HTTP/1 requests.
    pub head: Limits,
    /// Streams that a client may reset before they are answered, at once and again each second (CVE-2023-44487).
    /// Default 100.
    pub early_resets: u32,
    /// Whether clients may open tunnels by extended CONNECT (servers; RFC 8441 §3). Default yes.
    pub offers_connect: bool,
    /// Streams that a peer may make us reset over the life of the connection (CVE-2025-8671). Default 128.
    pub local_resets: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            streams: 100,
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            returns_connection_window: Returns::OnConsumed,
            heads_bytes: 1024 * 1024,
            head: Limits::REQUEST,
            early_resets: 100,
            offers_connect: true,
            local_resets: 128,
        }
    }
}
