//! Our own annotations.

use crate::model::Balance;
use crate::source::objects::annotations::OWN_PREFIX;

use super::{Annotation, Dialect, Scope};

/// `tidegate.dev/…`.
pub(super) const DIALECT: Dialect = Dialect {
    title: "Tidegate's own",
    prefix: OWN_PREFIX,
    annotations: &[
        Annotation {
            key: "balance",
            values: "`least-in-flight` or `round-robin`",
            default: "`--balance` (`least-in-flight`)",
            scope: Scope::Ingress,
            doc: "How the endpoint of a request is chosen. `least-in-flight` compares the next two endpoints in turn and takes the\n\
                  one with fewer requests in flight: even on idle traffic, away from slow pods under load. `round-robin` goes\n\
                  strictly in turn.",
            set: |options, value| {
                options.balance = Some(match value {
                    "least-in-flight" => Balance::LeastInFlight,
                    "round-robin" => Balance::RoundRobin,
                    _ => return None,
                });
                Some(())
            },
        },
        Annotation {
            key: "force-ssl-redirect",
            values: "`true` or `false`",
            default: "`false`",
            scope: Scope::Ingress,
            doc: "Answers plain HTTP with 308 to https even where no TLS entry covers the host, for TLS that ends at the load\n\
                  balancer. A request whose `X-Forwarded-Proto` says https and comes from a trusted proxy is served, and so is\n\
                  `/.well-known/acme-challenge/`. Wins over `ssl-redirect`.",
            set: |options, value| {
                options.force_ssl_redirect = boolean(value)?;
                Some(())
            },
        },
        Annotation {
            key: "ssl-redirect",
            values: "`true` or `false`",
            default: "`--ssl-redirect` (`true`)",
            scope: Scope::Ingress,
            doc: "Answers plain HTTP with 308 to https where a TLS entry covers the host. A request whose `X-Forwarded-Proto` says\n\
                  https and comes from a trusted proxy is served, and so is `/.well-known/acme-challenge/`.",
            set: |options, value| {
                options.ssl_redirect = Some(boolean(value)?);
                Some(())
            },
        },
    ],
};

fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
