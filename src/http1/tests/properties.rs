//! What must hold for any input, however it arrives.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use super::chunked::decode;

/// Everything a parsed request says, without the state of the scan.
fn request_outcome(head: &RequestHead, outcome: Result<Progress, RequestError>) -> String {
    match outcome {
        Ok(Progress::Complete) => {
            let RequestHead { method, method_text, target, form, path, query, authority, host_name, port, .. } = head;
            let RequestHead { version, fields, framing, keep_alive, expects_continue, .. } = head;
            let RequestHead { upgrade, accepts_trailers, len, .. } = head;
            format!(
                "{:?}",
                (
                    (method, method_text, target, form, path, query, authority, host_name, port),
                    (version, fields, framing, keep_alive, expects_continue),
                    (upgrade, accepts_trailers, len),
                )
            )
        }
        Ok(Progress::Partial) => "partial".to_owned(),
        // Which of several faults is seen first depends on what has arrived; that there is one does not.
        Err(_) => "refused".to_owned(),
    }
}

fn parse_request(head: &mut RequestHead, buf: &[u8]) -> String {
    let outcome = head.parse(buf, &Limits::REQUEST);
    request_outcome(head, outcome)
}

/// Lines that are mostly sound, so that what is accepted is interesting.
fn field_line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[A-Za-z-]{1,12}: ?[ -~]{0,20}\r\n",
        1 => Just("Content-Length: 5\r\n".to_owned()),
        1 => Just("Transfer-Encoding: chunked\r\n".to_owned()),
        1 => Just("Connection: close, X-Hop\r\n".to_owned()),
        1 => Just("X-Hop: 1\r\n".to_owned()),
        1 => Just("Expect: 100-continue\r\n".to_owned()),
        1 => "(Host|Upgrade|TE|X_Real_IP): (a|websocket|trailers)\r\n",
        1 => "[\0-\u{ff}]{0,8}\r\n",
        1 => "X: [\0-\u{ff}]{0,8}\n",
    ]
}

fn request_text() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        6 => "(GET|POST|OPTIONS|M) (/|/a/b|/[!-~]{0,10}|\\*|http://a|http://a/x\\?y) HTTP/1\\.[01]\r\nHost: a\r\n",
        1 => "(\r\n){0,2}[!-~]{1,6} [!-~]{1,6} HTTP/1\\.[0-9]\r\nHost: [a-z.:0-9]{0,6}\r\n",
        1 => "[\0-\u{ff}]{0,30}",
    ];
    (start, vec(field_line(), 0..6), "(\r\n)?", vec(any::<u8>(), 0..10)).prop_map(|(start, lines, end, rest)| {
        let mut text = start.into_bytes();
        lines.iter().for_each(|line| text.extend_from_slice(line.as_bytes()));
        text.extend_from_slice(end.as_bytes());
        text.extend_from_slice(&rest);
        text
    })
}

fn chunked_text() -> impl Strategy<Value = Vec<u8>> {
    let chunk = prop_oneof![
        8 => vec(any::<u8>(), 1..20).prop_map(|data| {
            let mut out = Vec::new();
            writer::chunk(&mut out, &data);
            out
        }),
        2 => "3;[ -~]{1,5}\r\nabc\r\n".prop_map(String::into_bytes),
        1 => "[0-9a-f]{0,2};?[\0-\u{ff}]{0,3}(\r|\n|\r\n)[a-z]{0,5}\r\n".prop_map(String::into_bytes),
    ];
    let end = prop_oneof![
        6 => "0\r\n(([A-Za-z-]{1,8}|Host): ?[ -~]{0,8}\r\n){0,3}\r\n",
        1 => "0\r\n[\0-\u{ff}]{0,8}\r?\n\r\n",
        1 => "",
    ];
    (vec(chunk, 0..4), end, vec(any::<u8>(), 0..5))
        .prop_map(|(chunks, end, rest)| [chunks.concat(), end.into_bytes(), rest].concat())
}

/// Cuts input at these places, taken modulo its length.
fn pieces<'a>(text: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_request_parses_alike_however_it_arrives(text in request_text()) {
        let whole = parse_request(&mut RequestHead::new(), &text);
        let mut head = RequestHead::new();
        let mut bytewise = "partial".to_owned();
        for end in 0..=text.len() {
            bytewise = parse_request(&mut head, &text[..end]);
            if bytewise != "partial" {
                break;
            }
        }
        prop_assert_eq!(whole, bytewise);
    }

    #[test]
    fn a_response_parses_alike_however_it_arrives(
        start in "HTTP/1\\.[01] [1-5][0-9]{2} [ -~]{0,5}\r\n",
        lines in vec(field_line(), 0..5),
        end in "(\r\n)?",
        asked_upgrade: bool,
    ) {
        let text = format!("{start}{}{end}rest", lines.concat());
        let context = RequestContext { method: Method::Get, upgrade: asked_upgrade.then_some(Upgrade::WebSocket) };
        let outcome = |head: &mut ResponseHead, buf: &[u8]| match head.parse(buf, context, &Limits::RESPONSE) {
            Ok(Progress::Complete) => format!("{:?}", (
                (head.status, head.reason, head.version, &head.fields, head.framing),
                (head.content_length, head.keep_alive, head.upgrade, head.len),
            )),
            Ok(Progress::Partial) => "partial".to_owned(),
            Err(_) => "refused".to_owned(),
        };
        let whole = outcome(&mut ResponseHead::new(), text.as_bytes());
        let mut head = ResponseHead::new();
        let mut bytewise = "partial".to_owned();
        for end in 0..=text.len() {
            bytewise = outcome(&mut head, &text.as_bytes()[..end]);
            if bytewise != "partial" {
                break;
            }
        }
        prop_assert_eq!(whole, bytewise);
    }

    #[test]
    fn what_is_written_from_a_request_means_the_same(text in request_text()) {
        let mut head = RequestHead::new();
        if head.parse(&text, &Limits::REQUEST) == Ok(Progress::Complete) {
            let mut copy = Vec::new();
            writer::request_line(&mut copy, &text, &head);
            writer::copy_fields(&mut copy, &text, &head.fields, |_| true);
            copy.extend_from_slice(writer::HEAD_END);
            let mut again = RequestHead::new();
            // The line is written as 1.1, which asks for Host where 1.0 did not.
            if head.version == Version::Http11 {
                prop_assert_eq!(again.parse(&copy, &Limits::REQUEST), Ok(Progress::Complete));
                prop_assert_eq!(again.len, copy.len());
                prop_assert_eq!(again.path(&copy), head.path(&text));
                prop_assert_eq!(again.query.map(|query| query.of(&copy)), head.query.map(|query| query.of(&text)));
                prop_assert_eq!(again.method_text.of(&copy), head.method_text.of(&text));
                prop_assert!(again.authority.of(&copy).eq_ignore_ascii_case(head.authority.of(&text)));
                prop_assert_eq!(again.framing, head.framing);
                prop_assert_eq!(again.keep_alive, head.keep_alive);
                let fields = |head: &RequestHead, buf: &[u8]| -> Vec<_> {
                    let field = |field: &Field| (field.kind, field.hop, field.line.of(buf).to_vec());
                    head.fields.iter().map(field).collect()
                };
                prop_assert_eq!(fields(&again, &copy), fields(&head, &text));
            }
        }
    }

    #[test]
    fn an_accepted_request_holds_nothing_a_lenient_reader_would_split(text in request_text()) {
        let mut head = RequestHead::new();
        if head.parse(&text, &Limits::REQUEST) == Ok(Progress::Complete) {
            let head_text = &text[..head.len];
            for (at, byte) in head_text.iter().enumerate() {
                match byte {
                    b'\n' => prop_assert_eq!(head_text[at - 1], b'\r'),
                    b'\r' => prop_assert_eq!(head_text[at + 1], b'\n'),
                    b'\t' => {}
                    byte => prop_assert!(*byte >= b' ' && *byte != 0x7f),
                }
            }
            let count = |kind| head.fields.iter().filter(|field| field.kind == kind).count();
            prop_assert!(count(FieldKind::Host) <= 1);
            prop_assert!(count(FieldKind::ContentLength) + count(FieldKind::TransferEncoding) <= 1);
        }
    }

    #[test]
    fn chunks_decode_alike_however_they_arrive(text in chunked_text(), cuts in vec(any::<usize>(), 0..8)) {
        let whole = decode([&text[..]]);
        prop_assert_eq!(&whole, &decode(text.chunks(1)));
        prop_assert_eq!(&whole, &decode(pieces(&text, &cuts)));
    }

    #[test]
    fn chunks_written_again_decode_to_the_same(text in chunked_text(), cuts in vec(any::<usize>(), 0..8)) {
        if let Ok(Some((data, trailers, _))) = decode([&text[..]]) {
            let mut again = Vec::new();
            pieces(&data, &cuts).into_iter().for_each(|piece| writer::chunk(&mut again, piece));
            writer::last_chunk(&mut again, &trailers);
            let length = again.len();
            prop_assert_eq!(decode([&again[..]]), Ok(Some((data, trailers, length))));
        }
    }
}
