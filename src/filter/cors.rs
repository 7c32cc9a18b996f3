//! What browsers are told about pages of other origins (CORS, WHATWG Fetch §3.2), as ingress-nginx tells them.
//!
//! Every `OPTIONS` of an origin that may read answers is answered here, whether or not it is a preflight. All other answers say
//! the same, also those of ours that tell of an error: without it a page cannot even see the status.

use super::head_edit::FieldName;
use super::head_edit::HeadEdit;
use super::verdict::{Response, Verdict};
use super::view::{RequestView, ResponseView};
use crate::http1::{Method, RequestHead};
use crate::model::{Cors, Credentials, Filter, Origins};

const ORIGIN: FieldName<'_> = FieldName::other(b"access-control-allow-origin");
const CREDENTIALS: FieldName<'_> = FieldName::other(b"access-control-allow-credentials");
const METHODS: FieldName<'_> = FieldName::other(b"access-control-allow-methods");
const HEADERS: FieldName<'_> = FieldName::other(b"access-control-allow-headers");
const EXPOSED: FieldName<'_> = FieldName::other(b"access-control-expose-headers");
const MAX_AGE: FieldName<'_> = FieldName::other(b"access-control-max-age");
const VARY: FieldName<'_> = FieldName::other(b"vary");

/// The origin of the page that asks. It is kept until the answer where a filter looks at it: the request's head may be gone by
/// then.
pub fn origin(request: &RequestHead, head: &[u8]) -> Option<Box<[u8]>> {
    origin_of(request, head).map(Into::into)
}

/// Of a request with several there is none.
fn origin_of<'a>(request: &RequestHead, head: &'a [u8]) -> Option<&'a [u8]> {
    let mut values = request
        .fields
        .iter()
        .filter(|field| field.name.of(head).eq_ignore_ascii_case(b"origin"))
        .map(|field| field.value.of(head));
    values.next().filter(|_| values.next().is_none())
}

pub(super) fn request<'f>(filter: &'f Filter, cors: &Cors, request: &RequestView<'_>) -> Verdict<'f> {
    let is_asked = request.request.method == Method::Options;
    if !(is_asked && cors.origins.allow(origin_of(request.request, request.head))) {
        return Verdict::Continue;
    }
    Verdict::Respond(Box::new(Response { by: filter, status: 204, fields: Vec::new(), text: "", body: None }))
}

pub(super) fn response(cors: &Cors, response: &ResponseView<'_>, edit: &mut HeadEdit) {
    let Cors { origins, methods, headers, exposed, credentials, max_age } = cors;
    let ResponseView { fields, origin, .. } = *response;
    let told = match (origins, origin) {
        (Origins::Any, _) => &b"*"[..],
        (Origins::Listed(_), origin) => {
            // A cache must not give one origin's answer to another one.
            edit.add(VARY, b"Origin");
            match origin {
                Some(origin) if origins.allow(Some(origin)) => origin,
                Some(_) | None => return,
            }
        }
    };
    edit.set(fields, ORIGIN, told);
    match credentials {
        Credentials::Allowed => edit.set(fields, CREDENTIALS, b"true"),
        Credentials::Withheld => edit.remove(fields, CREDENTIALS),
    }
    edit.set(fields, METHODS, methods.as_bytes());
    edit.set(fields, HEADERS, headers.as_bytes());
    if let Some(exposed) = exposed {
        edit.set(fields, EXPOSED, exposed.as_bytes());
    }
    edit.set(fields, MAX_AGE, itoa::Buffer::new().format(*max_age).as_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::Fields;
    use crate::filter::RequestChange;
    use crate::filter::view::tests::with_view;
    use crate::http1::{Limits, Progress, RequestContext, ResponseHead};
    use crate::model::OriginPattern;

    fn cors(origins: &[&str]) -> Cors {
        let listed = origins.iter().map(|origin| OriginPattern::parse(origin).unwrap()).collect();
        Cors {
            origins: if origins.is_empty() { Origins::Any } else { Origins::Listed(listed) },
            methods: "GET, PUT".into(),
            headers: "X-One".into(),
            exposed: None,
            credentials: Credentials::Allowed,
            max_age: 7,
        }
    }

    /// What becomes of a request with this start line and these further lines: the status of our answer, and the origin that is
    /// kept for the answer.
    fn asked(cors: &Cors, method: &str, lines: &str) -> (Option<u16>, Option<String>) {
        let (start, host) = (format!("{method} /x HTTP/1.1"), "Host: a");
        let lines: Vec<_> = [&*start, host].into_iter().chain(lines.lines()).collect();
        with_view(&lines, |view| {
            let filters = [Filter::Cors(Arc::new(cors.clone()))];
            let status = match crate::filter::request(&filters, &view, &mut RequestChange::default()) {
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => None,
                Verdict::Respond(response) => Some(response.status),
            };
            let needs = crate::model::Filters::new(filters.to_vec()).needs();
            let origin = if needs.origin { origin(view.request, view.head) } else { None };
            (status, origin.map(|origin| String::from_utf8(origin.into()).unwrap()))
        })
    }

    /// The lines that an answer with these lines has behind the filter.
    fn told(cors: &Cors, origin: Option<&str>, lines: &str) -> Vec<String> {
        let bytes = format!("HTTP/1.1 200 OK\r\n{lines}\r\n").into_bytes();
        let mut head = ResponseHead::new();
        let context = RequestContext { method: Method::Get, upgrade: None };
        assert_eq!(head.parse(&bytes, context, &Limits::RESPONSE), Ok(Progress::Complete));
        let fields = Fields { bytes: &bytes, list: &head.fields };
        let mut edit = HeadEdit::default();
        let view = ResponseView { origin: origin.map(str::as_bytes), ..ResponseView::new(200, fields) };
        crate::filter::response(&[Filter::Cors(Arc::new(cors.clone()))], &view, &mut edit);
        let mut out = Vec::new();
        edit.write(fields, &mut out, |_| true);
        String::from_utf8(out).unwrap().to_lowercase().lines().map(str::to_owned).collect()
    }

    const OF_ALL: [&str; 4] = [
        "access-control-allow-credentials: true",
        "access-control-allow-methods: get, put",
        "access-control-allow-headers: x-one",
        "access-control-max-age: 7",
    ];

    #[test]
    fn nginx_j4_options_of_an_allowed_origin_are_answered_and_nothing_else_is() {
        let listed = cors(&["https://p.example"]);
        for (cors, method, lines, expected) in [
            (&listed, "OPTIONS", "Origin: https://p.example\r\n", Some(204)),
            (&listed, "OPTIONS", "Origin: https://q.example\r\n", None),
            (&listed, "OPTIONS", "", None),
            (&listed, "OPTIONS", "Origin: https://p.example\r\nOrigin: https://p.example\r\n", None),
            (&listed, "GET", "Origin: https://p.example\r\n", None),
            (&cors(&[]), "OPTIONS", "", Some(204)),
            (&cors(&[]), "OPTIONS", "Origin: anything\r\n", Some(204)),
            (&cors(&[]), "POST", "", None),
        ] {
            assert_eq!(asked(cors, method, lines).0, expected, "{method} {lines}");
        }
    }

    #[test]
    fn the_origin_is_kept_only_where_it_decides() {
        let lines = "Origin: https://p.example\r\n";
        assert_eq!(asked(&cors(&["https://q.example"]), "GET", lines).1.as_deref(), Some("https://p.example"));
        assert_eq!(asked(&cors(&[]), "GET", lines).1, None);
    }

    #[test]
    fn nginx_j2_a_listed_origin_is_told_as_it_was_sent_and_others_are_told_nothing() {
        let cors = cors(&["https://P.example"]);
        let mut expected = vec!["vary: origin", "access-control-allow-origin: https://p.example"];
        expected.extend(OF_ALL);
        assert_eq!(told(&cors, Some("https://p.example"), ""), expected);
        let of_pod = "Access-Control-Allow-Origin: x\r\n";
        for origin in [Some("https://q.example"), None] {
            assert_eq!(told(&cors, origin, of_pod), ["access-control-allow-origin: x", "vary: origin"], "{origin:?}");
        }
    }

    #[test]
    fn nginx_j5_one_value_each_takes_the_place_of_the_pods() {
        let of_pod = "Access-Control-Allow-Origin: x\r\nACCESS-control-allow-origin: y\r\n\
                      Access-Control-Allow-Methods: PATCH\r\nAccess-Control-Expose-Headers: x-pod\r\n";
        let mut expected = vec!["access-control-expose-headers: x-pod", "access-control-allow-origin: *"];
        expected.extend(OF_ALL);
        assert_eq!(told(&cors(&[]), None, of_pod), expected);
        let exposing = Cors { exposed: Some("x-two".into()), ..cors(&[]) };
        assert!(told(&exposing, None, of_pod).contains(&"access-control-expose-headers: x-two".to_owned()));
        assert!(!told(&exposing, None, of_pod).contains(&"access-control-expose-headers: x-pod".to_owned()));
    }

    #[test]
    fn nginx_j4_withheld_credentials_are_the_pods_neither() {
        let cors = Cors { credentials: Credentials::Withheld, ..cors(&[]) };
        let lines = told(&cors, None, "Access-Control-Allow-Credentials: true\r\n");
        assert!(lines.iter().all(|line| !line.starts_with("access-control-allow-credentials")), "{lines:?}");
    }
}
