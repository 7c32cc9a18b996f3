//! How long pods may take.

use super::super::policy_options::Silence;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "connect-timeout",
        value: Value::Time(|draft, time| draft.options.of_policy().connect = Some(time)),
        default: "`--connect-timeout` (1 s)",
        scopes: &[Scope::Ingress, Scope::Service],
        verdict: Verdict::Exact,
        doc: "Longest wait for a connection to a pod, for each attempt; then another pod is tried, and the answer is 504 where none is\n\
              left.",
    },
    Annotation {
        key: "response-timeout",
        value: Value::Time(|draft, time| {
            let policy = draft.options.of_policy();
            policy.read = Some(Silence { time, of_tunnels: false });
            policy.send = Some(time);
        }),
        default: "`--response-timeout` (60 s); calls of gRPC no limit",
        scopes: &[Scope::Ingress, Scope::Service],
        verdict: Verdict::Exact,
        doc: "Longest silence of a pod: before the head of its answer (504), between two parts of it (cut), while it takes a request\n\
              (504), and in calls of gRPC.",
    },
    Annotation {
        key: "tunnel-idle-timeout",
        value: Value::Time(|draft, time| draft.options.of_policy().tunnel = Some(time)),
        default: "`--tunnel-idle-timeout` (1 h)",
        scopes: &[Scope::Ingress, Scope::Service],
        verdict: Verdict::Exact,
        doc: "A tunnel (WebSocket) on which nothing moves in either direction for so long is closed. On a Service also a connection of a\n\
              stream over TCP, instead of `--stream-idle-timeout`.",
    },
];
