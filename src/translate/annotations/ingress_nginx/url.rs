//! URLs and paths that redirects lead to. They are sent to clients as they are, so nothing is taken that could be read as
//! anything else.

use crate::model::{Captures, Template};

use super::super::draft::Draft;
use super::variables;

/// Longest one. Clients and caches take no more than some thousand characters.
const LONGEST: usize = 2048;

/// What a redirect may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A URL of http or https.
    Url,
    /// A path of the same host.
    Path,
    /// Either.
    Any,
}

/// Reads a URL or a path, in which variables may stand, and hands it to `set`. One that is refused for a reason that its author may
/// not guess sets nothing, and says why. `None`: it is neither.
pub(super) fn read(draft: &mut Draft, text: &str, target: Target, set: fn(&mut Draft, Template)) -> Option<()> {
    let text = text.trim_matches([' ', '\t', '\n']);
    if text.len() > LONGEST {
        draft.refuses("is longer than 2048 characters, so it is not applied", "Use a shorter one");
        return Some(());
    }
    match variables::read(draft, text, Captures::Refused) {
        Some(template) if is_uri(&template) && fits(&template, target) => set(draft, template),
        Some(_) => return None,
        None => {}
    }
    Some(())
}

fn fits(template: &Template, target: Target) -> bool {
    let start = template.start();
    let has_more = template.as_text().is_none();
    match target {
        Target::Url => is_url(start, has_more),
        Target::Path => is_path(start),
        Target::Any => is_url(start, has_more) || is_path(start),
    }
}

/// With a scheme that leads to a web server, and a host, which a variable may give.
fn is_url(start: &str, has_more: bool) -> bool {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let (front, rest) = start.split_at_checked(scheme.len())?;
        front.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    rest.is_some_and(|rest| !rest.starts_with(['/', '?', '#', ':', '@']) && (has_more || !rest.is_empty()))
}

/// Two slashes would lead to another host.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//")
}

/// Whether all characters of the author may stand in a URI (RFC 3986 §2), in which there is no white space, no control character
/// and no backslash, which browsers take for a slash.
fn is_uri(template: &Template) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!&'()*+,;=%".contains(&byte);
    template.texts().all(|text| text.bytes().all(is_allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_web_servers_and_paths_to_the_same_host() {
        for (text, is_url, is_path) in [
            ("https://b.example", true, false),
            ("HTTP://b.example:8080/x?y=%20#z", true, false),
            ("http://[::1]/", true, false),
            ("/x?y", false, true),
            ("/", false, true),
            ("//evil.example", false, false),
            ("/\\evil.example", false, false),
            ("https:/b.example", false, false),
            ("https://", false, false),
            ("https:///x", false, false),
            ("https://?x", false, false),
            ("javascript:alert(1)", false, false),
            ("data:text/html,x", false, false),
            ("ftp://b.example/", false, false),
            ("b.example/x", false, false),
            ("https://$host/x", true, false),
            ("https://b.example$request_uri", true, false),
            ("https://b.example/x?to=$escaped_request_uri", true, false),
            ("https:/$host", false, false),
            ("$scheme://b.example/", false, false),
            ("/x$request_uri", false, true),
            ("/$request_uri", false, true),
            ("https://b.example/$host x", false, false),
            ("https://b.example/\r\nSet-Cookie: a=b", false, false),
            ("https://b.example/\u{7f}", false, false),
            ("https://b.example/x y", false, false),
            ("https://b.example/\"", false, false),
            ("https://bücher.example/", false, false),
            ("ht€", false, false),
            ("", false, false),
        ] {
            for (target, expected) in [(Target::Url, is_url), (Target::Path, is_path), (Target::Any, is_url || is_path)]
            {
                let mut draft = Draft::default();
                let read = read(&mut draft, text, target, |_, _| ());
                assert_eq!((read.is_some(), draft.remark), (expected, None), "{text:?} {target:?}");
            }
        }
    }

    #[test]
    fn unknown_variables_and_what_is_over_long_are_refused_with_the_reason() {
        for text in
            ["https://b.example$nginx_version", "https://b.example/$1", "/$", &format!("/{}", "x".repeat(LONGEST))]
        {
            let mut draft = Draft::default();
            assert_eq!(read(&mut draft, text, Target::Any, |_, _| panic!("it is set")), Some(()));
            assert!(draft.remark.is_some(), "{text}");
        }
    }
}
