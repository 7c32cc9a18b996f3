//! Errors that another backend answers.

use crate::model::{ObjectKind, ObjectName, ObjectRef};

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "custom-http-errors",
        value: Value::Text {
            values: "statuses from `300` to `599` with commas between",
            read: |draft, text, _| {
                draft.options.of_rare().errors.statuses = Some(statuses(text)?);
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "a body that is longer than 64 KiB, or had not come in whole when the pod was asked, is not sent again, so the other backend gets \
             the request without it; where it does not answer, the client gets the status with a line of text; what we answer ourselves to \
             lead a client on stays: redirects, questions for a password, refusals of client certificates",
        ),
        doc: "Statuses for which clients get the answer of the Service of `default-backend` instead, or without it that of\n\
              `--default-backend`, or else 404. They are those of pods, of pods that do not answer (502, 503, 504), and of lists of\n\
              addresses, limits and `auth-url`. It is asked for `/` with the method, the query and the body of the request, and told `X-Code`, `X-Format`, `X-Original-URI`, `X-Namespace`, `X-Ingress-Name`,\n\
              `X-Service-Name`, `X-Service-Port` and `X-Request-ID`. The client gets its status.",
    },
    Annotation {
        key: "default-backend",
        value: Value::Text {
            values: "the name of a Service of the namespace",
            read: |draft, text, carrier| {
                let is_of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                if !((1..=63).contains(&text.len()) && text.bytes().all(is_of_name)) {
                    return None;
                }
                let service = ObjectName::new(carrier.namespace.clone(), text);
                draft.options.of_rare().errors.service = Some(service.name.clone());
                draft.references.push(ObjectRef::new(ObjectKind::Service, service));
                Some(())
            },
        },
        default: "`--default-backend` for `custom-http-errors`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "A Service, by its first port, that answers instead where `custom-http-errors` says so, and that takes the requests of a\n\
              Service without endpoints: as they came, and with `X-Code: 503` and the other fields.",
    },
    Annotation {
        key: "disable-proxy-intercept-errors",
        value: Value::LooseBoolean(|draft, is_set| draft.options.of_rare().errors.is_off = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Whether clients get the answers of pods whatever `custom-http-errors` says. What is said where no pod answers is replaced\n\
              all the same.",
    },
];

fn statuses(text: &str) -> Option<Box<[u16]>> {
    let status = |text: &str| text.trim().parse().ok().filter(|status| (300..600).contains(status));
    let mut statuses = text.split(',').map(status).collect::<Option<Vec<u16>>>()?;
    statuses.sort_unstable();
    statuses.dedup();
    Some(statuses.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_with_commas_between() {
        for (text, expected) in [
            ("404", Some(&[404][..])),
            ("503, 404,404", Some(&[404, 503])),
            ("", None),
            ("404,", None),
            ("200", None),
            ("600", None),
            ("404;", None),
            ("4xx", None),
            ("404\r\nX: y", None),
        ] {
            assert_eq!(statuses(text).as_deref(), expected, "{text:?}");
        }
    }
}
