//! The headers that we send.

use std::net::{IpAddr, SocketAddr};

use super::v2::SIGNATURE;

/// The type of the extension that tells the server name (`PP2_TYPE_AUTHORITY`).
const AUTHORITY: u8 = 2;
/// Longest server name that is told. Bytes.
const LONGEST_NAME: usize = 255;

/// A header of version 1 for a connection of `client` to `local`.
pub fn v1(client: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let (family, client_ip, local_ip) = match (client.ip().to_canonical(), local.ip().to_canonical()) {
        (IpAddr::V4(client), IpAddr::V4(local)) => ("TCP4", client.to_string(), local.to_string()),
        (client, local) => ("TCP6", v6(client).to_string(), v6(local).to_string()),
    };
    format!("PROXY {family} {client_ip} {local_ip} {} {}\r\n", client.port(), local.port()).into_bytes()
}

/// The same of version 2, with the server name that the client has asked for within TLS, if there is one.
pub fn v2(client: SocketAddr, local: SocketAddr, server_name: Option<&str>) -> Vec<u8> {
    let (family, mut body) = match (client.ip().to_canonical(), local.ip().to_canonical()) {
        (IpAddr::V4(client), IpAddr::V4(local)) => (0x11, [client.octets(), local.octets()].concat()),
        (client, local) => (0x21, [v6(client).octets(), v6(local).octets()].concat()),
    };
    body.extend_from_slice(&client.port().to_be_bytes());
    body.extend_from_slice(&local.port().to_be_bytes());
    if let Some(name) = server_name.filter(|name| name.len() <= LONGEST_NAME) {
        // Its length fits into two bytes.
        body.extend_from_slice(&[AUTHORITY, 0, name.len() as u8]);
        body.extend_from_slice(name.as_bytes());
    }
    let mut header = SIGNATURE.to_vec();
    header.extend_from_slice(&[0x21, family]);
    // At most 36 bytes of addresses and 258 of a name.
    header.extend_from_slice(&(body.len() as u16).to_be_bytes());
    header.extend_from_slice(&body);
    header
}

fn v6(ip: IpAddr) -> std::net::Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Client, Header, Start, Version, parse};
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (client, local) in [
            ("192.0.2.1:56324", "198.51.100.1:443"),
            ("[2001:db8::1]:1", "[2001:db8::2]:65535"),
            ("[::ffff:192.0.2.1]:5", "198.51.100.1:443"),
            ("192.0.2.1:5", "[2001:db8::2]:443"),
        ] {
            let (client, local): (SocketAddr, SocketAddr) = (client.parse().unwrap(), local.parse().unwrap());
            let long = "x".repeat(255);
            for (bytes, version) in [
                (v1(client, local), Version::V1),
                (v2(client, local, None), Version::V2),
                (v2(client, local, Some("a.example")), Version::V2),
                (v2(client, local, Some(&long)), Version::V2),
            ] {
                let address = SocketAddr::new(client.ip().to_canonical(), client.port());
                let header = Header { version, client: Client::At(address), len: bytes.len() };
                assert_eq!(parse(&bytes), Ok(Start::Header(header)), "{client} {local}");
            }
        }
        let line = v1("192.0.2.1:56324".parse().unwrap(), "198.51.100.1:443".parse().unwrap());
        assert_eq!(line, b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n");
    }
}
