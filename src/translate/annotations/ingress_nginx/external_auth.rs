//! External authentication: another service says whether a request is served.

use std::time::Duration;

use crate::model::{AnswerLife, Captures, EditedName, ObjectKind, ObjectName, ObjectRef};

use super::super::draft::Draft;
use super::super::external_auth_options::AuthUrl;
use super::super::service_url::ServiceUrl;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;
use super::config_map_name;
use super::url::{self, Target};
use super::variables;

const KEPT: Verdict = Verdict::NoEffect(
    "connections to the service are kept and used again, as those to pods are, also with variables in `auth-url`",
);
/// Fields that pods get from us and from nobody else, besides those that no author may edit.
const OURS: [&str; 3] = ["x-forwarded-host", "x-real-ip", "x-request-id"];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// By key.
pub(super) const ROWS: [Annotation; 16] = [
    Annotation {
        key: "auth-always-set-cookie",
        value: Value::LooseBoolean(|draft, is_set| draft.options.of_rare().external_auth.always_cookies = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Whether all answers carry the cookies that the service of `auth-url` sets, and not only those that tell of success and\n\
              redirects.",
    },
    Annotation {
        key: "auth-cache-duration",
        value: Value::Text {
            values: "lists of statuses or `any` with a time behind (`ms`, `s`, `m`, `h` or `d`) and commas between",
            read: |draft, text, _| {
                draft.options.of_rare().external_auth.lives = Some(lives(text)?);
                Some(())
            },
        },
        default: "`200 202 401 5m`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "at most a year, and never beyond their time: `stale-while-revalidate` and `stale-if-error` prolong nothing; that the service \
             does not answer is not remembered",
        ),
        doc: "For how long answers of the service of `auth-url` are remembered, where `auth-cache-key` is set. A time without a status is\n\
              for `200`, `301` and `302`. What an answer says itself wins, for any status: `X-Accel-Expires`, `s-maxage` or `max-age` in\n\
              `Cache-Control`, `Expires`.",
    },
    Annotation {
        key: "auth-cache-key",
        value: Value::Text {
            values: "a text; variables",
            read: |draft, text, _| {
                let key = variables::read(draft, text, Captures::Refused);
                draft.options.of_rare().external_auth.key = key;
                Some(())
            },
        },
        default: "no answer is remembered",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "of all routes together 4096 answers are remembered, each of at most 16 KiB of fields",
        ),
        doc: "Requests of a route for which this comes to the same get the answer of the service of `auth-url` that one of them had. Where\n\
              the answer has `Vary`, they must be equal in these fields too. Not remembered are answers with `Set-Cookie`, with `Vary: *`,\n\
              and with `no-store`, `no-cache` or `private` in `Cache-Control`.",
    },
    Annotation {
        key: "auth-keepalive",
        value: Value::Count(|_, _| {}),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: KEPT,
        doc: "How many connections to the service of `auth-url` are kept.",
    },
    Annotation {
        key: "auth-keepalive-requests",
        value: Value::Count(|_, _| {}),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: KEPT,
        doc: "How many requests a connection to the service of `auth-url` serves.",
    },
    Annotation {
        key: "auth-keepalive-share-vars",
        value: Value::LooseBoolean(|_, _| {}),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect("the service of `auth-url` always gets the `X-Request-ID` of the request"),
        doc: "Whether questions have the id of the request.",
    },
    Annotation {
        key: "auth-keepalive-timeout",
        value: Value::Count(|_, _| {}),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: KEPT,
        doc: "How long connections to the service of `auth-url` are kept.",
    },
    Annotation {
        key: "auth-method",
        value: Value::Text {
            values: "`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`",
            read: |draft, text, _| {
                if METHODS.contains(&text) {
                    draft.options.of_rare().external_auth.method = Some(text.into());
                } else {
                    close(draft, "is no method that a question may have, so all requests are answered with 503");
                }
                Some(())
            },
        },
        default: "`GET`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("`CONNECT` and `TRACE` are refused: 503"),
        doc: "The method of questions to the service of `auth-url`. With it they also tell `X-Original-URI` and `X-Scheme`.",
    },
    Annotation {
        key: "auth-proxy-set-headers",
        value: Value::Text {
            values: "namespace/name of a ConfigMap",
            read: |draft, text, carrier| {
                match config_map_name::of(draft, text, carrier) {
                    Some(name) => draft.options.of_rare().external_auth.sent = Some(name),
                    None => close(draft, "names no ConfigMap, so all requests are answered with 503"),
                }
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "a change counts at once; `Host`, `X-Forwarded-For` and fields that frame a message or belong to a connection are \
             refused: 503; a field of ours is replaced and not sent twice",
        ),
        doc: "The ConfigMap with fields that the service of `auth-url` gets besides, in place of those that clients send under these\n\
              names: each key is a name, its value may have variables, and one that comes to nothing is no field. It is of the\n\
              namespace of the Ingress, unless `--config-maps-across-namespaces` is given. The process must be allowed to read it\n\
              (`--config-map-names`). Where it cannot be used nobody is served (503).",
    },
    Annotation {
        key: "auth-request-redirect",
        value: Value::Text {
            values: "a text; variables",
            read: |draft, text, _| {
                let redirect = variables::read(draft, text, Captures::Refused);
                draft.options.of_rare().external_auth.redirect = redirect;
                Some(())
            },
        },
        default: "`$request_uri`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "What the service of `auth-url` gets as `X-Auth-Request-Redirect`.",
    },
    Annotation {
        key: "auth-response-headers",
        value: Value::Text {
            values: "names of fields with commas between",
            read: |draft, text, _| {
                match names(text) {
                    Some(names) => draft.options.of_rare().external_auth.copied = Some(names),
                    None => close(draft, "has what no such field can be, so all requests are answered with 503"),
                }
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "of a field that the answer has more than once all values go on; fields that only a proxy may write, such as `Host` and \
             `X-Forwarded-For`, are refused: 503",
        ),
        doc: "Fields of the answer of `auth-url` that pods get. What clients send under these names never reaches a pod, also where the\n\
              answer has no such field, and also with `_` for `-`.",
    },
    Annotation {
        key: "auth-signin",
        value: Value::Text {
            values: "a URL of http or https; up to 2048 characters; variables",
            read: |draft, text, _| {
                url::read(draft, text, Target::Url, |draft, url| {
                    draft.options.of_rare().external_auth.sign_in = Some(url)
                })
            },
        },
        default: "none: 401",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Where clients are sent (302) for which the service of `auth-url` says 401, with the URL of the request in the parameter\n\
              `rd` of its query, unless it has that parameter.",
    },
    Annotation {
        key: "auth-signin-redirect-param",
        value: Value::Text {
            values: "letters, digits, `-`, `_`, `.` and `~`",
            read: |draft, text, _| {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
                let is_name = (1..=128).contains(&text.len()) && text.bytes().all(is_plain);
                draft.options.of_rare().external_auth.parameter = is_name.then(|| text.into());
                is_name.then_some(())
            },
        },
        default: "`rd`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The parameter in which `auth-signin` gets the URL of the request.",
    },
    Annotation {
        key: "auth-snippet",
        value: Value::Text {
            values: "any",
            read: |draft, _, _| {
                draft.options.of_rare().external_auth.is_closed = Some(true);
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Refused {
            why: "configuration of nginx is not read, and it may restrict access; all requests of the Ingress are answered with 503",
            instead: "use the other `auth-` annotations, and remove it",
        },
        doc: "Configuration of nginx for questions to the service of `auth-url`.",
    },
    Annotation {
        key: "auth-url",
        value: Value::Text {
            values: "a URL of http or https; variables in its path and query; as its host `$host` alone",
            read: |draft, text, carrier| {
                url(draft, text, carrier);
                Some(())
            },
        },
        default: "nobody is asked",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "the host may be no variable but `$host`, which stands for an exact host of a rule; addresses of the node, of metadata and \
             the like are not asked: 503; where the answer is late, after `proxy-read-timeout` and no later than 60 s, it is 500; of `X-Forwarded-` fields and the like \
             questions have only those that a trusted proxy sends",
        ),
        doc: "Asks this service about each request, with its fields and without its body: 2xx lets it pass, 401 and 403 are passed on,\n\
              anything else is 500. Questions say nothing of the scheme in `X-Forwarded-Proto`. Redirects, CORS, limits and address lists come first. A Service of the namespace is asked at its\n\
              endpoints (`http://name.namespace.svc.cluster.local`), others by DNS, as ExternalName Services are. Certificates are not\n\
              verified, as in ingress-nginx. A URL that cannot be read lets nobody in: 503.",
    },
    Annotation {
        key: "enable-global-auth",
        value: Value::LooseBoolean(|draft, is_set| draft.options.of_rare().external_auth.takes_global = Some(is_set)),
        default: "`true`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Whether the authentication for all Ingresses (`global-auth-url` of `--nginx-configmap`) counts here.",
    },
];

/// Says that nobody is served.
fn close(draft: &mut Draft, message: &'static str) {
    draft.is_unreadable(message, "Use one of the values in docs/annotations.md");
    draft.options.of_rare().external_auth.is_closed = Some(true);
}

/// A URL that cannot be read keeps everybody out.
fn url(draft: &mut Draft, text: &str, carrier: &ObjectName) {
    let url = match ServiceUrl::parse(text) {
        Some(url) => {
            let service = url.service(&carrier.namespace);
            draft.references.extend(service.map(|service| ObjectRef::new(ObjectKind::Service, service)));
            AuthUrl::Url(Box::new(url))
        }
        None => {
            draft.is_unreadable(
                "is no URL of a service that can be asked, so nobody is served: all requests are answered with 503",
                "Write a URL such as http://auth.namespace.svc.cluster.local/check, with variables in path and query only",
            );
            AuthUrl::Unreadable
        }
    };
    draft.options.of_rare().external_auth.url = Some(url);
}

/// Names of fields, in lower case.
fn names(text: &str) -> Option<Box<[Box<str>]>> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_ascii_lowercase);
    let names: Vec<Box<str>> = names.map(String::into_boxed_str).collect();
    let may_copy = |name: &str| EditedName::parse(name).is_some() && !OURS.contains(&&*name.replace('_', "-"));
    names.iter().all(|name| may_copy(name)).then(|| names.into())
}

fn lives(text: &str) -> Option<Box<[AnswerLife]>> {
    let mut lives = Vec::new();
    for entry in text.split(',') {
        let words: Vec<_> = entry.split_ascii_whitespace().collect();
        let (time, statuses) = words.split_last()?;
        let time = time_of(time)?;
        match statuses {
            [] => lives.extend([200, 301, 302].map(|status| AnswerLife { status: Some(status), time })),
            statuses => {
                for status in statuses {
                    let status = match *status {
                        "any" => None,
                        digits => Some(digits.parse().ok().filter(|status| (200..600).contains(status))?),
                    };
                    lives.push(AnswerLife { status, time });
                }
            }
        }
    }
    Some(lives.into())
}

/// A time of nginx with one unit, up to a year. Without a unit it is seconds.
fn time_of(text: &str) -> Option<Duration> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let count: u64 = digits.parse().ok()?;
    let millis = match unit {
        "ms" => count,
        "" | "s" => count.checked_mul(1000)?,
        "m" => count.checked_mul(60_000)?,
        "h" => count.checked_mul(3_600_000)?,
        "d" => count.checked_mul(86_400_000)?,
        _ => return None,
    };
    let time = Duration::from_millis(millis);
    (time <= Duration::from_secs(365 * 86_400)).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_statuses_and_a_time() {
        let life = |status, seconds| AnswerLife { status, time: Duration::from_secs(seconds) };
        for (text, expected) in [
            ("200 202 401 5m", Some(vec![life(Some(200), 300), life(Some(202), 300), life(Some(401), 300)])),
            ("200 1h, any 0", Some(vec![life(Some(200), 3600), life(None, 0)])),
            ("1d", Some(vec![life(Some(200), 86_400), life(Some(301), 86_400), life(Some(302), 86_400)])),
            ("", None),
            ("200", Some(vec![life(Some(200), 200), life(Some(301), 200), life(Some(302), 200)])),
            ("200 5x", None),
            ("200 5m;", None),
            ("99 5m", None),
            ("200 5m,", None),
            ("200 99999999999999999999d", None),
            ("200 366d", None),
        ] {
            assert_eq!(lives(text).as_deref(), expected.as_deref(), "{text:?}");
        }
    }

    #[test]
    fn fields_that_only_a_proxy_may_write_are_not_copied() {
        for (text, expected) in [
            ("X-User, x-email", Some(vec!["x-user", "x-email"])),
            ("Authorization,", Some(vec!["authorization"])),
            ("Host", None),
            ("X_Forwarded_For", None),
            ("x y", None),
            ("x:\r\ny", None),
        ] {
            let names = names(text).map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>());
            let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect());
            assert_eq!(names, expected, "{text:?}");
        }
    }
}
