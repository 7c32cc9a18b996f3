//! How fast answers are passed on.

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 2] = [
    Annotation {
        key: "limit-rate",
        value: Value::Count(|draft, kilobytes| {
            draft.options.of_policy().answer_rate = Some(u64::from(kilobytes) << 10);
        }),
        default: "`0`, no limit",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "KiB of an answer's body that a client gets in each second, where `proxy-buffering` is `on`: without that the annotation\n\
              has no effect, in ingress-nginx neither. Each request has its own rate.",
    },
    Annotation {
        key: "limit-rate-after",
        value: Value::Count(|draft, kilobytes| {
            draft.options.of_policy().answer_rate_after = Some(u64::from(kilobytes) << 10);
        }),
        default: "`0`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "KiB of an answer's body that come in front, before `limit-rate` begins to count.",
    },
];
