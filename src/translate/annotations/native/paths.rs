//! Paths that are refused, and paths that are elsewhere.

use std::sync::Arc;

use crate::model::{Captures, Condition, Pattern, Rule, RuleAnswer, RuleTest, Rules, RulesBy, Template, Variable};

use super::super::lines;
use super::super::path_options::Taken;
use super::super::redirect_target::{LONGEST, is_path, is_uri, is_url};
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "deny-paths",
        value: Value::Text {
            values: "up to 64 lines with a path, or with a path and `/*` behind it",
            read: |draft, text, _| {
                let rules = denied(text);
                if let Rules::Closed(_) = rules {
                    draft.is_unreadable(
                        "is no list of paths, so nobody is served: all requests are answered with 503",
                        "Write one path a line, such as /metrics or /admin/*, without %, ? and #",
                    );
                }
                draft.options.of_rare().edits.denied = Some(rules);
                Some(())
            },
        },
        default: "no path is refused",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers requests for these paths with 403, before redirects and everything else. `/admin` is this path, with a slash at its\n\
              end or without; `/admin/*` is this path and all below it. Upper and lower case differ. Compared is every path that a pod may\n\
              read the client's path as: `/%61dmin`, `//admin`, `/x/../admin` and `/admin;x` are refused too. A list that cannot be read\n\
              lets nobody in: 503.",
    },
    Annotation {
        key: "path-suffixes",
        value: Value::Text {
            values: "up to 64 endings of paths with blanks between, such as `.jpg .gif`",
            read: |draft, text, _| {
                let taken = suffixes(text).map_or_else(
                    || {
                        draft.is_unreadable(
                            "is no list of endings of paths, so its paths take no requests, and those that no other rule has are answered \
                             with 503",
                            "Write endings with blanks between, such as .jpg .gif",
                        );
                        Taken::Never
                    },
                    |suffixes| Taken::If(Arc::new(Condition::path_ends(suffixes))),
                );
                draft.options.of_paths().ends = Some(taken);
                Some(())
            },
        },
        default: "paths take requests however these end",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The paths of the Ingress take only requests whose path ends so. Others go on to the next rule: the same path may stand in\n\
              another Ingress without the annotation, which is asked behind it, and then shorter paths are. Compared is the path as the\n\
              client sent it, without its query; upper and lower case differ. Not for the default backend.",
    },
    Annotation {
        key: "redirects",
        value: Value::Text {
            values: "up to 64 lines with a path, or a path and `/*` behind it; a space; a path or a URL of http or https, with \
                     variables; and a space and `301`, `302`, `303`, `307` or `308`, or nothing",
            read: |draft, text, _| {
                draft.options.of_rare().edits.redirects = Some(redirects(text)?);
                Some(())
            },
        },
        default: "no path is elsewhere",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers requests for these paths with a redirect, with 302 where no status is given, before the redirect to https. `/old` is\n\
              this path alone; `/old/*` is this path and all below it, and `$1` in what it leads to is what stands for the `*`:\n\
              `/old/* /new/$1$is_args$args 301`. The query is left out unless variables put it in. The first line that fits answers.",
    },
];

/// Reads paths that are refused. Where one cannot be read nobody knows what it was to keep out.
fn denied(text: &str) -> Rules {
    let rule = |line: &str| {
        // One path a line: a list with commas would be one path that nobody asks for.
        let (path, is_tree) = path(line).filter(|_| !line.contains(",/"))?;
        let path = regex::escape(path);
        let pattern = if is_tree { format!("^{path}(/|$)") } else { format!("^{path}/?$") };
        let test = RuleTest::Path(Pattern::of_values(&Arc::from(pattern)).ok()?);
        Some(Rule { by: RulesBy::DenyPaths, test, answer: RuleAnswer::Status(403) })
    };
    let rules = lines::each(text).and_then(|lines| lines.into_iter().map(rule).collect());
    rules.map_or(Rules::Closed(RulesBy::DenyPaths), Rules::Listed)
}

/// Reads endings of paths. `None`: one of them is none.
fn suffixes(text: &str) -> Option<Box<[Box<str>]>> {
    let is_of_path = |byte: u8| byte.is_ascii_graphic() && !b"%?#\\".contains(&byte);
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    let are_endings = words.iter().all(|word| word.len() <= 256 && word.bytes().all(is_of_path));
    ((1..=64).contains(&words.len()) && are_endings).then(|| words.into_iter().map(Box::from).collect())
}

/// Reads paths that are elsewhere. `None`: one line is none.
fn redirects(text: &str) -> Option<Box<[Rule]>> {
    lines::each(text)?.into_iter().map(redirect).collect()
}

fn redirect(line: &str) -> Option<Rule> {
    let mut words = line.split_ascii_whitespace();
    let (from, to, status) = (words.next()?, words.next()?, words.next());
    let status = match status {
        None => 302,
        Some("301") => 301,
        Some("302") => 302,
        Some("303") => 303,
        Some("307") => 307,
        Some("308") => 308,
        Some(_) => return None,
    };
    let (path, is_tree) = path(from)?;
    let captures = if is_tree { Captures::Allowed } else { Captures::Refused };
    let to = Template::parse(to, captures).ok().filter(|to| is_uri(to) && (is_url(to) || is_path(to)))?;
    let has_others = (2..=9).any(|group| to.has(&Variable::Capture(group)));
    if words.next().is_some() || has_others || line.len() > LONGEST {
        return None;
    }
    let path = regex::escape(path);
    let pattern = match (is_tree, &*path) {
        (true, path) => format!("(?s)^{path}(?:/(.*))?$"),
        (false, "") => "^/$".to_owned(),
        (false, path) => format!("^{path}{}$", if from.ends_with('/') { "/" } else { "" }),
    };
    let test = RuleTest::Path(Pattern::of_values(&Arc::from(pattern)).ok()?);
    Some(Rule { by: RulesBy::Redirects, test, answer: RuleAnswer::Redirect { status, to } })
}

/// A path without a slash at its end, and whether all below it is meant too. `None`: it has another spelling, or is no path.
fn path(text: &str) -> Option<(&str, bool)> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"%?#*;\\".contains(&byte);
    let (path, is_tree) = match text.strip_suffix("/*") {
        Some(path) => (path, true),
        None => (text.strip_suffix('/').unwrap_or(text), false),
    };
    if path.is_empty() {
        return text.starts_with('/').then_some((path, is_tree));
    }
    let mut segments = path.strip_prefix('/')?.split('/');
    let is_spelt_once = segments.all(|segment| !matches!(segment, "" | "." | ".."));
    (is_spelt_once && path.bytes().all(is_plain)).then_some((path, is_tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_refused_are_read_strictly() {
        let matches = |text: &str, path: &str| match denied(text) {
            Rules::Closed(_) => None,
            Rules::Listed(rules) => Some(rules.iter().any(|rule| match &rule.test {
                RuleTest::Path(pattern) => pattern.regex().is_match(path.as_bytes()),
                RuleTest::Always | RuleTest::Value { .. } => false,
            })),
        };
        for (text, path, expected) in [
            ("/admin", "/admin", true),
            ("/admin", "/admin/", true),
            ("/admin/", "/admin", true),
            ("/admin", "/admin/x", false),
            ("/admin/*", "/admin", true),
            ("/admin/*", "/admin/x", true),
            ("/admin/*", "/administration", false),
            ("/a.b", "/axb", false),
            ("/*", "/x", true),
            ("/", "/", true),
            ("/", "/x", false),
            (" /a \n\n/b", "/b", true),
        ] {
            assert_eq!(matches(text, path), Some(expected), "{text} {path}");
        }
        for text in ["", "admin", "/a b", "/a%20b", "/a/../b", "//a", "/a*", "/*/a", "/a?b", "/a;b", "/a\\b", "/ü", "*"]
        {
            assert_eq!(matches(text, "/"), None, "{text}");
        }
    }

    #[test]
    fn redirects_are_read_strictly() {
        let shown = |text: &str| redirects(text).map(|rules| rules.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            shown("/a /b\n/a/ /c\n/c/* https://d.example/$1 301"),
            Some(vec![
                "path ^/a$ -> 302 /b".into(),
                "path ^/a/$ -> 302 /c".into(),
                "path (?s)^/c(?:/(.*))?$ -> 301 https://d.example/${1}".into()
            ])
        );
        for text in [
            "",
            "/a",
            "/a /b 200",
            "/a /b 301 x",
            "a /b",
            "/a b",
            "/a //evil",
            "/a javascript:x",
            "/a /$1",
            "/a/* /$2",
            "/a /$unknown",
            "/a/* /b\\c",
            "/a* /b",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
