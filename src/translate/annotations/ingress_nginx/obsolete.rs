//! What nobody needs any more, or only nginx.

use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::{Value, Word};

const FASTCGI: Verdict = Verdict::Refused {
    why: "FastCGI is not spoken",
    instead: "put a server in front of the application that speaks HTTP and FastCGI",
};

fn ignore<T>(_: &mut Draft, _: T) {}

const ANYTHING: Value = Value::Text { values: "any", read: |_, _, _| Some(()) };

/// By key.
pub(super) const ROWS: [Annotation; 5] = [
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
    Annotation {
        key: "proxy-http-version",
        value: Value::OneOf(&[
            Word { text: "1.1", set: |_| {} },
            Word {
                text: "1.0",
                set: |draft| {
                    draft.differs(
                        "has no effect: pods get HTTP/1.1, in which they may answer in chunks and keep connections",
                        "Remove it where the application speaks HTTP/1.1",
                    );
                },
            },
        ]),
        default: "`1.1`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Different("`1.1` is exact; with `1.0` pods get HTTP/1.1 all the same"),
        doc: "The version of HTTP that pods are spoken to in. Those whose Service says `appProtocol: kubernetes.io/h2c` get HTTP/2.",
    },
];
