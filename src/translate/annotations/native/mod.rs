//! Our own annotations.

mod expose;
mod headers;
mod overrides;
mod paths;
mod retries;
mod sessions;
mod timeouts;
mod upstreams;

use crate::model::Balance;
use crate::source::objects::annotations::OWN_PREFIX;

pub(crate) use expose::{number, service_port};

use super::table::{Annotation, Dialect, Scope, Unlisted, Verdict};
use super::value::{Value, Word};

pub(crate) use overrides::endpoint_overrides;

/// `tidegate.dev/…`.
pub(super) const DIALECT: Dialect = Dialect {
    title: "Tidegate's own",
    prefix: OWN_PREFIX,
    others: &[],
    unlisted: Unlisted::Unknown,
    groups: &[
        &ROWS,
        &upstreams::ROWS,
        &sessions::ROWS,
        &overrides::ROWS,
        &expose::ROWS,
        &headers::ROWS,
        &paths::ROWS,
        &retries::ROWS,
        &timeouts::ROWS,
    ],
};

/// By key.
const ROWS: [Annotation; 3] = [
    Annotation {
        key: "balance",
        value: Value::OneOf(&[
            Word { text: "ewma", set: |draft| draft.options.balance = Some(Balance::Ewma) },
            Word { text: "first", set: |draft| draft.options.balance = Some(Balance::First) },
            Word { text: "least-connections", set: |draft| draft.options.balance = Some(Balance::LeastConnections) },
            Word { text: "least-in-flight", set: |draft| draft.options.balance = Some(Balance::LeastInFlight) },
            Word { text: "random", set: |draft| draft.options.balance = Some(Balance::Random) },
            Word { text: "round-robin", set: |draft| draft.options.balance = Some(Balance::RoundRobin) },
        ]),
        default: "`--balance` (`least-in-flight`)",
        scopes: &[Scope::Ingress, Scope::Service],
        verdict: Verdict::Exact,
        doc: "How the endpoint of a request is chosen. `least-in-flight` compares the next two endpoints in turn and takes the\n\
                  one with fewer requests in flight: even on idle traffic, away from slow pods under load. `round-robin` goes\n\
                  strictly in turn. `ewma` takes the one of two endpoints that will probably answer sooner: for each a mean of the\n\
                  times that connecting and answers take, in which the last ten seconds weigh most, times one more than its requests\n\
                  in flight. `least-connections` looks at all\n\
                  endpoints and takes the one with the fewest requests in flight; `random` draws two by chance and takes the one with\n\
                  fewer; `first` fills the first, by address, up to `max-requests-per-endpoint`, and then the next.",
    },
    Annotation {
        key: "force-ssl-redirect",
        value: Value::Boolean(|draft, is_set| draft.options.redirect.always = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers plain HTTP with 308 to https even where no TLS entry covers the host, for TLS that ends at the load\n\
                  balancer. A request whose `X-Forwarded-Proto` says https and comes from a trusted proxy is served, and so is\n\
                  `/.well-known/acme-challenge/`. Wins over `ssl-redirect`.",
    },
    Annotation {
        key: "ssl-redirect",
        value: Value::Boolean(|draft, is_set| draft.options.redirect.with_tls = Some(is_set)),
        default: "`--ssl-redirect` (`true`)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers plain HTTP with 308 to https where a TLS entry covers the host. A request whose `X-Forwarded-Proto` says\n\
                  https and comes from a trusted proxy is served, and so is `/.well-known/acme-challenge/`.",
    },
];
