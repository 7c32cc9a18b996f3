//! Lists of clients that are served, or are not.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::Networks;

use super::super::draft::Draft;
use super::super::source_options::SourceList;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// The values of lists, in words.
pub(in super::super) const VALUES: &str = "addresses and networks (CIDR), with commas between";
/// What to write instead of what is no list.
pub(in super::super) const REMEDY: &str =
    "Use addresses and networks with commas between, such as 10.0.0.0/8,192.0.2.1";

const ALLOWED: Value = Value::Text {
    values: VALUES,
    read: |draft, text, _| {
        let list = list(draft, text);
        draft.options.of_sources().allowed = Some(list);
        Some(())
    },
};

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "allowlist-source-range",
        value: ALLOWED,
        default: "all clients are served",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers clients of other addresses with 403. The client is the sender of the request or, where that is one of\n\
              `--trusted-proxies`, whom it names in the PROXY protocol or in `X-Forwarded-For`. Redirects come first. A list that cannot\n\
              be read lets nobody in: 503.",
    },
    Annotation {
        key: "denylist-source-range",
        value: Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                let list = list(draft, text);
                draft.options.of_sources().denied = Some(list);
                Some(())
            },
        },
        default: "no client is refused",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers clients of these addresses with 403, also those that `allowlist-source-range` has. A list that cannot be read\n\
              lets nobody in: 503.",
    },
    Annotation {
        key: "whitelist-source-range",
        value: ALLOWED,
        default: "all clients are served",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The former name of `allowlist-source-range`, which wins.",
    },
];

/// Reads a list. One that cannot be read is told, and keeps everybody out.
pub(in super::super) fn list(draft: &mut Draft, text: &str) -> SourceList {
    match networks(text) {
        Some(networks) => SourceList::Networks(Networks::new(networks)),
        None => {
            draft.is_unreadable(
                "is no list of addresses and networks, so nobody is served: all requests are answered with 503",
                REMEDY,
            );
            SourceList::Unreadable
        }
    }
}

/// Networks with commas between. `None`: one of them is none.
pub(in super::super) fn networks(text: &str) -> Option<Vec<IpNet>> {
    text.split(',').map(|entry| network(entry.trim())).collect()
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}
