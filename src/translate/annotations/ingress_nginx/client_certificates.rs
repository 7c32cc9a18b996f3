//! Certificates of clients (mutual TLS).

use std::sync::Arc;

use super::super::client_options::SubjectPattern;
use super::super::draft::Draft;
use super::super::pod_options::NamedSecret;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::{Value, Word};
use super::secret_name;
use super::url::{self, Target};
use crate::model::{CertificateForwarding, CertificateNeed, ObjectName, Pattern};

/// By key.
pub(super) const ROWS: [Annotation; 6] = [
    Annotation {
        key: "auth-tls-error-page",
        value: Value::Text {
            values: "a URL of http or https; up to 2048 characters; variables",
            read: |draft, text, _| {
                url::read(draft, text, Target::Url, |draft, url| draft.options.of_clients().error_page = Some(url))
            },
        },
        default: "none: the answer is 400",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("a path is refused: it leads to the same host, which asks for a certificate again"),
        doc: "Answers clients without a certificate that is right with 302 to this URL.",
    },
    Annotation {
        key: "auth-tls-match-cn",
        value: Value::Text {
            values: "`CN=` and a regular expression",
            read: |draft, text, _| {
                subject(draft, text.trim());
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "without look-around and back-references; one that cannot be read lets nobody in (403); in clear the redirect to https comes first",
        ),
        doc: "Refuses (403) clients unless this matches anywhere in the subject of their certificate, which is written as in\n\
              `CN=client,O=Example`. A client without a certificate has no subject.",
    },
    Annotation {
        key: "auth-tls-pass-certificate-to-upstream",
        value: Value::LooseBoolean(|draft, is_on| {
            let forwarding = if is_on { CertificateForwarding::Whole } else { CertificateForwarding::Names };
            draft.options.of_clients().forwarding = Some(forwarding);
        }),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "what clients send in fields that begin with `ssl-client-` never reaches pods, whatever is set here",
        ),
        doc: "Gives pods the certificate in `ssl-client-cert`, as PEM with everything but letters, digits and `-._~` escaped. Whether or\n\
              not it is set, they get `ssl-client-verify` (`SUCCESS`, `NONE` or `FAILED:` with the reason), `ssl-client-subject-dn` and\n\
              `ssl-client-issuer-dn`. So does the service of `auth-url`.",
    },
    Annotation {
        key: "auth-tls-secret",
        value: Value::Text {
            values: "`namespace/name` of a Secret",
            read: |draft, text, carrier| {
                secret(draft, text.trim(), carrier);
                Some(())
            },
        },
        default: "none: clients are not asked for certificates",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "an Ingress that names authorities has those at its paths and no other's, unless the oldest of the host asks for more; a younger \
             Ingress of another namespace changes nothing for the others; in clear, where https is not redirected to, the answer is 400 \
             instead of the pod's, but for rules at or below `/.well-known/acme-challenge`",
        ),
        doc: "Asks the clients of the host for a certificate. The Secret has the authorities that it must come from as PEM in `ca.crt`\n\
              and may have what they have revoked in `ca.crl`. It is of the namespace of the Ingress, unless `--secrets-across-namespaces` is\n\
              given. A change counts at once, also on connections that are open. It holds for all Ingresses of the host. Where the Secret is missing or cannot be used nobody is served (403). A connection that was made\n\
              for another host is refused (421).",
    },
    Annotation {
        key: "auth-tls-verify-client",
        value: Value::OneOf(&[
            Word { text: "on", set: |draft| need(draft, CertificateNeed::Required) },
            Word { text: "off", set: |draft| need(draft, CertificateNeed::NotAsked) },
            Word { text: "optional", set: |draft| need(draft, CertificateNeed::Optional) },
            Word { text: "optional_no_ca", set: |draft| need(draft, CertificateNeed::OptionalOfAnybody) },
        ]),
        default: "`on`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Whether clients need a certificate. `on`: one that is right, else 400. `optional`: none, but one that is shown must be right,\n\
              else 400. `optional_no_ca`: the same, but it may come from anybody, and pods are told what was found. `off`: they are not\n\
              asked.",
    },
    Annotation {
        key: "auth-tls-verify-depth",
        value: Value::Count(|draft, depth| {
            // ingress-nginx takes zero for nothing.
            draft.options.of_clients().depth = Some(depth.max(1));
        }),
        default: "`1`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "every certificate of `ca.crt` that is an authority's is trusted by itself, whoever signed it; more than six between are refused whatever the depth",
        ),
        doc: "How many certificates may be between that of a client and its authority. `0` counts as `1`.",
    },
];

fn need(draft: &mut Draft, need: CertificateNeed) {
    draft.options.of_clients().need = Some(need);
}

/// A pattern that cannot be read lets nobody in.
fn subject(draft: &mut Draft, text: &str) {
    let pattern = if text.starts_with("CN=") { Pattern::of_values(&Arc::from(text)).ok() } else { None };
    if pattern.is_none() {
        draft.is_unreadable(
            "cannot be read, so nobody is served where a certificate is asked for (403)",
            "Write CN= and a regular expression without look-around and back-references",
        );
    }
    draft.options.of_clients().subject = Some(pattern.map_or(SubjectPattern::Unreadable, SubjectPattern::Pattern));
}

/// A Secret that cannot be used lets nobody in.
fn secret(draft: &mut Draft, text: &str, carrier: &ObjectName) {
    let named = match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() => secret_name::of(draft, namespace, name, carrier),
        Some(_) | None => None,
    };
    if named.is_none() {
        draft.is_unreadable("names no Secret, so nobody is served (403)", "Write namespace/name");
    }
    draft.options.of_clients().secret = Some(named.unwrap_or(NamedSecret::Unusable));
}
