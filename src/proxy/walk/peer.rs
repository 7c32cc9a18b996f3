//! What a connection knows about its client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::identity::ShownChain;
use crate::filter::{ClientIdentity, Presented};
use crate::model::ClientTrust;

use rustls::CipherSuite;

use crate::proxy::wire::tls::stream::TlsVersion;

/// How the client reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// In clear text.
    Http,
    /// Over TLS, which may have ended in front of us.
    Https,
}

impl Scheme {
    /// As in URLs and `X-Forwarded-Proto`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The client at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address; that of the PROXY protocol header if there was one.
    pub address: SocketAddr,
    /// The address of the connection's other end, whatever a header said.
    pub sender: IpAddr,
    /// Its address as text, as forwarded.
    pub address_text: String,
    /// The scheme of its connection.
    pub scheme: Scheme,
    /// The port that clients use for this scheme.
    pub port: u16,
    /// Whether its forwarding fields are believed.
    pub is_trusted: bool,
    /// Whether the connection speaks HTTP/2.
    pub is_http2: bool,
    /// What the TLS handshake told.
    pub tls: Option<TlsPeer>,
}

/// What a TLS handshake told.
#[derive(Clone, Debug)]
pub(crate) struct TlsPeer {
    /// The server name the client asked for (SNI), lower case.
    pub server_name: Option<String>,
    /// Protocol version.
    pub version: TlsVersion,
    /// How the connection is encrypted.
    pub cipher: Option<CipherSuite>,
    /// What it has shown of itself; `None`: it was not asked for a certificate.
    pub shown: Option<Box<ShownChain>>,
}

impl ClientIdentity for Peer {
    /// A connection that was made for another name than the host of the request says nothing, whoever it is (nginx answers 421).
    fn presented(&self, host: &[u8], trust: &Arc<ClientTrust>, depth: u32) -> Presented {
        let Some(tls) = &self.tls else { return Presented::NotAsked };
        let Some(shown) = &tls.shown else { return Presented::NotAsked };
        let host = host.strip_suffix(b".").unwrap_or(host);
        if tls.server_name.as_ref().is_some_and(|name| !name.as_bytes().eq_ignore_ascii_case(host)) {
            return Presented::NotAsked;
        }
        shown.presented(trust, depth)
    }
}
