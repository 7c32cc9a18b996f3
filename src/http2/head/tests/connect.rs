//! Extended CONNECT (RFC 8441 §4 and §5): WebSocket over HTTP/2.

use super::*;
use crate::http1::{Framing, Method, RequestContext, ResponseHead, Upgrade};
use crate::http2::head::encode::{self, RequestStart};
use crate::http2::head::{ResponseFault, ResponseReader};
use crate::http2::hpack::{Decoder, Encoder};

const CONNECT: [Text; 5] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":authority", "a.test"),
    (":path", "/chat?x"),
];

#[test]
fn rfc_8441_4_an_extended_connect_is_read_as_the_get_that_it_stands_for() {
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 0, 4, 2, 3]] {
        for is_end in [false, true] {
            let more = [("sec-websocket-version", "13"), ("cookie", "a=1"), ("x", "1"), ("cookie", "b=2")];
            let fields = [&order.map(|at| CONNECT[at])[..], &more].concat();
            let (read, outcome) = read_within(&fields, is_end, &Limits::REQUEST);
            assert_eq!(outcome, Ok(()));
            let head = &read.head;
            assert_eq!(
                (head.method, head.upgrade, head.framing),
                (Method::Get, Some(Upgrade::WebSocket), Framing::None)
            );
            assert_eq!((read.text(head.method_text), read.text(head.target)), ("GET".into(), "/chat?x".into()));
            assert_eq!(read.lines(), "host: a.test|sec-websocket-version: 13|x: 1|cookie: a=1; b=2|");
            arena::check(&read.bytes, &head.fields);
        }
    }
    let without_fields = read_open(&CONNECT).unwrap();
    assert_eq!(without_fields.text(without_fields.head.method_text), "GET");
    assert_eq!(
        verdict(&CONNECT.map(|(name, value)| if name == ":protocol" { (name, "WebSocket") } else { (name, value) })),
        0
    );
}

#[test]
fn rfc_8441_4_what_is_no_extended_connect_is_malformed_and_other_protocols_are_a_501() {
    for left_out in [":method", ":scheme", ":path"] {
        let fields: Vec<Text> = CONNECT.iter().copied().filter(|(name, _)| *name != left_out).collect();
        assert_eq!(verdict(&fields), 1, "{left_out}");
    }
    let no_authority: Vec<Text> = CONNECT.iter().copied().filter(|(name, _)| *name != ":authority").collect();
    assert_eq!(verdict(&no_authority), 400);
    for (method, expected) in [("GET", 1), ("POST", 1), ("connect", 1), ("OPTIONS", 1)] {
        let fields = CONNECT.map(|(name, value)| if name == ":method" { (name, method) } else { (name, value) });
        assert_eq!(verdict(&fields), expected, "{method}");
    }
    for (protocol, expected) in
        [("", 501), ("connect-udp", 501), ("websocket, h2c", 501), (" websocket", 1), ("a\nb", 1)]
    {
        let fields = CONNECT.map(|(name, value)| if name == ":protocol" { (name, protocol) } else { (name, value) });
        assert_eq!(verdict(&fields), expected, "{protocol:?}");
    }
    let with = |more: &[Text]| [&CONNECT, more].concat();
    assert_eq!(verdict(&with(&[(":protocol", "websocket")])), 1, "repeated");
    assert_eq!(verdict(&with(&[("x", "1"), (":protocol", "websocket")])), 1, "behind a field");
    for field in [("upgrade", "websocket"), ("connection", "upgrade"), ("transfer-encoding", "chunked")] {
        assert_eq!(verdict(&with(&[field])), 1, "{field:?}");
    }
    assert_eq!(verdict(&with(&[("content-length", "0")])), 0);
    assert!(matches!(read_open(&with(&[("content-length", "5")])), Err(HeadFault::Malformed(_))));
    // `*` is no target of GET.
    let all = CONNECT.map(|(name, value)| if name == ":path" { (name, "*") } else { (name, value) });
    assert_eq!(verdict(&all), 400);
    assert_eq!(verdict(&[(":method", "CONNECT"), (":authority", "a.test:443")]), 405, "CONNECT as of old");
}

#[test]
fn rfc_8441_3_a_protocol_that_was_not_offered_is_an_unknown_pseudo_field() {
    let (mut bytes, mut head) = (Vec::new(), RequestHead::new());
    let mut reader = RequestReader::new(&mut bytes, &mut head, &Limits::REQUEST, false);
    CONNECT.iter().for_each(|(name, value)| reader.field(name.as_bytes(), value.as_bytes()));
    assert!(matches!(reader.finish(false), Err(HeadFault::Malformed(_))));
}

#[test]
fn rfc_8441_5_success_opens_the_tunnel_as_101_does_in_http_1() {
    let read = |fields: &[Text], asked_upgrade| {
        let (mut bytes, mut head) = (b"what was there".to_vec(), ResponseHead::new());
        let mut reader = ResponseReader::new(&mut bytes, &mut head, &Limits::RESPONSE);
        fields.iter().for_each(|(name, value)| reader.field(name.as_bytes(), value.as_bytes()));
        let method = if asked_upgrade { Method::Connect } else { Method::Get };
        reader
            .finish(false, RequestContext { method, upgrade: asked_upgrade.then_some(Upgrade::WebSocket) })
            .map(|()| (bytes, head))
    };
    for status in ["200", "204", "299"] {
        let (bytes, head) =
            read(&[(":status", status), ("sec-websocket-protocol", "chat"), ("content-length", "5")], true).unwrap();
        assert_eq!((head.status, head.upgrade, head.framing), (101, Some(Upgrade::WebSocket), Framing::None));
        assert_eq!((head.reason.of(&bytes), head.content_length), (&b"Switching Protocols"[..], None));
        assert!(!head.is_interim());
        assert_eq!(head.fields[0].line.of(&bytes), b"sec-websocket-protocol: chat\r\n");
    }
    for status in ["103", "302", "400", "404", "503"] {
        let (_, head) = read(&[(":status", status)], true).unwrap();
        assert_eq!((head.status.to_string().as_str(), head.upgrade), (status, None));
    }
    assert!(matches!(read(&[(":status", "101")], true), Err(ResponseFault::Malformed(_))));
    assert_eq!(read(&[(":status", "200")], false).unwrap().1.status, 200, "nobody asked");
}

#[test]
fn an_extended_connect_reads_as_it_was_written() {
    let start = RequestStart {
        method: b"CONNECT",
        scheme: b"https",
        authority: b"a.test",
        path: b"/chat?x",
        protocol: Some(b"websocket"),
    };
    let mut out = Vec::new();
    encode::request(&mut Encoder::new(), &mut out, 1, &start, false, |give| give(b"sec-websocket-version", b"13"));
    let (mut bytes, mut head) = (Vec::new(), RequestHead::new());
    let mut reader = RequestReader::new(&mut bytes, &mut head, &Limits::REQUEST, true);
    Decoder::new(4096).decode(&out[9..], &mut reader).unwrap();
    assert_eq!(reader.finish(false), Ok(()));
    assert_eq!((head.upgrade, head.target.of(&bytes)), (Some(Upgrade::WebSocket), &b"/chat?x"[..]));
}
