//! The unit of translation: everything that is served for one host.

use std::sync::Arc;

use super::certificate::Certificate;
use super::names::HostPattern;
use super::route::RouteSpec;

/// All that is served for one host pattern. Pure data; equal units need no new table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSpec {
    /// Which hosts.
    pub pattern: HostPattern,
    /// Whether a rule names the host, even if it comes to no route. Then requests for it are decided here and by the
    /// catch-all, never by a wildcard or by hostless rules. False: only TLS entries name it.
    pub has_rules: bool,
    /// One for each distinct match, conflicts already decided, in order of precedence. Compiled tables share them.
    pub routes: Box<[Arc<RouteSpec>]>,
    /// Takes what no route matches: the default backend of an Ingress that has rules for this host. On
    /// `HostPattern::Any` it takes what no host takes either: the catch-all.
    pub fallback: Option<Arc<RouteSpec>>,
    /// Present when a TLS entry names the host.
    pub tls: Option<TlsSpec>,
}

impl HostSpec {
    /// A unit that serves nothing.
    pub fn empty(pattern: HostPattern) -> Self {
        Self { pattern, has_rules: false, routes: Box::default(), fallback: None, tls: None }
    }

    /// Whether the unit serves nothing and can be left out.
    pub fn is_empty(&self) -> bool {
        !self.has_rules && self.routes.is_empty() && self.fallback.is_none() && self.tls.is_none()
    }
}

/// The TLS side of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSpec {
    /// In order of preference; a second one only with another kind of key. Empty: the default certificate serves.
    pub certificates: Vec<Arc<Certificate>>,
}
