//! Which requests of a host a route takes: those with a path and, where the author asks for more, with a method,
//! header fields or query parameters.
//!
//! Regular expressions of values, once a front end asks for them, are a second variant of `ValueMatch`.

use std::sync::Arc;

use super::condition::Condition;
use super::pattern::Pattern;

/// What a request must have for a route to take it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RouteMatch {
    /// Which paths.
    pub path: PathMatch,
    /// What else is asked for. `None`, which is the usual case, costs one pointer: the path alone decides.
    pub predicates: Option<Box<Predicates>>,
}

/// A path match (Ingress `pathType`, Gateway API `HTTPPathMatch`). Exact and Prefix are case-sensitive, on canonical paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathMatch {
    /// The whole path.
    Exact(Arc<str>),
    /// The path itself or anything below it, element by element; a trailing slash in the rule is ignored for
    /// matching and only counts as length.
    Prefix(Arc<str>),
    /// A path that begins with these characters, wherever its elements end (nginx `location /…`).
    Text(Arc<str>),
    /// A regular expression, without regard to case, from the start of the decoded path. Asked after the other two.
    Pattern(Pattern),
}

/// What a request must have besides its path: all of it (Gateway API `HTTPRouteMatch`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Predicates {
    /// The method, case-sensitive (RFC 9110 §9.1). `None`: any.
    pub method: Option<Arc<str>>,
    /// Header fields, all of which must match. No name stands in it twice.
    pub headers: Box<[HeaderMatch]>,
    /// Query parameters, all of which must match. No name stands in it twice.
    pub query: Box<[QueryMatch]>,
    /// What else must hold. `None`: nothing.
    pub condition: Option<Arc<Condition>>,
    /// When they are asked.
    pub asked: AskedWhen,
}

/// When a route with predicates is asked whether it takes a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AskedWhen {
    /// Where its path stands among the others.
    #[default]
    InTurn,
    /// Before all routes that are asked in turn, whatever their paths (haproxytech's `route-acl`).
    First,
}

/// A header field that a request must have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderMatch {
    /// Name in lower case. Matching ignores case (RFC 9110 §5.1).
    pub name: Arc<str>,
    /// Its value.
    pub value: ValueMatch,
}

/// A query parameter that a request must have. The first one of its name counts (Gateway API `HTTPQueryParamMatch`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueryMatch {
    /// Name, case-sensitive.
    pub name: Arc<str>,
    /// Its value.
    pub value: ValueMatch,
}

/// How a value is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueMatch {
    /// All of it, case-sensitive.
    Exact(Arc<str>),
}

impl RouteMatch {
    /// The path alone decides.
    pub fn path(path: PathMatch) -> Self {
        Self { path, predicates: None }
    }
}

impl PathMatch {
    /// The path as the rule gives it.
    pub fn path(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Prefix(path) | Self::Text(path) => path,
            Self::Pattern(pattern) => pattern.text(),
        }
    }

    /// The type of match, as an Ingress names it where it has a name for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exact(_) => "Exact",
            Self::Prefix(_) => "Prefix",
            Self::Text(_) => "Text",
            Self::Pattern(_) => "Pattern",
        }
    }

    /// The path for cookies that belong to the route: that of the rule, or all of them where it is a pattern.
    pub fn cookie_path(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Prefix(path) | Self::Text(path) => path,
            Self::Pattern(_) => "/",
        }
    }

    /// The regular expression, if it is one.
    pub fn pattern(&self) -> Option<&Pattern> {
        match self {
            Self::Exact(_) | Self::Prefix(_) | Self::Text(_) => None,
            Self::Pattern(pattern) => Some(pattern),
        }
    }
}
