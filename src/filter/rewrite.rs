//! Another path for a request, made of what the groups of its route's pattern match (nginx `rewrite … break`).

use regex::bytes::Captures;

use super::change::RequestChange;
use super::escape;
use super::head_edit::{FieldName, Fields};
use super::redirect;
use super::template::{as_it_is, render};
use super::verdict::Verdict;
use super::view::RequestView;
use crate::model::{Filter, Part, Rewrite, RewriteStep, Template, Variable};

pub(super) fn request<'f>(
    filter: &'f Filter,
    rewrite: &Rewrite,
    view: &RequestView<'_>,
    change: &mut RequestChange,
) -> Verdict<'f> {
    if !rewrite.steps.is_empty() {
        return in_steps(&rewrite.steps, view, &mut change.target);
    }
    let captures = view.pattern.and_then(|pattern| pattern.regex().captures(view.decoded_path));
    let captures = captures.as_ref();
    let mut path = Vec::new();
    render(&rewrite.path, view, captures, &mut path, as_it_is);
    if is_url(&rewrite.path) {
        let mut url = Vec::with_capacity(path.len());
        escape::url(&path, &mut url);
        append_query(rewrite, view, captures, &mut url);
        return redirect::respond(filter, 302, url);
    }
    let target = &mut change.target;
    target.clear();
    if path.first() != Some(&b'/') {
        target.push(b'/');
    }
    escape::path(&path, target);
    append_query(rewrite, view, captures, target);
    if let Some(prefix) = &rewrite.prefix {
        let mut value = Vec::new();
        render(prefix, view, captures, &mut value, as_it_is);
        let head = Fields { bytes: view.head, list: &view.request.fields };
        change.fields.set(head, FieldName::X_FORWARDED_PREFIX, &value);
    }
    Verdict::Continue
}

/// The path that is left when each step has had the one before it. It is that of the request where none matches, and where what
/// comes of them is none.
fn in_steps<'f>(steps: &[RewriteStep], view: &RequestView<'_>, target: &mut Vec<u8>) -> Verdict<'f> {
    let mut path = view.path().to_vec();
    for RewriteStep { pattern, path: to } in steps {
        let mut changed = Vec::new();
        match pattern.regex().captures(&path) {
            Some(captures) => render(to, view, Some(&captures), &mut changed, as_it_is),
            None => continue,
        }
        path = changed;
    }
    target.clear();
    if path.first() != Some(&b'/') {
        target.push(b'/');
    }
    target.extend_from_slice(&path);
    if let Some(query) = view.request.query {
        target.push(b'?');
        target.extend_from_slice(query.of(view.head));
    }
    Verdict::Continue
}

/// Whether the author wrote a URL. What groups match does not make one.
fn is_url(path: &Template) -> bool {
    let start = path.start();
    start.starts_with("http://")
        || start.starts_with("https://")
        || matches!(path.parts().first(), Some(Part::Variable(Variable::Scheme)))
}

/// Appends the query that the author wrote, and the client's own behind it.
fn append_query(rewrite: &Rewrite, view: &RequestView<'_>, captures: Option<&Captures<'_>>, out: &mut Vec<u8>) {
    let mut query = Vec::new();
    if let Some(own) = &rewrite.query {
        render(own, view, captures, &mut query, escape::query);
    }
    let of_client = view.request.query.filter(|query| rewrite.keeps_query && !query.is_empty());
    if let Some(of_client) = of_client {
        if !query.is_empty() {
            query.push(b'&');
        }
        query.extend_from_slice(of_client.of(view.head));
    }
    if !query.is_empty() {
        out.push(b'?');
        escape::url(&query, out);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::model::{Captures as Allowed, Pattern, Template};

    /// What becomes of a request with this target, of which nothing is encoded: the target that the pod gets, or where the client
    /// is sent.
    fn rewritten(pattern: &str, to: &str, target: &str) -> String {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        of_decoded(pattern, to, target, path.as_bytes())
    }

    fn of_decoded(pattern: &str, to: &str, target: &str, decoded_path: &[u8]) -> String {
        let (path, query) = Template::parse(to, Allowed::Allowed).unwrap().split_query();
        let rewrite = Rewrite { path, query, keeps_query: true, prefix: None, steps: Arc::default() };
        let filter = Filter::Rewrite(Arc::new(rewrite));
        let pattern = Pattern::new(&pattern.into()).unwrap();
        with_view(&[&format!("GET {target} HTTP/1.1"), "Host: a.example:81"], |view| {
            let view = RequestView { decoded_path, pattern: Some(&pattern), ..view };
            let mut change = RequestChange::default();
            let bytes = match crate::filter::request(std::slice::from_ref(&filter), &view, &mut change) {
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => change.target,
                Verdict::Respond(response) => {
                    assert_eq!(response.status, 302);
                    response.field(FieldName::LOCATION).unwrap().to_vec()
                }
            };
            String::from_utf8(bytes).unwrap()
        })
    }

    #[test]
    fn nginx_a3_a4_groups_go_into_the_path_and_the_query_survives() {
        for (pattern, to, target, expected) in [
            ("/something(/|$)(.*)", "/$2", "/something", "/"),
            ("/something(/|$)(.*)", "/$2", "/something/", "/"),
            ("/something(/|$)(.*)", "/$2", "/something/new?a=b", "/new?a=b"),
            ("/something(/|$)(.*)", "/$2", "/SOMETHING/New", "/New"),
            ("/app", "/", "/app/x?y", "/?y"),
            ("/app/(.*)", "$1", "/app/x", "/x"),
            ("/app(/.*)", "$1", "/app/x", "/x"),
            ("/(.*)", "/new/$1?a=$1", "/x?y", "/new/x?a=x&y"),
            ("/(.*)", "/$9", "/x", "/"),
            ("/(.*)", "https://b.example/$1", "/x?y", "https://b.example/x?y"),
            ("/(.*)", "$scheme://b.example/$1", "/x", "http://b.example/x"),
            ("/go/(.*)", "$1", "/go/http://b.example", "/http://b.example"),
            ("/(.*)", "/$host/$1", "/x", "/a.example/x"),
        ] {
            assert_eq!(rewritten(pattern, to, target), expected, "{pattern} {to} {target}");
        }
    }

    #[test]
    fn what_a_group_matches_cannot_leave_its_place() {
        for (decoded, expected) in [
            (&b"/x/?a=b"[..], "/y/%3Fa=b"),
            (b"/x/#", "/y/%23"),
            (b"/x/a b%", "/y/a%20b%25"),
            (b"/x/\xc3\xa9", "/y/%C3%A9"),
            (b"/x/$1", "/y/$1"),
            (b"/x/a/b", "/y/a/b"),
        ] {
            assert_eq!(of_decoded("/x/(.*)", "/y/$1", "/x", decoded), expected);
        }
        assert_eq!(of_decoded("/x/(.*)", "/y?a=$1", "/x?e", b"/x/b&c=d "), "/y?a=b%26c=d%20&e");
    }
}
