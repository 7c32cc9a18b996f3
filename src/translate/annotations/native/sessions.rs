//! Which requests go to the same pod: those of a client, by a cookie, or those that have something in common.

use crate::model::{AffinityMode, EmptyText, Scripts};

use super::super::affinity_options::{AffinityOptions, HashText};
use super::super::answer_options::Switch;
use super::super::cookie_values::{is_cookie_domain, is_cookie_name, is_cookie_path, same_site, seconds};
use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

fn of(draft: &mut Draft) -> &mut AffinityOptions {
    &mut draft.options.of_rare().affinity
}

const fn row(key: &'static str, value: Value, default: &'static str, doc: &'static str) -> Annotation {
    Annotation { key, value, default, scopes: &[Scope::Ingress, Scope::Service], verdict: Verdict::Exact, doc }
}

/// By key.
pub(super) const ROWS: [Annotation; 8] = [
    row(
        "hash-by",
        Value::Text {
            values: "`source`, `uri`, `header:NAME`, `query:NAME`, `cookie:NAME`, or `off`",
            read: |draft, text, _| {
                of(draft).text = Some(if text == "off" { Switch::Off } else { Switch::On(hash_by(text)?) });
                Some(())
            },
        },
        "`off`: by `balance` alone",
        "Sends requests that have this in common to the same pod: the address of the client, the path, or the value of a header field, of\n\
         a parameter of the query or of a cookie. Requests without it go by `balance`. Pods that come or go move as few of them as can\n\
         be. A `session-cookie` wins over it.",
    ),
    row(
        "session-cookie",
        Value::Text {
            values: "the name of a cookie, or `off`",
            read: |draft, text, _| {
                if text != "off" && !is_cookie_name(text) {
                    return None;
                }
                let affinity = of(draft);
                affinity.by_cookie = Some(text != "off");
                if text != "off" {
                    (affinity.name, affinity.mode) = (Some(text.into()), Some(AffinityMode::OfPod));
                    affinity.moves_on_failure = Some(true);
                }
                Some(())
            },
        },
        "`off`: each request goes to any pod",
        "Sends all requests of a client to the same pod while it is there, by a cookie of this name. Its value is a hash of the pod's UID\n\
         and the Service: every replica reads it alike, also after restarts, and a pod that gets the address of another gets none of its\n\
         clients. Where the pod fails or is gone the client gets another one, and is told so.",
    ),
    row(
        "session-cookie-domain",
        Value::Text {
            values: "a host name, perhaps with a dot in front",
            read: |draft, text, _| is_cookie_domain(text).then(|| of(draft).domain = Some(text.into())),
        },
        "none: the host of the request",
        "`Domain` of the cookie.",
    ),
    row(
        "session-cookie-http-only",
        Value::Boolean(|draft, is_set| of(draft).scripts = Some(if is_set { Scripts::Blind } else { Scripts::See })),
        "`true`",
        "Whether the cookie is hidden from scripts of pages.",
    ),
    row(
        "session-cookie-max-age",
        Value::Text {
            values: "seconds",
            read: |draft, text, _| seconds(text).map(|seconds| of(draft).max_age = Some(seconds)),
        },
        "it ends with the browser",
        "`Max-Age` of the cookie.",
    ),
    row(
        "session-cookie-path",
        Value::Text {
            values: "a path",
            read: |draft, text, _| is_cookie_path(text).then(|| of(draft).path = Some(text.into())),
        },
        "`/`",
        "`Path` of the cookie.",
    ),
    row(
        "session-cookie-samesite",
        Value::Text {
            values: "`None`, `Lax` or `Strict`",
            read: |draft, text, _| same_site(text).map(|same_site| of(draft).same_site = Some(same_site)),
        },
        "none",
        "`SameSite` of the cookie.",
    ),
    row(
        "session-cookie-secure",
        Value::Boolean(|draft, is_set| of(draft).secure = Some(is_set)),
        "where the client uses https",
        "Whether the cookie is for https alone. Where the client uses https it always is.",
    ),
];

fn hash_by(text: &str) -> Option<HashText> {
    let (what, name) = text.split_once(':').map_or((text, None), |(what, name)| (what, Some(name)));
    let empty = EmptyText::Anywhere;
    match (what, name) {
        ("source", None) => HashText::parse("$remote_addr", empty),
        ("uri", None) => HashText::parse("$uri", empty),
        ("header", Some(name)) => HashText::of_field(name),
        ("query", Some(name)) => HashText::of_named("arg", name),
        ("cookie", Some(name)) => HashText::of_named("cookie", name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Affinity, ObjectName};

    fn rule(pairs: &[(&str, &str)]) -> Option<Option<Affinity>> {
        let mut draft = Draft::default();
        for (key, value) in pairs {
            let row = ROWS.iter().find(|row| row.key == *key).unwrap();
            row.value.read(&mut draft, value, &ObjectName::new("shop", "web"))?;
        }
        Some(of(&mut draft).rule())
    }

    #[test]
    fn a_hash_is_by_one_thing_that_requests_have_in_common() {
        for (value, expected) in [
            ("source", "${remote_addr}"),
            ("uri", "${uri}"),
            ("header:X-User-Id", "${http_x_user_id}"),
            ("header:Host", "${http_host}"),
            ("query:user", "${arg_user}"),
            ("cookie:sid", "${cookie_sid}"),
        ] {
            let Some(Some(Affinity::Text { text, among: 1, empty: EmptyText::Anywhere })) = rule(&[("hash-by", value)])
            else {
                panic!("{value}")
            };
            assert_eq!(text.to_string(), expected);
        }
        assert_eq!(rule(&[("hash-by", "off")]), Some(None));
        for value in ["", "ip", "source:x", "uri:x", "header", "header:", "header:a b", "query:a}b", "cookie:$x"] {
            assert_eq!(rule(&[("hash-by", value)]), None, "{value}");
        }
    }

    #[test]
    fn a_session_is_of_a_pod_with_the_attributes_that_are_asked_for() {
        let Some(Some(Affinity::Cookie(cookie))) = rule(&[
            ("hash-by", "source"),
            ("session-cookie", "sid"),
            ("session-cookie-path", "/app"),
            ("session-cookie-domain", ".a.example"),
            ("session-cookie-max-age", "60"),
            ("session-cookie-http-only", "false"),
            ("session-cookie-samesite", "lax"),
            ("session-cookie-secure", "true"),
        ]) else {
            panic!("a cookie")
        };
        assert_eq!((&*cookie.name, cookie.mode, cookie.moves_on_failure), ("sid", AffinityMode::OfPod, true));
        assert_eq!((cookie.path.as_deref(), cookie.domain.as_deref()), (Some("/app"), Some(".a.example")));
        assert_eq!((cookie.max_age, cookie.scripts, cookie.secure), (Some(60), Scripts::See, Some(true)));
        let Some(Some(Affinity::Cookie(cookie))) = rule(&[("session-cookie", "sid")]) else { panic!("a cookie") };
        assert_eq!((cookie.path.as_deref(), cookie.scripts), (Some("/"), Scripts::Blind));
        assert_eq!(rule(&[("session-cookie", "off")]), Some(None));
        for (key, value) in [
            ("session-cookie", "a=b"),
            ("session-cookie", ""),
            ("session-cookie-path", "/x; Domain=evil.example"),
            ("session-cookie-domain", "a; Secure"),
            ("session-cookie-max-age", "-1"),
            ("session-cookie-samesite", "maybe"),
            ("session-cookie-secure", "yes"),
        ] {
            assert_eq!(rule(&[(key, value)]), None, "{key} {value}");
        }
    }
}
