//! The unit of translation: everything that is served for one host.

use std::sync::Arc;

use super::certificate::Certificate;
use super::names::{HostPattern, ObjectName};
use super::upstream::UpstreamSpec;

/// All that is served for one host pattern. Pure data; equal units need no new table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSpec {
    /// Which hosts.
    pub pattern: HostPattern,
    /// Whether a rule names the host, even if it comes to no route. Then requests for it are decided here and by the
    /// catch-all, never by a wildcard or by hostless rules. False: only TLS entries name it.
    pub has_rules: bool,
    /// One for each distinct path and match type, conflicts already decided, in order of precedence.
    pub routes: Box<[RouteSpec]>,
    /// Takes what no route matches: the default backend of an Ingress that has rules for this host. On
    /// `HostPattern::Any` it takes what no host takes either: the catch-all.
    pub fallback: Option<Box<RouteSpec>>,
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

/// A path match and what happens to requests it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// Which paths.
    pub path: PathMatch,
    /// What to do.
    pub action: Action,
    /// Whether plain HTTP is sent to https first.
    pub https_redirect: HttpsRedirect,
    /// The Ingress it comes from: a metric label, and shown in logs and the debug view.
    pub ingress: ObjectName,
}

/// A path match (Ingress `pathType`). Matching is case-sensitive, on canonical paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathMatch {
    /// The whole path.
    Exact(Arc<str>),
    /// The path itself or anything below it, element by element; a trailing slash in the rule is ignored for
    /// matching and only counts as length.
    Prefix(Arc<str>),
}

impl PathMatch {
    /// The path as the rule gives it.
    pub fn path(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Prefix(path) => path,
        }
    }
}

/// What a route does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forward to an endpoint of this upstream.
    Forward(Arc<UpstreamSpec>),
    /// Answer ourselves: the route's backend cannot be used.
    Reply(Reply),
}

/// Why a route answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// The Service, its port or its kind cannot be used: 503.
    BackendUnavailable,
    /// A backend of a kind that is not served: 404.
    NotFound,
}

/// When plain HTTP is answered with 308 to https (annotations `ssl-redirect` and `force-ssl-redirect`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpsRedirect {
    /// Never.
    Off,
    /// When a TLS entry covers the host.
    WithTls,
    /// Always, also where TLS ends at the load balancer.
    Always,
}

/// The TLS side of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSpec {
    /// In order of preference; a second one only with another kind of key. Empty: the default certificate serves.
    pub certificates: Vec<Arc<Certificate>>,
}
