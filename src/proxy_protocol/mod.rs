//! The PROXY protocol, versions 1 and 2: who the client of a load balancer is, told in front of the
//! connection's own bytes (HAProxy, `proxy-protocol.txt`). Without input or output of its own, as `http1` is.
//!
//! It knows what a header says, not whom to believe: that is for who reads the connection. What stands behind
//! the length that a header gives is never looked at, and what stands within it never reaches the connection.

mod checksum;
mod v1;
mod v2;
pub mod write;

use std::net::SocketAddr;

/// Bytes that may follow the fixed part of a version 2 header. The protocol allows 65,535; addresses and the
/// extensions of load balancers are some hundred.
pub const MAX_V2_LENGTH: usize = 4096;

/// Longest header that is taken, bytes. A buffer of this size always decides.
pub const MAX_HEADER: usize = v2::FIXED + MAX_V2_LENGTH;

/// What the bytes at the start of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// No header: no version of the protocol begins so.
    Other,
    /// A header or not: it takes more bytes to tell, or to read it whole.
    Partial,
    /// A whole header.
    Header(Header),
}

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version that it is written in.
    pub version: Version,
    /// Who the client is.
    pub client: Client,
    /// Its length: what follows belongs to the connection. Bytes.
    pub len: usize,
}

/// The version of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Whom a header speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The client has this address. An IPv4 address in IPv6 is told as IPv4.
    At(SocketAddr),
    /// The sender speaks for itself, as in health checks, or for a client without an Internet address: the address of
    /// the connection stands (`LOCAL`, `UNKNOWN`, `AF_UNSPEC`, `AF_UNIX`).
    Sender,
}

/// Why bytes that begin like a header are none. The connection is of no use then: what was meant by them is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A version 1 header whose line does not end within 107 bytes.
    #[error("the line is too long")]
    Line,
    /// A version 1 header with a byte that belongs into no line, or without CRLF at its end.
    #[error("the line has a stray control character")]
    Control,
    /// A protocol, or an address family, that is none of those that exist.
    #[error("unknown protocol or address family")]
    Family,
    /// An address that is none of its family, or anything but one space between the parts.
    #[error("bad address")]
    Address,
    /// A port that is no number from 0 to 65535 without leading zeros.
    #[error("bad port")]
    Port,
    /// A version of the binary form other than 2.
    #[error("unknown version")]
    Version,
    /// A command other than LOCAL and PROXY.
    #[error("unknown command")]
    Command,
    /// A length that does not hold the addresses, or is above [`MAX_V2_LENGTH`].
    #[error("length out of bounds")]
    Length,
    /// Extensions (TLVs) that do not fill the header.
    #[error("bad extension")]
    Extension,
    /// The header is not what its sender wrote, by the checksum in it.
    #[error("wrong checksum")]
    Checksum,
}

/// Reads the start of a connection. Decided once it is anything but [`Start::Partial`]: more bytes change nothing.
pub fn parse(bytes: &[u8]) -> Result<Start, Fault> {
    let begins = |signature: &[u8]| {
        let common = bytes.len().min(signature.len());
        bytes[..common] == signature[..common]
    };
    if begins(v2::SIGNATURE) {
        v2::parse(bytes)
    } else if begins(v1::SIGNATURE) {
        v1::parse(bytes)
    } else {
        Ok(Start::Other)
    }
}

/// A client's address, as everything behind compares it.
fn client(ip: std::net::IpAddr, port: u16) -> Client {
    Client::At(SocketAddr::new(ip.to_canonical(), port))
}

#[cfg(test)]
mod tests;
