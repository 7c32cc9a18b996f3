//! Buffers: both directions of a request are passed on as they come, or are kept in memory within bounds.

use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Bytes of an answer's head that are taken from every pod.
const HEAD_BYTES: u64 = 64 << 10;

fn ignore<T>(_: &mut Draft, _: T) {}

/// By key.
pub(super) const ROWS: [Annotation; 7] = [
    Annotation {
        key: "client-body-buffer-size",
        value: Value::Size(|draft, bytes| draft.options.of_policy().body_buffer = Some(bytes)),
        default: "`1m`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("1 MiB to 8 MiB are kept in memory, and nothing is written to a disk"),
        doc: "Memory for the body of a request, where `proxy-request-buffering` is `on`.",
    },
    Annotation {
        key: "proxy-buffer-size",
        value: Value::Size(|draft, bytes| {
            draft.options.of_policy().buffer = Some(bytes);
            if bytes > HEAD_BYTES {
                draft.differs(
                    "is more than the 64 KiB that the head of an answer may have: longer ones are answered with 502",
                    "Keep the head, above all its cookies, below 64 KiB",
                );
            }
        }),
        default: "64 KiB",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("heads of up to 64 KiB are taken whatever the value, and no longer ones"),
        doc: "Longest head of an answer, and the bytes of each of `proxy-buffers-number`. A value above 64 KiB is reported.",
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
        verdict: Verdict::Bounded(
            "with `on` `proxy-buffers-number` times `proxy-buffer-size` (16 KiB) of an answer are read ahead in memory, and more than the \
             system keeps for its client waits, as nothing is written to a disk",
        ),
        doc: "Whether a pod may be done with its answer before a slow client is. `limit-rate` needs `on`.",
    },
    Annotation {
        key: "proxy-buffers-number",
        value: Value::Count(|draft, count| draft.options.of_policy().buffers = Some(count)),
        default: "`4`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("16 KiB to 8 MiB are read ahead of a client, and nothing while memory is short"),
        doc: "Number of buffers for an answer, of `proxy-buffer-size` (`4k`) each, where `proxy-buffering` is `on`.",
    },
    Annotation {
        key: "proxy-busy-buffers-size",
        value: Value::Size(ignore),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect("what was read ahead is sent as its client takes it"),
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
            draft.options.of_policy().buffers_requests = Some(is_on);
        }),
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "of a body that is longer than `client-body-buffer-size` (1 MiB) the rest is passed on as it comes, and so is every body while \
             memory is short",
        ),
        doc: "Whether a request waits for its whole body before it goes to a pod, so that no pod waits for a slow client or gets a body\n\
              that breaks off, and the request can go to another pod. Calls of gRPC and tunnels (WebSocket) never wait, as in nginx.",
    },
];
