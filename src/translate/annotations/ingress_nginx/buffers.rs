//! Buffers: both directions of a request are passed on as they come, within bounds of memory that hold for the process.

use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Bytes of an answer's head that are taken from every pod.
const HEAD_BYTES: u64 = 64 << 10;

const STREAMED: Verdict = Verdict::NoEffect("answers are passed on as they come, within `--memory-limit`");

fn ignore<T>(_: &mut Draft, _: T) {}

/// By key.
pub(super) const ROWS: [Annotation; 7] = [
    Annotation {
        key: "client-body-buffer-size",
        value: Value::Size(ignore),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect("bodies are passed on as they come, and never written to a disk"),
        doc: "Memory for the body of a request.",
    },
    Annotation {
        key: "proxy-buffer-size",
        value: Value::Size(|draft, bytes| {
            if bytes > HEAD_BYTES {
                draft.differs(
                    "is more than the 64 KiB that the head of an answer may have: longer ones are answered with 502",
                    "Keep the head, above all its cookies, below 64 KiB",
                );
            }
        }),
        default: "64 KiB",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Different("heads of up to 64 KiB are taken, whatever the value"),
        doc: "Longest head of an answer.",
    },
    Annotation {
        key: "proxy-buffering",
        value: Value::OnOff(|draft, is_on| {
            if is_on {
                draft.options.of_policy().buffers_answers = Some(true);
            }
        }),
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Different(
            "answers are passed on as they come, as with `off`; with `on` clients get the same bytes, and no later, but a slow one \
             holds its pod for longer",
        ),
        doc: "Whether a pod may be done with its answer before the client is. `limit-rate` needs `on`.",
    },
    Annotation {
        key: "proxy-buffers-number",
        value: Value::Count(ignore),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: STREAMED,
        doc: "Number of buffers for an answer.",
    },
    Annotation {
        key: "proxy-busy-buffers-size",
        value: Value::Size(ignore),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: STREAMED,
        doc: "Bytes of an answer that are being sent.",
    },
    Annotation {
        key: "proxy-max-temp-file-size",
        value: Value::Size(ignore),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect("answers are passed on as they come, and never written to a disk"),
        doc: "Bytes of an answer that may be written to a disk for a client that is slower than its pod.",
    },
    Annotation {
        key: "proxy-request-buffering",
        value: Value::OnOff(|draft, is_on| {
            if is_on {
                draft.differs(
                    "has no effect: pods get bodies while they arrive, also those that their clients break off",
                    "Remove it, or see that the application can do with a body that ends too soon",
                );
            }
        }),
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Different(
            "`off` is exact; with `on` pods get bodies while they arrive, too, and not when they are complete",
        ),
        doc: "Whether a request waits for its whole body before it goes to a pod. Bodies of up to 64 KiB that have arrived can be sent\n\
              to another pod.",
    },
];
