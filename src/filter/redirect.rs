//! Redirects of all requests of a route, and of its `/`. What they lead to is the author's: it was read and found to be a URL or
//! a path when objects were translated.

use super::head_edit::FieldName;
use super::verdict::{Response, Verdict};
use super::view::RequestView;
use crate::model::{ClientPort, Filter, Location, Redirect};

pub(super) fn request<'f>(filter: &'f Filter, redirect: &Redirect, request: &RequestView<'_>) -> Verdict<'f> {
    let location = match &redirect.location {
        Location::Fixed(url) => url.as_bytes().to_vec(),
        Location::OnHost { path, port } => on_host(path, *port, request),
    };
    respond(filter, redirect.status, location)
}

/// nginx `if ($uri = /) { return 302 … }`.
pub(super) fn app_root<'f>(filter: &'f Filter, path: &str, request: &RequestView<'_>) -> Verdict<'f> {
    if request.path() != b"/" {
        return Verdict::Continue;
    }
    respond(filter, 302, on_host(path, ClientPort::Kept, request))
}

fn respond(filter: &Filter, status: u16, location: Vec<u8>) -> Verdict<'_> {
    let fields = vec![(FieldName::LOCATION, location)];
    Verdict::Respond(Response { by: filter, status, fields, text: "this is served elsewhere" })
}

/// A path under the scheme and host of the request, or by itself where the request names no host.
fn on_host(path: &str, port: ClientPort, view: &RequestView<'_>) -> Vec<u8> {
    let host = match port {
        ClientPort::Kept => view.request.authority.of(view.head),
        ClientPort::Dropped => view.host_without_port(),
    };
    if host.is_empty() {
        return path.as_bytes().to_vec();
    }
    let scheme: &[u8] = if view.came_by_https() { b"https://" } else { b"http://" };
    [scheme, host, path.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::Uncounted;
    use crate::http1::{Limits, Progress, RequestHead};
    use crate::model::RedirectKind;

    /// The status and location of the answer to a request with this start line and these lines; `None` where there is none.
    fn answer(filter: &Filter, lines: &str, is_https: bool) -> Option<(u16, String)> {
        let head = format!("{lines}\r\n\r\n");
        let mut request = RequestHead::new();
        assert_eq!(request.parse(head.as_bytes(), &Limits::REQUEST), Ok(Progress::Complete), "{head}");
        let view = RequestView {
            head: head.as_bytes(),
            request: &request,
            is_tls: is_https,
            is_https,
            is_trusted: false,
            has_tls: true,
            https_port: 443,
            client: None,
            meter: &Uncounted,
        };
        match crate::filter::request(std::slice::from_ref(filter), &view) {
            Verdict::Continue => None,
            Verdict::Respond(response) => {
                assert_eq!(response.by, filter);
                let location = response.field(FieldName::LOCATION).unwrap();
                Some((response.status, String::from_utf8(location.to_vec()).unwrap()))
            }
        }
    }

    fn to(status: u16, location: Location) -> Filter {
        Filter::Redirect(Arc::new(Redirect { kind: RedirectKind::Permanent, status, location }))
    }

    #[test]
    fn nginx_d1_a_fixed_location_is_sent_as_it_is() {
        let url = "https://b.example/x?y#z";
        let filter = to(301, Location::Fixed(url.into()));
        for lines in ["GET /any?thing HTTP/1.1\r\nHost: a", "POST / HTTP/1.0"] {
            assert_eq!(answer(&filter, lines, false), Some((301, url.to_owned())));
        }
    }

    #[test]
    fn nginx_d3_a_path_gets_the_scheme_and_host_of_the_request() {
        let location = |port| Location::OnHost { path: "/x".into(), port };
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
