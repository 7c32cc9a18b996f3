//! The start of a connection, where a PROXY protocol header may stand: no input panics, how it arrives changes nothing,
//! what stands behind a header changes nothing about it, and what a header says is what it says to another reader.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use tidegate::proxy_protocol::{Client, Header, MAX_HEADER, Start, Version, parse};

fuzz_target!(|input: &[u8]| {
    let whole = parse(input);
    let first = (0..=input.len()).find(|end| parse(&input[..*end]) != Ok(Start::Partial));
    match first {
        None => {
            assert_eq!(whole, Ok(Start::Partial));
            assert!(input.len() < MAX_HEADER, "so many bytes decide");
        }
        // As soon as it is decided, for every length beyond.
        Some(end) => {
            assert!((end..=input.len()).all(|end| parse(&input[..end]) == whole));
            assert!(end <= MAX_HEADER);
            if let Ok(Start::Header(header)) = whole {
                assert_eq!(header.len, end, "decided with its last byte, neither before nor after");
                meaning(&input[..end], header);
            }
        }
    }
});

fn meaning(bytes: &[u8], header: Header) {
    if let Client::At(client) = header.client {
        assert_eq!(client.ip(), client.ip().to_canonical());
    }
    let told = match header.version {
        Version::V1 => text(bytes),
        Version::V2 => binary(bytes),
    };
    assert_eq!(header.client, told.map_or(Client::Sender, Client::At));
}

fn text(line: &[u8]) -> Option<SocketAddr> {
    let line = line.strip_suffix(b"\r\n").expect("a line");
    assert!(line.len() <= 105 && !line.iter().any(u8::is_ascii_control));
    let words: Vec<_> = line.split(|byte| *byte == b' ').map(|word| String::from_utf8_lossy(word)).collect();
    assert_eq!(words[0], "PROXY");
    if words[1] == "UNKNOWN" {
        return None;
    }
    let [_, family, from, to, from_port, to_port] = &words[..] else { panic!("{words:?}") };
    let address = |word: &str| word.parse::<IpAddr>().unwrap();
    assert_eq!(address(from).is_ipv4(), family == "TCP4");
    assert_eq!(address(to).is_ipv4(), family == "TCP4");
    let port = |word: &str| word.parse::<u16>().unwrap();
    assert_eq!(port(from_port).to_string(), *from_port);
    assert_eq!(port(to_port).to_string(), *to_port);
    Some(SocketAddr::new(address(from).to_canonical(), port(from_port)))
}

fn binary(bytes: &[u8]) -> Option<SocketAddr> {
    assert_eq!(usize::from(bytes[14]) * 256 + usize::from(bytes[15]) + 16, bytes.len());
    if bytes[12] == 0x20 {
        return None;
    }
    assert_eq!(bytes[12], 0x21);
    let port = |at: usize| u16::from(bytes[at]) << 8 | u16::from(bytes[at + 1]);
    match bytes[13] {
        0x11 => Some((<[u8; 4]>::try_from(&bytes[16..20]).unwrap(), port(24)).into()),
        0x21 => {
            let ip = IpAddr::from(<[u8; 16]>::try_from(&bytes[16..32]).unwrap());
            Some((ip.to_canonical(), port(48)).into())
        }
        0x00 | 0x31 => None,
        family => panic!("{family:#x}"),
    }
}
