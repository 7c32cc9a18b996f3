//! One request in, one request out; one answer in, one answer out. Whatever travels on is parsed again, strictly, and
//! must mean what was meant: the same method, target, authority, framing and body, and nothing of one connection told
//! on another.
//!
//! The first byte chooses direction and context, the rest is what arrives on the connection.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use tidegate::http1::{
    ChunkState, ChunkedDecoder, Field, FieldKind, Framing, Limits, Method, Progress, RequestContext, RequestHead,
    ResponseHead, Upgrade, Version, writer,
};
use tidegate::proxy::config::Forwarding;
use tidegate::proxy::heads::{compose_for_client, compose_for_pod};

fuzz_target!(|input: &[u8]| {
    let [choice, text @ ..] = input else { return };
    if choice & 1 == 0 {
        request(text, choice & 2 != 0);
    } else {
        let method = if choice & 2 == 0 { Method::Get } else { Method::Head };
        let version = if choice & 4 == 0 { Version::Http11 } else { Version::Http10 };
        // Only a GET over HTTP/1.1 can ask for it.
        let upgrade = (choice & 14 == 8).then_some(Upgrade::WebSocket);
        response(text, RequestContext { method, upgrade }, version);
    }
});

fn request(text: &[u8], is_trusted: bool) {
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let trusted = if is_trusted { vec![client.into()] } else { Vec::new() };
    let forwarding = Forwarding { trusted, ..Forwarding::default() };
    let Some((given, head)) = compose_for_pod(text, client, &forwarding) else { return };
    // What we write may be longer than what a client may send: our fields come on top.
    let limits = Limits { head_bytes: 64 * 1024, fields: 128, ..Limits::REQUEST };
    let mut taken = RequestHead::new();
    // HTTP/1.0 knows requests without Host; a pod is told that there is none.
    if given.authority.is_empty() {
        assert_eq!(given.version, Version::Http10);
        assert!(taken.parse(&head, &limits).is_err());
        return;
    }
    assert_eq!(taken.parse(&head, &limits), Ok(Progress::Complete), "{}", String::from_utf8_lossy(&head));
    assert_eq!(taken.len, head.len(), "one head, and nothing behind it");
    assert_eq!(taken.version, Version::Http11);
    assert_eq!((taken.method, taken.method_text.of(&head)), (given.method, given.method_text.of(text)));
    assert_eq!(taken.path(&head), given.path(text));
    assert_eq!(taken.query.map(|query| query.of(&head)), given.query.map(|query| query.of(text)));
    assert!(taken.authority.of(&head).eq_ignore_ascii_case(given.authority.of(text)));
    assert_eq!((taken.port, taken.form), (given.port, origin(&given)));
    assert_eq!(taken.upgrade, given.upgrade);
    let has_length_of_nothing = given.upgrade == Some(Upgrade::WebSocket) && given.framing == Framing::Length(0);
    assert_eq!(taken.framing, if has_length_of_nothing { Framing::None } else { given.framing });
    assert!(taken.keep_alive);
    assert_eq!(taken.expects_continue, given.expects_continue);
    assert_eq!(taken.accepts_trailers, given.accepts_trailers);

    let count = |kind| taken.fields.iter().filter(|field| field.kind == kind).count();
    assert_eq!(count(FieldKind::Host), 1);
    assert_eq!(count(FieldKind::XForwardedFor), 1);
    assert_eq!(count(FieldKind::XRequestId), 1);
    assert_eq!(count(FieldKind::Expect), usize::from(given.expects_continue));
    assert!(count(FieldKind::ContentLength) + count(FieldKind::TransferEncoding) <= 1);
    for kind in [
        FieldKind::KeepAlive,
        FieldKind::ProxyConnection,
        FieldKind::Trailer,
        FieldKind::Http2Settings,
        FieldKind::ProxyAuthorization,
        FieldKind::ProxyAuthenticate,
        FieldKind::Proxy,
        FieldKind::Twin,
    ] {
        assert_eq!(count(kind), 0, "{kind:?}");
    }
    if !is_trusted {
        for kind in [FieldKind::Forwarded, FieldKind::XForwardedOther, FieldKind::XOriginal, FieldKind::XRewrite] {
            assert_eq!(count(kind), 0, "{kind:?}");
        }
        for kind in [FieldKind::XRealIp, FieldKind::XForwardedProto, FieldKind::XForwardedPort] {
            assert_eq!(count(kind), 1, "{kind:?}");
        }
        assert_eq!(taken.field(FieldKind::XForwardedFor).unwrap().value.of(&head), b"192.0.2.7");
        assert_eq!(taken.field(FieldKind::XRealIp).unwrap().value.of(&head), b"192.0.2.7");
    }
    // What the client says of its own travels on untouched and in order, but for what it said is not to.
    let own = |head: &RequestHead, bytes: &[u8]| lines(&head.fields, bytes, |field| is_own(field.kind) && !field.hop);
    assert_eq!(own(&taken, &head), own(&given, text));
    // And no field that Connection named is named again, which would hide it from the pod.
    assert!(
        taken.fields.iter().all(|field| !field.hop || field.kind == FieldKind::Te || field.kind == FieldKind::Upgrade)
    );
    body(&text[given.len..], given.framing, given.framing);
}

fn origin(given: &RequestHead) -> tidegate::http1::TargetForm {
    use tidegate::http1::TargetForm;
    match given.form {
        TargetForm::Origin | TargetForm::Absolute => TargetForm::Origin,
        TargetForm::Asterisk => TargetForm::Asterisk,
    }
}

fn is_own(kind: FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::Authorization
            | FieldKind::Cookie
            | FieldKind::Server
            | FieldKind::Date
            | FieldKind::UserAgent
            | FieldKind::Referer
            | FieldKind::Other
    )
}

fn lines(fields: &[Field], bytes: &[u8], wanted: impl Fn(&Field) -> bool) -> Vec<Vec<u8>> {
    fields.iter().filter(|field| wanted(field)).map(|field| field.line.of(bytes).to_vec()).collect()
}

fn response(text: &[u8], asked: RequestContext, version: Version) {
    let Some(composed) = compose_for_client(text, asked, version) else { return };
    let (given, head) = (&composed.answer, &composed.head);
    let mut taken = ResponseHead::new();
    // What we write may be longer than what a pod may send.
    let limits = Limits { head_bytes: 128 * 1024, fields: 128, target_bytes: 0 };
    if given.fields.len() > 120 {
        return;
    }
    assert_eq!(taken.parse(head, asked, &limits), Ok(Progress::Complete), "{}", String::from_utf8_lossy(head));
    assert_eq!(taken.len, head.len(), "one head, and nothing behind it");
    assert_eq!((taken.status, taken.version), (given.status, Version::Http11));
    assert_eq!(taken.reason.of(head), given.reason.of(text));
    assert_eq!(taken.upgrade, given.upgrade);
    assert!(!taken.is_interim());
    // The head says what framing is used, or that there is no body.
    match composed.framing {
        Framing::UntilClose => {
            assert_eq!(version, Version::Http10);
            assert_eq!(taken.framing, Framing::UntilClose);
            assert!(composed.close);
        }
        framing => assert_eq!(taken.framing, framing),
    }
    assert!(version == Version::Http11 || taken.field(FieldKind::TransferEncoding).is_none());
    if given.framing == Framing::None {
        assert_eq!(composed.framing, Framing::None);
        if given.status != 204 && given.upgrade.is_none() {
            assert_eq!(taken.content_length, given.content_length);
        }
    }
    if given.upgrade.is_none() {
        let says_close =
            taken.fields.iter().any(|field| field.kind == FieldKind::Connection && field.value.of(head) == b"close");
        assert_eq!(says_close, composed.close);
        if asked.upgrade.is_some() {
            assert!(composed.close);
        }
    }
    for kind in [FieldKind::KeepAlive, FieldKind::ProxyConnection, FieldKind::Te, FieldKind::Trailer] {
        assert!(taken.field(kind).is_none(), "{kind:?}");
    }
    assert!(taken.fields.iter().filter(|field| field.kind == FieldKind::Connection).count() <= 1);
    let own =
        |head: &ResponseHead, bytes: &[u8]| lines(&head.fields, bytes, |field| is_answers_own(field) && !field.hop);
    let (mut sent, got) = (own(&taken, head), own(given, text));
    if given.field(FieldKind::Server).is_none() && given.upgrade.is_none() {
        assert_eq!(
            sent.iter().filter(|line| *line == b"server: tidegate\r\n").count(),
            1 + got.iter().filter(|line| *line == b"server: tidegate\r\n").count()
        );
        let at = sent.iter().rposition(|line| line == b"server: tidegate\r\n").unwrap();
        sent.remove(at);
    }
    if given.field(FieldKind::Date).is_none() && given.upgrade.is_none() {
        let at = sent.iter().rposition(|line| line.starts_with(b"date: ")).unwrap();
        sent.remove(at);
    }
    assert_eq!(sent, got);
    if given.upgrade.is_none() && given.framing != Framing::None {
        body(&text[given.len..], given.framing, composed.framing);
    }
}

fn is_answers_own(field: &Field) -> bool {
    field.kind != FieldKind::ContentLength
        && (!field.kind.is_hop_by_hop() || field.kind == FieldKind::ProxyAuthenticate)
}

/// Decodes what arrived as `from`, frames it as `to`, and decodes that: the same bytes, and no more of them.
fn body(arrived: &[u8], from: Framing, to: Framing) {
    let Some((data, trailers)) = decode(arrived, from) else { return };
    let mut wire = Vec::new();
    match to {
        Framing::None => assert!(data.is_empty()),
        Framing::Length(length) => {
            assert_eq!(length, data.len() as u64);
            wire.extend_from_slice(&data);
        }
        Framing::UntilClose => wire.extend_from_slice(&data),
        Framing::Chunked => {
            data.chunks(7).for_each(|piece| writer::chunk(&mut wire, piece));
            writer::last_chunk(&mut wire, &trailers);
        }
    }
    let next = b"GET / HTTP/1.1\r\n";
    if to != Framing::UntilClose {
        wire.extend_from_slice(next);
    }
    let (again, trailers_again) = decode(&wire, to).expect("what was written is whole");
    assert_eq!(again, data);
    if to == Framing::Chunked {
        assert_eq!(trailers_again, trailers);
        for line in trailers.split_inclusive(|&byte| byte == b'\n') {
            assert!(line.ends_with(b"\r\n"));
            let name = line.split(|&byte| byte == b':').next().unwrap();
            let kind = FieldKind::of(name);
            assert!(matches!(kind, FieldKind::Other | FieldKind::Server | FieldKind::Date), "{kind:?}");
        }
    }
}

/// Data and trailers; `None` when the body is malformed or not whole.
fn decode(arrived: &[u8], framing: Framing) -> Option<(Vec<u8>, Vec<u8>)> {
    match framing {
        Framing::None => Some((Vec::new(), Vec::new())),
        Framing::Length(length) => Some((arrived.get(..usize::try_from(length).ok()?)?.to_vec(), Vec::new())),
        Framing::UntilClose => Some((arrived.to_vec(), Vec::new())),
        Framing::Chunked => {
            let mut decoder = ChunkedDecoder::new();
            let (mut data, mut rest) = (Vec::new(), arrived);
            loop {
                let step = decoder.decode(rest).ok()?;
                data.extend_from_slice(&rest[step.data.clone()]);
                rest = &rest[step.consumed..];
                if step.state == ChunkState::End {
                    return Some((data, decoder.trailers().to_vec()));
                }
                if step.consumed == 0 {
                    return None;
                }
            }
        }
    }
}
