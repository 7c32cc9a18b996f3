//! What a template comes to for a request.

use regex::bytes::Captures;

use super::cookies::cookie_in_any_case;
use super::escape;
use super::view::RequestView;
use crate::http1::Field;
use crate::model::{Action, Part, Template, UpstreamSpec, Variable};

/// Appends what a template comes to. `captures` are those of the path's pattern. Each value passes `escape` on its way, texts of
/// the author do not.
pub(super) fn render(
    template: &Template,
    view: &RequestView<'_>,
    captures: Option<&Captures<'_>>,
    out: &mut Vec<u8>,
    escape: fn(&[u8], &mut Vec<u8>),
) {
    for part in template.parts() {
        match part {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Variable(variable) => with_value(variable, view, captures, |value| escape(value, out)),
        }
    }
}

/// Appends what a template of a URL comes to. What groups of a path's pattern match is not encoded yet, other values are.
pub(super) fn render_url(
    template: &Template,
    view: &RequestView<'_>,
    captures: Option<&Captures<'_>>,
    are_of_path: bool,
    out: &mut Vec<u8>,
) {
    for part in template.parts() {
        match part {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Variable(variable) => {
                let is_decoded = match variable {
                    Variable::Uri => true,
                    Variable::Capture(_) => are_of_path,
                    _ => false,
                };
                let escape = if is_decoded { escape::path } else { escape::url };
                with_value(variable, view, captures, |value| escape(value, out));
            }
        }
    }
}

/// Passes a value on as it is.
pub(super) fn as_it_is(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(value);
}

/// Gives what a variable stands for, once; an empty value where the request has no such thing. Captures are none here.
pub fn value(variable: &Variable, view: &RequestView<'_>, give: &mut dyn FnMut(&[u8])) {
    with_value(variable, view, None, give);
}

/// The same.
pub(super) fn with_value(
    variable: &Variable,
    view: &RequestView<'_>,
    captures: Option<&Captures<'_>>,
    mut give: impl FnMut(&[u8]),
) {
    let RequestView { head, request, .. } = *view;
    let query = request.query.map(|query| query.of(head));
    match variable {
        Variable::Arg(name) => give(argument(query.unwrap_or_default(), name).unwrap_or_default()),
        Variable::Args => give(query.unwrap_or_default()),
        Variable::Capture(group) => {
            let group = captures.and_then(|captures| captures.get(usize::from(*group)));
            give(group.map_or(&b""[..], |group| group.as_bytes()));
        }
        Variable::Cookie(name) => give(cookie_in_any_case(request, head, name).unwrap_or_default()),
        Variable::EscapedRequestUri => {
            let mut escaped = Vec::new();
            escape::component(&view.request_uri(), &mut escaped);
            give(&escaped);
        }
        Variable::Header(name) => {
            let is_it = |field: &&Field| field.name.of(head).eq_ignore_ascii_case(name.as_bytes());
            let mut values = request.fields.iter().filter(is_it).map(|field| field.value.of(head));
            match (values.next(), values.next()) {
                (None, _) => give(b""),
                (Some(only), None) => give(only),
                // All of them, as nginx joins them.
                (Some(first), Some(second)) => {
                    let between: &[u8] = if name.eq_ignore_ascii_case("cookie") { b"; " } else { b", " };
                    let all: Vec<_> = [first, second].into_iter().chain(values).collect();
                    give(&all.join(between));
                }
            }
        }
        Variable::Host => give(&view.host_without_port().to_ascii_lowercase()),
        Variable::HttpHost => give(request.authority.of(head)),
        Variable::IngressName => give(view.route.map_or(&b""[..], |route| route.origin.label().name.as_bytes())),
        Variable::IsArgs => give(if query.is_some_and(|query| !query.is_empty()) { b"?" } else { b"" }),
        Variable::Method => give(request.method_text.of(head)),
        Variable::Namespace => give(view.route.map_or(&b""[..], |route| route.origin.label().namespace.as_bytes())),
        Variable::RemoteAddress => {
            let address = view.client.map(|client| client.to_string());
            give(address.unwrap_or_default().as_bytes());
        }
        Variable::RequestUri => give(&view.request_uri()),
        Variable::Scheme => give(if view.came_by_https() { b"https" } else { b"http" }),
        Variable::ServiceName => give(backend(view).map_or(&b""[..], |spec| spec.key.service.name.as_bytes())),
        Variable::ServicePort => give(backend(view).map(|spec| spec.port.to_string()).unwrap_or_default().as_bytes()),
        Variable::Uri => give(view.decoded_path),
    }
}

/// The backend that gets the request: of several that share a route it is the only one by now.
fn backend<'a>(view: &RequestView<'a>) -> Option<&'a UpstreamSpec> {
    match &view.route?.action {
        Action::Forward(spec) => Some(spec),
        Action::Split(_) | Action::Canary(_) | Action::Reply(_) => None,
    }
}

/// The first parameter of a query with this name, in any case.
fn argument<'a>(query: &'a [u8], name: &str) -> Option<&'a [u8]> {
    query.split(|&byte| byte == b'&').find_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        pair[..at].eq_ignore_ascii_case(name.as_bytes()).then(|| &pair[at + 1..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::model::Captures as Allowed;

    fn rendered(source: &str, lines: &[&str]) -> String {
        let template = Template::parse(source, Allowed::Refused).unwrap();
        with_view(lines, |view| {
            let view = RequestView { client: Some([10, 0, 0, 1].into()), decoded_path: b"/a b", ..view };
            let mut out = Vec::new();
            render(&template, &view, None, &mut out, as_it_is);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn variables_come_to_what_the_request_has() {
        let lines = [
            "GET /a%20b?x=1&Y=%20&y=2 HTTP/1.1",
            "Host: A.test:81",
            "X-One: 1",
            "Cookie: a=b; Id=7; id=8",
            "X-Three: a",
            "x-three: b",
        ];
        for (source, expected) in [
            ("https://b$request_uri", "https://b/a%20b?x=1&Y=%20&y=2"),
            ("$scheme://$host$uri$is_args$args", "http://a.test/a b?x=1&Y=%20&y=2"),
            ("$http_host $best_http_host", "A.test:81 A.test:81"),
            ("[$arg_y][$arg_z]", "[%20][]"),
            ("[$cookie_id][$cookie_b]", "[7][]"),
            ("[$http_x_one][$http_x_two][$http_x_three]", "[1][][a, b]"),
            ("$request_method $remote_addr", "GET 10.0.0.1"),
            ("$escaped_request_uri", "%2Fa%2520b%3Fx%3D1%26Y%3D%2520%26y%3D2"),
        ] {
            assert_eq!(rendered(source, &lines), expected, "{source}");
        }
        assert_eq!(rendered("[$is_args$args][$host]", &["GET / HTTP/1.0"]), "[][]");
    }
}
