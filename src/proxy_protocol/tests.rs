use super::checksum::crc32c;
use super::*;

fn at(text: &str) -> Client {
    Client::At(text.parse().unwrap())
}

/// Reads `bytes` whole and byte by byte, which must come to the same.
#[track_caller]
fn read(bytes: &[u8]) -> Result<Start, Fault> {
    let whole = parse(bytes);
    for end in 0..bytes.len() {
        match parse(&bytes[..end]) {
            Ok(Start::Partial) => {}
            decided => {
                assert_eq!(decided, whole, "decided after {end} bytes");
                break;
            }
        }
    }
    whole
}

/// What stands behind a header changes nothing about it.
#[track_caller]
fn header(bytes: &[u8]) -> Header {
    let Ok(Start::Header(header)) = read(bytes) else { panic!("{:?} of {bytes:?}", parse(bytes)) };
    assert_eq!(header.len, bytes.len());
    for behind in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01", b"PROXY TCP4", v2::SIGNATURE, b"\r\n", b"\0"] {
        assert_eq!(parse(&[bytes, behind].concat()), Ok(Start::Header(header)), "before {behind:?}");
    }
    header
}

#[track_caller]
fn refused(bytes: &[u8], fault: Fault) {
    assert_eq!(read(bytes), Err(fault), "{:?}", bytes.escape_ascii().to_string());
}

/// A version 2 header: version and command, family and transport, what follows.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [v2::SIGNATURE, &[command, family], &length, block].concat()
}

const V4: &[u8] = b"\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";

fn v6(source: &str, port: u16) -> Vec<u8> {
    let address = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    [&address(source)[..], &address("2001:db8::ff"), &port.to_be_bytes(), b"\x01\xbb"].concat()
}

fn extension(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

#[test]
fn a_line_tells_the_client() {
    for (line, client) in [
        ("TCP4 192.0.2.1 198.51.100.2 56324 443", at("192.0.2.1:56324")),
        ("TCP4 0.0.0.0 0.0.0.0 0 0", at("0.0.0.0:0")),
        ("TCP4 255.255.255.255 255.255.255.255 65535 65535", at("255.255.255.255:65535")),
        ("TCP4 1.2.3.4 1.2.3.4 1 1", at("1.2.3.4:1")),
        ("TCP4 10.0.0.1 10.0.0.2 10 80", at("10.0.0.1:10")),
        ("TCP6 2001:db8::1 2001:db8::2 56324 443", at("[2001:db8::1]:56324")),
        ("TCP6 :: :: 0 0", at("[::]:0")),
        ("TCP6 ::1 ::1 1 1", at("[::1]:1")),
        ("TCP6 2001:DB8::A 2001:db8::b 9 9", at("[2001:db8::a]:9")),
        ("TCP6 2001:0db8:0000:0000:0000:0000:0000:0001 ::2 9 9", at("[2001:db8::1]:9")),
        ("TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 9 9", at("192.0.2.1:9")),
        ("TCP6 ::ffff:c000:201 ::1 9 9", at("192.0.2.1:9")),
        (
            "TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
            at("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
        ),
        ("UNKNOWN", Client::Sender),
        ("UNKNOWN ", Client::Sender),
        ("UNKNOWN what ever \u{e9} 1 2", Client::Sender),
        (
            "UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
            Client::Sender,
        ),
    ] {
        let header = header(format!("PROXY {line}\r\n").as_bytes());
        assert_eq!((header.version, header.client), (Version::V1, client), "{line}");
    }
}

#[test]
fn e10_a_line_that_is_not_as_written_by_the_book_is_refused() {
    use Fault::{Address, Control, Family, Port};
    for (line, fault) in [
        ("", Family),
        (" ", Family),
        (" TCP4 1.2.3.4 1.2.3.4 1 1", Family),
        ("TCP 1.2.3.4 1.2.3.4 1 1", Family),
        ("TCP5 1.2.3.4 1.2.3.4 1 1", Family),
        ("tcp4 1.2.3.4 1.2.3.4 1 1", Family),
        ("UDP4 1.2.3.4 1.2.3.4 1 1", Family),
        ("TCP44 1.2.3.4 1.2.3.4 1 1", Family),
        ("UNKNOWNS", Family),
        ("unknown", Family),
        ("UNIX /a /b", Family),
        ("/ HTTP/1.1", Family),
        ("TCP4\t1.2.3.4 1.2.3.4 1 1", Control),
        ("TCP4 1.2.3.4 1.2.3.4 1 1\0", Control),
        ("TCP4 1.2.3.4\x7f1.2.3.4 1 1", Control),
        ("TCP4", Address),
        ("TCP4 ", Address),
        ("TCP4  1.2.3.4 1.2.3.4 1 1", Address),
        ("TCP4 1.2.3.4  1.2.3.4 1 1", Address),
        ("TCP4 1.2.3.4", Address),
        ("TCP4 1.2.3.4 ", Address),
        ("TCP4 1.2.3 1.2.3.4 1 1", Address),
        ("TCP4 1.2.3.4.5 1.2.3.4 1 1", Address),
        ("TCP4 1.2.3.256 1.2.3.4 1 1", Address),
        ("TCP4 1.2.3.04 1.2.3.4 1 1", Address),
        ("TCP4 01.2.3.4 1.2.3.4 1 1", Address),
        ("TCP4 1.2.3.4 1.2.3.04 1 1", Address),
        ("TCP4 +1.2.3.4 1.2.3.4 1 1", Address),
        ("TCP4 0x1.2.3.4 1.2.3.4 1 1", Address),
        ("TCP4 16909060 1.2.3.4 1 1", Address),
        ("TCP4 1.2.3.4:80 1.2.3.4 1 1", Address),
        ("TCP4 localhost 1.2.3.4 1 1", Address),
        ("TCP4 \u{661}.2.3.4 1.2.3.4 1 1", Address),
        ("TCP4 ::1 1.2.3.4 1 1", Address),
        ("TCP4 1.2.3.4 ::1 1 1", Address),
        ("TCP6 1.2.3.4 ::1 1 1", Address),
        ("TCP6 ::1 1.2.3.4 1 1", Address),
        ("TCP6 [::1] [::1] 1 1", Address),
        ("TCP6 ::1%eth0 ::1 1 1", Address),
        ("TCP6 ::1/64 ::1 1 1", Address),
        ("TCP6 :::1 ::1 1 1", Address),
        ("TCP6 1::2::3 ::1 1 1", Address),
        ("TCP6 00001::1 ::1 1 1", Address),
        ("TCP6 g::1 ::1 1 1", Address),
        ("TCP6 1:2:3:4:5:6:7 ::1 1 1", Address),
        ("TCP6 1:2:3:4:5:6:7:8:9 ::1 1 1", Address),
        ("TCP4 1.2.3.4 1.2.3.4", Port),
        ("TCP4 1.2.3.4 1.2.3.4 ", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1 ", Port),
        ("TCP4 1.2.3.4 1.2.3.4  1 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1  1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1 1 ", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1 1 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 65536 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1 65536", Port),
        ("TCP4 1.2.3.4 1.2.3.4 99999999999 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 01 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1 01", Port),
        ("TCP4 1.2.3.4 1.2.3.4 00 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 +1 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 -1 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 0x1 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1a 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 a 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 1.0 1", Port),
        ("TCP4 1.2.3.4 1.2.3.4 \u{661} 1", Port),
    ] {
        refused(format!("PROXY {line}\r\n").as_bytes(), fault);
    }
    refused(b"PROXY TCP4 \xff\xfe 1.2.3.4 1 1\r\n", Address);
}

#[test]
fn e10_a_line_ends_with_crlf() {
    let line = "PROXY TCP4 1.2.3.4 1.2.3.4 1 1";
    for end in ["\n", "\r\r\n", "\r ", "\r\0", "\n\r", "\x0b", "\rG", "\0\r\n", "\r\t\n"] {
        refused(format!("{line}{end}").as_bytes(), Fault::Control);
    }
    for partial in [line.to_owned(), format!("{line}\r")] {
        assert_eq!(read(partial.as_bytes()), Ok(Start::Partial));
    }
}

#[test]
fn e10_a_line_has_at_most_107_bytes() {
    let unknown = |bytes: usize| {
        let line = format!("PROXY UNKNOWN {}\r\n", "x".repeat(bytes - 16));
        assert_eq!(line.len(), bytes);
        line
    };
    for fits in [16, 106, 107] {
        assert_eq!(header(unknown(fits).as_bytes()).client, Client::Sender);
    }
    for too_long in [108, 109, 1000, 10_000] {
        refused(unknown(too_long).as_bytes(), Fault::Line);
    }
    let endless = format!("PROXY TCP4 {}", "1".repeat(200));
    assert_eq!(parse(&endless.as_bytes()[..106]), Ok(Start::Partial));
    assert_eq!(parse(&endless.as_bytes()[..107]), Err(Fault::Line), "it cannot end in time any more");
}

#[test]
fn what_begins_neither_way_is_no_header() {
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"POST /",
        b"PUT /",
        b"PROPFIND / HTTP/1.1",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY\tTCP4",
        b"PROXY\r\n",
        b"PROXYTCP4",
        b"Proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
        b"proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
        b" PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
        b"\x16\x03\x01\x02\x00",
        b"\x15\x03\x01",
        b"\0",
        b"\n",
        b"\r\nGET / HTTP/1.1\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\n",
        b"\r\n\r\n\0\r\nQUIT\r",
        b"\r\n\r\n\0\r\nQuit\n",
        b"\r\n\r\n\0\n",
        b"\xff",
    ] {
        assert_eq!(read(other), Ok(Start::Other), "{:?}", other.escape_ascii().to_string());
    }
    for open in [&b""[..], b"P", b"PR", b"PROXY", b"PROXY ", b"\r", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\0\r\nQUIT"] {
        assert_eq!(read(open), Ok(Start::Partial), "{:?}", open.escape_ascii().to_string());
    }
    for end in 0..16 {
        assert_eq!(read(&binary(0x21, 0x11, V4)[..end]), Ok(Start::Partial));
    }
}

#[test]
fn a_binary_header_tells_the_client() {
    let sender = Client::Sender;
    let client = at("192.0.2.1:56324");
    let tlv = extension(4, b"padding");
    for (what, bytes, expected) in [
        ("IPv4", binary(0x21, 0x11, V4), client),
        ("IPv4 with an extension", binary(0x21, 0x11, &[V4, &tlv].concat()), client),
        ("IPv6", binary(0x21, 0x21, &v6("2001:db8::1", 7)), at("[2001:db8::1]:7")),
        ("IPv6 with an extension", binary(0x21, 0x21, &[v6("::1", 0), tlv.clone()].concat()), at("[::1]:0")),
        ("IPv4 in IPv6", binary(0x21, 0x21, &v6("::ffff:192.0.2.1", 9)), at("192.0.2.1:9")),
        ("LOCAL", binary(0x20, 0x00, b""), sender),
        ("LOCAL with addresses", binary(0x20, 0x11, V4), sender),
        ("LOCAL with too few of them", binary(0x20, 0x21, V4), sender),
        ("LOCAL of any family", binary(0x20, 0xff, b"whatever"), sender),
        ("LOCAL with extensions", binary(0x20, 0x00, &tlv), sender),
        ("unspecified", binary(0x21, 0x00, b""), sender),
        ("unspecified with something", binary(0x21, 0x00, b"whatever"), sender),
        ("UNIX", binary(0x21, 0x31, &[b'/'; 216]), sender),
        ("UNIX with an extension", binary(0x21, 0x31, &[&[b'/'; 216], &tlv[..]].concat()), sender),
    ] {
        let header = header(&bytes);
        assert_eq!((header.version, header.client), (Version::V2, expected), "{what}");
    }
    // As an AWS NLB writes it: the endpoint's id, padding, no checksum.
    let vpce = extension(0xea, b"\x01vpce-08d2bf15fac5001c9");
    let nlb = binary(0x21, 0x11, &[V4, &vpce, &extension(4, &[0; 40])].concat());
    assert_eq!(header(&nlb).client, client);
}

#[test]
fn e10_versions_commands_and_families_that_do_not_exist_are_refused() {
    for version_and_command in 0..=255 {
        let outcome = read(&binary(version_and_command, 0x11, V4)).map(drop);
        let expected = match version_and_command {
            0x20 | 0x21 => Ok(()),
            0x22..=0x2f => Err(Fault::Command),
            _ => Err(Fault::Version),
        };
        assert_eq!(outcome, expected, "{version_and_command:#x}");
    }
    for family in 0..=255 {
        let outcome = read(&binary(0x21, family, &[0; 216])).map(drop);
        let expected = match family {
            // Of three zeros each, these are well-formed extensions.
            0x00 | 0x11 | 0x21 | 0x31 => Ok(()),
            _ => Err(Fault::Family),
        };
        assert_eq!(outcome, expected, "{family:#x}");
    }
    assert_eq!(parse(&binary(0x11, 0x11, V4)[..13]), Ok(Start::Partial), "judged when the fixed part is there");
    refused(&[v2::SIGNATURE, b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n"].concat(), Fault::Version);
}

#[test]
fn e10_a_length_below_the_addresses_or_above_the_limit_is_refused_before_it_is_read() {
    for (family, least) in [(0x11, 12), (0x21, 36), (0x31, 216)] {
        for length in [0, 1, least - 1] {
            refused(&binary(0x21, family, &vec![0; length]), Fault::Length);
        }
        assert!(matches!(read(&binary(0x21, family, &vec![0; least])), Ok(Start::Header(_))));
    }
    for command in [0x20, 0x21] {
        for length in [MAX_V2_LENGTH + 1, 0x8000, 0xffff] {
            let fixed = &binary(command, 0x00, &vec![0; length])[..16];
            assert_eq!(parse(fixed), Err(Fault::Length), "{length}");
        }
        let longest = binary(command, 0x00, &vec![0; MAX_V2_LENGTH]);
        assert_eq!((longest.len(), header(&longest).len), (MAX_HEADER, MAX_HEADER));
    }
    let full = extension(4, &vec![0; MAX_V2_LENGTH - V4.len() - 3]);
    assert_eq!(header(&binary(0x21, 0x11, &[V4, &full].concat())).len, MAX_HEADER);
}

#[test]
fn e10_extensions_fill_the_header_and_spill_nowhere() {
    let good = extension(4, b"abc");
    for (what, extensions) in [
        ("a type alone", &b"\x04"[..]),
        ("half a length", b"\x04\x00"),
        ("one byte too few", b"\x04\x00\x02a"),
        ("a length into the connection", b"\x04\x00\x10abc"),
        ("the greatest length", b"\x04\xff\xffabc"),
        ("a byte too much", &[&good[..], b"\x04"].concat()),
        ("two bytes too much", &[&good[..], b"\x04\x00"].concat()),
        ("a short checksum", &extension(3, b"abc")),
        ("a long checksum", &extension(3, b"abcde")),
        ("no checksum", &extension(3, b"")),
        ("two checksums", &[checked(b""), extension(3, b"abcd")].concat()),
    ] {
        for (family, addresses) in [(0x11, V4.to_vec()), (0x21, v6("::1", 1)), (0x31, vec![0; 216])] {
            let bytes = binary(0x21, family, &[&addresses, extensions].concat());
            assert_eq!(read(&bytes), Err(Fault::Extension), "{what}");
        }
    }
    for kind in [0, 1, 2, 4, 5, 0x20, 0x30, 0xe0, 0xea, 0xff] {
        for value in [&b""[..], b"x", b"GET / HTTP/1.1\r\n\r\n"] {
            header(&binary(0x21, 0x11, &[V4, &extension(kind, value), &good].concat()));
        }
    }
}

/// An extension with the checksum of an IPv4 header that has it and `more` behind it.
fn checked(more: &[u8]) -> Vec<u8> {
    let without = binary(0x21, 0x11, &[V4, &extension(3, &[0; 4]), more].concat());
    extension(3, &crc32c([&without]).to_be_bytes())
}

#[test]
fn e10_a_checksum_is_checked_where_there_is_one() {
    let more = extension(4, b"padding");
    for more in [&b""[..], &more] {
        let good = binary(0x21, 0x11, &[V4, &checked(more), more].concat());
        assert_eq!(header(&good).client, at("192.0.2.1:56324"));
        // Any bit: of what it protects, and of its own.
        for index in (FIXED_PART..good.len()).filter(|index| !(28..31).contains(index)) {
            let mut bad = good.clone();
            bad[index] ^= 1;
            assert!(matches!(read(&bad), Err(Fault::Checksum | Fault::Extension)), "byte {index}");
        }
    }
    // The sender's own connections are taken as they come.
    header(&binary(0x20, 0x11, &[V4, &extension(3, b"abcd")].concat()));
}

const FIXED_PART: usize = v2::FIXED;
