//! Trailers: RFC 9113 §8.1, and the fields that come too late to be honest.

use super::Text;
use crate::http1::{MAX_TRAILER_BYTES, MAX_TRAILER_FIELDS};
use crate::http2::head::{TrailerFault, TrailerReader};
use crate::http2::hpack::FieldSink;

fn read(fields: &[Text]) -> Result<String, TrailerFault> {
    let mut lines = b"what was there".to_vec();
    let mut reader = TrailerReader::new(&mut lines);
    fields.iter().for_each(|(name, value)| reader.field(name.as_bytes(), value.as_bytes()));
    let outcome = reader.finish();
    assert!(outcome.is_ok() || lines.is_empty());
    outcome.map(|()| String::from_utf8(lines).unwrap())
}

#[test]
fn b15_trailers_that_come_too_late_to_be_honest_are_left_out() {
    let fields = [
        ("grpc-status", "0"),
        ("host", "1"),
        ("content-length", "1"),
        ("x-forwarded-for", "1"),
        ("authorization", "1"),
        ("cookie", "1"),
        ("set-cookie", "1"),
        ("cache-control", "1"),
        ("content-type", "1"),
        ("x-real-ip", "1"),
        ("te", "trailers"),
        ("x-checksum", "1"),
    ];
    assert_eq!(read(&fields), Ok("grpc-status: 0\r\nx-checksum: 1\r\n".to_owned()));
    assert_eq!(read(&[]), Ok(String::new()));
}

#[test]
fn fault_w1_what_is_no_trailer_is_malformed() {
    for field in [
        (":path", "/"),
        (":status", "200"),
        (":method", "GET"),
        (":x", "1"),
        ("X-Sum", "1"),
        ("", "1"),
        ("x y", "1"),
        ("x:y", "1"),
        ("x", "1\r\n2"),
        ("x", "1\0"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "1"),
        ("proxy-connection", "1"),
        ("upgrade", "1"),
        ("te", "gzip"),
        // Also a field that would be left out.
        ("host", "\n"),
    ] {
        for fields in [&[field][..], &[("x-sum", "1"), field], &[field, ("x-sum", "1")]] {
            assert!(matches!(read(fields), Err(TrailerFault::Malformed(_))), "{field:?}");
        }
    }
}

#[test]
fn whitespace_around_values_is_left_out_as_in_http_1() {
    assert_eq!(read(&[("grpc-message", " not here\t ")]), Ok("grpc-message: not here\r\n".to_owned()));
}

#[test]
fn b16_trailers_have_bounds() {
    let mut fields = vec![("x", "1"); MAX_TRAILER_FIELDS];
    assert!(read(&fields).is_ok());
    fields.push(("host", "1"));
    assert_eq!(read(&fields), Err(TrailerFault::TooLarge));
    let value: &'static str = "v".repeat(MAX_TRAILER_BYTES - "x: \r\n".len()).leak();
    assert_eq!(read(&[("x", value)]).unwrap().len(), MAX_TRAILER_BYTES);
    assert_eq!(read(&[("xy", value)]), Err(TrailerFault::TooLarge));
    assert_eq!(read(&[("x", value), ("y", "")]), Err(TrailerFault::TooLarge));
}
