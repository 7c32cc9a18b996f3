//! What is rewritten of what pods say about where they are.

use std::sync::Arc;

use crate::model::{Captures, Pattern, PatternError, Replacement, Sought};

use super::super::answer_options::Switch;
use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;
use super::variables;
use super::words::words;

const EXACT: Verdict = Verdict::Bounded(
    "patterns have no look-around and no back-references, and their groups no names; what a request says is encoded where it would \
     end the field; nothing is rewritten to more than 16 KiB",
);

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    Annotation {
        key: "proxy-cookie-domain",
        value: Value::Text {
            values: "`off`, or two domains with a space between; instead of the first a pattern behind `~`; variables",
            read: |draft, text, _| {
                let read = rewrite(draft, text, domain)?;
                draft.options.of_rare().answer_urls.cookie_domain = read.known();
                Some(())
            },
        },
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: EXACT,
        doc: "Cookies of pods for the first domain (`Domain`, in any case) become ones for the second. A dot in front of either counts for\n\
              nothing, and one of the pod stays. All of a domain that a pattern matches is replaced, also by what its groups match:\n\
              `~^(.+)\\.internal$ $1.example`.",
    },
    Annotation {
        key: "proxy-cookie-path",
        value: Value::Text {
            values: "`off`, or two paths with a space between; the second may stand in quotes and have further attributes; instead of the first \
                     a pattern behind `~`, or behind `~*` for any case; variables",
            read: |draft, text, _| {
                let read = rewrite(draft, text, replacement)?;
                draft.options.of_rare().answer_urls.cookie_path = read.known();
                Some(())
            },
        },
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: EXACT,
        doc: "Cookies of pods whose `Path` begins with the first path get the second one instead: with `/two/ /` the path `/two/x`\n\
              becomes `/x`. All of a path that a pattern matches is replaced.",
    },
    Annotation {
        key: "proxy-redirect-from",
        value: Value::Text {
            values: "`off`, `default`, what URLs begin with, or a pattern behind `~`, or behind `~*` for any case; variables",
            read: |draft, text, _| {
                let words = words(text)?;
                let read = match words.as_slice() {
                    [word] if word == "off" || word == "default" => Read::Known(Switch::Off),
                    [word] if !word.is_empty() => Read::of(sought(draft, word)),
                    _ => return None,
                };
                draft.options.of_rare().answer_urls.location_from = read.known();
                Some(())
            },
        },
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: EXACT,
        doc: "URLs in the fields `Location` and `Refresh` of pods that begin with this begin with `proxy-redirect-to` instead, if that is\n\
              set too. Upper and lower case differ. All of a URL that a pattern matches is replaced. `default` replaces nothing, as with\n\
              ingress-nginx, whose pods never send what nginx looks for then.",
    },
    Annotation {
        key: "proxy-redirect-to",
        value: Value::Text {
            values: "`off`, or what URLs are to begin with; variables",
            read: |draft, text, _| {
                let words = words(text)?;
                let read = match words.as_slice() {
                    [word] if word == "off" => Read::Known(Switch::Off),
                    [word] if !word.is_empty() => Read::of(variables::read(draft, word, Captures::Allowed)),
                    _ => return None,
                };
                draft.options.of_rare().answer_urls.location_to = read.known();
                Some(())
            },
        },
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: EXACT,
        doc: "What takes the place of `proxy-redirect-from`, with `$1` to `$9` for what groups of a pattern there match. A `Location` that\n\
              becomes a path is made a URL of the scheme and host of the request, unless `relative-redirects` says otherwise.",
    },
];

/// What comes of a value.
enum Read<T> {
    /// This.
    Known(Switch<T>),
    /// It is refused for a reason that its author may not guess, which the draft says. It sets nothing.
    Refused,
}

impl<T> Read<T> {
    fn of(read: Option<T>) -> Self {
        read.map_or(Self::Refused, |on| Self::Known(Switch::On(on)))
    }

    fn known(self) -> Option<Switch<T>> {
        match self {
            Self::Known(switch) => Some(switch),
            Self::Refused => None,
        }
    }
}

/// Reads a replacement by its two words, or that there is none.
fn rewrite(
    draft: &mut Draft,
    text: &str,
    read: fn(&mut Draft, &str, &str) -> Option<Replacement>,
) -> Option<Read<Replacement>> {
    match words(text)?.as_slice() {
        [word] if word == "off" => Some(Read::Known(Switch::Off)),
        [from, to] if !from.is_empty() => Some(Read::of(read(draft, from, to))),
        _ => None,
    }
}

/// One of domains.
fn domain(draft: &mut Draft, from: &str, to: &str) -> Option<Replacement> {
    let without_dot = |text| str::strip_prefix(text, ".").unwrap_or(text);
    let (from, to) = match from.strip_prefix('~') {
        Some(text) => (Sought::Pattern(pattern(draft, text, Pattern::of_values_in_any_case)?), to),
        None => (Sought::Text(variables::read(draft, without_dot(from), Captures::Allowed)?), without_dot(to)),
    };
    Some(Replacement { from, to: variables::read(draft, to, Captures::Allowed)? })
}

/// One of paths.
fn replacement(draft: &mut Draft, from: &str, to: &str) -> Option<Replacement> {
    Some(Replacement { from: sought(draft, from)?, to: variables::read(draft, to, Captures::Allowed)? })
}

fn sought(draft: &mut Draft, text: &str) -> Option<Sought> {
    match (text.strip_prefix("~*"), text.strip_prefix('~')) {
        (Some(text), _) => pattern(draft, text, Pattern::of_values_in_any_case).map(Sought::Pattern),
        (None, Some(text)) => pattern(draft, text, Pattern::of_values).map(Sought::Pattern),
        (None, None) => variables::read(draft, text, Captures::Allowed).map(Sought::Text),
    }
}

fn pattern(draft: &mut Draft, text: &str, compile: fn(&Arc<str>) -> Result<Pattern, PatternError>) -> Option<Pattern> {
    let why = match compile(&text.into()) {
        Ok(pattern) => return Some(pattern),
        Err(PatternError::Unsupported) => {
            "has look-around or a back-reference, which cannot be matched in linear time, so nothing is rewritten"
        }
        Err(PatternError::TooLarge) => "has a pattern that is too large, so nothing is rewritten",
        Err(PatternError::Syntax) => "has a pattern that is no regular expression, so nothing is rewritten",
    };
    draft.refuses(why, "Write another pattern, or set the field in the application");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_z4_what_cannot_be_honoured_is_refused_with_the_reason() {
        for text in [
            "localhost $nginx_version",
            "a$ b",
            "~(?!a)b /",
            r"~(a)\1 /",
            "~*(a /",
            "~(a) $name",
            "/two/ $document_root",
        ] {
            for read in [domain, replacement] {
                let mut draft = Draft::default();
                let read = rewrite(&mut draft, text, read).and_then(Read::known);
                assert!(read.is_none() && draft.remark.is_some(), "{text}");
            }
        }
        for text in ["", "a", "a b c", "\"\" b", "default"] {
            assert!(rewrite(&mut Draft::default(), text, replacement).is_none(), "{text}");
        }
    }

    #[test]
    fn nginx_z4_a_dot_in_front_of_a_domain_counts_for_nothing_and_patterns_of_domains_ignore_case() {
        let read = |text: &str| rewrite(&mut Draft::default(), text, domain).and_then(Read::known);
        assert_eq!(read(".a.example .b.example"), read("a.example b.example"));
        for (text, ignores_case) in [("~a b", true), ("~b a", true)] {
            let Some(Switch::On(Replacement { from: Sought::Pattern(pattern), to: _ })) = read(text) else {
                panic!("{text}")
            };
            assert_eq!(pattern.ignores_case(), ignores_case);
        }
        let sought = |text| sought(&mut Draft::default(), text).unwrap().to_string();
        assert_eq!(["~A", "~*A", "A$host"].map(sought), ["~A", "~*A", "A${host}"]);
    }
}
