//! Rewrites what pods say about where they are: URLs of redirects, domains and paths of cookies (nginx `proxy_redirect`,
//! `proxy_cookie_domain`, `proxy_cookie_path`). Answers of ours are left alone: they have no fields of a pod.

use super::head_edit::{FieldName, Fields, HeadEdit};
use super::redirect;
use super::replacement::{self, Known, MOST, Place};
use super::view::{RequestView, ResponseView};
use crate::http1::Field;
use crate::model::{AnswerUrls, Filter};

const LOCATION: FieldName<'_> = FieldName::LOCATION;
const REFRESH: FieldName<'_> = FieldName::other(b"refresh");
const SET_COOKIE: FieldName<'_> = FieldName::SET_COOKIE;

/// What a request says for its answer, in the order of [`AnswerUrls::replacements`]. `None`: nothing is asked of it, or it says more
/// than is kept.
pub fn url_values(filters: &[Filter], view: &RequestView<'_>) -> Option<Box<[Box<[u8]>]>> {
    let mut known = filters.iter();
    let answer_urls =
        known.find_map(|filter| if let Filter::AnswerUrls(answer_urls) = filter { Some(answer_urls) } else { None })?;
    let mut values = Vec::with_capacity(answer_urls.of_request());
    values.extend(answer_urls.base.map(|port| redirect::on_host(b"", port, view).into()));
    let captures = view.pattern.filter(|_| answer_urls.has_captures());
    let captures = captures.and_then(|pattern| pattern.regex().captures(view.decoded_path));
    let AnswerUrls { location, base: _, cookie_domain, cookie_path } = &**answer_urls;
    for (replacement, place) in
        [(location, Place::Url), (cookie_domain, Place::Attribute), (cookie_path, Place::Attribute)]
    {
        if let Some(replacement) = replacement {
            replacement::keep(replacement, place, (view, captures.as_ref()), &mut values);
        }
    }
    let is_short = values.iter().map(|value| value.len()).sum::<usize>() <= MOST;
    (is_short && !values.is_empty()).then(|| values.into())
}

pub(super) fn response(answer_urls: &AnswerUrls, response: &ResponseView<'_>, edit: &mut HeadEdit) {
    let (fields, mut values) = (response.fields, response.url_values);
    // The request was refused before it was read, or says too much.
    if values.len() != answer_urls.of_request() {
        return;
    }
    let base = answer_urls.base.and_then(|_| values.split_off_first());
    let mut take = |replacement| Option::map(replacement, |replacement| Known::take(replacement, &mut values));
    let AnswerUrls { location, base: _, cookie_domain, cookie_path } = answer_urls;
    let (location, domain, path) = (take(location.as_ref()), take(cookie_domain.as_ref()), take(cookie_path.as_ref()));
    if let Some(location) = location {
        rewrite(fields, LOCATION, edit, |value| match base {
            Some(base) => location.beginning(value).map(|url| absolute(base, url)),
            None => url(value, location),
        });
        rewrite(fields, REFRESH, edit, |value| {
            let at = value.windows(4).position(|four| four.eq_ignore_ascii_case(b"url="))? + 4;
            Some([&value[..at], &url(&value[at..], location)?].concat())
        });
    }
    if domain.is_some() || path.is_some() {
        rewrite(fields, SET_COOKIE, edit, |value| cookie(value, domain, path));
    }
}

/// A URL with another beginning. What a request says does not make it one of another host.
fn url(text: &[u8], location: Known<'_>) -> Option<Vec<u8>> {
    let url = location.beginning(text)?;
    Some(if location.begins_as_written() { url } else { redirect::of_one_slash(url) })
}

/// A path as a URL (nginx `absolute_redirect`), anything else as it is.
fn absolute(base: &[u8], url: Vec<u8>) -> Vec<u8> {
    if url.starts_with(b"/") { [base, &*url].concat() } else { url }
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
        Some(new) => edit.add(name, new.trim_ascii()),
        None => edit.add(name, value),
    });
}

/// A cookie (RFC 6265 §4.1) with other attributes, written as nginx writes it; `None` if they stay as they are.
fn cookie(value: &[u8], domain: Option<Known<'_>>, path: Option<Known<'_>>) -> Option<Vec<u8>> {
    let mut pairs = value.split(|byte| *byte == b';').map(pair);
    let (name, Some(text)) = pairs.next()? else { return None };
    let mut rewritten = [name, b"=", text].concat();
    let mut has_changed = false;
    for (name, text) in pairs {
        rewritten.extend_from_slice(b"; ");
        rewritten.extend_from_slice(name);
        let Some(text) = text else { continue };
        let new = if name.eq_ignore_ascii_case(b"domain") {
            domain.and_then(|domain| domain.domain(text))
        } else if name.eq_ignore_ascii_case(b"path") {
            path.and_then(|path| path.beginning(text))
        } else {
            None
        };
        has_changed |= new.is_some();
        rewritten.push(b'=');
        rewritten.extend_from_slice(new.as_deref().unwrap_or(text));
    }
    has_changed.then_some(rewritten)
}

/// A name, and a value where it has one, without the space around them.
fn pair(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'=', part) {
        Some(equals) => (part[..equals].trim_ascii(), Some(part[equals + 1..].trim_ascii())),
        None => (part.trim_ascii(), None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::http1::{Limits, Method, Progress, RequestContext, ResponseHead};
    use crate::model::{Captures, ClientPort, Pattern, Replacement, Sought, Template};

    fn template(text: &str) -> Template {
        Template::parse(text, Captures::Allowed).unwrap()
    }

    fn replacement(from: &str, to: &str) -> Option<Replacement> {
        let from = match (from.strip_prefix("~*"), from.strip_prefix('~')) {
            (Some(text), _) => Sought::Pattern(Pattern::of_values_in_any_case(&text.into()).unwrap()),
            (None, Some(text)) => Sought::Pattern(Pattern::of_values(&text.into()).unwrap()),
            (None, None) => Sought::Text(template(from)),
        };
        Some(Replacement { from, to: template(to) })
    }

    /// The lines that an answer with these lines has behind the filter, to a request with these lines.
    fn answered(answer_urls: &AnswerUrls, request: &[&str], lines: &str) -> Vec<String> {
        let bytes = format!("HTTP/1.1 302 Found\r\n{lines}\r\n").into_bytes();
        let mut head = ResponseHead::new();
        let context = RequestContext { method: Method::Get, upgrade: None };
        assert_eq!(head.parse(&bytes, context, &Limits::RESPONSE), Ok(Progress::Complete));
        let fields = Fields { bytes: &bytes, list: &head.fields };
        let filters = [Filter::AnswerUrls(Arc::new(answer_urls.clone()))];
        let pattern = Pattern::new(&"/x(/.*)".into()).unwrap();
        let values = with_view(request, |view| {
            url_values(&filters, &RequestView { pattern: Some(&pattern), decoded_path: b"/x/a;b \r", ..view })
        });
        let mut edit = HeadEdit::default();
        let view = ResponseView { url_values: values.as_deref().unwrap_or_default(), ..ResponseView::new(302, fields) };
        crate::filter::response(&filters, &view, &mut edit);
        let mut out = Vec::new();
        edit.write(fields, &mut out, |field| !field.hop);
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    const REQUEST: [&str; 3] = ["GET /x/a?b=c;d HTTP/1.1", "Host: A.example:81", "X-One: c;\td, e"];

    fn rewritten(answer_urls: &AnswerUrls, lines: &str) -> Vec<String> {
        answered(answer_urls, &REQUEST, lines)
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
    fn nginx_z4_variables_of_both_halves_stand_for_what_the_request_has() {
        for (from, to, location, expected) in [
            ("http://$host/", "$scheme://$http_host/", "http://a.example/x", "http://A.example:81/x"),
            ("http://$host/", "$scheme://$http_host/", "http://b.example/x", ""),
            ("http://pod/", "https://b/$arg_b/", "http://pod/x", "https://b/c;d/x"),
            ("http://pod/", "https://b/$http_x_one/", "http://pod/x", "https://b/c;%09d,%20e/x"),
            ("http://pod", "https://b$uri", "http://pod/x", "https://b/x/a;b%20%0D/x"),
            ("http://pod", "https://b$1", "http://pod/x", "https://b/a;b%20%0D/x"),
            ("$http_none", "https://b", "/x", "https://b/x"),
        ] {
            let answer_urls = AnswerUrls { location: replacement(from, to), ..AnswerUrls::default() };
            let line = format!("Location: {location}\r\n");
            let expected = if expected.is_empty() { line.trim_end().into() } else { format!("location: {expected}") };
            assert_eq!(rewritten(&answer_urls, &line), [expected], "{from} {to}");
        }
    }

    #[test]
    fn nginx_z4_all_that_a_pattern_matches_is_replaced_with_what_its_groups_match() {
        for (from, to, location, expected) in [
            (r"~^http://pod:\d+(/.+)$", "https://a.example$1", "http://pod:8080/x?y", "https://a.example/x?y"),
            (r"~^http://pod:\d+(/.+)$", "https://a.example$1", "HTTP://pod:8080/x", ""),
            (r"~*^http://pod:\d+(/.+)$", "https://$host$1$2", "HTTP://pod:8080/x", "https://a.example/x"),
            ("~two", "/one", "http://pod/two/x", "/one"),
        ] {
            let answer_urls = AnswerUrls { location: replacement(from, to), ..AnswerUrls::default() };
            let line = format!("Location: {location}\r\nRefresh: 1;url={location}\r\n");
            let shown = if expected.is_empty() { location } else { expected };
            let lines = rewritten(&answer_urls, &line).join("\n").to_lowercase();
            assert_eq!(lines, format!("location: {shown}\nrefresh: 1;url={shown}").to_lowercase(), "{from} {to}");
        }
    }

    #[test]
    fn nginx_z4_a_location_that_becomes_a_path_is_made_a_url_and_no_request_leads_elsewhere() {
        for (to, base, expected) in [
            ("/one/", Some(ClientPort::Dropped), ["http://A.example/one/x", "/one/x"]),
            ("/one/", Some(ClientPort::Kept), ["http://A.example:81/one/x", "/one/x"]),
            ("/one/", None, ["/one/x", "/one/x"]),
            ("//cdn.example/", None, ["//cdn.example/x", "//cdn.example/x"]),
            ("$request_uri/", None, ["/evil.example/x", "/evil.example/x"]),
            ("/$request_uri/", None, ["/evil.example/x", "/evil.example/x"]),
            ("$request_uri/", Some(ClientPort::Dropped), ["http://A.example//evil.example/x", "/evil.example/x"]),
        ] {
            let answer_urls = AnswerUrls { location: replacement("http://pod/", to), base, ..AnswerUrls::default() };
            let lines = "Location: http://pod/x\r\nRefresh: 1;url=http://pod/x\r\n";
            let told = answered(&answer_urls, &["GET //evil.example HTTP/1.1", "Host: A.example:81"], lines);
            let [location, refresh] = expected;
            assert_eq!(told, [format!("location: {location}"), format!("refresh: 1;url={refresh}")], "{to} {base:?}");
        }
    }

    #[test]
    fn nginx_z4_domains_and_paths_of_cookies_are_replaced_each_in_its_way() {
        let both = AnswerUrls {
            cookie_domain: replacement("pod.internal", "a.example"),
            cookie_path: replacement("/two/", "/"),
            ..AnswerUrls::default()
        };
        for (cookie, expected) in [
            ("a=b; Domain=pod.internal; Path=/two/x; Secure", Some("a=b; Domain=a.example; Path=/x; Secure")),
            ("a=b;domain = .POD.internal;HttpOnly", Some("a=b; domain=.a.example; HttpOnly")),
            ("a=b; Path=/two/", Some("a=b; Path=/")),
            ("a=b=c;Path=/two/;", Some("a=b=c; Path=/;")),
            ("a=b; Domain=x.pod.internal; Path=/two", None),
            ("a=b; Path=/TWO/", None),
            ("a=Domain=pod.internal", None),
            ("domain=pod.internal; Secure", None),
            ("a=b; Domain; Path", None),
            ("a; Path=/two/", None),
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
    fn nginx_z4_cookies_are_rewritten_by_patterns_and_by_what_requests_say_which_ends_no_attribute() {
        for (domain, path, expected) in [
            (r"~*^\.?(.+)\.internal$ $1.example", "~^/two(/.*)$ $1", "a=b; Domain=pod.example; Path=/x"),
            ("~^pod $host", "/two $1", "a=b; Domain=.pod.internal; Path=/a%3Bb%20%0D/x"),
            ("pod.internal $host", "/two /$http_x_one", "a=b; Domain=.a.example; Path=/c%3B%09d,%20e/x"),
        ] {
            let read = |text: &str| text.split_once(' ').and_then(|(from, to)| replacement(from, to));
            let answer_urls =
                AnswerUrls { cookie_domain: read(domain), cookie_path: read(path), ..AnswerUrls::default() };
            let told = rewritten(&answer_urls, "Set-Cookie: a=b; Domain=.pod.internal; Path=/two/x\r\n");
            assert_eq!(told, [format!("set-cookie: {expected}")], "{domain} {path}");
        }
    }

    #[test]
    fn what_comes_to_too_much_is_left_as_it_is() {
        let many = AnswerUrls { location: replacement("~(.*)", &"$1".repeat(1024)), ..AnswerUrls::default() };
        let line = format!("Location: /{}\r\n", "x".repeat(100));
        assert_eq!(rewritten(&many, &line), [line.trim_end()]);
        let many = AnswerUrls { location: replacement("/", &"$http_x".repeat(256)), ..AnswerUrls::default() };
        let long = format!("X: {}", "x".repeat(100));
        let told = |line: &str| answered(&many, &["GET / HTTP/1.1", "Host: a", line], "Location: /\r\n");
        assert_eq!(told(&long), ["Location: /"]);
        assert_eq!(told("X: y"), [format!("location: {}", "y".repeat(256))]);
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
