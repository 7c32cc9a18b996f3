//! How clients speak TLS.

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "ssl-ciphers",
        value: Value::Text { values: "any", read: |_, _, _| Some(()) },
        default: "the suites of rustls",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Different(
            "the suites of rustls are offered, whatever the value: all are AEAD and forward secret, so none is left to take out",
        ),
        doc: "Cipher suites for TLS 1.2. Clients that can do none of AES-GCM and ChaCha20 with ECDHE are not served.",
    },
    Annotation {
        key: "ssl-passthrough",
        value: Value::LooseBoolean(|draft, is_set| {
            if is_set {
                draft.refuses(
                    "has no effect: TLS ends here, so pods that speak TLS themselves get no connection of clients",
                    "Use nginx.ingress.kubernetes.io/backend-protocol \"HTTPS\" with a certificate for the host, or a Service of \
                     type LoadBalancer",
                );
            }
        }),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Judged("`true`, as TLS ends here; `false` is exact"),
        doc: "Whether connections go to pods as they are, by the name in their TLS handshake.",
    },
    Annotation {
        key: "ssl-prefer-server-ciphers",
        value: Value::LooseBoolean(|_, _| ()),
        default: "`true`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect("the order of rustls counts; all its suites are safe, in whatever order"),
        doc: "Whether the server's order of cipher suites counts, and not the client's.",
    },
];
