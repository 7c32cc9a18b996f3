//! Heads of requests and responses: no input panics, arrival in two parts changes nothing, and what is accepted still
//! means the same after its lines were copied.
//!
//! The first byte chooses the context, the second where the input is cut, the rest is the head.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::http1::{
    Field, FieldKind, Framing, Limits, Method, Progress, RequestContext, RequestHead, ResponseHead, Upgrade, Version,
    writer,
};

fuzz_target!(|input: &[u8]| {
    let [choice, cut, text @ ..] = input else { return };
    let cut = usize::from(*cut) * text.len() / 255;
    if choice & 1 == 0 {
        request(text, cut);
    } else {
        let method = if choice & 2 == 0 { Method::Get } else { Method::Head };
        response(text, cut, RequestContext { method, upgrade: (choice & 4 != 0).then_some(Upgrade::WebSocket) });
    }
});

fn request(text: &[u8], cut: usize) {
    let mut head = RequestHead::new();
    let whole = head.parse(text, &Limits::REQUEST);
    let mut late = RequestHead::new();
    let outcome = match late.parse(&text[..cut], &Limits::REQUEST) {
        Ok(Progress::Partial) => late.parse(text, &Limits::REQUEST),
        outcome => outcome,
    };
    assert_eq!(whole.ok(), outcome.ok());
    if whole != Ok(Progress::Complete) {
        return;
    }
    assert_eq!(request_meaning(&head, text), request_meaning(&late, text));
    assert_eq!(head.len, late.len);
    line_ends_are_crlf(&text[..head.len]);
    let count = |kind| head.fields.iter().filter(|field| field.kind == kind).count();
    assert!(count(FieldKind::ContentLength) + count(FieldKind::TransferEncoding) <= 1);
    assert!(count(FieldKind::Host) <= 1);
    assert!(head.framing != Framing::UntilClose);
    // What is written is HTTP/1.1, which needs a Host.
    if head.version == Version::Http11 {
        let mut copy = Vec::new();
        writer::request_line(&mut copy, text, &head);
        writer::copy_fields(&mut copy, text, &head.fields, |_| true);
        copy.extend_from_slice(writer::HEAD_END);
        let mut again = RequestHead::new();
        assert_eq!(again.parse(&copy, &Limits::REQUEST), Ok(Progress::Complete));
        assert_eq!(again.len, copy.len());
        assert_eq!(request_meaning(&again, &copy), request_meaning(&head, text));
    }
}

fn request_meaning(head: &RequestHead, buf: &[u8]) -> impl PartialEq + std::fmt::Debug {
    (
        (head.method, head.method_text.of(buf).to_vec(), head.path(buf).to_vec()),
        (head.query.map(|query| query.of(buf).to_vec()), head.authority.of(buf).to_ascii_lowercase(), head.port),
        (head.framing, head.keep_alive, head.expects_continue, head.upgrade, head.accepts_trailers),
        fields(&head.fields, buf),
    )
}

fn response(text: &[u8], cut: usize, context: RequestContext) {
    let mut head = ResponseHead::new();
    let whole = head.parse(text, context, &Limits::RESPONSE);
    let mut late = ResponseHead::new();
    let outcome = match late.parse(&text[..cut], context, &Limits::RESPONSE) {
        Ok(Progress::Partial) => late.parse(text, context, &Limits::RESPONSE),
        outcome => outcome,
    };
    assert_eq!(whole.ok(), outcome.ok());
    if whole != Ok(Progress::Complete) {
        return;
    }
    assert_eq!(response_meaning(&head, text), response_meaning(&late, text));
    line_ends_are_crlf(&text[..head.len]);
    assert!((100..=599).contains(&head.status));
    assert_eq!(head.status == 101, head.upgrade.is_some());
    head.idle_timeout(text);
    // What is written is HTTP/1.1, which keeps connections where 1.0 does not.
    if head.version == Version::Http11 {
        let mut copy = Vec::new();
        writer::status_line(&mut copy, head.status, head.reason.of(text));
        writer::copy_fields(&mut copy, text, &head.fields, |_| true);
        copy.extend_from_slice(writer::HEAD_END);
        // A status line without reason gets the space that ends the status.
        if copy.len() <= Limits::RESPONSE.head_bytes {
            let mut again = ResponseHead::new();
            assert_eq!(again.parse(&copy, context, &Limits::RESPONSE), Ok(Progress::Complete));
            assert_eq!(response_meaning(&again, &copy), response_meaning(&head, text));
        }
    }
}

fn response_meaning(head: &ResponseHead, buf: &[u8]) -> impl PartialEq + std::fmt::Debug {
    (
        (head.status, head.reason.of(buf).to_vec(), head.framing, head.content_length),
        (head.keep_alive, head.upgrade, head.is_interim()),
        fields(&head.fields, buf),
    )
}

fn fields(fields: &[Field], buf: &[u8]) -> Vec<(FieldKind, bool, Vec<u8>, Vec<u8>)> {
    fields
        .iter()
        .map(|field| (field.kind, field.hop, field.value.of(buf).to_vec(), field.line.of(buf).to_vec()))
        .collect()
}

fn line_ends_are_crlf(head: &[u8]) {
    for (at, byte) in head.iter().enumerate() {
        match byte {
            b'\n' => assert_eq!(head[at - 1], b'\r'),
            b'\r' => assert_eq!(head[at + 1], b'\n'),
            b'\t' => {}
            byte => assert!(*byte >= b' ' && *byte != 0x7f),
        }
    }
}
