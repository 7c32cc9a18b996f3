//! Whether, how often and for how long a request is tried at further pods.

use std::time::Duration;

use crate::model::{RetryCase, RetryRule};

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Endpoints that are tried where there is no limit.
const MANY: usize = 100;

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "proxy-next-upstream",
        value: Value::Text {
            values: "words with spaces between: `error`, `timeout`, `invalid_header`, `http_500`, `http_502`, `http_503`, `http_504`, \
                     `http_403`, `http_404`, `http_429`, `non_idempotent`; or `off`",
            read: |draft, text, _| {
                draft.options.of_policy().retry = Some(rule(text)?);
                Some(())
            },
        },
        default: "where no pod has processed the request",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "within the budget of retries (docs/limits.md); a request with a body only if its length is told and at most 64 KiB, or where \
             `proxy-request-buffering` has kept it; also with `off` a request that met a connection which its pod was just closing is sent again",
        ),
        doc: "When a request goes to another pod: `error` is no connection, or one that ends before the head of an answer; `timeout` is\n\
              that a connection, the sending or the head takes too long; `invalid_header` is that no valid head comes; `http_503` and\n\
              the like are answers with that status. The pod's answer is passed on where no other pod is left. Methods that are not\n\
              idempotent (POST, PATCH) go to another pod only with `non_idempotent`, or if there was no connection. `off` is never.\n\
              A request that may be repeated goes to a pod when its body, if that is short, has arrived.",
    },
    Annotation {
        key: "proxy-next-upstream-timeout",
        value: Value::Count(|draft, seconds| {
            draft.options.of_policy().retry_within = Some(Duration::from_secs(seconds.into()));
        }),
        default: "`0`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Seconds after which a request is tried at no further pod. `0` is no limit.",
    },
    Annotation {
        key: "proxy-next-upstream-tries",
        value: Value::Count(|draft, count| {
            let most = if count == 0 { MANY } else { MANY.min(count as usize) };
            draft.options.of_policy().attempts = Some(most);
        }),
        default: "`--connect-attempts` (3)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("no more than 100 pods are tried, also with `0`, which is no limit in ingress-nginx"),
        doc: "Pods that are tried for one request at the most, the first one counted.",
    },
];

/// `None`: there is no word, or one that is not known. `off` wins over all others, as in nginx.
fn rule(text: &str) -> Option<RetryRule> {
    let (mut cases, mut is_off) = (Vec::new(), false);
    for word in text.split_ascii_whitespace() {
        match RetryCase::ALL.into_iter().find(|case| case.as_str() == word) {
            Some(case) => cases.push(case),
            None if word == "off" => is_off = true,
            None => return None,
        }
    }
    match (is_off, &cases[..]) {
        (true, _) => Some(RetryRule::default()),
        (false, []) => None,
        (false, cases) => Some(cases.iter().copied().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_words_and_off_wins() {
        use RetryCase::{Error, NonIdempotent, Status503, Timeout};
        for (text, expected) in [
            ("error timeout", Some(vec![Error, Timeout])),
            ("  error \n http_503\tnon_idempotent ", Some(vec![Error, Status503, NonIdempotent])),
            ("off", Some(vec![])),
            ("error off http_503", Some(vec![])),
            ("", None),
            (" ", None),
            ("error, timeout", None),
            ("ERROR", None),
            ("http_501", None),
            ("http_503;", None),
            ("error $x", None),
        ] {
            assert_eq!(rule(text), expected.map(|cases| cases.into_iter().collect()), "{text:?}");
        }
    }
}
