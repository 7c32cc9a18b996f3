//! The unit of translation: everything that is served for one host.

use std::sync::Arc;

use super::certificate::Certificate;
use super::listener::ListenerSet;
use super::names::HostPattern;
use super::route::RouteSpec;

/// What tells a host's unit from all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostKey {
    /// Where it is served. Sets of units of one pattern have no listener in common.
    pub listeners: ListenerSet,
    /// Which hosts.
    pub pattern: HostPattern,
}

/// On the default listeners.
impl From<HostPattern> for HostKey {
    fn from(pattern: HostPattern) -> Self {
        Self { listeners: ListenerSet::Default, pattern }
    }
}

/// All that is served for one host pattern. Pure data; equal units need no new table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSpec {
    /// Which hosts, and where.
    pub key: HostKey,
    /// One for each distinct match, conflicts already decided, in order of precedence. Compiled tables share them.
    pub routes: Box<[Arc<RouteSpec>]>,
    /// What becomes of requests that no route takes.
    pub unmatched: Unmatched,
    /// Present when a TLS entry names the host.
    pub tls: Option<TlsSpec>,
}

/// What becomes of a host's requests that none of its routes takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// They belong to this unit: its fallback takes them, or else the fallback of `HostPattern::Any`, which is the
    /// catch-all. Wildcards and the routes of `HostPattern::Any` are not asked. With Ingress this holds for every host
    /// that a rule names, even where the rule comes to no route; the fallback is the default backend of an Ingress
    /// that has rules for the host.
    Keep(Option<Arc<RouteSpec>>),
    /// The next less specific pattern is asked. With Ingress this holds for a host that only TLS entries name.
    FallThrough,
}

impl HostSpec {
    /// A unit that serves nothing.
    pub fn empty(key: impl Into<HostKey>) -> Self {
        Self { key: key.into(), routes: Box::default(), unmatched: Unmatched::FallThrough, tls: None }
    }

    /// Whether the unit serves nothing and can be left out.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty() && self.unmatched == Unmatched::FallThrough && self.tls.is_none()
    }

    /// What takes the requests that no route takes.
    pub fn fallback(&self) -> Option<&Arc<RouteSpec>> {
        match &self.unmatched {
            Unmatched::Keep(fallback) => fallback.as_ref(),
            Unmatched::FallThrough => None,
        }
    }
}

/// The TLS side of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSpec {
    /// In order of preference; a second one only with another kind of key. Empty: the default certificate serves.
    pub certificates: Vec<Arc<Certificate>>,
}
