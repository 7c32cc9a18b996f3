//! What pods see in the head of a request that its client did not say.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::names::{Hostname, HostnameError};

/// What differs in the heads of a route's requests as its pods get them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodHead {
    /// The host that pods are asked for. Default the client's; nginx `proxy_set_header Host`.
    pub host: Option<PodHost>,
    /// What is said of the connection, to pods over HTTP/1. Default nothing; nginx `proxy_set_header Connection`.
    pub connection: Option<PodConnection>,
    /// The version of HTTP/1 that is spoken. Default 1.1; nginx `proxy_http_version`.
    pub version: PodVersion,
}

impl PodHead {
    /// Whether a request that can be asked in HTTP/1.0 is.
    pub fn is_old(&self) -> bool {
        self.version == PodVersion::Http10
    }

    /// Whether a pod's connection ends with its answer, if the pod does not say otherwise in HTTP/1.0.
    pub fn ends_connection(&self) -> bool {
        match self.connection {
            Some(PodConnection::Close) => true,
            Some(PodConnection::KeepAlive) => false,
            None => self.is_old(),
        }
    }
}

/// What pods are told of their connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PodConnection {
    /// `close`: it ends with the answer.
    Close,
    /// `keep-alive`.
    KeepAlive,
}

/// A version of HTTP/1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PodVersion {
    /// 1.1.
    #[default]
    Http11,
    /// 1.0, where a request can be asked in it: its length is known, and it asks for no other protocol.
    Http10,
}

/// A host, perhaps with a port, for `Host` and `:authority`: a name or an address, and nothing that could end a line or begin
/// anything else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodHost(Arc<str>);

impl PodHost {
    /// Reads one. It stays as it is written, in upper and lower case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_one(text).then(|| Self(text.into()))
    }

    /// Whether a text is one.
    pub fn is_one(text: &str) -> bool {
        Self::is_host_and_port(text).unwrap_or(false)
    }

    /// `None`: it is not.
    fn is_host_and_port(text: &str) -> Option<bool> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, behind) = rest.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                (None, if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) })
            }
            None => text.split_once(':').map_or((Some(text), None), |(host, port)| (Some(host), Some(port))),
        };
        Some(host.is_none_or(is_host) && port.is_none_or(is_port))
    }

    /// The host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_host(text: &str) -> bool {
    match Hostname::parse(text) {
        Ok(_) => true,
        Err(HostnameError::Address) => text.parse::<Ipv4Addr>().is_ok(),
        Err(
            HostnameError::Empty
            | HostnameError::TooLong
            | HostnameError::Label
            | HostnameError::Character
            | HostnameError::Wildcard,
        ) => false,
    }
}

/// 1 to 65535, as nobody but an attacker writes it in another way.
fn is_port(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for text in [
            "api.example",
            "API.Example.",
            "api",
            "my_app.shop.svc.cluster.local:8080",
            "192.0.2.1",
            "192.0.2.1:80",
            "[2001:db8::1]",
            "[2001:db8::1]:65535",
        ] {
            assert_eq!(PodHost::parse(text).as_ref().map(PodHost::as_str), Some(text));
        }
        for text in [
            "",
            ":80",
            "api.example:",
            "api.example:0",
            "api.example:080",
            "api.example:65536",
            "api.example:+1",
            "api.example:80:80",
            "api..example",
            "-api.example",
            "*.example",
            "http://api.example",
            "api.example/x",
            "user@api.example",
            "api.example\r\nX: y",
            "api.example\n",
            "api example",
            "api.example\0",
            "bücher.example",
            "api%2eexample",
            "192.0.2.1.",
            "2001:db8::1",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[2001:db8::1]:",
            "[fe80::1%eth0]",
            "[api.example]",
            "a.example, b.example",
            "api.example;x",
            "\"api.example\"",
        ] {
            assert_eq!(PodHost::parse(text), None, "{text:?}");
        }
        assert_eq!(PodHost::parse(&"x".repeat(64)), None);
    }
}
