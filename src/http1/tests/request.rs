use super::super::*;
use super::{get, post, request, request_within, show, text, verdict};

#[test]
fn a_request_is_taken_apart() {
    let buf = "PUT /a/b?c=d?e HTTP/1.1\r\nHOST: Shop.Example.:8080\r\nAccept:*/*\r\nContent-Length: 5\r\n\r\nhello";
    let head = request(buf).unwrap();
    assert_eq!(head.method, Method::Put);
    assert_eq!(text(head.target, buf), "/a/b?c=d?e");
    assert_eq!(text(head.path, buf), "/a/b");
    assert_eq!(text(head.query.unwrap(), buf), "c=d?e");
    assert_eq!(text(head.authority, buf), "Shop.Example.:8080");
    assert_eq!(text(head.host_name.unwrap(), buf), "Shop.Example");
    assert_eq!(head.port, Some(8080));
    assert_eq!(head.version, Version::Http11);
    assert_eq!(head.framing, Framing::Length(5));
    assert!(head.keep_alive && !head.expects_continue && !head.accepts_trailers && head.upgrade.is_none());
    assert_eq!(head.len, buf.len() - 5);
    assert_eq!(head.fields.len(), 3);
    assert_eq!(text(head.fields[1].name, buf), "Accept");
    assert_eq!(text(head.fields[1].value, buf), "*/*");
    assert_eq!(text(head.fields[1].line, buf), "Accept:*/*\\r\\n");
    assert_eq!(text(head.fields[2].line, buf), "Content-Length: 5\\r\\n");
}

#[test]
fn a_warm_head_is_reused_without_traces_of_the_former_request() {
    let mut head = RequestHead::new();
    let first = "GET http://a:81/?q HTTP/1.1\r\nHost: a:81\r\nTE: trailers\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(head.parse(first.as_bytes(), &Limits::REQUEST), Ok(Progress::Complete));
    assert!(head.upgrade.is_some() && head.accepts_trailers && head.query.is_some() && !head.keep_alive);
    let capacity = head.fields.capacity();
    let second = "POST / HTTP/1.1\r\nHost: 10.0.0.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(head.parse(second.as_bytes(), &Limits::REQUEST), Ok(Progress::Complete));
    assert!(head.upgrade.is_none() && !head.accepts_trailers && head.query.is_none() && head.keep_alive);
    assert!(head.expects_continue && head.port.is_none() && head.host_name.is_none());
    assert_eq!(text(head.authority, second), "10.0.0.1");
    assert_eq!(head.fields.len(), 3);
    assert_eq!(head.fields.capacity(), capacity);
}

#[test]
fn b01_length_and_coding_never_come_together() {
    for version in ["1.1", "1.0"] {
        for lines in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nX: y\r\ntransfer-encoding:\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        ] {
            let buf = format!("POST / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
            assert_eq!(request(&buf).unwrap_err(), FramingError::LengthAndCoding.into(), "{}", show(buf.as_bytes()));
        }
    }
}

#[test]
fn b02_only_the_plain_chunked_coding_is_taken() {
    for value in ["chunked", "Chunked", "CHUNKED", " \t chunked \t"] {
        let head = request(post(&format!("Transfer-Encoding:{value}\r\n"))).unwrap();
        assert_eq!(head.framing, Framing::Chunked, "{value:?}");
    }
    // Clean lists of other codings.
    for value in [
        "gzip",
        "identity",
        "gzip, chunked",
        "deflate,gzip,chunked",
        "xchunked",
        "chunkedx",
        "chunked-",
        "'chunked",
        "cow",
    ] {
        assert_eq!(verdict(post(&format!("Transfer-Encoding: {value}\r\n"))), 501, "{value:?}");
    }
    for value in [
        "",
        ",chunked",
        "chunked,",
        ", chunked",
        "chunked, chunked",
        "chunked,chunked",
        "chunked, identity",
        "chunked, gzip",
        "gzip,,chunked",
        "chunked;q=1",
        "chunked ;",
        "chunked; ",
        "\"chunked\"",
        "chun ked",
        "chunked chunked",
        "chunked\\",
        "(chunked)",
        "[chunked]",
        "chunked=1",
        "chunked/1",
        ":chunked",
        "chunked:",
        "\u{a0}chunked",
        "chunked\u{a0}",
        "chunk\u{e9}d",
        "\x0bchunked",
        "\x0cchunked",
        "chunked\x0b",
        "chunked\x0c",
        "chunked\0",
        "chun\0ked",
        "chunked\x7f",
        "\x1fchunked",
        "chunked\r",
        "\rchunked",
        "\r\n chunked",
        "chunked\r\n ",
        "\n chunked",
    ] {
        assert_eq!(verdict(post(&format!("Transfer-Encoding: {value}\r\n"))), 400, "{value:?}");
    }
    for lines in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nX: y\r\ntransfer-encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_eq!(request(post(lines)).unwrap_err(), FramingError::CodingRepeated.into(), "{lines:?}");
    }
}

#[test]
fn b02_names_that_only_look_like_transfer_encoding_are_refused_or_mean_nothing() {
    for name in
        ["Transfer-Encoding ", "Transfer-Encoding\t", " Transfer-Encoding", "Transfer Encoding", "Transfer-Encoding\0"]
    {
        assert_eq!(verdict(post(&format!("{name}: chunked\r\n"))), 400, "{name:?}");
    }
    for name in ["Transfer_Encoding", "X-Transfer-Encoding", "Transfer-Encodin", "Transfer-Encoding-"] {
        let head = request(post(&format!("{name}: chunked\r\n"))).unwrap();
        assert_eq!(head.framing, Framing::None, "{name:?}");
    }
}

#[test]
fn b03_content_length_is_a_plain_number() {
    for (value, length) in [
        ("0", 0),
        ("5", 5),
        (" 5 ", 5),
        ("\t5\t", 5),
        ("007", 7),
        ("9007199254740992", 1 << 53),
        ("0000000000000005", 5),
    ] {
        let head = request(post(&format!("Content-Length:{value}\r\n"))).unwrap();
        assert_eq!(head.framing, Framing::Length(length), "{value:?}");
    }
    for value in [
        "",
        " ",
        "+5",
        "-5",
        "-0",
        "0x5",
        "5h",
        "5.0",
        "5,5",
        "5, 5",
        ",5",
        "5,",
        "5 5",
        "5;",
        "\"5\"",
        "5_0",
        "1e3",
        "five",
        "٥",
        "\u{a0}5",
        "5\u{a0}",
        "\x0b5",
        "5\x0c",
        "5\0",
        "\x005",
        "5\r",
        "\r\n 5",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551621",
        "00000000000000005",
        "99999999999999999999999999999999999999",
    ] {
        assert_eq!(verdict(post(&format!("Content-Length: {value}\r\n"))), 400, "{value:?}");
    }
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nX: y\r\ncontent-length: 5\r\n",
        "Content-Length:\r\nContent-Length: 5\r\n",
    ] {
        assert_eq!(request(post(lines)).unwrap_err(), FramingError::LengthRepeated.into(), "{lines:?}");
    }
    for name in ["Content-Length ", "Content-Length\t", " Content-Length", "Content-Length\x0b"] {
        assert_eq!(verdict(post(&format!("{name}: 5\r\n"))), 400, "{name:?}");
    }
}

#[test]
fn b05_upgrade_to_websocket_is_only_a_plain_get_and_to_others_whatever_names_one() {
    let upgrade = |start: &str, lines: &str| {
        let buf = format!("{start}\r\nHost: a\r\n{lines}\r\n");
        request(&buf).unwrap_or_else(|error| panic!("{buf:?}: {error}")).upgrade
    };
    for lines in [
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "connection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\n",
        "Upgrade: websocket\r\nConnection: x\r\nConnection: upgrade\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n",
    ] {
        assert_eq!(upgrade("GET / HTTP/1.1", lines), Some(Upgrade::WebSocket), "{lines:?}");
    }
    for start in ["GET / HTTP/1.1", "POST / HTTP/1.1", "x / HTTP/1.1"] {
        for lines in ["Upgrade: SPDY/3.1\r\n", "Upgrade: tcp\r\nContent-Length: 1\r\n"] {
            assert_eq!(
                upgrade(start, &format!("Connection: upgrade\r\n{lines}")),
                Some(Upgrade::Other),
                "{start} {lines:?}"
            );
        }
    }
    for (start, lines) in [
        ("GET / HTTP/1.1", "Upgrade: websocket\r\n"),
        ("GET / HTTP/1.1", "Connection: keep-alive\r\nUpgrade: websocket\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\n"),
        ("GET / HTTP/1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n"),
        ("POST / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n"),
        ("HEAD / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n"),
        ("get / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n"),
        ("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: h2c, websocket\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket/13\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket,\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade:\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: TLS/1.0\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: http/1.1\r\n"),
        ("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: a/b/c\r\n"),
        ("GET / HTTP/1.0", "Connection: upgrade\r\nUpgrade: spdy/3.1\r\n"),
        ("GET / HTTP/1.1", "Upgrade: spdy/3.1\r\n"),
    ] {
        assert_eq!(upgrade(start, lines), None, "{start} {lines:?}");
    }
    assert!(FieldKind::of(b"HTTP2-Settings").is_hop_by_hop() && FieldKind::of(b"Upgrade").is_hop_by_hop());
}

#[test]
fn b06_http_1_0_has_no_chunks_and_closes_unless_asked() {
    let head = |lines: &str| request(format!("POST / HTTP/1.0\r\n{lines}\r\n"));
    for line in ["Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: x y\r\n"] {
        assert_eq!(head(line).unwrap_err(), FramingError::CodingOnHttp10.into());
    }
    assert_eq!(head("").unwrap().framing, Framing::None);
    assert_eq!(head("Content-Length: 3\r\n").unwrap().framing, Framing::Length(3));
    assert!(!head("").unwrap().keep_alive);
    assert!(!head("Connection: close\r\n").unwrap().keep_alive);
    assert!(head("Connection: Keep-Alive\r\n").unwrap().keep_alive);
    assert!(!head("Connection: keep-alive, close\r\n").unwrap().keep_alive);
    assert!(!head("Content-Length: 3\r\nExpect: 100-continue\r\n").unwrap().expects_continue);
}

#[test]
fn b07_only_100_continue_can_be_expected() {
    assert!(request(post("Content-Length: 3\r\nExpect: 100-Continue\r\n")).unwrap().expects_continue);
    assert!(request(post("Transfer-Encoding: chunked\r\nexpect:100-continue\r\n")).unwrap().expects_continue);
    assert!(!request(post("Content-Length: 0\r\nExpect: 100-continue\r\n")).unwrap().expects_continue);
    assert!(!request(get("Expect: 100-continue\r\n")).unwrap().expects_continue);
    for lines in [
        "Expect: y 100-continue\r\n",
        "Expect: 100-continue, y\r\n",
        "Expect: 100-continue;a=b\r\n",
        "Expect: 200-ok\r\n",
        "Expect:\r\n",
        "Expect: 100-continue\r\nExpect: 100-continue\r\n",
    ] {
        assert_eq!(verdict(post(&format!("Content-Length: 3\r\n{lines}"))), 417, "{lines:?}");
    }
    // A method that usually has no body may have one; it is counted like any other.
    for method in ["GET", "HEAD", "OPTIONS", "DELETE"] {
        let head = request(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")).unwrap();
        assert_eq!(head.framing, Framing::Length(3), "{method}");
    }
}

#[test]
fn b09_request_lines_are_strict() {
    for (line, status) in [
        ("GET  / HTTP/1.1", 400),
        ("GET /  HTTP/1.1", 400),
        (" GET / HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET\t/ HTTP/1.1", 400),
        ("GET /\tHTTP/1.1", 400),
        ("GET /", 400),
        ("GET", 400),
        ("GET / ", 400),
        ("GET / HTTP/1.1 x", 400),
        ("GET /a b HTTP/1.1", 400),
        ("GET / HTTP/1", 400),
        ("GET / HTTP/1.", 400),
        ("GET / HTTP/1.10", 400),
        ("GET / HTTP/11", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTPS/1.1", 400),
        ("GET / HTTP/+1.1", 400),
        ("GET / HTTP /1.1", 400),
        ("GET / FTP/1.1", 400),
        ("GET / HTTP/1.2", 505),
        ("GET / HTTP/0.9", 505),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/3.0", 505),
        ("PRI * HTTP/2.0", 505),
    ] {
        assert_eq!(verdict(format!("{line}\r\nHost: a\r\n\r\n")), status, "{line:?}");
    }
}

#[test]
fn rule_21_b11_there_is_exactly_one_host() {
    for lines in ["", "X: y\r\n", "Hosts: a\r\n", "X-Forwarded-Host: a\r\n"] {
        let buf = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        assert_eq!(request(&buf).unwrap_err(), RequestError::HostMissing, "{lines:?}");
    }
    for version in ["1.0", "1.1"] {
        for lines in ["Host: a\r\nHost: a\r\n", "Host: a\r\nX: y\r\nhOST: b\r\n", "Host:\r\nHost: a\r\n"] {
            let buf = format!("GET / HTTP/{version}\r\n{lines}\r\n");
            assert_eq!(request(&buf).unwrap_err(), RequestError::HostRepeated, "{lines:?}");
        }
    }
    let head = request("GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(head.authority.is_empty() && head.host_name.is_none());
    assert_eq!(verdict("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400);
    assert_eq!(verdict("GET / HTTP/1.0\r\nHost:\r\n\r\n"), 400);
    assert_eq!(verdict("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), 400);
}

#[test]
fn b18_connect_and_trace_are_refused_and_odd_methods_are_bounded() {
    for (line, status) in [
        ("CONNECT a:443", 405),
        ("CONNECT /", 405),
        ("TRACE /", 405),
        ("TRACE *", 405),
        ("QUERY /", 0),
        ("get /", 0),
        ("M-SEARCH /", 0),
        ("PROPFIND /", 0),
        ("G@T /", 400),
        ("GE\u{e4} /", 400),
        ("(GET) /", 400),
        ("G\0T /", 400),
        ("\"GET\" /", 400),
    ] {
        assert_eq!(verdict(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")), status, "{line:?}");
    }
    let long = |length: usize| verdict(format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(length)));
    assert_eq!((long(MAX_METHOD_BYTES), long(MAX_METHOD_BYTES + 1)), (0, 400));
}

#[test]
fn e02_sizes_are_refused_exactly_above_the_limit() {
    let limits = Limits { head_bytes: 200, fields: 5, target_bytes: 40 };
    let status = |text: String| request_within(text, &limits).map_or_else(|error| error.status(), |_| 0);
    let padded = |length: usize| {
        let head = get("X: \r\n");
        get(&format!("X: {}\r\n", "x".repeat(length - head.len())))
    };
    assert_eq!((padded(200).len(), status(padded(200)), status(padded(201))), (200, 0, 431));
    // What follows the head does not count.
    assert_eq!(status(padded(200) + &"x".repeat(1000)), 0);
    assert_eq!((status(get(&"X: y\r\n".repeat(4))), status(get(&"X: y\r\n".repeat(5)))), (0, 431));
    let target = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length - 1));
    assert_eq!((status(target(40)), status(target(41)), status(target(150)), status(target(5000))), (0, 414, 414, 414));
    // The array bounds the fields whatever is configured.
    let wide = Limits { fields: 100_000, ..Limits::REQUEST };
    assert_eq!(request_within(get(&"X:y\r\n".repeat(MAX_FIELDS - 1)), &wide).unwrap().fields.len(), MAX_FIELDS);
    assert!(request_within(get(&"X:y\r\n".repeat(MAX_FIELDS)), &wide).is_err());
}

#[test]
fn what_cannot_become_a_request_is_refused_before_it_is_complete() {
    let early = |text: &[u8]| {
        RequestHead::new().parse(text, &Limits::REQUEST).map_or_else(
            |error| error.status(),
            |progress| {
                assert_eq!(progress, Progress::Partial);
                0
            },
        )
    };
    assert_eq!(early(b"\x16\x03\x01\x02\x00\x01\x00"), 400);
    assert_eq!(early(b"SSH-2.0-OpenSSH_9.6\r\n"), 400);
    assert_eq!(early(b"(GET"), 400);
    assert_eq!(early(b"GET / HTTP/1.1\r\nHost: a\r\nX: y\n"), 400);
    assert_eq!(early(b"GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n"), 400);
    assert_eq!(early(b"\r\n\r\n"), 400);
    assert_eq!(early(&[b'M'; 33]), 400);
    assert_eq!(early(&[b"GET /".to_vec(), vec![b'a'; 9000]].concat()), 414);
    assert_eq!(early(&[b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 32 * 1024]].concat()), 431);
    assert_eq!(early(&[b"GET / HTTP/1.1\r\n".to_vec(), b"X:y\r\n".repeat(101)].concat()), 431);
    for sound in
        [&b""[..], b"\r", b"\r\n", b"\r\nG", b"GET", b"GET /", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: a\r\n\r"]
    {
        assert_eq!(early(sound), 0, "{}", show(sound));
    }
}

#[test]
fn a_dripped_head_is_scanned_once() {
    // 32 KiB one byte at a time: quadratic work would be half a billion steps and the test would not end in time.
    let buf = get(&format!("X: {}\r\n", "x".repeat(32_000)));
    let mut head = RequestHead::new();
    for end in 0..buf.len() {
        assert_eq!(head.parse(&buf.as_bytes()[..end], &Limits::REQUEST), Ok(Progress::Partial));
    }
    assert_eq!(head.parse(buf.as_bytes(), &Limits::REQUEST), Ok(Progress::Complete));
}

#[test]
fn every_refusal_has_a_status_and_a_text() {
    let errors: [RequestError; 10] = [
        SyntaxError::TooLarge.into(),
        FramingError::CodingUnsupported.into(),
        ConnectionError::TooMany.into(),
        AuthorityError::Port.into(),
        RequestError::Method,
        RequestError::MethodNotAllowed,
        RequestError::TargetTooLong,
        RequestError::Version,
        RequestError::Expectation,
        RequestError::HostDiffers,
    ];
    for error in errors {
        assert!(matches!(error.status(), 400 | 405 | 414 | 417 | 431 | 501 | 505), "{error:?}");
        assert!(error.to_string().len() > 10, "{error:?}");
    }
}
