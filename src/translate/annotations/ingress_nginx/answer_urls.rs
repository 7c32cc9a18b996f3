//! What is rewritten of pods' answers.

use std::sync::Arc;

use crate::model::Replacement;

use super::super::answer_options::{Part, Rewrite};
use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

const PLAIN: Verdict =
    Verdict::Different("a value with variables (`$host`) or a pattern (`~…`) is refused: they are not read yet");

/// Longest value. Bytes: it may be sent with every answer.
const LONGEST: usize = 2048;

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    Annotation {
        key: "proxy-cookie-domain",
        value: Value::Text {
            values: "`off`, or two domains with a space between",
            read: |draft, text, _| {
                rewrite(draft, text, |draft, rewrite| {
                    draft.options.of_rare().answer_urls.cookie_domain = Some(match rewrite {
                        Rewrite::Replace(Replacement { from, to }) => {
                            Rewrite::Replace(Replacement { from: without_dot(&from), to: without_dot(&to) })
                        }
                        Rewrite::Off => Rewrite::Off,
                    });
                })
            },
        },
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: PLAIN,
        doc: "Cookies of pods for the first domain (`Domain`, in any case) become ones for the second. A dot in front counts for nothing.",
    },
    Annotation {
        key: "proxy-cookie-path",
        value: Value::Text {
            values: "`off`, or two paths with a space between; the second may stand in quotes and have further attributes",
            read: |draft, text, _| {
                rewrite(draft, text, |draft, rewrite| draft.options.of_rare().answer_urls.cookie_path = Some(rewrite))
            },
        },
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: PLAIN,
        doc: "Cookies of pods whose `Path` begins with the first path get the second one instead: with `/two/ /` the path `/two/x`\n\
              becomes `/x`.",
    },
    Annotation {
        key: "proxy-redirect-from",
        value: Value::Text {
            values: "`off`, `default`, or what URLs begin with",
            read: |draft, text, _| {
                part(draft, text, |draft, part| draft.options.of_rare().answer_urls.location_from = Some(part))
            },
        },
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: PLAIN,
        doc: "URLs in the fields `Location` and `Refresh` of pods that begin with this begin with `proxy-redirect-to` instead, if that is\n\
              set too. Upper and lower case differ. `default` replaces nothing, as with ingress-nginx, whose pods never send what nginx\n\
              looks for then.",
    },
    Annotation {
        key: "proxy-redirect-to",
        value: Value::Text {
            values: "`off`, or what URLs are to begin with",
            read: |draft, text, _| {
                part(draft, text, |draft, part| draft.options.of_rare().answer_urls.location_to = Some(part))
            },
        },
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Different(
            "a value with variables (`$host`) is refused: they are not read yet; a path is sent as a path and not made a URL",
        ),
        doc: "What takes the place of `proxy-redirect-from`.",
    },
];

/// Reads one half of a replacement. One that is refused for a reason that its author may not guess sets nothing, and says why.
fn part(draft: &mut Draft, text: &str, set: fn(&mut Draft, Part)) -> Option<()> {
    match words(text)?.as_slice() {
        ["off" | "default"] => set(draft, Part::Off),
        all @ [word] if !word.is_empty() => {
            if !is_refused(draft, all) {
                set(draft, Part::Text((*word).into()));
            }
        }
        _ => return None,
    }
    Some(())
}

/// Reads a replacement, in the same way.
fn rewrite(draft: &mut Draft, text: &str, set: fn(&mut Draft, Rewrite)) -> Option<()> {
    match words(text)?.as_slice() {
        ["off"] => set(draft, Rewrite::Off),
        all @ [from, to] if !from.is_empty() => {
            if !is_refused(draft, all) {
                set(draft, Rewrite::Replace(Replacement { from: (*from).into(), to: (*to).into() }));
            }
        }
        _ => return None,
    }
    Some(())
}

fn without_dot(domain: &str) -> Arc<str> {
    domain.strip_prefix('.').unwrap_or(domain).into()
}

fn is_refused(draft: &mut Draft, words: &[&str]) -> bool {
    const REMEDY: &str = "Write it as plain text, or set the field in the application";
    if words.iter().any(|word| word.starts_with('~')) {
        draft.refuses("is a pattern, and patterns are not read yet, so nothing is rewritten", REMEDY);
        return true;
    }
    if words.iter().any(|word| word.contains('$')) {
        draft.refuses("has a variable, and variables are not read yet, so nothing is rewritten", REMEDY);
        return true;
    }
    false
}

/// Words with white space between, of visible ASCII. Quotes around a word let it have spaces and semicolons.
fn words(text: &str) -> Option<Vec<&str>> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"';{}\\".contains(&byte);
    let mut words = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let (word, behind) = match first {
            quote @ ('"' | '\'') => {
                let (word, behind) = rest[1..].split_once(quote)?;
                let is_word = word.bytes().all(|byte| is_plain(byte) || matches!(byte, b' ' | b';'));
                (is_word && (behind.is_empty() || behind.starts_with(' '))).then_some((word, behind))?
            }
            _ => {
                let (word, behind) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
                word.bytes().all(is_plain).then_some((word, behind))?
            }
        };
        words.push(word);
        rest = behind.trim_start_matches(' ');
    }
    (text.len() <= LONGEST).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_z4_words_are_visible_and_end_nothing() {
        for (text, expected) in [
            ("off", &["off"][..]),
            (" /two/  / ", &["/two/", "/"]),
            ("/ \"/; HttpOnly; Secure\"", &["/", "/; HttpOnly; Secure"]),
            ("/ '/; Secure'", &["/", "/; Secure"]),
            ("a \"\"", &["a", ""]),
            ("", &[]),
        ] {
            assert_eq!(words(text).as_deref(), Some(expected), "{text}");
        }
        let long = "x".repeat(LONGEST + 1);
        for text in ["/; x", "a\r\nb", "\"a\r\nb\"", "\"a", "\"a\"b", "a\"b\"", "{a", "a\\", "ä", "a\tb", &long] {
            assert_eq!(words(text), None, "{text:?}");
        }
    }

    #[test]
    fn nginx_z4_variables_and_patterns_are_refused_with_the_reason() {
        for text in ["localhost $host", "~^(.+)$ $1", "~*/two/ /", "/two/ ~x"] {
            let mut draft = Draft::default();
            assert_eq!(rewrite(&mut draft, text, |_, _| panic!("it is set")), Some(()));
            assert!(draft.remark.is_some(), "{text}");
        }
        for text in ["$scheme://x/", "~^http://"] {
            let mut draft = Draft::default();
            assert_eq!(part(&mut draft, text, |_, _| panic!("it is set")), Some(()));
            assert!(draft.remark.is_some(), "{text}");
        }
        for text in ["", "a", "a b c", "\"\" b", "default"] {
            assert_eq!(rewrite(&mut Draft::default(), text, |_, _| panic!("it is set")), None, "{text}");
        }
        for text in ["", "a b", "\"\""] {
            assert_eq!(part(&mut Draft::default(), text, |_, _| panic!("it is set")), None, "{text}");
        }
    }
}
