//! When, how often and for how long a request is tried at further pods.

use crate::model::{RetryCase, RetryRule};

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Endpoints that are tried for one request at the most.
const MOST: u32 = 100;

const SCOPES: &[Scope] = &[Scope::Ingress, Scope::Service];

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "retry-attempts",
        value: Value::Count(|draft, count| {
            draft.options.of_policy().attempts = Some(count.clamp(1, MOST) as usize);
        }),
        default: "`--connect-attempts` (3)",
        scopes: SCOPES,
        verdict: Verdict::Exact,
        doc: "Pods that are tried for one request at the most, the first one counted: `1` is no retry, and never more than 100.",
    },
    Annotation {
        key: "retry-on",
        value: Value::Text {
            values: "words with spaces between: `error`, `timeout`, `invalid-header`, `500`, `502`, `503`, `504`, `403`, `404`, `429`, \
                     `non-idempotent`; or `off`",
            read: |draft, text, _| {
                draft.options.of_policy().retry = Some(rule(text)?);
                Some(())
            },
        },
        default: "where no pod has processed the request",
        scopes: SCOPES,
        verdict: Verdict::Exact,
        doc: "When a request goes to another pod: `error` is no connection, or one that ends before the head of an answer; `timeout` is\n\
              that a connection, the sending or the head takes too long (`connect-timeout`, `response-timeout`); `invalid-header` is\n\
              that no valid head comes; `503` and the like are answers with that status. The pod's answer is passed on where no other\n\
              pod is left. Methods that are not idempotent (POST, PATCH) go to another pod only with `non-idempotent`, or if there was no\n\
              connection; a request with a body only if its length is told and at most 64 KiB. All retries are within the budget\n\
              (docs/limits.md), so that a Service that fails is not overrun. `off` is never.",
    },
    Annotation {
        key: "retry-within",
        value: Value::Time(|draft, time| draft.options.of_policy().retry_within = Some(time)),
        default: "no limit",
        scopes: SCOPES,
        verdict: Verdict::Exact,
        doc: "Time after which a request is tried at no further pod.",
    },
];

/// `None`: there is no word, or one that is not known, or `off` beside others.
fn rule(text: &str) -> Option<RetryRule> {
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    match words[..] {
        [] => None,
        ["off"] => Some(RetryRule::default()),
        ref words => words.iter().map(|word| case(word)).collect(),
    }
}

fn case(word: &str) -> Option<RetryCase> {
    match word {
        "error" => Some(RetryCase::Error),
        "timeout" => Some(RetryCase::Timeout),
        "invalid-header" => Some(RetryCase::InvalidHead),
        "non-idempotent" => Some(RetryCase::NonIdempotent),
        status if status.len() == 3 => RetryCase::of_status(status.parse().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_words_or_off_alone() {
        use RetryCase::{Error, InvalidHead, NonIdempotent, Status503, Timeout};
        for (text, expected) in [
            ("error timeout", Some(vec![Error, Timeout])),
            ("  invalid-header \n 503\tnon-idempotent ", Some(vec![InvalidHead, Status503, NonIdempotent])),
            ("off", Some(vec![])),
            ("error off", None),
            ("", None),
            (" ", None),
            ("error, timeout", None),
            ("ERROR", None),
            ("501", None),
            ("+503", None),
            ("0503", None),
        ] {
            assert_eq!(rule(text), expected.map(|cases| cases.into_iter().collect()), "{text:?}");
        }
    }

    #[test]
    fn every_case_has_a_word() {
        let words = "error timeout invalid-header 403 404 429 500 502 503 504 non-idempotent";
        assert_eq!(rule(words), Some(RetryCase::ALL.into_iter().collect()));
    }
}
