use super::super::*;
use super::{response, show, text};

const GET: RequestContext = RequestContext { method: Method::Get, upgrade: None };
const HEAD: RequestContext = RequestContext { method: Method::Head, upgrade: None };
const SWITCH: RequestContext = RequestContext { method: Method::Get, upgrade: Some(Upgrade::WebSocket) };

#[test]
fn a_response_is_taken_apart() {
    let buf = "HTTP/1.1 404 Not Found\r\nServer: x\r\nContent-Length: 2\r\n\r\nno";
    let head = response(buf, GET).unwrap();
    assert_eq!((head.status, text(head.reason, buf)), (404, "Not Found".to_owned()));
    assert_eq!((head.framing, head.content_length, head.keep_alive), (Framing::Length(2), Some(2), true));
    assert_eq!((head.len, head.fields.len()), (buf.len() - 2, 2));
    assert_eq!(text(head.fields[0].line, buf), "Server: x\\r\\n");
    for (line, reason) in [
        ("HTTP/1.1 200", ""),
        ("HTTP/1.1 200 ", ""),
        ("HTTP/1.1 200  ", " "),
        ("HTTP/1.1 200 \u{e4}", "\\xc3\\xa4"),
        ("HTTP/1.1 200 a\tb", "a\\tb"),
    ] {
        let buf = format!("{line}\r\n\r\n");
        assert_eq!(text(response(&buf, GET).unwrap().reason, &buf), reason, "{line:?}");
    }
}

#[test]
fn b20_bodies_end_where_rfc_9112_6_3_says() {
    use Framing::{Chunked, Length, None, UntilClose};
    let plain = "";
    let length = "Content-Length: 7\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (context, status, lines, framing, keep_alive) in [
        (GET, 200, plain, UntilClose, false),
        (GET, 200, length, Length(7), true),
        (GET, 200, "Content-Length: 0\r\n", Length(0), true),
        (GET, 200, chunked, Chunked, true),
        (GET, 500, plain, UntilClose, false),
        (HEAD, 200, plain, None, true),
        (HEAD, 200, length, None, true),
        (HEAD, 200, chunked, None, true),
        (GET, 304, plain, None, true),
        (GET, 304, length, None, true),
        (GET, 204, plain, None, true),
        (GET, 204, "Content-Length: 0\r\n", None, true),
        (GET, 204, length, None, false),
        (GET, 204, chunked, None, false),
        (GET, 100, plain, None, true),
        (GET, 103, plain, None, true),
        (GET, 103, length, None, false),
        (SWITCH, 200, length, Length(7), true),
    ] {
        let head = response(format!("HTTP/1.1 {status} X\r\n{lines}\r\n"), context).unwrap();
        assert_eq!((head.framing, head.keep_alive), (framing, keep_alive), "{context:?} {status} {lines:?}");
        assert_eq!(head.content_length.is_some(), lines.starts_with("Content"), "{status} {lines:?}");
        assert_eq!(head.is_interim(), status < 200);
    }
}

#[test]
fn b20_connections_stay_open_only_when_both_version_and_options_say_so() {
    for (version, line, keep_alive) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Close, x\r\n", false),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: a b\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let head = response(format!("HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{line}\r\n"), GET).unwrap();
        assert_eq!(head.keep_alive, keep_alive, "{version} {line:?}");
    }
}

#[test]
fn b20_malformed_responses_are_refused() {
    for lines in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length:\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length: 9007199254740993\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: \u{a0}chunked\r\n",
        "Transfer-Encoding:\r\n",
        ": x\r\n",
        "X : y\r\n",
        " X: y\r\n",
        "X: y\r\n z\r\n",
        "X: a\0b\r\n",
        "X: a\x7f\r\n",
        "X: a\rb\r\n",
        "X: a\n",
        "X: a\nY: b\r\n",
        "X\r\n",
        "X\u{e4}: y\r\n",
    ] {
        for context in [GET, HEAD] {
            for status in [200, 204, 304] {
                let buf = format!("HTTP/1.1 {status} OK\r\n{lines}\r\n");
                let error = response(&buf, context).expect_err(&buf);
                assert_eq!(error.status(), 502);
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", GET).is_err());
    let members = vec!["a"; MAX_CONNECTION_TOKENS + 1].join(",");
    assert!(response(format!("HTTP/1.1 200 OK\r\nConnection: {members}\r\n\r\n"), GET).is_err());
}

#[test]
fn b20_malformed_status_lines_are_refused() {
    for line in [
        "",
        "\r\nHTTP/1.1 200 OK",
        "200 OK",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 600 OK",
        "HTTP/1.1 999 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/2.0 200 OK",
        "HTTP/2 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/0.9 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\x1bK",
        "HTTP/1.1 200 O\x7fK",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1 200 OK\r",
        "HTTP/1.1 200 OK\n",
        " HTTP/1.1 200 OK",
    ] {
        let buf = format!("{line}\r\nContent-Length: 0\r\n\r\n");
        assert!(response(&buf, GET).is_err(), "{}", show(buf.as_bytes()));
    }
}

#[test]
fn b20_protocols_switch_only_when_asked() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let head = response(switch, SWITCH).unwrap();
    assert_eq!((head.upgrade, head.framing), (Some(Upgrade::WebSocket), Framing::None));
    assert!(!head.is_interim());
    assert_eq!(response(switch, GET).unwrap_err(), ResponseError::UnaskedSwitch);
    for lines in [
        "",
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n",
        "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        "Connection: close\r\nUpgrade: websocket\r\n",
    ] {
        let buf = format!("HTTP/1.1 101 X\r\n{lines}\r\n");
        assert_eq!(response(&buf, SWITCH).unwrap_err(), ResponseError::UnaskedSwitch, "{lines:?}");
    }
    let other = RequestContext { method: Method::Post, upgrade: Some(Upgrade::Other) };
    let spdy = "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";
    let head = response(spdy, other).unwrap();
    assert_eq!((head.upgrade, head.upgrade_name(spdy.as_bytes())), (Some(Upgrade::Other), &b"SPDY/3.1"[..]));
    assert_eq!(response(spdy, SWITCH).unwrap_err(), ResponseError::UnaskedSwitch);
    assert_eq!(response(switch, other).unwrap_err(), ResponseError::UnaskedSwitch);
    let offer =
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(response(offer, SWITCH).unwrap().upgrade, None);
}

#[test]
fn b20_response_heads_are_bounded() {
    let limits = Limits { head_bytes: 100, ..Limits::RESPONSE };
    let parse = |length: usize| {
        let buf = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(length - 24));
        assert_eq!(buf.len(), length);
        ResponseHead::new().parse(buf.as_bytes(), GET, &limits)
    };
    assert_eq!(parse(100), Ok(Progress::Complete));
    assert_eq!(parse(101), Err(SyntaxError::TooLarge.into()));
    let endless = ResponseHead::new().parse("x".repeat(100).as_bytes(), GET, &limits);
    assert_eq!(endless, Err(SyntaxError::TooLarge.into()));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(MAX_FIELDS + 1));
    assert_eq!(response(many, GET).unwrap_err(), SyntaxError::TooManyFields.into());
}

#[test]
fn b12_a_backend_names_its_own_hop_by_hop_fields() {
    let buf = "HTTP/1.1 204 X\r\nConnection: X-Mine, Content-Length\r\nX-Mine: 1\r\nContent-Length: 0\r\n\r\n";
    let head = response(buf, GET).unwrap();
    let hop: Vec<_> = head.fields.iter().map(|field| field.hop).collect();
    assert_eq!(hop, [false, true, false]);
}

#[test]
fn idle_timeouts_of_backends_are_read() {
    for (value, seconds) in [
        ("timeout=5", Some(5)),
        ("timeout=5, max=100", Some(5)),
        ("max=100,Timeout = 72", Some(72)),
        ("timeout=", None),
        ("timeout", None),
        ("timeout=-1", None),
        ("timeout=99999999999", None),
        ("", None),
        ("max=3", None),
    ] {
        let buf = format!("HTTP/1.1 204 X\r\nKeep-Alive: {value}\r\n\r\n");
        assert_eq!(response(&buf, GET).unwrap().idle_timeout(buf.as_bytes()), seconds, "{value:?}");
    }
    let buf = "HTTP/1.1 204 X\r\n\r\n";
    assert_eq!(response(buf, GET).unwrap().idle_timeout(buf.as_bytes()), None);
}
