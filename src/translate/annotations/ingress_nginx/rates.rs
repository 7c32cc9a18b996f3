//! How much each client may ask for.

use std::num::NonZeroU32;

use crate::model::Networks;

use super::super::draft::Draft;
use super::super::limit_options::Limit;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;
use super::sources;

const VALUES: &str = "a whole number, `0` or more";

const COUNTED: Verdict = Verdict::Bounded(
    "IPv6 clients count by their /64; 262,144 clients of all Ingresses together are remembered, and beyond it some begin anew, where \
     ingress-nginx has 5 MB for each Ingress",
);

const EXEMPT: Value = Value::Text {
    values: sources::VALUES,
    read: |draft, text, _| {
        match sources::networks(text) {
            Some(networks) => draft.options.of_rare().limits.exempt = Some(Networks::new(networks)),
            None => draft.is_unreadable(
                "is no list of addresses and networks, so the limits hold for all clients",
                sources::REMEDY,
            ),
        }
        Some(())
    },
};

/// By key.
pub(super) const ROWS: [Annotation; 6] = [
    Annotation {
        key: "limit-allowlist",
        value: EXEMPT,
        default: "limits hold for all clients",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Clients for whom the limits of requests do not hold. The client is the one that `allowlist-source-range` looks at.",
    },
    Annotation {
        key: "limit-burst-multiplier",
        value: Value::Text {
            values: "a whole number, `1` or more",
            read: |draft, text, _| {
                let multiplier = number(text).filter(|multiplier| *multiplier > 0)?;
                draft.options.of_rare().limits.multiplier = Some(multiplier);
                Some(())
            },
        },
        default: "`5`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "How many times its rate a client may send at once, besides the request that its rate lets in: with `limit-rps: \"10\"` and\n\
              `5`, 51 at once.",
    },
    Annotation {
        key: "limit-connections",
        value: Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                limit(draft, text, |draft, limit| draft.options.of_rare().limits.in_progress = Some(limit))
            },
        },
        default: "no limit",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("IPv6 clients count by their /64"),
        doc: "Requests of a client that may be in progress at once; more are answered with 503. All routes of the Ingress count\n\
              together, over all connections and workers of the process, and each replica counts by itself. A connection without a\n\
              request does not count, one of HTTP/2 with several counts several times, and a WebSocket counts for as long as it is\n\
              open. `0` is no limit. A value that cannot be read lets nobody in: 503.",
    },
    Annotation {
        key: "limit-rpm",
        value: Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                limit(draft, text, |draft, limit| draft.options.of_rare().limits.per_minute = Some(limit))
            },
        },
        default: "no limit",
        scopes: &[Scope::Ingress],
        verdict: COUNTED,
        doc: "Requests of a client in a minute, as `limit-rps`, which may hold besides.",
    },
    Annotation {
        key: "limit-rps",
        value: Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                limit(draft, text, |draft, limit| draft.options.of_rare().limits.per_second = Some(limit))
            },
        },
        default: "no limit",
        scopes: &[Scope::Ingress],
        verdict: COUNTED,
        doc: "Requests that a client may send in a second on average; more are answered with 503, and do not count. Some may come at\n\
              once: see `limit-burst-multiplier`. All routes of the Ingress count together, over all workers of the process, and each\n\
              replica counts by itself. Redirects and preflights come first and do not count, lists of addresses come\n\
              behind. The client is the one that `allowlist-source-range` looks at. `0` is no limit. A value that cannot be read lets\n\
              nobody in: 503.",
    },
    Annotation {
        key: "limit-whitelist",
        value: EXEMPT,
        default: "limits hold for all clients",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The former name of `limit-allowlist`, which wins.",
    },
];

/// Reads a limit. One that cannot be read is told, and keeps everybody out.
fn limit(draft: &mut Draft, text: &str, set: fn(&mut Draft, Limit)) -> Option<()> {
    let limit = match number(text) {
        Some(requests) => Limit::Requests(NonZeroU32::new(requests)),
        None => {
            draft.is_unreadable(
                "is no number of requests, so nobody is served: all requests are answered with 503",
                "Use a whole number, or 0 for no limit",
            );
            Limit::Unreadable
        }
    };
    set(draft, limit);
    Some(())
}

/// Digits, without a sign.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
