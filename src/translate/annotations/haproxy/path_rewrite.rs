//! The paths that pods get.

use std::sync::Arc;

use super::super::draft::Draft;
use super::super::lines;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{INGRESS, row};
use crate::model::{Captures, Pattern, RewriteStep, Template};

/// By key.
pub(super) const ROWS: [Annotation; 1] = [row(
    "path-rewrite",
    Value::Text {
        values: "up to 64 lines with a path, or with a regular expression, a space and a path in which `\\1` to `\\9` stand for what its \
                 groups match",
        read: |draft, text, _| {
            if let Some(steps) = steps(draft, text)? {
                draft.options.of_paths().steps = Some(steps);
            }
            Some(())
        },
    },
    "pods get the path of the request",
    INGRESS,
    Verdict::Bounded(
        "an expression with look-around or back-references, a `?` or `#` in a path, or a sample expression (`%[…]`) is told, and none of \
         the lines counts",
    ),
    "The path that pods get. A path alone takes the place of every path. With an expression it takes the place of all of a path of which\n\
     any part matches. Lines are applied one after the other, each to what those before it made. The query goes on as it is. What is\n\
     matched is the path as the client sent it, with its escapes.",
)];

/// Reads lines. `None`: one of them is none. `Some(None)`: one is refused, and the draft says why.
#[expect(clippy::option_option, reason = "a value that is refused was read all the same")]
fn steps(draft: &mut Draft, text: &str) -> Option<Option<Arc<[RewriteStep]>>> {
    let mut steps = Vec::new();
    for line in lines::each(text)? {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let (pattern, path) = match *words {
            [path] => (".*", path),
            [pattern, path] => (pattern, path),
            _ => return None,
        };
        if path.contains("%[") || path.contains(['?', '#']) {
            draft.refuses(
                "has a path with ?, # or a sample expression (%[…]), so no line of it counts",
                "Write paths with \\1 to \\9 alone; the query of the request goes on by itself",
            );
            return Some(None);
        }
        let Ok(pattern) = Pattern::of_values(&Arc::from(pattern)) else {
            draft.refuses(
                "has an expression that cannot be matched here, so no line of it counts",
                "Write it without look-around and back-references, with at most 1,024 characters",
            );
            return Some(None);
        };
        steps.push(RewriteStep { pattern, path: template(path)? });
    }
    Some(Some(steps.into()))
}

/// The path, with `\1` as what the first group matches. `None`: it is no path. One may begin with a group: that is looked at
/// when it is known what the group matches.
fn template(path: &str) -> Option<Template> {
    let mut text = String::with_capacity(path.len());
    let mut rest = path.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => match rest.next()? {
                digit @ '1'..='9' => text.extend(["${", &digit.to_string(), "}"]),
                other @ ('\\' | '.' | '/' | '-' | '_') => text.push(other),
                _ => return None,
            },
            '%' if rest.as_str().starts_with('%') => {
                rest.next();
                text.push('%');
            }
            '$' | '"' | '\'' => return None,
            other => text.push(other),
        }
    }
    let template = Template::parse(&text, Captures::Allowed).ok()?;
    let begins_well = template.start().is_empty() || template.start().starts_with('/');
    begins_well.then_some(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_a_path_or_an_expression_and_a_path() {
        let shown = |text: &str| {
            let steps = steps(&mut Draft::default(), text)?;
            let line = |step: &RewriteStep| format!("{} {}", step.pattern.text(), step.path);
            Some(steps.as_deref().unwrap_or_default().iter().map(line).collect::<Vec<_>>())
        };
        assert_eq!(shown("/"), Some(vec![".* /".into()]));
        assert_eq!(
            shown("(.*) /foo\\1\n/bar/(.*)   /baz/\\1"),
            Some(vec!["(.*) /foo${1}".into(), "/bar/(.*) /baz/${1}".into()])
        );
        assert_eq!(shown("([^?]*)(\\?(.*))? \\1/foo\\2"), Some(vec!["([^?]*)(\\?(.*))? ${1}/foo${2}".into()]));
        for refused in ["(.*) /x?\\1", "(?=x) /y", "/a %[path]"] {
            assert_eq!(shown(refused), Some(vec![]), "{refused}");
        }
        for text in ["", "x", "/a /b /c", "(.*) /\\0", "(.*) /$1", "(.*) http://x/", "(.*) /\\"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
