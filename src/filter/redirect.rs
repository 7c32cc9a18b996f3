//! Redirects of all requests of a route, and of its `/`. What they lead to is the author's: it was read and found to be a URL or
//! a path when objects were translated.

use super::escape;
use super::head_edit::FieldName;
use super::template;
use super::verdict::{Response, Verdict};
use super::view::RequestView;
use crate::model::{ClientPort, Filter, Hostname, Location, Redirect, Template};

pub(super) fn request<'f>(filter: &'f Filter, redirect: &Redirect, request: &RequestView<'_>) -> Verdict<'f> {
    let location = match &redirect.location {
        Location::Fixed(url) => of_one_slash(rendered(url, request)),
        Location::OnHost { path, port: _ } if !leads(redirect.status) => rendered(path, request),
        Location::OnHost { path, port } => on_host(&rendered(path, request), *port, request),
        Location::OtherHost(host) => other_host(host, request),
    };
    if leads(redirect.status) {
        respond(filter, redirect.status, location)
    } else {
        tell(filter, redirect.status, location)
    }
}

/// Whether a status leads clients to a `Location`, with which nginx sends it then.
fn leads(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Says it in the body, as nginx does with any other status. It is plain text: what clients say becomes no page of the host.
fn tell(filter: &Filter, status: u16, text: Vec<u8>) -> Verdict<'_> {
    let body = Some(text);
    Verdict::Respond(Box::new(Response { by: filter, status, fields: Vec::new(), text: "this is elsewhere", body }))
}

/// nginx `if ($uri = /) { return 302 … }`.
pub(super) fn app_root<'f>(filter: &'f Filter, path: &str, request: &RequestView<'_>) -> Verdict<'f> {
    if request.path() != b"/" {
        return Verdict::Continue;
    }
    respond(filter, 302, on_host(path.as_bytes(), ClientPort::Kept, request))
}

pub(super) fn respond(filter: &Filter, status: u16, location: Vec<u8>) -> Verdict<'_> {
    let fields = vec![(FieldName::LOCATION, location)];
    Verdict::Respond(Box::new(Response { by: filter, status, fields, text: "this is served elsewhere", body: None }))
}

/// A path under the scheme and host of the request, or by itself where the request names no host.
pub(super) fn on_host(path: &[u8], port: ClientPort, view: &RequestView<'_>) -> Vec<u8> {
    let host = match port {
        ClientPort::Kept => view.request.authority.of(view.head),
        ClientPort::Dropped => view.host_without_port(),
    };
    if host.is_empty() {
        return of_one_slash(path.to_vec());
    }
    let scheme: &[u8] = if view.came_by_https() { b"https://" } else { b"http://" };
    [scheme, host, path].concat()
}

/// The URL of the request under another host. The port is always written out, and one slash at the end left out, as
/// ingress-nginx does.
fn other_host(host: &Hostname, view: &RequestView<'_>) -> Vec<u8> {
    let mut location = if view.came_by_https() { b"https://".to_vec() } else { b"http://".to_vec() };
    location.extend_from_slice(host.as_str().as_bytes());
    location.extend_from_slice(format!(":{}", view.port_of_client()).as_bytes());
    location.extend_from_slice(&view.request_uri());
    if location.ends_with(b"/") {
        location.pop();
    }
    location
}

fn rendered(template: &Template, view: &RequestView<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    template::render(template, view, None, &mut out, escape::url);
    out
}

/// A path with one slash at its start: two would lead to the host that a client has written behind them.
pub(super) fn of_one_slash(mut location: Vec<u8>) -> Vec<u8> {
    let slashes = location.iter().take_while(|&&byte| byte == b'/').count();
    location.drain(..slashes.saturating_sub(1));
    location
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::RequestChange;
    use crate::filter::view::tests::with_view;
    use crate::model::{Captures, RedirectKind};

    /// The status and location of the answer to a request with this start line and these lines; `None` where there is none.
    fn answer(filter: &Filter, lines: &str, is_https: bool) -> Option<(u16, String)> {
        with_view(&[lines], |view| {
            let port = if is_https { 443 } else { 80 };
            let view = RequestView { is_tls: is_https, is_https, port, ..view };
            match crate::filter::request(std::slice::from_ref(filter), &view, &mut RequestChange::default()) {
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => None,
                Verdict::Respond(response) => {
                    assert_eq!(response.by, filter);
                    let location = response.field(FieldName::LOCATION).unwrap();
                    Some((response.status, String::from_utf8(location.to_vec()).unwrap()))
                }
            }
        })
    }

    fn to(status: u16, location: Location) -> Filter {
        Filter::Redirect(Arc::new(Redirect { kind: RedirectKind::Permanent, status, location }))
    }

    #[test]
    fn nginx_d1_a_fixed_location_is_sent_as_it_is() {
        let url = "https://b.example/x?y#z";
        let filter = to(301, Location::Fixed(Template::plain(url)));
        for lines in ["GET /any?thing HTTP/1.1\r\nHost: a", "POST / HTTP/1.0"] {
            assert_eq!(answer(&filter, lines, false), Some((301, url.to_owned())));
        }
    }

    #[test]
    fn nginx_d3_a_path_gets_the_scheme_and_host_of_the_request() {
        let location = |port| Location::OnHost { path: Template::plain("/x"), port };
        let [dropped, kept] = [ClientPort::Dropped, ClientPort::Kept].map(|port| to(308, location(port)));
        for (filter, lines, is_https, expected) in [
            (&dropped, "GET /y HTTP/1.1\r\nHost: a:81", false, "http://a/x"),
            (&dropped, "GET /y HTTP/1.1\r\nHost: a", true, "https://a/x"),
            (&dropped, "GET /y HTTP/1.1\r\nHost: 127.0.0.1:81", false, "http://127.0.0.1/x"),
            (&dropped, "GET /y HTTP/1.1\r\nHost: [::1]:81", false, "http://[::1]/x"),
            (&kept, "GET /y HTTP/1.1\r\nHost: a:81", false, "http://a:81/x"),
            (&dropped, "GET /y HTTP/1.0", false, "/x"),
        ] {
            assert_eq!(answer(filter, lines, is_https), Some((308, expected.to_owned())), "{lines}");
        }
    }

    #[test]
    fn variables_lead_to_what_the_request_has_and_never_to_another_host() {
        for (source, target, expected) in [
            ("https://b.example$request_uri", "/x?y=%20", "https://b.example/x?y=%20"),
            ("https://b.example$uri", "/x", "https://b.example/a b"),
            ("$request_uri", "//evil.example/x", "/evil.example/x"),
            ("/$arg_to", "/?to=/evil.example", "/evil.example"),
        ] {
            let filter = to(301, Location::Fixed(Template::parse(source, Captures::Refused).unwrap()));
            let lines = format!("GET {target} HTTP/1.1\r\nHost: a");
            let found = with_view(&[&lines], |view| {
                let view = RequestView { decoded_path: b"/a b", ..view };
                crate::filter::request(std::slice::from_ref(&filter), &view, &mut RequestChange::default())
            });
            let Verdict::Respond(response) = found else { panic!("{source} is not redirected") };
            let expected = expected.replace(' ', "%20");
            assert_eq!(response.field(FieldName::LOCATION), Some(expected.as_bytes()), "{source}");
        }
    }

    #[test]
    fn nginx_e1_e2_the_url_of_the_request_is_sent_to_the_other_host_with_its_port() {
        let filter = to(308, Location::OtherHost(Hostname::parse("foo.com").unwrap()));
        for (lines, is_https, expected) in [
            ("GET /x?y HTTP/1.1\r\nHost: www.foo.com", false, "http://foo.com:80/x?y"),
            ("GET / HTTP/1.1\r\nHost: www.foo.com", true, "https://foo.com:443"),
            ("GET /x/ HTTP/1.1\r\nHost: www.foo.com:8080", false, "http://foo.com:80/x"),
            ("GET //evil.example HTTP/1.1\r\nHost: www.foo.com", false, "http://foo.com:80//evil.example"),
        ] {
            assert_eq!(answer(&filter, lines, is_https), Some((308, expected.to_owned())), "{lines}");
        }
    }

    #[test]
    fn nginx_e2_a_trusted_proxy_says_which_scheme_and_port_clients_use() {
        let filter = to(308, Location::OtherHost(Hostname::parse("foo.com").unwrap()));
        for (lines, expected) in [
            (&["X-Forwarded-Proto: https"][..], "https://foo.com:443/x"),
            (&["X-Forwarded-Proto: https", "X-Forwarded-Port: 8443"], "https://foo.com:8443/x"),
            (&["X-Forwarded-Port: 81"], "http://foo.com:81/x"),
            (&["X-Forwarded-Port: 81x"], "http://foo.com:80/x"),
        ] {
            let lines = [&["GET /x HTTP/1.1", "Host: www.foo.com"][..], lines].concat();
            let found = with_view(&lines, |view| {
                let view = RequestView { is_trusted: true, ..view };
                crate::filter::request(std::slice::from_ref(&filter), &view, &mut RequestChange::default())
            });
            let Verdict::Respond(response) = found else { panic!("{lines:?}") };
            assert_eq!(response.field(FieldName::LOCATION), Some(expected.as_bytes()), "{lines:?}");
        }
    }

    #[test]
    fn nginx_c1_c3_the_root_is_redirected_and_nothing_else() {
        let filter = Filter::AppRoot("/app?x".into());
        for (target, expected) in [("/", true), ("/?y", true), ("/x", false), ("//", false), ("/app", false)] {
            let found = answer(&filter, &format!("GET {target} HTTP/1.1\r\nHost: a:81"), false);
            assert_eq!(found, expected.then(|| (302, "http://a:81/app?x".to_owned())), "{target}");
        }
        let found = answer(&filter, "GET / HTTP/1.1\r\nHost: a", true);
        assert_eq!(found, Some((302, "https://a/app?x".to_owned())));
    }
}
