//! Version 2: a binary header of a fixed part, addresses and extensions (`proxy-protocol.txt`, section 2.2).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::crc32c;
use super::{Client, Fault, Header, MAX_V2_LENGTH, Start, Version, client};

/// How it begins: what neither HTTP nor TLS begins with.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The fixed part: signature, version and command, family and transport, length. Bytes.
pub(super) const FIXED: usize = 16;

/// The type of the extension that holds a checksum.
const CRC32C: u8 = 3;

pub(super) fn parse(bytes: &[u8]) -> Result<Start, Fault> {
    let Some((fixed, _)) = bytes.split_first_chunk::<FIXED>() else { return Ok(Start::Partial) };
    let [.., version_and_command, family, high, low] = *fixed;
    if version_and_command >> 4 != 2 {
        return Err(Fault::Version);
    }
    let is_local = match version_and_command & 15 {
        0 => true,
        1 => false,
        _ => return Err(Fault::Command),
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_V2_LENGTH {
        return Err(Fault::Length);
    }
    // What a sender says of its own connections is to be taken and dropped, whatever its family.
    let family = if is_local { Family::Unspecified } else { Family::of(family)? };
    if length < family.addresses() {
        return Err(Fault::Length);
    }
    let len = FIXED + length;
    let Some(header) = bytes.get(..len) else { return Ok(Start::Partial) };
    let client = match family {
        Family::Unspecified => Client::Sender,
        Family::Unix => {
            extensions(header, family)?;
            Client::Sender
        }
        Family::Inet | Family::Inet6 => {
            extensions(header, family)?;
            source(&header[FIXED..], family).ok_or(Fault::Length)?
        }
    };
    Ok(Start::Header(Header { version: Version::V2, client, len }))
}

/// Address families, all of them with streams: a datagram does not arrive on a connection.
#[derive(Clone, Copy)]
enum Family {
    /// The sender does not tell.
    Unspecified,
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
    /// A path in a file system.
    Unix,
}

impl Family {
    fn of(byte: u8) -> Result<Self, Fault> {
        match byte {
            0x00 => Ok(Self::Unspecified),
            0x11 => Ok(Self::Inet),
            0x21 => Ok(Self::Inet6),
            0x31 => Ok(Self::Unix),
            _ => Err(Fault::Family),
        }
    }

    /// Length of both addresses with their ports. Bytes.
    fn addresses(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::Inet => 12,
            Self::Inet6 => 36,
            Self::Unix => 216,
        }
    }
}

/// The source of what stands behind the fixed part: both addresses come first, then both ports.
fn source(block: &[u8], family: Family) -> Option<Client> {
    match family {
        Family::Unspecified | Family::Unix => Some(Client::Sender),
        Family::Inet => {
            let (address, rest) = block.split_first_chunk::<4>()?;
            let port = rest.get(4..)?.first_chunk::<2>()?;
            Some(client(Ipv4Addr::from(*address).into(), u16::from_be_bytes(*port)))
        }
        Family::Inet6 => {
            let (address, rest) = block.split_first_chunk::<16>()?;
            let port = rest.get(16..)?.first_chunk::<2>()?;
            Some(client(Ipv6Addr::from(*address).into(), u16::from_be_bytes(*port)))
        }
    }
}

/// Checks that the extensions behind the addresses fill the header, and the checksum if there is one.
fn extensions(header: &[u8], family: Family) -> Result<(), Fault> {
    let mut at = FIXED + family.addresses();
    let mut checksum = None;
    while at < header.len() {
        let [kind, high, low] = *header.get(at..).and_then(<[u8]>::first_chunk).ok_or(Fault::Extension)?;
        at += 3;
        let end = at + usize::from(u16::from_be_bytes([high, low]));
        let value = header.get(at..end).ok_or(Fault::Extension)?;
        if kind == CRC32C {
            let told = value.try_into().map(u32::from_be_bytes).map_err(|_| Fault::Extension)?;
            if checksum.replace((at, told)).is_some() {
                return Err(Fault::Extension);
            }
        }
        at = end;
    }
    match checksum {
        // Counted with zeros in its own place.
        Some((at, told)) if crc32c([&header[..at], &[0; 4], &header[at + 4..]]) != told => Err(Fault::Checksum),
        Some(_) | None => Ok(()),
    }
}
