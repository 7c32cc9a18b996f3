//! What nobody needs any more, or only nginx.

use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

const FASTCGI: Verdict = Verdict::Refused {
    why: "FastCGI is not spoken",
    instead: "put a server in front of the application that speaks HTTP and FastCGI",
};

fn ignore<T>(_: &mut Draft, _: T) {}

const ANYTHING: Value = Value::Text { values: "any", read: |_, _, _| Some(()) };

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    Annotation {
        key: "enable-rewrite-log",
        value: Value::LooseBoolean(ignore),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect(
            "it is a log of nginx's own steps; `tidegate explain` tells how a request is decided",
        ),
        doc: "Whether nginx logs how it rewrites.",
    },
    Annotation {
        key: "fastcgi-index",
        value: ANYTHING,
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: FASTCGI,
        doc: "File that a FastCGI application serves for a folder.",
    },
    Annotation {
        key: "fastcgi-params-configmap",
        value: ANYTHING,
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: FASTCGI,
        doc: "Parameters for a FastCGI application.",
    },
    Annotation {
        key: "http2-push-preload",
        value: Value::LooseBoolean(ignore),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect("browsers take no pushes any more, and nginx sends none"),
        doc: "Whether what a `Link` field preloads is pushed.",
    },
];
