//! The redirect to https: 308 with the same URL (nginx `http-redirect-code` 308).

use super::head_edit::FieldName;
use super::verdict::{Response, Verdict};
use super::view::RequestView;
use crate::model::{Filter, HttpsRedirect, HttpsUrl, PortInUrl, TrailingSlash};

/// Where challenges of certificate authorities are answered (RFC 8555 §8.3): never redirected.
const ACME: &[u8] = b"/.well-known/acme-challenge/";

/// Why a request to a route with a redirect is not redirected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRedirected {
    /// The route redirects where there is TLS, and no TLS entry covers the host.
    WithoutTls,
    /// The request came over TLS.
    Tls,
    /// The request names no host (HTTP/1.0), so there is no URL to send the client to.
    WithoutHost,
    /// The request asks for a challenge of a certificate authority.
    AcmeChallenge,
    /// The client used https to reach the proxy in front of us.
    HttpsInFront,
}

/// Why this request is not redirected; `None` if it is.
pub fn not_redirected(when: HttpsRedirect, request: &RequestView<'_>) -> Option<NotRedirected> {
    match when {
        HttpsRedirect::WithTls if !request.has_tls => Some(NotRedirected::WithoutTls),
        HttpsRedirect::WithTls | HttpsRedirect::Always if request.is_tls => Some(NotRedirected::Tls),
        HttpsRedirect::WithTls | HttpsRedirect::Always if request.request.authority.is_empty() => {
            Some(NotRedirected::WithoutHost)
        }
        HttpsRedirect::WithTls | HttpsRedirect::Always if request.path().starts_with(ACME) => {
            Some(NotRedirected::AcmeChallenge)
        }
        HttpsRedirect::WithTls | HttpsRedirect::Always => {
            request.came_by_https().then_some(NotRedirected::HttpsInFront)
        }
    }
}

#[inline]
pub(super) fn request<'f>(
    filter: &'f Filter,
    when: HttpsRedirect,
    url: HttpsUrl,
    request: &RequestView<'_>,
) -> Verdict<'f> {
    if not_redirected(when, request).is_some() {
        return Verdict::Continue;
    }
    Verdict::Respond(Box::new(Response {
        by: filter,
        status: url.status,
        fields: vec![(FieldName::LOCATION, location(url, request))],
        text: "this host is served over https",
        body: None,
    }))
}

/// The URL of the request under https. The parser lets nothing but visible ASCII into authority and target.
fn location(url: HttpsUrl, view: &RequestView<'_>) -> Vec<u8> {
    let RequestView { head, request, https_port, .. } = view;
    let mut location = b"https://".to_vec();
    location.extend_from_slice(view.host_without_port());
    let has_port = match url.port {
        PortInUrl::IfUnusual => *https_port != 443,
        PortInUrl::Always => true,
        PortInUrl::Never => false,
    };
    if has_port {
        location.extend_from_slice(format!(":{https_port}").as_bytes());
    }
    location.extend_from_slice(view.path());
    if let Some(query) = request.query {
        location.push(b'?');
        location.extend_from_slice(query.of(head));
    }
    match url.slash {
        TrailingSlash::Cut if location.ends_with(b"/") => _ = location.pop(),
        TrailingSlash::Cut | TrailingSlash::Kept => {}
    }
    location
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::view::tests::with_view as view_of;

    fn location_of(start: &str, host: &str, https_port: u16) -> String {
        location_as(HttpsUrl::default(), start, host, https_port)
    }

    fn location_as(url: HttpsUrl, start: &str, host: &str, https_port: u16) -> String {
        view_of(&[start, &format!("Host: {host}")], |view| {
            let when = HttpsRedirect::WithTls;
            let filter = Filter::HttpsRedirect(when, url);
            match super::request(&filter, when, url, &RequestView { https_port, ..view }) {
                Verdict::Respond(response) => {
                    assert_eq!((response.by, response.status), (&filter, 308));
                    String::from_utf8(response.field(FieldName::LOCATION).unwrap().to_vec()).unwrap()
                }
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => panic!("{start} {host} is not redirected"),
            }
        })
    }

    #[test]
    fn nginx_b1_one_slash_at_the_end_is_left_out_where_that_is_asked_for() {
        let url = HttpsUrl { slash: TrailingSlash::Cut, ..HttpsUrl::default() };
        for (target, expected) in [
            ("/", "https://a"),
            ("/x/", "https://a/x"),
            ("/x//", "https://a/x/"),
            ("/x?y=/", "https://a/x?y="),
            ("/x/?y", "https://a/x/?y"),
            ("/x", "https://a/x"),
        ] {
            assert_eq!(location_as(url, &format!("GET {target} HTTP/1.1"), "a:80", 443), expected);
        }
    }

    #[test]
    fn nginx_b7_the_port_is_written_out_where_that_is_asked_for() {
        for (port, https_port, expected) in [
            (PortInUrl::Always, 443, "https://a:443/"),
            (PortInUrl::Always, 8443, "https://a:8443/"),
            (PortInUrl::Never, 8443, "https://a/"),
            (PortInUrl::IfUnusual, 8443, "https://a:8443/"),
        ] {
            let url = HttpsUrl { port, ..HttpsUrl::default() };
            assert_eq!(location_as(url, "GET / HTTP/1.1", "a:8080", https_port), expected);
        }
    }

    #[test]
    fn a_redirect_keeps_the_url_but_for_scheme_and_port() {
        for (start, host, expected) in [
            ("GET /a/%7e;x?b=c&d HTTP/1.1", "A.test:8080", "https://A.test/a/%7e;x?b=c&d"),
            ("GET / HTTP/1.1", "a.test.", "https://a.test/"),
            ("GET /?http://evil.test/ HTTP/1.1", "a.test", "https://a.test/?http://evil.test/"),
            ("GET //evil.test/ HTTP/1.1", "a.test", "https://a.test//evil.test/"),
            ("GET http://a.test HTTP/1.1", "a.test", "https://a.test/"),
            ("GET /x HTTP/1.1", "10.0.0.1:80", "https://10.0.0.1/x"),
            ("GET /x HTTP/1.1", "[::1]:80", "https://[::1]/x"),
            ("GET /x HTTP/1.1", "[::1]", "https://[::1]/x"),
        ] {
            assert_eq!(location_of(start, host, 443), expected);
        }
        assert_eq!(location_of("GET /x HTTP/1.1", "a.test:80", 8443), "https://a.test:8443/x");
        assert_eq!(location_of("GET /x HTTP/1.1", "[::1]:80", 8443), "https://[::1]:8443/x");
    }

    #[test]
    fn a_redirect_needs_tls_for_the_host_unless_it_is_forced() {
        let of = |when, has_tls| {
            view_of(&["GET / HTTP/1.1", "Host: a"], |view| not_redirected(when, &RequestView { has_tls, ..view }))
        };
        assert_eq!(of(HttpsRedirect::WithTls, true), None);
        assert_eq!(of(HttpsRedirect::WithTls, false), Some(NotRedirected::WithoutTls));
        assert_eq!(of(HttpsRedirect::Always, true), None);
        assert_eq!(of(HttpsRedirect::Always, false), None);
    }

    #[test]
    fn what_came_over_tls_names_no_host_or_asks_for_a_challenge_is_not_redirected() {
        for when in [HttpsRedirect::WithTls, HttpsRedirect::Always] {
            let of = |lines: &[&str], is_tls| {
                view_of(lines, |view| not_redirected(when, &RequestView { is_tls, is_https: is_tls, ..view }))
            };
            let host = "Host: a";
            assert_eq!(of(&["GET / HTTP/1.1", host], true), Some(NotRedirected::Tls));
            assert_eq!(of(&["GET / HTTP/1.0"], false), Some(NotRedirected::WithoutHost));
            let challenge = "GET /.well-known/acme-challenge/x HTTP/1.1";
            assert_eq!(of(&[challenge, host], false), Some(NotRedirected::AcmeChallenge));
            assert_eq!(of(&["GET /.well-known/acme-challenge HTTP/1.1", host], false), None);
        }
    }

    #[test]
    fn a_trusted_proxy_says_whether_its_client_used_https() {
        for (is_trusted, is_https, told, expected) in [
            (false, false, "https", None),
            (false, true, "http", Some(NotRedirected::HttpsInFront)),
            (true, false, "HTTPS", Some(NotRedirected::HttpsInFront)),
            (true, false, "", None),
            (true, true, "http", None),
            (true, true, "", Some(NotRedirected::HttpsInFront)),
            // Lists, and the schemes of WebSockets.
            (true, false, "https,https", Some(NotRedirected::HttpsInFront)),
            (true, false, "https, http", Some(NotRedirected::HttpsInFront)),
            (true, false, "wss", Some(NotRedirected::HttpsInFront)),
            (true, true, "http, https", None),
            (true, true, "ws", None),
            (true, false, "httpss", None),
        ] {
            let lines = ["GET / HTTP/1.1", "Host: a", &format!("X-Forwarded-Proto: {told}")];
            let found = view_of(&lines, |view| {
                not_redirected(HttpsRedirect::Always, &RequestView { is_trusted, is_https, ..view })
            });
            assert_eq!(found, expected, "{is_trusted} {is_https} {told}");
        }
    }
}
