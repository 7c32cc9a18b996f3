//! Responses: RFC 9113 §8.3.2 and §8.6.

use super::Text;
use crate::http1::{
    FieldKind, Framing, FramingError, Limits, Method, RequestContext, ResponseError, ResponseHead, SyntaxError, Upgrade,
};
use crate::http2::head::{ResponseFault, ResponseReader};
use crate::http2::hpack::FieldSink;

const GET: RequestContext = RequestContext { method: Method::Get, upgrade: None };
const HEAD: RequestContext = RequestContext { method: Method::Head, upgrade: None };

fn read_of(fields: &[Text], is_end: bool, request: RequestContext) -> Result<(Vec<u8>, ResponseHead), ResponseFault> {
    let (mut bytes, mut head) = (b"what was there".to_vec(), ResponseHead::new());
    let mut reader = ResponseReader::new(&mut bytes, &mut head, &Limits::RESPONSE);
    fields.iter().for_each(|(name, value)| reader.field(name.as_bytes(), value.as_bytes()));
    reader.finish(is_end, request).map(|()| (bytes, head))
}

fn read(fields: &[Text], is_end: bool) -> Result<(Vec<u8>, ResponseHead), ResponseFault> {
    read_of(fields, is_end, GET)
}

#[track_caller]
fn assert_malformed(fields: &[Text], is_end: bool) {
    assert!(matches!(read(fields, is_end), Err(ResponseFault::Malformed(_))), "{fields:?}");
}

#[test]
fn a_response_is_read_into_the_exchanges_form() {
    let fields = [(":status", "404"), ("x", "1"), ("set-cookie", "a"), ("set-cookie", "b"), ("content-length", "3")];
    let (bytes, head) = read(&fields, false).unwrap();
    assert_eq!((head.status, head.reason.of(&bytes)), (404, &b"Not Found"[..]));
    assert_eq!((head.framing, head.content_length), (Framing::Length(3), Some(3)));
    assert!(head.keep_alive && head.upgrade.is_none() && head.len == bytes.len());
    let lines: Vec<u8> = head.fields.iter().flat_map(|field| field.line.of(&bytes).to_vec()).collect();
    assert_eq!(lines, b"x: 1\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 3\r\n");
    assert_eq!(&bytes[head.fields[0].line.start()..], lines);
    assert_eq!(head.field(FieldKind::ContentLength).map(|field| field.value.of(&bytes)), Some(&b"3"[..]));
}

#[test]
fn rfc_9113_8_3_2_one_status_of_three_digits_comes_first_and_alone() {
    let ok = (":status", "200");
    for fields in [
        &[][..],
        &[("x", "1")],
        &[ok, ok],
        &[("x", "1"), ok],
        &[ok, (":path", "/")],
        &[ok, (":method", "GET")],
        &[(":Status", "200")],
        &[(":", "200")],
    ] {
        assert_malformed(fields, false);
    }
    for status in ["", "20", "2000", "+20", "2 0", "abc", " 200", "200 OK", "0x1", "\u{e9}"] {
        assert_malformed(&[(":status", status)], false);
    }
    for status in ["000", "099", "600", "999"] {
        assert_eq!(read(&[(":status", status)], true).err(), Some(ResponseError::Status.into()), "{status}");
    }
    for status in ["100", "103", "200", "299", "599"] {
        assert!(read(&[(":status", status)], false).is_ok(), "{status}");
    }
}

#[test]
fn rfc_9113_8_6_protocols_are_not_switched() {
    let asked = RequestContext { method: Method::Get, upgrade: Some(Upgrade::WebSocket) };
    for (is_end, request) in [(true, GET), (false, GET), (false, asked)] {
        let fields = [(":status", "101"), ("x", "1")];
        assert!(matches!(read_of(&fields, is_end, request), Err(ResponseFault::Malformed(_))));
    }
}

#[test]
fn rfc_9113_8_1_an_interim_response_is_not_the_end() {
    for status in ["100", "102", "103", "199"] {
        assert_malformed(&[(":status", status)], true);
        let (_, head) = read(&[(":status", status), ("link", "</a>")], false).unwrap();
        assert_eq!((head.is_interim(), head.framing), (true, Framing::None));
    }
}

#[test]
fn rfc_9113_8_2_fields_are_checked_as_those_of_requests() {
    for field in [
        ("X", "1"),
        ("", "1"),
        ("x y", "1"),
        ("x:y", "1"),
        ("x", "1\r\n2"),
        ("x", "\0"),
        ("x", "a\r"),
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
    ] {
        assert_malformed(&[(":status", "200"), field], false);
    }
}

#[test]
fn whitespace_around_values_is_left_out_as_in_http_1() {
    let (bytes, head) = read(&[(":status", "200"), ("x", " \ta b\t")], false).unwrap();
    assert_eq!(head.fields[0].value.of(&bytes), b"a b");
    assert_eq!(head.fields[0].line.of(&bytes), b"x: a b\r\n");
}

#[test]
fn the_end_of_a_body_is_certain() {
    let length = |value| [(":status", "200"), ("content-length", value)];
    for value in ["", "-1", "1, 1", "1e3"] {
        assert_eq!(read(&length(value), false).err(), Some(ResponseFault::Refused(FramingError::Length.into())));
    }
    let twice = [(":status", "200"), ("content-length", "3"), ("content-length", "3")];
    assert_eq!(read(&twice, false).err(), Some(ResponseFault::Refused(FramingError::LengthRepeated.into())));
    assert_malformed(&length("3"), true);
    assert_eq!(read(&length("0"), true).unwrap().1.framing, Framing::Length(0));
    assert_eq!(read(&[(":status", "200")], false).unwrap().1.framing, Framing::UntilClose);
    // No body, whatever Content-Length says.
    let (_, head) = read_of(&length("3"), true, HEAD).unwrap();
    assert_eq!((head.framing, head.content_length), (Framing::None, Some(3)));
    let (_, head) = read(&[(":status", "304"), ("content-length", "3")], true).unwrap();
    assert_eq!((head.framing, head.content_length, head.keep_alive), (Framing::None, Some(3), true));
    assert_eq!(read(&[(":status", "204")], true).unwrap().1.framing, Framing::None);
}

#[test]
fn c04_a_response_has_bounds() {
    let mut fields = vec![("a", ""); 129];
    fields[0] = (":status", "200");
    assert!(read(&fields, true).is_ok());
    fields.push(("a", ""));
    assert_eq!(read(&fields, true).err(), Some(ResponseFault::Refused(SyntaxError::TooManyFields.into())));
    let (mut bytes, mut head) = (Vec::new(), ResponseHead::new());
    let large = "v".repeat(40_000);
    let mut reader = ResponseReader::new(&mut bytes, &mut head, &Limits::RESPONSE);
    reader.field(b":status", b"200");
    reader.field(b"x", large.as_bytes());
    reader.field(b"y", large.as_bytes());
    assert_eq!(reader.finish(true, GET), Err(ResponseFault::Refused(SyntaxError::TooLarge.into())));
    assert!(bytes.len() < 40_100);
}
