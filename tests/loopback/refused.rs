//! Requests that must not reach a pod, nor let anything behind them reach one.

use crate::support::{End, Manifests, Pod, Tidegate, get};

/// Behind every refused request: if a pod sees it, the refusal was not the end.
const POISON: &[u8] = b"GET /poison HTTP/1.1\r\nHost: a\r\n\r\n";

struct Court {
    pod: Pod,
    server: Tidegate,
}

impl Court {
    fn new() -> Self {
        let pod = Pod::named("web");
        let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
        Self { pod, server }
    }

    /// The request is answered with this status, then the connection closes, and what was behind it is not answered.
    #[track_caller]
    fn refuses(&self, request: impl AsRef<[u8]>, status: u16) {
        let request = request.as_ref();
        let shown = String::from_utf8_lossy(request);
        let mut client = self.server.connect();
        client.send([request, POISON].concat());
        let answer = client.answer();
        assert_eq!(answer.status(), status, "{shown:?}: {}", answer.text());
        assert_eq!(answer.field("connection"), Some("close"), "{shown:?}");
        let (rest, end) = client.rest();
        assert!(rest.is_empty() && end == End::Fin, "{shown:?}: {end:?} {:?}", String::from_utf8_lossy(&rest));
    }

    /// A POST with these lines behind Host.
    #[track_caller]
    fn refuses_lines(&self, lines: impl AsRef<[u8]>, status: u16) {
        let request = [b"POST /in HTTP/1.1\r\nHost: a\r\n".as_slice(), lines.as_ref(), b"\r\n"].concat();
        self.refuses(request, status);
    }
}

impl Drop for Court {
    /// The poison check: the pod has seen nothing so far, and a clean request arrives clean.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_eq!(String::from_utf8_lossy(&self.pod.received_in_all()), "");
        assert_eq!(self.server.ask(get("a", "/clean")).text(), "web");
        assert_eq!(self.pod.only_request().target(), "/clean");
    }
}

#[test]
fn b01_length_and_coding_together_are_refused() {
    let court = Court::new();
    for version in ["1.1", "1.0"] {
        for lines in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\nX: y\r\ncontent-length: 0\r\n",
            "Content-Length: 40\r\ntransfer-encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        ] {
            let request = format!("POST / HTTP/{version}\r\nHost: a\r\n{lines}\r\n0\r\n\r\n");
            court.refuses(request, 400);
        }
    }
}

#[test]
fn b02_obfuscated_codings_are_refused() {
    let court = Court::new();
    for value in [
        ",chunked",
        "chunked,",
        "chunked, chunked",
        "chunked, identity",
        "gzip,,chunked",
        "chunked;q=1",
        "\"chunked\"",
        "chun ked",
        "chunked/1",
        "",
        "\u{a0}chunked",
        "\x0bchunked",
        "\x0cchunked",
        "chunked\x0b",
        "chunked\0",
        "chunked\x7f",
        "chunked\r",
        "\r\n chunked",
        "\n chunked",
        "chunked\r\n\t",
    ] {
        court.refuses_lines(format!("Transfer-Encoding: {value}\r\n"), 400);
    }
    for value in ["gzip", "identity", "gzip, chunked", "xchunked", "cow"] {
        court.refuses_lines(format!("Transfer-Encoding: {value}\r\n"), 501);
    }
    for lines in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nX: y\r\ntransfer-encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        "Transfer-Encoding\0: chunked\r\n",
    ] {
        court.refuses_lines(lines, 400);
    }
    court.refuses_lines([b"Transfer-Encoding: \xa0chunked\r\n".as_slice()].concat(), 400);
}

#[test]
fn b03_lengths_that_are_no_plain_numbers_are_refused() {
    let court = Court::new();
    for value in [
        "",
        " ",
        "+5",
        "-5",
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
        "\x0b5",
        "5\0",
        "5\r",
        "\r\n 5",
        "9007199254740993",
        "18446744073709551616",
        "18446744073709551621",
    ] {
        court.refuses_lines(format!("Content-Length: {value}\r\n"), 400);
    }
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\ncontent-length:\r\n",
        "Content-Length : 5\r\n",
        "\tContent-Length: 5\r\n",
    ] {
        court.refuses_lines(lines, 400);
    }
}

#[test]
fn b04_bad_chunks_are_refused_and_what_the_pod_got_never_ends_normally() {
    let pod = Pod::scripted(|mut connection| {
        // It reads what it gets and answers nothing.
        let _ = connection.rest();
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let variants = [
        "\r\n",
        "\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "-1\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\rabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabc\r\n\r\n0\r\n\r\n",
        "g\r\n",
        "3;\r\nabc\r\n0\r\n\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "3;a\rb\r\nabc\r\n0\r\n\r\n",
        "3;a\0b\r\nabc\r\n0\r\n\r\n",
        "3\t\r\nabc\r\n",
        ";a\r\nabc\r\n",
        "3\u{a0}\r\nabc\r\n",
        "3_0\r\n",
        "20000000000001\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000003\r\n",
        "00000000000000003\r\nabc\r\n",
        "3\r\nabc\r\n0\n\r\n",
        "3\r\nabc\r\n0\r\n\n",
        "3\r\nabc\r\n0\r\nno colon\r\n\r\n",
        "3\r\nabc\r\n0\r\n: x\r\n\r\n",
        "3\r\nabc\r\n0\r\nA : x\r\n\r\n",
        "3\r\nabc\r\n0\r\nA: x\n\r\n",
        "3\r\nabc\r\n0\r\nA: x\r\n y\r\n\r\n",
        "3\r\nabc\r\n0\r\nA: x\0\r\n\r\n",
        "3\r\nabc\r\n0 \r\n\r\n",
        "3\r\nabc\r\n0;\r\n\r\n",
    ];
    for (index, body) in variants.iter().enumerate() {
        let mut client = server.connect();
        let head = format!("POST /{index} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send([head.as_bytes(), body.as_bytes(), POISON].concat());
        let answer = client.answer();
        assert_eq!(answer.status(), 400, "{body:?}: {}", answer.text());
        client.expect_end();
    }
    let seen = String::from_utf8(pod.received_in_all()).unwrap();
    assert!(!seen.contains("\r\n0\r\n") && !seen.contains("poison"), "{seen}");
}

#[test]
fn b04_extensions_and_trailers_have_bounds() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(257));
    let many = format!("1;{}\r\nx\r\n", "e".repeat(250)).repeat(70) + "0\r\n\r\n";
    let trailer = format!("0\r\nX: {}\r\n\r\n", "t".repeat(9000));
    let trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(33));
    for body in [long, many, trailer, trailers] {
        let mut client = server.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
        let status = client.answer().status();
        assert!(matches!(status, 400 | 431), "{status}: {}", body.len());
        client.expect_end();
    }
    assert!(!String::from_utf8(pod.received_in_all()).unwrap().contains("\r\n0\r\n"));
}

#[test]
fn b05_what_is_pipelined_behind_a_refused_upgrade_is_not_forwarded() {
    // The pod answers 200 and not 101, as any that knows no WebSocket.
    let pod = Pod::named("web");
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    let upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.send([upgrade.as_bytes(), POISON].concat());
    let answer = client.answer();
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("close")));
    client.expect_end();
    assert_eq!(pod.only_request().target(), "/chat");
}

#[test]
fn b06_http_1_0_with_a_coding_is_refused() {
    let court = Court::new();
    for connection in ["", "Connection: keep-alive\r\n"] {
        for coding in ["chunked", "identity", "gzip"] {
            let lines = format!("Host: a\r\n{connection}Transfer-Encoding: {coding}\r\n");
            court.refuses(format!("POST / HTTP/1.0\r\n{lines}\r\n0\r\n\r\n"), 400);
        }
    }
}

#[test]
fn b07_other_expectations_are_refused() {
    let court = Court::new();
    for value in ["y 100-continue", "100-continue, y", "200-ok", "", "100-continue;a=b"] {
        court.refuses_lines(format!("Content-Length: 0\r\nExpect: {value}\r\n"), 417);
    }
    court.refuses_lines("Content-Length: 0\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n", 417);
}

#[test]
fn b09_field_syntax_is_strict() {
    let court = Court::new();
    for lines in [
        "X : y\r\n",
        " X: y\r\n",
        "X\t: y\r\n",
        ": y\r\n",
        "X\r\n",
        "X y\r\n",
        "X: y\r\n folded\r\n",
        "X: y\r\n\tfolded\r\n",
        "X: a\0b\r\n",
        "X: a\rb\r\n",
        "X: a\x0bb\r\n",
        "X: a\x7fb\r\n",
        "X: a\x1bb\r\n",
        "X: a\nY: b\r\n",
        "X\0: y\r\n",
        "X(: y\r\n",
        "X): y\r\n",
        "X,: y\r\n",
        "X/: y\r\n",
        "X;: y\r\n",
        "X<: y\r\n",
        "X=: y\r\n",
        "X>: y\r\n",
        "X?: y\r\n",
        "X@: y\r\n",
        "X[: y\r\n",
        "X\\: y\r\n",
        "X]: y\r\n",
        "X{: y\r\n",
        "X}: y\r\n",
        "X\": y\r\n",
        "\u{e4}: y\r\n",
        "\r\nX: y\r\n".trim_start_matches("\r\n").trim_end_matches("\r\n"),
        "X: y\r\r\n",
        "X: y\n",
    ] {
        court.refuses_lines(lines, 400);
    }
    for start in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1.1\r\nHost: a\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n",
        "GET\r\nHost: a\r\n\r\n",
        "GET / HTTP/01.1\r\nHost: a\r\n\r\n",
        "GET / XTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1,1\r\nHost: a\r\n\r\n",
    ] {
        court.refuses(start, 400);
    }
    for version in ["2.0", "1.2", "0.9", "3.0"] {
        court.refuses(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"), 505);
    }
}

#[test]
fn b10_targets_that_are_none_are_refused() {
    let court = Court::new();
    for target in [
        "",
        "a",
        "a/b",
        "*",
        "/a#b",
        "#",
        "/a\\b",
        "\\",
        "/a b",
        "/a\tb",
        "/a\0b",
        "/a\x7fb",
        "/a\x01b",
        "/\u{e4}",
        "/a?b#c",
        "/a?b\u{e4}",
        "/a?\0",
        "http:/a",
        "http:///",
        "http://",
        "ftp://a/",
        "http://a b/",
        "http://u@a/",
        "http://u:p@a/",
        "http://a:0/",
        "http://b/",
        "http://a\\b/",
        "http://a#b",
        "mailto:a",
        "a:80",
        "://a/",
        "http//a",
    ] {
        court.refuses(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn b11_exactly_one_sound_host_is_asked_for() {
    let court = Court::new();
    for lines in [
        "",
        "Host:\r\n",
        "Host: \r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "host: a\r\nX: y\r\nHOST: a\r\n",
        "Host : a\r\n",
        " Host: a\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: a:0\r\n",
        "Host: a:99999\r\n",
        "Host: a:65536\r\n",
        "Host: a:x\r\n",
        "Host: a:-1\r\n",
        "Host: a:080\r\n",
        "Host: :80\r\n",
        "Host: u@a\r\n",
        "Host: u:p@a\r\n",
        "Host: a/b\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: a\\b\r\n",
        "Host: http://a\r\n",
        "Host: [::1\r\n",
        "Host: ::1\r\n",
        "Host: [::1]x\r\n",
        "Host: [::1]:0\r\n",
        "Host: [g]\r\n",
        "Host: [fe80::1%25eth0]\r\n",
        "Host: a..b\r\n",
        "Host: .a\r\n",
        "Host: a..\r\n",
        "Host: .\r\n",
        "Host: caf\u{e9}\r\n",
        "Host: a%00\r\n",
        "Host: a%2eb\r\n",
        "Host: *\r\n",
        "Host: a\0\r\n",
        "Host: \"a\"\r\n",
        "Host: (a)\r\n",
    ] {
        court.refuses(format!("GET / HTTP/1.1\r\n{lines}\r\n"), 400);
    }
    let long = format!("{}.example", "a".repeat(64));
    court.refuses(get(&long, "/"), 400);
    court.refuses(get(&"a.".repeat(128), "/"), 400);
    // Rule 20: the two must agree.
    court.refuses("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    court.refuses("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    court.refuses("GET http://a/ HTTP/1.1\r\n\r\n", 400);
}

#[test]
fn b12_connection_with_too_much_or_no_tokens_is_refused() {
    let court = Court::new();
    let many: Vec<_> = (0..33).map(|index| format!("x{index}")).collect();
    court.refuses_lines(format!("Connection: {}\r\n", many.join(",")), 400);
    court.refuses_lines("Connection: x\r\n".repeat(33), 400);
    court.refuses_lines("Connection: caf\u{e9}\r\n", 400);
    court.refuses_lines(b"Connection: \x80\r\n", 400);
    court.refuses_lines("Connection: close x\r\n", 400);
}

#[test]
fn b18_and_rule_70_methods_that_no_pod_may_see_are_refused() {
    let court = Court::new();
    for method in ["CONNECT", "TRACE"] {
        court.refuses(format!("{method} /x HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
    }
    court.refuses("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405);
    court.refuses("CONNECT * HTTP/1.1\r\nHost: a\r\n\r\n", 405);
    for method in ["A".repeat(33).as_str(), "G(T", "G\0T", "GET\u{e4}", "{", "\"GET\""] {
        court.refuses(format!("{method} /x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn rule_70_options_of_everything_asks_about_us_and_reaches_no_pod() {
    let court = Court::new();
    for target in ["*", "http://a"] {
        let mut client = court.server.connect();
        let answer = client.ask(format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        // RFC 9110 §9.3.7 (W2).
        assert_eq!(answer.status(), 200);
        assert!(answer.field("allow").unwrap().contains("OPTIONS"));
        assert_eq!(client.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200, "the connection goes on");
    }
    assert_eq!(court.pod.connections(), 0);
    court.refuses("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400);
}
