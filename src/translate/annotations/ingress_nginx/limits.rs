//! How long requests may take, and how long their bodies may be.

use super::super::policy_options::{BodyLimit, Silence};
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    Annotation {
        key: "proxy-body-size",
        value: Value::Size(|draft, bytes| {
            let limit = if bytes == 0 { BodyLimit::Unlimited } else { BodyLimit::Bytes(bytes) };
            draft.options.of_policy().body = Some(limit);
        }),
        default: "`--max-body-bytes` (no limit; 1 MiB with `--profile ingress-nginx`)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Longest body of a request. A longer one is answered with 413: before any of it is read where it tells its length,\n\
              else when it has come so far. `0` is no limit. Wins over `--max-body-bytes`.",
    },
    Annotation {
        key: "proxy-connect-timeout",
        value: Value::Seconds(|draft, time| draft.options.of_policy().connect = Some(time)),
        default: "`--connect-timeout` (1 s; 5 s with `--profile ingress-nginx`)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Longest wait for a connection to a pod, for each attempt; then another pod is tried, and the answer is 504 where none is\n\
              left.",
    },
    Annotation {
        key: "proxy-read-timeout",
        value: Value::Seconds(|draft, time| {
            draft.options.of_policy().read = Some(Silence { time, of_tunnels: true });
        }),
        default: "`--response-timeout` (60 s); tunnels `--tunnel-idle-timeout` (1 h; 60 s with `--profile ingress-nginx`); calls of gRPC no limit",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Longest silence of a pod: before the head of its answer (504), between two parts of it (cut), and in calls of gRPC. A\n\
              WebSocket on which nothing moves in either direction for so long is closed.",
    },
    Annotation {
        key: "proxy-send-timeout",
        value: Value::Seconds(|draft, time| draft.options.of_policy().send = Some(time)),
        default: "`--response-timeout` (60 s)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Longest wait for a pod to take more of a request (504). It is no limit for all of the request.",
    },
];
