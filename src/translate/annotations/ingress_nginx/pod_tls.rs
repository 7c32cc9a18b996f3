//! TLS to pods.

use crate::model::{Hostname, ObjectName, TlsVersions};

use super::super::draft::Draft;
use super::super::pod_options::NamedSecret;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;
use super::secret_name;

/// By key.
pub(super) const ROWS: [Annotation; 7] = [
    Annotation {
        key: "proxy-ssl-ciphers",
        value: Value::Text { values: "any", read: |_, _, _| Some(()) },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect(
            "the ciphers are those of TLS 1.3 and those of TLS 1.2 with forward secrecy and authenticated encryption",
        ),
        doc: "Ciphers of TLS to pods.",
    },
    Annotation {
        key: "proxy-ssl-name",
        value: Value::Text {
            values: "a host name",
            read: |draft, text, _| {
                draft.options.of_pod_tls().name = Some(Hostname::parse(text.trim()).ok()?);
                Some(())
            },
        },
        default: "none: a certificate that is verified must have the pod's address",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The name that certificates of pods must have where they are verified, and that pods are told with\n\
              `proxy-ssl-server-name`. For ExternalName Services it takes the place of the external name. Without\n\
              `proxy-ssl-secret` it has no effect, as in ingress-nginx, and that is reported.",
    },
    Annotation {
        key: "proxy-ssl-protocols",
        value: Value::Text {
            values: "words with spaces between: `TLSv1.2`, `TLSv1.3`",
            read: |draft, text, _| versions(draft, text),
        },
        default: "`TLSv1.2 TLSv1.3`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Versions of TLS that are spoken to pods. It needs a `proxy-ssl-secret` with a `ca.crt`, as in ingress-nginx; without that\n\
              both are spoken. Versions before 1.2 are in no value of ingress-nginx 1.15, either: they are left out.",
    },
    Annotation {
        key: "proxy-ssl-secret",
        value: Value::Text {
            values: "`namespace/name` of a Secret",
            read: |draft, text, carrier| {
                secret(draft, text.trim(), carrier);
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "A Secret with the authorities that sign certificates of pods (`ca.crt`), a certificate for pods that ask for one\n\
              (`tls.crt`, `tls.key`), or both. It is of the namespace of the Ingress, unless `--secrets-across-namespaces` is given. Where\n\
              it is missing, unusable or may not be named, requests are answered with 503.",
    },
    Annotation {
        key: "proxy-ssl-server-name",
        value: Value::OnOff(|draft, is_on| draft.options.of_pod_tls().sends_name = Some(is_on)),
        default: "`off`; `on` for ExternalName Services without `proxy-ssl-name`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "without `proxy-ssl-name` pods are told no name, and not nginx's `upstream_balancer`",
        ),
        doc: "Whether pods are told the name of `proxy-ssl-name`, or that of their ExternalName Service (SNI). Without\n\
              `proxy-ssl-secret` only `off` has an effect, and `on` is reported.",
    },
    Annotation {
        key: "proxy-ssl-verify",
        value: Value::OnOff(|draft, is_on| draft.options.of_pod_tls().verifies = Some(is_on)),
        default: "`off`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "without `proxy-ssl-name` the certificate must have the pod's address, and not nginx's `upstream_balancer`; with a Secret that \
             has no `ca.crt` the answer is 503, and no pod is left unverified",
        ),
        doc: "Whether certificates of pods are verified: valid now, signed by an authority in `proxy-ssl-secret`, and with the name of\n\
              `proxy-ssl-name`. A pod with another one is passed over, and the answer is 502 where none is left. Without\n\
              `proxy-ssl-secret` nothing is verified, as in ingress-nginx, and that is reported.",
    },
    Annotation {
        key: "proxy-ssl-verify-depth",
        // ingress-nginx takes zero for nothing.
        value: Value::Count(|draft, depth| draft.options.of_pod_tls().depth = Some(depth.max(1))),
        default: "`1`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("there may be six at the most"),
        doc: "How many certificates may be between that of a pod and its authority, where `proxy-ssl-verify` is `on`. `0` counts as `1`.",
    },
];

/// A Secret that cannot be used lets no request pass.
fn secret(draft: &mut Draft, text: &str, carrier: &ObjectName) {
    let named = match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            secret_name::of(draft, namespace, name, carrier).unwrap_or_else(|| nameless(draft))
        }
        Some(_) | None => nameless(draft),
    };
    draft.options.of_pod_tls().secret = Some(named);
}

fn nameless(draft: &mut Draft) -> NamedSecret {
    draft.is_unreadable(
        "names no Secret, so requests that need TLS to pods are answered with 503",
        "Write namespace/name",
    );
    NamedSecret::Unusable
}

/// `None`: there is no word, or one that is no version.
fn versions(draft: &mut Draft, text: &str) -> Option<()> {
    let (mut has_12, mut has_13, mut has_older) = (false, false, false);
    for word in text.split_ascii_whitespace() {
        match word {
            "TLSv1.2" => has_12 = true,
            "TLSv1.3" => has_13 = true,
            "SSLv2" | "SSLv3" | "TLSv1" | "TLSv1.1" => has_older = true,
            _ => return None,
        }
    }
    let versions = match (has_12, has_13) {
        (true, true) => TlsVersions::Both,
        (true, false) => TlsVersions::Only12,
        (false, true) => TlsVersions::Only13,
        (false, false) if has_older => {
            draft.refuses("has no version that is spoken, so pods get TLS 1.2 and 1.3", "Use TLSv1.2 TLSv1.3");
            return Some(());
        }
        (false, false) => return None,
    };
    if has_older {
        draft.differs("has versions that are not spoken any more: they are left out", "Remove those before TLSv1.2");
    }
    draft.options.of_pod_tls().versions = Some(versions);
    Some(())
}
