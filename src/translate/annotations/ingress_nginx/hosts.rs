//! Other names of hosts.

use crate::model::{HostPattern, Hostname};

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Hosts of one value that are read.
const MOST: usize = 100;

/// By key.
pub(super) const ROWS: [Annotation; 1] = [Annotation {
    key: "server-alias",
    value: Value::Text {
        values: "up to 100 hosts, with commas between; wildcards of one label, as `*.example.com`",
        read: |draft, text, _| {
            let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            if names.is_empty() || names.len() > MOST {
                return None;
            }
            let hosts: Vec<_> = names.iter().filter_map(|name| host(name)).collect();
            if hosts.len() < names.len() {
                draft.differs(
                    "has something that is no host, such as a regular expression, which is left out",
                    "Write each host by its name",
                );
            }
            draft.hosts.extend(hosts);
            Some(())
        },
    },
    default: "none",
    scopes: &[Scope::Ingress],
    verdict: Verdict::Bounded(
        "regular expressions and names with a `*` at their end are left out and told, as they claim hosts below domains of others; \
         `*` is one label",
    ),
    doc: "Other names of the host of the rules: what is served there is served here, whichever Ingress it comes from. A rule for\n\
          such a name wins.",
}];

fn host(name: &str) -> Option<HostPattern> {
    match name.strip_prefix("*.") {
        Some(parent) => Hostname::parse(parent).ok().map(HostPattern::wildcard),
        None => Hostname::parse(name).ok().map(HostPattern::Exact),
    }
}
