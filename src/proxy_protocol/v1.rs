//! Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` and CRLF (`proxy-protocol.txt`, section 2.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Client, Fault, Header, Start, Version, client};

/// How it begins.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// Longest line, with its CRLF. Bytes.
const MAX_LINE: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Result<Start, Fault> {
    let shown = &bytes[..bytes.len().min(MAX_LINE)];
    let Some(end) = shown.iter().position(|byte| byte.is_ascii_control()) else {
        return if shown.len() < MAX_LINE { Ok(Start::Partial) } else { Err(Fault::Line) };
    };
    match shown[end..] {
        [b'\r'] if shown.len() < MAX_LINE => return Ok(Start::Partial),
        [b'\r'] => return Err(Fault::Line),
        [b'\r', b'\n', ..] => {}
        _ => return Err(Fault::Control),
    }
    let client = line(&shown[SIGNATURE.len().min(end)..end])?;
    Ok(Start::Header(Header { version: Version::V1, client, len: end + 2 }))
}

/// What stands behind `PROXY`.
fn line(text: &[u8]) -> Result<Client, Fault> {
    // The sender's own: whatever else stands in the line is not looked at.
    if text == b"UNKNOWN" || text.starts_with(b"UNKNOWN ") {
        return Ok(Client::Sender);
    }
    let text = std::str::from_utf8(text).map_err(|_| Fault::Address)?;
    let mut parts = text.split(' ');
    let mut next = || parts.next().unwrap_or_default();
    let address: fn(&str) -> Option<IpAddr> = match next() {
        "TCP4" => |text| text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return Err(Fault::Family),
    };
    let source = address(next()).ok_or(Fault::Address)?;
    address(next()).ok_or(Fault::Address)?;
    let source_port = port(next())?;
    port(next())?;
    if parts.next().is_some() {
        return Err(Fault::Port);
    }
    Ok(client(source, source_port))
}

fn port(text: &str) -> Result<u16, Fault> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().map_err(|_| Fault::Port) } else { Err(Fault::Port) }
}
