//! Copies of requests for another service.

use crate::model::{Captures, MirrorBody, ObjectKind, ObjectRef, Template};

use super::super::service_url::{ServiceUrl, is_host};
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;
use super::variables;

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "mirror-host",
        value: Value::Text {
            values: "a host name or an address, with a port or without, or a text with variables that comes to one",
            read: |draft, text, _| {
                let host = if text.contains('$') {
                    let Some(template) = variables::read(draft, text, Captures::Refused) else { return Some(()) };
                    variables::may_be_host(&template).then_some(template)?
                } else {
                    is_host(text).then(|| Template::plain(text))?
                };
                draft.options.of_rare().mirror.host = Some(host);
                Some(())
            },
        },
        default: "the host of `mirror-target`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("of a request that makes no host of it there is no copy"),
        doc: "The `Host` of copies.",
    },
    Annotation {
        key: "mirror-request-body",
        value: Value::OnOff(|draft, is_on| {
            let body = if is_on { MirrorBody::Whole } else { MirrorBody::Nothing };
            draft.options.of_rare().mirror.body = Some(body);
        }),
        default: "`on`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "of a request whose body is longer than 64 KiB, or does not come to its end because the pod takes no more of it, there is no copy",
        ),
        doc: "Whether copies have the bodies of requests: a copy goes out when it has all of it, and the pod gets the body as it comes.\n\
              `off` copies requests of any size without them.",
    },
    Annotation {
        key: "mirror-target",
        value: Value::Text {
            values: "a URL of http or https; variables in its path and query; as its host `$host` alone",
            read: |draft, text, carrier| {
                let url = ServiceUrl::parse(text)?;
                let service = url.service(&carrier.namespace);
                draft.references.extend(service.map(|service| ObjectRef::new(ObjectKind::Service, service)));
                draft.options.of_rare().mirror.url = Some(Box::new(url));
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "the host may be no variable but `$host`, which stands for an exact host of a rule; addresses of the node, of metadata and \
             the like get nothing; each worker has 128 copies under way at the most, of others there are none \
             (`tidegate_mirrored_requests_total`)",
        ),
        doc: "Sends a copy of each request that goes to a pod there, and throws the answer away. Whatever becomes of a copy, the client\n\
              notices nothing. How the host is found is as for `auth-url`, and certificates are not verified either.",
    },
];
