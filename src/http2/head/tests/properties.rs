//! Heads of any kind: what is accepted means the same in HTTP/1, and what is refused is refused there too.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::http1::{Field, FieldKind, Framing, Progress, writer};

type Owned = (String, String);

fn pick(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(values).prop_map(str::to_owned)
}

fn pseudo() -> impl Strategy<Value = Vec<Owned>> {
    let method = prop_oneof![
        8 => pick(&["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "QUERY"]),
        1 => pick(&["CONNECT", "TRACE", "get", "G T", ""]),
        1 => "[ -~]{0,40}",
    ];
    let path = prop_oneof![
        8 => pick(&["/", "/a/b", "/a?b=c", "/?", "*"]),
        2 => "/[!-~]{0,12}",
        1 => pick(&["", "a", "http://a.test/", "/a#b", "/a b", "/a\\b", "/\u{e9}"]),
    ];
    let authority = prop_oneof![
        8 => pick(&["a.test", "A.test:80", "[::1]:1"]),
        1 => "[a-z.:@0-9]{0,8}",
    ];
    let scheme = prop_oneof![20 => pick(&["http", "https"]), 1 => pick(&["ftp", "", "HTTPS"])];
    let order = Just([0, 1, 2, 3]).prop_shuffle();
    (method, path, authority, scheme, order, 0..30_usize).prop_map(
        |(method, path, authority, scheme, order, left_out)| {
            let all = [(":method", method), (":path", path), (":authority", authority), (":scheme", scheme)];
            let chosen = order.into_iter().filter(|&at| left_out != at).map(|at| all[at].clone());
            chosen.map(|(name, value)| (name.to_owned(), value)).collect()
        },
    )
}

fn regular() -> impl Strategy<Value = Owned> {
    let of = |name: &'static str, value: &'static [&'static str]| {
        pick(value).prop_map(move |value| (name.to_owned(), value)).boxed()
    };
    prop_oneof![
        12 => ("[a-z][a-z0-9-]{0,11}", "([!-~]([ -~]{0,20}[!-~])?)?"),
        4 => of("cookie", &["a=1", "b", "", "c=d=e"]),
        1 => of("host", &["a.test", "A.TEST", "b.test", ""]),
        1 => of("content-length", &["0", "5", "05", "+5", ""]),
        1 => of("expect", &["100-continue", "100-Continue", "x"]),
        1 => of("te", &["trailers", "trailers", "gzip"]),
        1 => ("x_real_ip|proxy|x-forwarded-for|http2-settings|trailer", "[a-z]{1,3}"),
        1 => of("connection", &["close"]),
        1 => ("[\0-\u{ff}]{0,8}", "[\0-\u{ff}]{0,8}"),
        1 => (Just(":path".to_owned()), Just("/".to_owned())),
    ]
}

fn request() -> impl Strategy<Value = Vec<Owned>> {
    (pseudo(), vec(regular(), 0..8)).prop_map(|(pseudo, regular)| [pseudo, regular].concat())
}

/// The head as a proxy sends it to a pod of HTTP/1.
fn written(read: &Read) -> Vec<u8> {
    let mut out = Vec::new();
    writer::request_line(&mut out, &read.bytes, &read.head);
    writer::copy_fields(&mut out, &read.bytes, &read.head.fields, |field| field.kind != FieldKind::ContentLength);
    writer::framing_field(&mut out, read.head.framing);
    out.extend_from_slice(writer::HEAD_END);
    out
}

/// The head as a client of HTTP/1 would have sent it.
fn sent(fields: &[Owned]) -> String {
    let value = |name| fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let mut text = format!("{} {} HTTP/1.1\r\n", value(":method").unwrap(), value(":path").unwrap());
    if let Some(authority) = value(":authority") {
        text.push_str(&format!("host: {authority}\r\n"));
    }
    let regular = fields.iter().filter(|(name, _)| !name.starts_with(':'));
    regular.for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text + "\r\n"
}

const LIMITS: Limits = Limits { fields: 120, ..Limits::REQUEST };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_accepted_means_the_same_in_http_1(fields in request(), is_end: bool) {
        let (read, outcome) = read_within(&fields, is_end, &LIMITS);
        if outcome.is_ok() {
            arena::check(&read.bytes, &read.head.fields);
            let text = written(&read);
            let mut again = RequestHead::new();
            prop_assert_eq!(again.parse(&text, &LIMITS), Ok(Progress::Complete));
            prop_assert_eq!(again.len, text.len());
            let head = &read.head;
            prop_assert_eq!((again.method, again.form, again.port), (head.method, head.form, head.port));
            let parts = |head: &RequestHead, bytes: &[u8]| {
                let of = |span: Span| span.of(bytes).to_vec();
                let places = [head.method_text, head.target, head.path, head.authority];
                (places.map(of), head.query.map(of), head.host_name.map(of))
            };
            prop_assert_eq!(parts(&again, &text), parts(head, &read.bytes));
            prop_assert_eq!(again.framing, head.framing);
            prop_assert_eq!((again.expects_continue, again.keep_alive), (head.expects_continue, head.keep_alive));
            prop_assert_eq!((again.upgrade, again.version), (head.upgrade, head.version));
            prop_assert_eq!(again.accepts_trailers || head.framing == Framing::Chunked, head.accepts_trailers);
            let is_framing = |kind| matches!(kind, FieldKind::ContentLength | FieldKind::TransferEncoding);
            let lines = |fields: &[Field], bytes: &[u8]| -> Vec<_> {
                let kept = fields.iter().filter(|field| !is_framing(field.kind));
                kept.map(|field| (field.kind, field.hop, field.line.of(bytes).to_vec())).collect()
            };
            prop_assert_eq!(lines(&again.fields, &text), lines(&head.fields, &read.bytes));
        }
    }

    #[test]
    fn what_is_accepted_holds_the_fields_that_came(fields in request(), is_end: bool) {
        let (read, outcome) = read_within(&fields, is_end, &LIMITS);
        if outcome.is_ok() {
            let of = |kind| move |(name, value): &Owned| (FieldKind::of(name.as_bytes()) == kind).then(|| value.clone());
            let crumbs: Vec<_> = fields.iter().filter_map(of(FieldKind::Cookie)).filter(|crumb| !crumb.is_empty()).collect();
            let cookie = read.head.field(FieldKind::Cookie).map(|field| field.value.of(&read.bytes).to_vec());
            prop_assert_eq!(cookie.unwrap_or_default(), crumbs.join("; ").into_bytes());
            let is_other = |kind| !matches!(kind, FieldKind::Cookie | FieldKind::Host);
            let came = fields.iter().filter(|(name, _)| !name.starts_with(':') && is_other(FieldKind::of(name.as_bytes())));
            let came: Vec<_> = came.map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            let kept = read.head.fields.iter().filter(|field| is_other(field.kind));
            let kept: Vec<_> = kept.map(|field| (field.name.of(&read.bytes), field.value.of(&read.bytes))).collect();
            prop_assert_eq!(kept, came);
        }
    }

    #[test]
    fn what_is_refused_is_refused_alike_in_http_1(fields in request()) {
        let (_, outcome) = read_within(&fields, true, &LIMITS);
        let has = |name, value: fn(&str) -> bool| fields.iter().any(|(n, v)| n == name && value(v));
        // HTTP/1 knows absolute targets and no schemes. A CONNECT has no path.
        let is_comparable = has(":scheme", |value| value.to_ascii_lowercase().starts_with("http"))
            && has(":path", |value| !value.starts_with("http"));
        if let (Err(HeadFault::Refused(error)), true) = (outcome, is_comparable) {
            let text = sent(&fields);
            let refused = RequestHead::new().parse(text.as_bytes(), &LIMITS);
            prop_assert!(refused.is_err(), "{error}: {text}");
        }
    }

    #[test]
    fn nothing_panics(
        fields in vec((vec(any::<u8>(), 0..12), vec(any::<u8>(), 0..12)), 0..8),
        pseudo in pseudo(),
        is_end: bool,
    ) {
        let pseudo = pseudo.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes()));
        let fields: Vec<_> = pseudo.chain(fields).collect();
        let _ = read_within(&fields, is_end, &Limits::REQUEST);
        let tiny = Limits { head_bytes: 40, fields: 2, target_bytes: 3 };
        let (read, _) = read_within(&fields, is_end, &tiny);
        prop_assert!(read.bytes.len() <= 60);
    }
}
