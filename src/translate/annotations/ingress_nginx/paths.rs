//! Paths that are patterns, and the paths that pods get.

use crate::model::Captures;

use super::super::rewrite_target::RewriteTarget;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;
use super::variables;

/// Longest target or prefix.
const LONGEST: usize = 2048;

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "rewrite-target",
        value: Value::Text {
            values: "a path, or a URL of http or https; up to 2048 characters; variables, also `$1` to `$9`",
            read: |draft, text, _| {
                if !is_target(text) {
                    return None;
                }
                if let Some(template) = variables::read(draft, text, Captures::Allowed) {
                    draft.options.of_paths().target = Some(RewriteTarget::new(text, &template));
                }
                Some(())
            },
        },
        default: "pods get the path of the request",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The path that pods get, in which `$1` stands for what the first group of the path matches. The query of the request\n\
              goes on. Makes all paths of the host patterns, as `use-regex` does, unless it is the path itself. A URL answers with 302\n\
              to it.",
    },
    Annotation {
        key: "use-regex",
        value: Value::LooseBoolean(|draft, is_set| draft.options.of_paths().use_regex = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Makes all paths of the host patterns, also those of other Ingresses: regular expressions, compared from the start of the\n\
              decoded path, in any case. The longest is asked first. They are matched in linear time, so one with look-around or\n\
              back-references is not served. Nor is one that is longer than 1,024 bytes.",
    },
    Annotation {
        key: "x-forwarded-prefix",
        value: Value::Text {
            values: "a text of up to 2048 characters; variables, also `$1` to `$9`",
            read: |draft, text, _| {
                let is_value =
                    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
                if !is_value {
                    return None;
                }
                let prefix = variables::read(draft, text, Captures::Allowed);
                prefix.into_iter().for_each(|prefix| draft.options.of_paths().prefix = Some(prefix));
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "What pods get as `X-Forwarded-Prefix` where `rewrite-target` gives them another path.",
    },
];

/// Whether a text may stand in a target: visible characters, and neither a fragment nor what could end a line.
fn is_target(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\;#".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_allowed)
}
