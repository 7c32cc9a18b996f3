//! Finds a host's route for a request: candidates by path in order of precedence, and of those with predicates the
//! first whose predicates hold.
//!
//! Most hosts have no predicates. Then the path alone decides, and this costs one branch more than the path index.

use super::keys::{Entry, Keys, is_asked_first};
use super::path_index::PathIndex;
use super::patterns::Patterns;
use crate::model::RouteMatch;

/// Positions in a host's list of routes, by match.
#[derive(Debug)]
pub(super) struct Matcher {
    paths: PathIndex,
    /// `None`: neither predicates nor patterns decide.
    more: Option<Box<More>>,
}

/// What else than plain paths decides.
#[derive(Debug)]
struct More {
    /// Routes that are asked before all others, in their order: each with its path alone, and its position.
    first: Box<[(Matcher, u32)]>,
    /// Of each route. `None`: no route of a plain path has predicates.
    alternatives: Option<Box<[Alternative]>>,
    /// Asked after the plain paths.
    patterns: Option<Box<Patterns>>,
}

/// What comes of a route whose path matches.
#[derive(Clone, Copy, Debug)]
enum Alternative {
    /// It has no predicates: it takes the request.
    Takes,
    /// It takes the request if its predicates hold. If not, `otherwise` is the next route under the same key.
    TakesIf { otherwise: Option<u32> },
}

impl Matcher {
    /// Indexes matches that stand in order of precedence where `model::Precedence` does not decide. What `former` has is
    /// taken over where it costs much to make.
    pub(super) fn build<'a>(
        matches: impl ExactSizeIterator<Item = &'a RouteMatch> + Clone,
        former: Option<&Self>,
    ) -> Self {
        let count = matches.len();
        let former = former.and_then(|former| former.more.as_ref()?.patterns.as_deref());
        let patterns = Patterns::build(matches.clone(), former);
        let first = asked_first(matches.clone());
        let keys = Keys::of(matches);
        let alternatives = alternatives(&keys.entries, count);
        let is_plain = alternatives.is_none() && patterns.is_none() && first.is_empty();
        let more = if is_plain { None } else { Some(Box::new(More { first, alternatives, patterns })) };
        Self { paths: PathIndex::build(keys), more }
    }

    /// The route for a path that starts with a slash. `holds` tells whether the predicates of a route hold.
    #[inline]
    pub(super) fn find(&self, path: &str, holds: impl Fn(u32) -> bool) -> Option<u32> {
        match &self.more {
            None => self.paths.find(path),
            Some(more) => self.find_among(more, path, holds),
        }
    }

    /// Whether a route takes a path, of those that have no predicates.
    fn takes(&self, path: &str) -> bool {
        let patterns = self.more.as_ref().and_then(|more| more.patterns.as_ref());
        self.paths.find(path).is_some() || patterns.is_some_and(|patterns| patterns.find(path, |_| true).is_some())
    }

    #[inline(never)]
    fn find_among(&self, more: &More, path: &str, holds: impl Fn(u32) -> bool) -> Option<u32> {
        let More { first, alternatives, patterns } = more;
        let takes = |(path_alone, route): &&(Matcher, u32)| path_alone.takes(path) && holds(*route);
        if let Some((_, route)) = first.iter().find(takes) {
            return Some(*route);
        }
        let plain = match alternatives {
            None => self.paths.find(path),
            Some(alternatives) => {
                self.paths.candidates(path).find_map(|first| first_that_takes(alternatives, first, &holds))
            }
        };
        plain.or_else(|| patterns.as_ref()?.find(path, holds))
    }
}

/// The routes that are asked before all others. Nearly no host has any.
fn asked_first<'a>(matches: impl Iterator<Item = &'a RouteMatch>) -> Box<[(Matcher, u32)]> {
    let first = matches.zip(0..).filter(|(of, _)| of.predicates.as_deref().is_some_and(is_asked_first));
    let alone = first.map(|(of, route)| (std::array::from_ref(&RouteMatch::path(of.path.clone())).clone(), route));
    alone.map(|(of, route)| (Matcher::build(of.iter(), None), route)).collect()
}

fn alternatives(entries: &[Entry], count: usize) -> Option<Box<[Alternative]>> {
    if !entries.iter().any(|entry| entry.precedence.has_predicates()) {
        return None;
    }
    let mut alternatives = vec![Alternative::Takes; count];
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.precedence.has_predicates()) {
        let next = entries.get(at + 1).filter(|next| next.key == entry.key);
        alternatives[entry.route as usize] = Alternative::TakesIf { otherwise: next.map(|next| next.route) };
    }
    Some(alternatives.into())
}

/// Of the routes under one key, the first of which is given.
fn first_that_takes(alternatives: &[Alternative], first: u32, holds: &impl Fn(u32) -> bool) -> Option<u32> {
    let mut route = first;
    loop {
        match alternatives.get(route as usize)? {
            Alternative::Takes => return Some(route),
            Alternative::TakesIf { otherwise: _ } if holds(route) => return Some(route),
            Alternative::TakesIf { otherwise } => route = (*otherwise)?,
        }
    }
}
