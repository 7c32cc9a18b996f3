//! What is spoken to pods.

use super::super::draft::Draft;
use super::super::ingress_nginx::secret_of;
use super::super::pod_options::{NamedSecret, PodProtocol};
use super::super::table::{Annotation, Verdict};
use super::super::value::{Value, Word};
use super::{BOTH, row};
use crate::model::ObjectName;

const VALUES: &str = "`name` or `namespace/name` of a Secret";

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    row(
        "server-ca",
        Value::Text {
            values: VALUES,
            read: |draft, text, carrier| {
                let named = secret(draft, text, carrier);
                draft.options.of_pod_tls().ca = Some(named);
                Some(())
            },
        },
        "certificates of pods are not verified",
        BOTH,
        Verdict::Bounded(
            "the Secret is one of the namespace of the object that names it, unless `--secrets-across-namespaces` is given; without \
             `server-ssl` it has no effect",
        ),
        "A Secret with the authorities that sign certificates of pods: those in `ca.crt` or else in `tls.crt`. A pod's certificate must be\n\
         valid now and be signed by one of them, for whichever name. A pod with another one is passed over, and the answer is 502 where\n\
         none is left. Where the Secret is missing or unusable requests are answered with 503.",
    ),
    row(
        "server-crt",
        Value::Text {
            values: VALUES,
            read: |draft, text, carrier| {
                let named = secret(draft, text, carrier);
                draft.options.of_pod_tls().certificate = Some(named);
                Some(())
            },
        },
        "none",
        BOTH,
        Verdict::Bounded(
            "the Secret is one of the namespace of the object that names it, unless `--secrets-across-namespaces` is given; without \
             `server-ssl` it has no effect",
        ),
        "A Secret with a certificate for pods that ask for one (`tls.crt`, `tls.key`). Where it is missing or unusable requests are\n\
         answered with 503.",
    ),
    row(
        "server-proto",
        Value::OneOf(&[Word { text: "h2", set: |draft| draft.options.of_policy().speaks_http2 = Some(true) }]),
        "`appProtocol` of the Service's port; HTTP/1.1 without one",
        BOTH,
        Verdict::Exact,
        "With `h2` pods are spoken to in HTTP/2 without TLS. With `server-ssl` pods choose the version, and this has no effect.",
    ),
    row(
        "server-ssl",
        Value::LooseBoolean(|draft, is_set| {
            draft.options.protocol = Some(if is_set { PodProtocol::Https } else { PodProtocol::Http });
        }),
        "`appProtocol` of the Service's port; no TLS without one",
        BOTH,
        Verdict::Exact,
        "Whether pods are spoken to through TLS. Their certificates are verified where `server-ca` is given. Pods choose HTTP/2 or\n\
         HTTP/1.1.",
    ),
];

/// A Secret that cannot be used lets no request pass.
fn secret(draft: &mut Draft, text: &str, carrier: &ObjectName) -> NamedSecret {
    let text = text.trim();
    let (namespace, name) = text.split_once('/').unwrap_or((&carrier.namespace, text));
    secret_of(draft, namespace, name, carrier).unwrap_or_else(|| {
        draft.is_unreadable(
            "names no Secret, so requests that need TLS to pods are answered with 503",
            "Write namespace/name",
        );
        NamedSecret::Unusable
    })
}
