//! Rewrites what pods say about where they are: URLs of redirects, domains and paths of cookies (nginx `proxy_redirect`,
//! `proxy_cookie_domain`, `proxy_cookie_path`). Answers of ours are left alone: they have no fields of a pod.

use super::head_edit::{FieldName, Fields, HeadEdit};
use super::view::ResponseView;
use crate::http1::Field;
use crate::model::{AnswerUrls, Replacement};

const LOCATION: FieldName<'_> = FieldName::LOCATION;
const REFRESH: FieldName<'_> = FieldName::other(b"refresh");
const SET_COOKIE: FieldName<'_> = FieldName::SET_COOKIE;

pub(super) fn response(answer_urls: &AnswerUrls, response: &ResponseView<'_>, edit: &mut HeadEdit) {
    let AnswerUrls { location, cookie_domain, cookie_path } = answer_urls;
    let fields = response.fields;
    if let Some(replacement) = location {
        rewrite(fields, LOCATION, edit, |value| beginning(value, replacement));
        rewrite(fields, REFRESH, edit, |value| {
            let url = value.windows(4).position(|four| four.eq_ignore_ascii_case(b"url="))? + 4;
            Some([&value[..url], &beginning(&value[url..], replacement)?].concat())
        });
    }
    if cookie_domain.is_some() || cookie_path.is_some() {
        rewrite(fields, SET_COOKIE, edit, |value| cookie(value, cookie_domain.as_ref(), cookie_path.as_ref()));
    }
}

/// Rewrites the fields of this name. `new` gives the new value of one; `None`: it stays. The others stay in their order with it.
fn rewrite(fields: Fields<'_>, name: FieldName<'_>, edit: &mut HeadEdit, new: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let is_it = |field: &&Field| {
        // Those that the pod's connection keeps to itself must not come back by this way.
        !field.hop && field.name.of(fields.bytes).eq_ignore_ascii_case(name.as_bytes())
    };
    let values = || fields.list.iter().filter(is_it).map(|field| field.value.of(fields.bytes));
    if values().all(|value| new(value).is_none()) {
        return;
    }
    edit.remove(fields, name);
    values().for_each(|value| match new(value) {
        Some(new) => edit.add(name, &new),
        None => edit.add(name, value),
    });
}

/// The text with another beginning; `None` if it begins otherwise.
fn beginning(text: &[u8], Replacement { from, to }: &Replacement) -> Option<Vec<u8>> {
    text.strip_prefix(from.as_bytes()).map(|rest| [to.as_bytes(), rest].concat())
}

/// The text instead; `None` if it is another one. A dot in front counts for nothing.
fn whole(text: &[u8], Replacement { from, to }: &Replacement) -> Option<Vec<u8>> {
    let text = text.strip_prefix(b".").unwrap_or(text);
    text.eq_ignore_ascii_case(from.as_bytes()).then(|| to.as_bytes().to_vec())
}

/// A cookie (RFC 6265 §4.1) with other attributes; `None` if they stay as they are.
fn cookie(value: &[u8], domain: Option<&Replacement>, path: Option<&Replacement>) -> Option<Vec<u8>> {
    let mut parts = value.split(|byte| *byte == b';');
    let mut rewritten = parts.next()?.to_vec();
    let mut has_changed = false;
    for part in parts {
        rewritten.push(b';');
        let new = attribute(part).and_then(|(name, text)| {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            let new = match (domain, path) {
                (Some(domain), _) if is(b"domain") => whole(text, domain)?,
                (_, Some(path)) if is(b"path") => beginning(text, path)?,
                (Some(_) | None, Some(_) | None) => return None,
            };
            Some((name, new))
        });
        match new {
            Some((name, new)) => {
                has_changed = true;
                for piece in [b" ", name, b"=", &new] {
                    rewritten.extend_from_slice(piece);
                }
            }
            None => rewritten.extend_from_slice(part),
        }
    }
    has_changed.then_some(rewritten)
}

/// Name and value of an attribute, without the space around them.
fn attribute(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', part)?;
    Some((part[..equals].trim_ascii(), part[equals + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::http1::{Limits, Method, Progress, RequestContext, ResponseHead};
    use crate::model::Filter;

    fn replacement(from: &str, to: &str) -> Option<Replacement> {
        Some(Replacement { from: from.into(), to: to.into() })
    }

    /// The lines that an answer with these lines has behind the filter.
    fn rewritten(answer_urls: &AnswerUrls, lines: &str) -> Vec<String> {
        let bytes = format!("HTTP/1.1 302 Found\r\n{lines}\r\n").into_bytes();
        let mut head = ResponseHead::new();
        let context = RequestContext { method: Method::Get, upgrade: None };
        assert_eq!(head.parse(&bytes, context, &Limits::RESPONSE), Ok(Progress::Complete));
        let fields = Fields { bytes: &bytes, list: &head.fields };
        let mut edit = HeadEdit::default();
        let view = ResponseView::new(302, fields);
        crate::filter::response(&[Filter::AnswerUrls(Arc::new(answer_urls.clone()))], &view, &mut edit);
        let mut out = Vec::new();
        edit.write(fields, &mut out, |field| !field.hop);
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn nginx_z4_the_beginning_of_locations_is_replaced_and_nothing_else() {
        let location = replacement("http://pod:8080/two/", "https://a.example/one/");
        let answer_urls = AnswerUrls { location, ..AnswerUrls::default() };
        for (line, expected) in [
            ("Location: http://pod:8080/two/x?y", "location: https://a.example/one/x?y"),
            ("Location: http://pod:8080/two", "Location: http://pod:8080/two"),
            ("Location: HTTP://pod:8080/two/", "Location: HTTP://pod:8080/two/"),
            ("Location: /http://pod:8080/two/", "Location: /http://pod:8080/two/"),
            ("Refresh: 5; URL=http://pod:8080/two/x", "refresh: 5; URL=https://a.example/one/x"),
            ("Refresh: 5", "Refresh: 5"),
            ("Refresh: http://pod:8080/two/", "Refresh: http://pod:8080/two/"),
            ("X-Other: http://pod:8080/two/", "X-Other: http://pod:8080/two/"),
        ] {
            assert_eq!(rewritten(&answer_urls, &format!("{line}\r\n")), [expected]);
        }
    }

    #[test]
    fn nginx_z4_domains_and_paths_of_cookies_are_replaced_each_in_its_way() {
        let both = AnswerUrls {
            location: None,
            cookie_domain: replacement("pod.internal", "a.example"),
            cookie_path: replacement("/two/", "/"),
        };
        for (cookie, expected) in [
            ("a=b; Domain=pod.internal; Path=/two/x; Secure", Some("a=b; Domain=a.example; Path=/x; Secure")),
            ("a=b;domain = .POD.internal;HttpOnly", Some("a=b; domain=a.example;HttpOnly")),
            ("a=b; Path=/two/", Some("a=b; Path=/")),
            ("a=b; Domain=x.pod.internal; Path=/two", None),
            ("a=b; Path=/TWO/", None),
            ("a=Domain=pod.internal", None),
            ("domain=pod.internal; Secure", None),
            ("a=b; Domain; Path", None),
        ] {
            let line = format!("Set-Cookie: {cookie}\r\n");
            let expected = expected.map_or_else(|| line.trim_end().to_owned(), |new| format!("set-cookie: {new}"));
            assert_eq!(rewritten(&both, &line), [expected.as_str()]);
        }
        let only_path = AnswerUrls { cookie_domain: None, ..both };
        let line = "Set-Cookie: a=b; Domain=pod.internal; Path=/two/x\r\n";
        assert_eq!(rewritten(&only_path, line), ["set-cookie: a=b; Domain=pod.internal; Path=/x"]);
    }

    #[test]
    fn of_several_cookies_those_that_stay_keep_their_place_and_hidden_ones_stay_hidden() {
        let answer_urls = AnswerUrls { cookie_path: replacement("/two", ""), ..AnswerUrls::default() };
        let lines = "Set-Cookie: a=1; Path=/\r\nX-One: 1\r\nset-cookie: b=2; Path=/two/x\r\nSet-Cookie: c=3\r\n";
        let expected = ["X-One: 1", "set-cookie: a=1; Path=/", "set-cookie: b=2; Path=/x", "set-cookie: c=3"];
        assert_eq!(rewritten(&answer_urls, lines), expected);
        assert_eq!(
            rewritten(&answer_urls, "Connection: set-cookie\r\nSet-Cookie: b=2; Path=/two\r\n"),
            ["Connection: set-cookie"]
        );
    }
}
