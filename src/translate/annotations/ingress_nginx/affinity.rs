//! Which requests go to the same endpoint.

use crate::model::{AffinityMode, Captures, EmptyText};

use super::super::affinity_options::{AffinityOptions, HashText};
use super::super::answer_options::Switch;
use super::super::cookie_values::{is_cookie_domain, is_cookie_name, is_cookie_path, same_site, seconds};
use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::{Value, Word};
use super::variables;

/// Longest text to spread by, bytes.
const LONGEST: usize = 256;

fn of(draft: &mut Draft) -> &mut AffinityOptions {
    &mut draft.options.of_rare().affinity
}

const fn row(key: &'static str, value: Value, default: &'static str, doc: &'static str) -> Annotation {
    Annotation { key, value, default, scopes: &[Scope::Ingress], verdict: Verdict::Exact, doc }
}

/// By key.
pub(super) const ROWS: [Annotation; 15] = [
    row(
        "affinity",
        Value::OneOf(&[Word { text: "cookie", set: |draft| of(draft).by_cookie = Some(true) }]),
        "each request goes to any pod",
        "Sends all requests of a client to the same pod, by a cookie. Wins over `upstream-hash-by`.",
    ),
    row(
        "affinity-canary-behavior",
        Value::OneOf(&[
            Word { text: "legacy", set: |draft| draft.options.of_canary().has_no_sessions = Some(true) },
            Word { text: "sticky", set: |draft| draft.options.of_canary().has_no_sessions = Some(false) },
        ]),
        "`sticky`",
        "On a canary: whether clients that the main Ingress knows by a cookie stay with the canary. With `legacy` its answers set no\n\
         cookie, and a request is drawn for it again unless the cookie says that the client is with the main backend.",
    ),
    row(
        "affinity-mode",
        Value::OneOf(&[
            Word { text: "balanced", set: |draft| of(draft).mode = Some(AffinityMode::Balanced) },
            Word { text: "persistent", set: |draft| of(draft).mode = Some(AffinityMode::Persistent) },
        ]),
        "`balanced`",
        "Whether pods that come take over clients: with `balanced` the cookie is a key and each pod has an equal share of all keys,\n\
         with `persistent` it names a pod, and a client moves when that pod is gone.",
    ),
    row(
        "session-cookie-change-on-failure",
        Value::LooseBoolean(|draft, is_set| of(draft).moves_on_failure = Some(is_set)),
        "`false`",
        "Whether a client goes to another pod when its own fails. Without it the answer is an error.",
    ),
    row(
        "session-cookie-conditional-samesite-none",
        Value::LooseBoolean(|draft, is_set| of(draft).is_conditional = Some(is_set)),
        "`false`",
        "Whether browsers that misunderstand `SameSite=None` are not told it.",
    ),
    row(
        "session-cookie-domain",
        Value::Text {
            values: "a host name, perhaps with a dot in front",
            read: |draft, text, _| is_cookie_domain(text).then(|| of(draft).domain = Some(text.into())),
        },
        "none",
        "`Domain` of the cookie.",
    ),
    row(
        "session-cookie-expires",
        Value::Text {
            values: "seconds",
            read: |draft, text, _| seconds(text).map(|seconds| of(draft).expires = Some(seconds)),
        },
        "it ends with the browser",
        "When the cookie expires, in seconds from now.",
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
        "session-cookie-name",
        Value::Text {
            values: "the name of a cookie",
            read: |draft, text, _| is_cookie_name(text).then(|| of(draft).name = Some(text.into())),
        },
        "`INGRESSCOOKIE`",
        "Name of the cookie.",
    ),
    row(
        "session-cookie-path",
        Value::Text {
            values: "a path",
            read: |draft, text, _| is_cookie_path(text).then(|| of(draft).path = Some(text.into())),
        },
        "the path of the rule; `/` where it is a pattern",
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
        Value::LooseBoolean(|draft, is_set| of(draft).secure = Some(is_set)),
        "where the client uses https",
        "Whether the cookie is for https alone. Where the client uses https it always is.",
    ),
    row(
        "upstream-hash-by",
        Value::Text {
            values: "a text with variables",
            read: |draft, text, _| {
                if text.is_empty() || text.len() > LONGEST || text.bytes().any(|byte| byte.is_ascii_control()) {
                    return None;
                }
                let text = variables::read(draft, text, Captures::Refused);
                let text = text.map(|text| HashText { text, empty: EmptyText::AsOthers });
                text.into_iter().for_each(|text| of(draft).text = Some(Switch::On(text)));
                Some(())
            },
        },
        "none",
        "Sends requests for which this text is the same to the same pod. Pods that come or go move as few of them as can be.",
    ),
    row(
        "upstream-hash-by-subset",
        Value::LooseBoolean(|draft, is_set| of(draft).by_subset = Some(is_set)),
        "`false`",
        "Whether requests of one text are spread over several pods.",
    ),
    row(
        "upstream-hash-by-subset-size",
        Value::Count(|draft, size| of(draft).subset = Some(size)),
        "`3`",
        "Over how many.",
    ),
];
