//! Traces.

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

const PASSED_ON: Verdict =
    Verdict::Different("no traces are sent; `traceparent` and `tracestate` of clients go on to pods as they came");

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "enable-opentelemetry",
        value: Value::LooseBoolean(|draft, is_set| {
            if is_set {
                draft.differs(
                    "sends no traces: traceparent and tracestate of clients go on to pods as they came",
                    "Let the application send traces, or remove it",
                );
            }
        }),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: PASSED_ON,
        doc: "Whether requests are traced.",
    },
    Annotation {
        key: "opentelemetry-operation-name",
        value: Value::Text { values: "any", read: |_, _, _| Some(()) },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: PASSED_ON,
        doc: "What a request is called in its trace.",
    },
    Annotation {
        key: "opentelemetry-trust-incoming-span",
        value: Value::LooseBoolean(|draft, is_set| {
            if !is_set {
                draft.differs(
                    "has no effect: traceparent and tracestate of clients go on to pods",
                    "Use tidegate.dev/request-headers with the lines -traceparent and -tracestate",
                );
            }
        }),
        default: "`true`",
        scopes: &[Scope::Ingress],
        verdict: PASSED_ON,
        doc: "Whether the trace of a client goes on.",
    },
];
