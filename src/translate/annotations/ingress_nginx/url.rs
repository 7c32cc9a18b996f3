//! URLs and paths that redirects lead to.

use crate::model::{Captures, Template};

use super::super::draft::Draft;
use super::super::redirect_target::{LONGEST, is_path, is_uri, is_url};
use super::variables;

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
    match target {
        Target::Url => is_url(template),
        Target::Path => is_path(template),
        Target::Any => is_url(template) || is_path(template),
    }
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
