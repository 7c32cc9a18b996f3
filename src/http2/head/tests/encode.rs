//! Frames of heads and trailers.

use super::*;
use crate::http2::frame::{FrameHeader, HEADER, MAX_PAYLOAD, flag, kind};
use crate::http2::head::encode::{self, Give, RequestStart};
use crate::http2::hpack::{Decoder, Encoder};

struct Lines(String);

impl FieldSink for Lines {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.0 += &format!("{}={}|", name.escape_ascii(), value.escape_ascii());
    }
}

/// The frames in `out`, whose block is decoded: flags of all of them, and the fields.
fn decode(out: &[u8], stream: u32) -> (Vec<(u8, u8)>, String) {
    let (mut rest, mut block, mut frames) = (out, Vec::new(), Vec::new());
    while let Some((header, behind)) = rest.split_first_chunk::<HEADER>() {
        let header = FrameHeader::parse(header);
        assert_eq!(header.stream, stream);
        assert!(header.length as usize <= MAX_PAYLOAD);
        let (payload, behind) = behind.split_at(header.length as usize);
        block.extend_from_slice(payload);
        frames.push((header.kind, header.flags));
        rest = behind;
    }
    assert!(rest.is_empty());
    let mut lines = Lines(String::new());
    Decoder::new(4096).decode(&block, &mut lines).unwrap();
    (frames, lines.0)
}

/// What of a connection must not leave, and what looks like it.
fn give(pass: &mut Give<'_>) {
    for (name, value) in [
        ("X-One", "1"),
        ("Connection", "x"),
        ("keep-alive", "x"),
        ("Proxy-Connection", "x"),
        ("Transfer-Encoding", "chunked"),
        ("UPGRADE", "x"),
        ("HTTP2-Settings", "x"),
        ("TE", "gzip"),
        ("", "x"),
        (":path", "/other"),
        ("tx", "1"),
        ("upgrad_", "1"),
        ("te", "trailers"),
        ("content-length", "3"),
    ] {
        pass(name.as_bytes(), value.as_bytes());
    }
}

const KEPT: &str = "x-one=1|tx=1|upgrad_=1|te=trailers|content-length=3|";

#[test]
fn rfc_9113_8_2_2_a_response_leaves_without_the_fields_of_a_connection() {
    let mut out = b"".to_vec();
    encode::response(&mut Encoder::new(), &mut out, 5, 200, false, |pass| {
        give(pass);
        pass(b"Host", b"a");
    });
    assert_eq!(decode(&out, 5), (vec![(kind::HEADERS, flag::END_HEADERS)], format!(":status=200|{KEPT}host=a|")));
    out.clear();
    encode::response(&mut Encoder::new(), &mut out, 5, 418, true, |_| {});
    let flags = flag::END_HEADERS | flag::END_STREAM;
    assert_eq!(decode(&out, 5), (vec![(kind::HEADERS, flags)], ":status=418|".to_owned()));
}

#[test]
fn a_request_leaves_with_its_pseudo_fields_in_front_and_without_host() {
    let mut out = Vec::new();
    let start = RequestStart { method: b"POST", scheme: b"http", authority: b"a.test", path: b"/x?y", protocol: None };
    encode::request(&mut Encoder::new(), &mut out, 1, &start, false, |pass| {
        pass(b"Host", b"b.test");
        give(pass);
    });
    let pseudo = ":method=POST|:scheme=http|:authority=a.test|:path=/x?y|";
    assert_eq!(decode(&out, 1), (vec![(kind::HEADERS, flag::END_HEADERS)], format!("{pseudo}{KEPT}")));
}

#[test]
fn trailers_leave_as_one_block_that_ends_the_stream() {
    let mut out = Vec::new();
    let lines = b"grpc-status: 0\r\nX-Sum:  a: b \r\nconnection: x\r\n:path: /\r\nno field\r\nx-none:\r\n";
    encode::trailers(&mut Encoder::new(), &mut out, 3, lines);
    let flags = flag::END_HEADERS | flag::END_STREAM;
    let fields = "grpc-status=0|x-sum=a: b|x-none=|".to_owned();
    assert_eq!(decode(&out, 3), (vec![(kind::HEADERS, flags)], fields));
}

#[test]
fn a_head_that_is_too_long_for_a_frame_goes_on_in_more() {
    let mut out = Vec::new();
    let value = vec![b'v'; 40_000];
    encode::response(&mut Encoder::new(), &mut out, 7, 200, true, |pass| pass(b"x", &value));
    let (frames, fields) = decode(&out, 7);
    let expected =
        [(kind::HEADERS, flag::END_STREAM), (kind::CONTINUATION, 0), (kind::CONTINUATION, flag::END_HEADERS)];
    assert_eq!(frames, expected);
    assert_eq!(fields.len(), ":status=200|x=|".len() + value.len());
}

#[test]
fn what_is_encoded_is_read_back() {
    let fields = with(&[("x", "1"), ("cookie", "a=b"), ("te", "trailers")]);
    let sent = read(&fields).unwrap();
    let start = RequestStart { method: b"GET", scheme: b"https", authority: b"a.test", path: b"/", protocol: None };
    let mut out = Vec::new();
    encode::request(&mut Encoder::new(), &mut out, 1, &start, true, |pass| {
        sent.head.fields.iter().for_each(|field| pass(field.name.of(&sent.bytes), field.value.of(&sent.bytes)));
    });
    let mut again = Read { bytes: Vec::new(), head: RequestHead::new() };
    let mut reader = RequestReader::new(&mut again.bytes, &mut again.head, &Limits::REQUEST, true);
    Decoder::new(4096).decode(&out[HEADER..], &mut reader).unwrap();
    assert_eq!(reader.finish(true), Ok(()));
    assert_eq!(again.lines(), sent.lines());
}
