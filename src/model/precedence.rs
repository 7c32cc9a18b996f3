//! Which of a host's routes is asked first (Gateway API, precedence of `HTTPRouteRule`; Ingress, path precedence).

use std::cmp::Reverse;

use super::route_match::{AskedWhen, PathMatch, Predicates};

/// Orders the matches of one host: the lesser is asked first. Where two are equal, the older object comes first, then
/// the one whose namespace and name come first, then the earlier rule: `HostSpec::routes` stands in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precedence {
    is_first: Reverse<bool>,
    kind: Kind,
    length: Reverse<usize>,
    /// Of two as long, the one that ends with an element comes first.
    is_text: bool,
    has_method: Reverse<bool>,
    headers: Reverse<usize>,
    query: Reverse<usize>,
    has_condition: Reverse<bool>,
}

/// Kinds of paths, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Exact,
    Prefix,
    Pattern,
}

impl Precedence {
    /// Of a match whose path is this long in canonical form.
    pub fn new(path: &PathMatch, length: usize, predicates: Option<&Predicates>) -> Self {
        let kind = match path {
            PathMatch::Exact(_) => Kind::Exact,
            PathMatch::Prefix(_) | PathMatch::Text(_) => Kind::Prefix,
            PathMatch::Pattern(_) => Kind::Pattern,
        };
        let (has_method, headers, query) = match predicates {
            Some(Predicates { method, headers, query, .. }) => (method.is_some(), headers.len(), query.len()),
            None => (false, 0, 0),
        };
        Self {
            is_first: Reverse(predicates.is_some_and(|predicates| predicates.asked == AskedWhen::First)),
            kind,
            length: Reverse(length),
            is_text: matches!(path, PathMatch::Text(_)),
            has_method: Reverse(has_method),
            headers: Reverse(headers),
            query: Reverse(query),
            has_condition: Reverse(predicates.is_some_and(|predicates| predicates.condition.is_some())),
        }
    }

    /// Whether more than the path decides.
    pub fn has_predicates(&self) -> bool {
        self.has_method.0 || self.headers.0 > 0 || self.query.0 > 0 || self.has_condition.0
    }
}
