//! Backends that get some of the requests of another Ingress.

use crate::model::{CanaryValue, Pattern};

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Longest name or value, bytes.
const LONGEST: usize = 256;

/// By key.
pub(super) const ROWS: [Annotation; 7] = [
    Annotation {
        key: "canary",
        value: Value::LooseBoolean(|draft, is_set| draft.options.of_canary().is_on = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "the main Ingress must be of the same namespace, and no mistake in one canary takes the share of another away",
        ),
        doc: "Makes the Ingress a canary. Another Ingress must have the same host, path and type of path; its Service and port are then\n\
              shared: the backend of the canary gets some of all requests that go there, by whichever path, host, default backend or\n\
              Ingress of the namespace. The default backend of a canary shares the Services of rules without host, and of the default\n\
              backend beside it. Of several canaries of a Service and port the oldest counts, and the others are told. Nothing else of\n\
              the Ingress counts. While its backend has no endpoint, the main backend gets all requests. What asks for it is looked at in\n\
              this order: header, cookie, weight.",
    },
    Annotation {
        key: "canary-by-cookie",
        value: Value::Text {
            values: "the name of a cookie",
            read: |draft, text, _| is_name(text).then(|| draft.options.of_canary().cookie = Some(text.into())),
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The cookie that asks for the canary with `always` and for the main backend with `never`.",
    },
    Annotation {
        key: "canary-by-header",
        value: Value::Text {
            values: "the name of a header field",
            read: |draft, text, _| {
                is_name(text).then(|| draft.options.of_canary().header = Some(text.to_ascii_lowercase().into()))
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The header field that asks for the canary with `always` and for the main backend with `never`.",
    },
    Annotation {
        key: "canary-by-header-pattern",
        value: Value::Text {
            values: "a regular expression, without look-around and back-references",
            read: |draft, text, _| {
                let value = match Pattern::of_values(&text.into()) {
                    Ok(pattern) => CanaryValue::Matching(pattern),
                    Err(_) => {
                        draft.is_unreadable(
                            "is no regular expression that can be served, so requests with the header go to the main backend",
                            "Write it without look-around and back-references",
                        );
                        CanaryValue::Never
                    }
                };
                draft.options.of_canary().pattern = Some(value);
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Makes values of `canary-by-header` that this matches ask for the canary, in place of `always`. `canary-by-header-value`\n\
              wins over it.",
    },
    Annotation {
        key: "canary-by-header-value",
        value: Value::Text {
            values: "a text",
            read: |draft, text, _| {
                let is_value =
                    !text.is_empty() && text.len() <= LONGEST && !text.bytes().any(|byte| byte.is_ascii_control());
                is_value.then(|| draft.options.of_canary().value = Some(text.into()))
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Makes this value of `canary-by-header` ask for the canary, in place of `always`. Other values say nothing.",
    },
    Annotation {
        key: "canary-weight",
        value: Value::Count(|draft, weight| draft.options.of_canary().weight = Some(weight)),
        default: "`0`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "How many of `canary-weight-total` requests the canary gets of those that do not ask for either.",
    },
    Annotation {
        key: "canary-weight-total",
        value: Value::Count(|draft, total| draft.options.of_canary().total = Some(total)),
        default: "`100`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The number that `canary-weight` is a part of; less than 100 counts as 100.",
    },
];

/// Whether a text is a token (RFC 9110 §5.6.2), as names of header fields and cookies are.
fn is_name(text: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_of_token)
}
