//! Host and port, as in Host and in absolute targets (RFC 3986 §3.2, narrowed to what can be a host of a rule).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::grammar::is_host_name;

/// Longest host name, in bytes (RFC 1035 §2.3.4), without a trailing dot.
const MAX_NAME_BYTES: usize = 253;
/// Longest label of a host name, in bytes.
const MAX_LABEL_BYTES: usize = 63;

/// A host and perhaps a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// Who.
    pub host: Host<'a>,
    /// TCP port, 1 to 65535; `None` when not given.
    pub port: Option<u16>,
}

/// The host of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A name, in the case it was sent in, without a trailing dot.
    Name(&'a [u8]),
    /// An address; no rule can name one.
    Ip(IpAddr),
}

/// Why an authority is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// There is no host.
    #[error("the host is empty")]
    Empty,
    /// The host is no name and no address: a character, an empty or overlong label, a bad bracket.
    #[error("the host is malformed")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the port is malformed")]
    Port,
}

/// Reads a host and a port. Refuses user information, paths, lists, escapes, zone ids and anything not ASCII.
pub fn parse_authority(text: &[u8]) -> Result<Authority<'_>, AuthorityError> {
    if let Some(rest) = text.strip_prefix(b"[") {
        let close = memchr::memchr(b']', rest).ok_or(AuthorityError::Host)?;
        let address = parse_ip::<Ipv6Addr>(&rest[..close]).ok_or(AuthorityError::Host)?;
        let port = match &rest[close + 1..] {
            [] => None,
            [b':', port @ ..] => parse_port(port)?,
            _ => return Err(AuthorityError::Host),
        };
        return Ok(Authority { host: Host::Ip(IpAddr::V6(address)), port });
    }
    let (host, port) = match memchr::memchr(b':', text) {
        Some(colon) => (&text[..colon], parse_port(&text[colon + 1..])?),
        None => (text, None),
    };
    Ok(Authority { host: parse_host(host)?, port })
}

fn parse_host(host: &[u8]) -> Result<Host<'_>, AuthorityError> {
    if host.is_empty() {
        return Err(AuthorityError::Empty);
    }
    if host[0].is_ascii_digit()
        && let Some(address) = parse_ip::<Ipv4Addr>(host)
    {
        return Ok(Host::Ip(IpAddr::V4(address)));
    }
    let name = host.strip_suffix(b".").unwrap_or(host);
    let labels_are_sound =
        || name.split(|&byte| byte == b'.').all(|label| (1..=MAX_LABEL_BYTES).contains(&label.len()));
    if name.len() > MAX_NAME_BYTES || !is_host_name(name) || !labels_are_sound() {
        return Err(AuthorityError::Host);
    }
    Ok(Host::Name(name))
}

fn parse_ip<A: std::str::FromStr>(text: &[u8]) -> Option<A> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A port may be left out behind its colon (RFC 3986 §3.2.3): the default one is meant.
fn parse_port(text: &[u8]) -> Result<Option<u16>, AuthorityError> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > 5 || text[0] == b'0' || !text.iter().all(u8::is_ascii_digit) {
        return Err(AuthorityError::Port);
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).map(Some).ok_or(AuthorityError::Port)
}
