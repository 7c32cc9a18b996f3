use super::super::*;
use super::{get, post, request, show, text, verdict};

#[test]
fn b09_field_syntax_is_strict() {
    let sound = [
        "X:\r\n",
        "X: \r\n",
        "X:\t\r\n",
        "X:y\r\n",
        "X: a\tb\r\n",
        "X: \u{e4}\u{20ac}\r\n",
        "X: a:b\r\n",
        "!#$%&'*+-.^_`|~0Az: y\r\n",
        "X: \"unclosed\r\n",
        "X: ,;,\r\n",
    ];
    for line in sound {
        assert_eq!(verdict(get(line)), 0, "{line:?}");
    }
    let malformed: &[&[u8]] = &[
        b": y\r\n",
        b" : y\r\n",
        b"X : y\r\n",
        b"X\t: y\r\n",
        b" X: y\r\n",
        b"\tX: y\r\n",
        b"X\r\n",
        b"X y\r\n",
        b"X y: z\r\n",
        b"X;: z\r\n",
        b"X(: z\r\n",
        b"X): z\r\n",
        b"X<: z\r\n",
        b"X>: z\r\n",
        b"X@: z\r\n",
        b"X,: z\r\n",
        b"X/: z\r\n",
        b"X[: z\r\n",
        b"X]: z\r\n",
        b"X?: z\r\n",
        b"X=: z\r\n",
        b"X{: z\r\n",
        b"X}: z\r\n",
        b"X\\: z\r\n",
        b"\"X\": z\r\n",
        b"X\0: z\r\n",
        b"\0X: z\r\n",
        b"X\x01: z\r\n",
        b"X\x0b: z\r\n",
        b"X\x7f: z\r\n",
        b"X\x80: z\r\n",
        b"\xc3\xa4: z\r\n",
        b"X\xa0: z\r\n",
        b"X: a\0b\r\n",
        b"X: \0\r\n",
        b"X: a\x01\r\n",
        b"X: a\x08\r\n",
        b"X: a\x0bb\r\n",
        b"X: a\x0c\r\n",
        b"X: a\x1b[31m\r\n",
        b"X: a\x1f\r\n",
        b"X: a\x7f\r\n",
        b"X: a\rb\r\n",
        b"X: a\r\r\n",
        b"X: \ra\r\n",
        b"X:\r\r\n",
        b"X\r: a\r\n",
        b"X: a\n",
        b"X: a\nY: b\r\n",
        b"X:\nY: b\r\n",
        b"X\n: b\r\n",
        b"X: a\r\n b\r\n",
        b"X: a\r\n\tb\r\n",
        b"X:\r\n b\r\n",
        b"X: a\r\n \r\n",
        b"X: a\n b\r\n",
        b"X: a\r\n\n",
        b"\n",
        b"\rX: a\r\n",
        b"X: a\r\n\rY: b\r\n",
    ];
    for line in malformed {
        let buf = [b"GET / HTTP/1.1\r\nHost: a\r\n", *line, b"\r\n"].concat();
        assert_eq!(verdict(&buf), 400, "behind Host: {}", show(&buf));
        let buf = [b"GET / HTTP/1.1\r\n", *line, b"Host: a\r\n\r\n"].concat();
        assert_eq!(verdict(&buf), 400, "before Host: {}", show(&buf));
    }
}

#[test]
fn b09_line_ends_are_crlf_everywhere() {
    for buf in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\n",
        "GET / HTTP/1.1\rHost: a\r\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(verdict(buf), 400, "{buf:?}");
    }
    let head = request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(head.len, 29, "one empty line in front is tolerated (RFC 9112 section 2.2)");
}

#[test]
fn b12_connection_names_hop_by_hop_fields_but_no_protected_ones() {
    let buf = get("Connection: close, X-Mine ,x-other\r\nx-mine: 1\r\nX-MINE: 2\r\nX-Minee: 3\r\nX-Other: 4\r\n");
    let head = request(&buf).unwrap();
    let hop: Vec<_> = head.fields.iter().filter(|field| field.hop).map(|field| text(field.value, &buf)).collect();
    assert_eq!(hop, ["1", "2", "4"]);
    assert!(!head.keep_alive);
    for name in [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Anything",
        "Forwarded",
        "X-Real-IP",
        "Authorization",
        "Cookie",
        "X-Request-ID",
        "Expect",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Scheme",
    ] {
        let line = match name {
            "Host" | "Content-Length" | "Transfer-Encoding" | "Expect" => String::new(),
            name => format!("{name}: v\r\n"),
        };
        let head = request(post(&format!("Content-Length: 3\r\nConnection: {name}\r\n{line}"))).unwrap();
        assert!(head.fields.iter().all(|field| !field.hop), "{name}");
        assert_eq!(head.framing, Framing::Length(3));
    }
}

#[test]
fn b12_connection_is_bounded_and_a_list_of_tokens() {
    for value in ["", ",", "close,,", " , close ,", "a,b,c"] {
        assert_eq!(verdict(get(&format!("Connection: {value}\r\n"))), 0, "{value:?}");
    }
    for value in ["\u{80}", "close\u{ff}", "a b", "close;q=1", "\"close\"", "a=b", "close, \u{e4}"] {
        assert_eq!(verdict(get(&format!("Connection: {value}\r\n"))), 400, "{value:?}");
    }
    let line = |count: usize| format!("Connection: {}\r\n", vec!["a"; count].join(","));
    assert_eq!(verdict(get(&line(MAX_CONNECTION_TOKENS))), 0);
    assert_eq!(verdict(get(&line(MAX_CONNECTION_TOKENS + 1))), 400);
    assert_eq!(verdict(get(&format!("{}{}", line(16), line(17)))), 400);
    assert_eq!(verdict(get(&format!("Connection: {}\r\n", ",".repeat(32)))), 400);
}

#[test]
fn b14_names_are_classified_once_and_twins_are_told_apart() {
    for (name, kind) in [
        ("host", FieldKind::Host),
        ("HOST", FieldKind::Host),
        ("content-length", FieldKind::ContentLength),
        ("Transfer-Encoding", FieldKind::TransferEncoding),
        ("connection", FieldKind::Connection),
        ("Keep-Alive", FieldKind::KeepAlive),
        ("Proxy-Connection", FieldKind::ProxyConnection),
        ("te", FieldKind::Te),
        ("Trailer", FieldKind::Trailer),
        ("upgrade", FieldKind::Upgrade),
        ("http2-settings", FieldKind::Http2Settings),
        ("Expect", FieldKind::Expect),
        ("Proxy-Authorization", FieldKind::ProxyAuthorization),
        ("Proxy-Authenticate", FieldKind::ProxyAuthenticate),
        ("authorization", FieldKind::Authorization),
        ("Cookie", FieldKind::Cookie),
        ("X-Forwarded-For", FieldKind::XForwardedFor),
        ("x-forwarded-host", FieldKind::XForwardedHost),
        ("X-FORWARDED-PROTO", FieldKind::XForwardedProto),
        ("X-Forwarded-Port", FieldKind::XForwardedPort),
        ("X-Forwarded-Prefix", FieldKind::XForwardedOther),
        ("X-Forwarded-Scheme", FieldKind::XForwardedOther),
        ("X-Forwarded-", FieldKind::XForwardedOther),
        ("x-real-ip", FieldKind::XRealIp),
        ("X-Request-Id", FieldKind::XRequestId),
        ("X-Scheme", FieldKind::XScheme),
        ("Forwarded", FieldKind::Forwarded),
        ("X-Original-URL", FieldKind::XOriginal),
        ("X-Original-Forwarded-For", FieldKind::XOriginal),
        ("X-Rewrite-URL", FieldKind::XRewrite),
        ("Proxy", FieldKind::Proxy),
        ("server", FieldKind::Server),
        ("Date", FieldKind::Date),
        ("User-Agent", FieldKind::UserAgent),
        ("User_Agent", FieldKind::Other),
        ("Accept", FieldKind::Other),
        ("X", FieldKind::Other),
        ("", FieldKind::Other),
        ("Hosts", FieldKind::Other),
        ("Hoss", FieldKind::Other),
        ("X-Forwarded", FieldKind::Other),
        ("X-Real-IPs", FieldKind::Other),
        ("X-Forwarded_For", FieldKind::Twin),
        ("X_Forwarded_For", FieldKind::Twin),
        ("x_forwarded-host", FieldKind::Twin),
        ("X-Forwarded-Pre_fix", FieldKind::Twin),
        ("X_Forwarded-Prefix", FieldKind::Twin),
        ("Content_Length", FieldKind::Twin),
        ("TRANSFER_ENCODING", FieldKind::Twin),
        ("X_Real_IP", FieldKind::Twin),
        ("X-Request_ID", FieldKind::Twin),
        ("X_Original-Url", FieldKind::Twin),
        ("X_Rewrite_Url", FieldKind::Twin),
        ("Proxy_Authorization", FieldKind::Twin),
        ("Keep_Alive", FieldKind::Twin),
        ("HTTP2_Settings", FieldKind::Twin),
    ] {
        assert_eq!(FieldKind::of(name.as_bytes()), kind, "{name}");
    }
}

#[test]
fn b15_trailers_are_accepted_only_with_te_trailers() {
    for (line, accepts) in [
        ("TE: trailers\r\n", true),
        ("te: Trailers\r\n", true),
        ("TE: gzip;q=0.5, trailers\r\n", true),
        ("TE: gzip\r\nTE: trailers\r\n", true),
        ("TE: gzip\r\n", false),
        ("TE: trailers;q=1\r\n", false),
        ("Trailer: x\r\n", false),
    ] {
        assert_eq!(request(get(line)).unwrap().accepts_trailers, accepts, "{line:?}");
    }
}
