//! Finds the routes of a host that a path can have by regular expressions. All of them are one set, so that a look-up reads the
//! path once, however many there are.

use std::sync::Arc;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::canonical::decoded;
use super::keys::is_asked_first;
use crate::model::{PathMatch, Pattern, Precedence, RouteMatch, anchored};

/// Most memory of a compiled set, bytes. The patterns of a larger one are tried one by one.
const LARGEST: usize = 64 << 20;

/// Most memory, bytes, of the states of a set that a thread keeps.
const STATES: usize = 8 << 20;

/// The patterns of a host, in the order in which they are asked.
#[derive(Debug)]
pub(super) struct Patterns {
    list: Box<[Entry]>,
    /// Shared with the next table where the patterns stay the same.
    set: Option<Arc<RegexSet>>,
}

#[derive(Debug)]
struct Entry {
    pattern: Pattern,
    /// Position in the host's list of routes.
    route: u32,
    has_predicates: bool,
}

impl Patterns {
    /// Of matches that stand in order of precedence where `Precedence` does not decide. What `former` has is taken over where it is
    /// the same. `None` where there is no pattern.
    pub(super) fn build<'a>(matches: impl Iterator<Item = &'a RouteMatch>, former: Option<&Self>) -> Option<Box<Self>> {
        let mut entries = Vec::new();
        for (RouteMatch { path, predicates }, route) in matches.zip(0..) {
            let PathMatch::Pattern(pattern) = path else { continue };
            if predicates.as_deref().is_some_and(is_asked_first) {
                continue;
            }
            let precedence = Precedence::new(path, pattern.text().len(), predicates.as_deref());
            let has_predicates = precedence.has_predicates();
            entries.push((pattern.clone(), precedence, Entry { pattern: pattern.clone(), route, has_predicates }));
        }
        if entries.is_empty() {
            return None;
        }
        entries.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.cmp(&other.1)));
        let list: Box<[Entry]> = entries.into_iter().map(|(_, _, entry)| entry).collect();
        let is_known =
            |former: &&Self| former.list.iter().map(|entry| &entry.pattern).eq(list.iter().map(|entry| &entry.pattern));
        let set = match former.filter(is_known) {
            Some(former) => former.set.clone(),
            None => compile(&list).map(Arc::new),
        };
        Some(Box::new(Self { list, set }))
    }

    /// The first route that takes a path, one of its spellings. `holds` tells whether the predicates of a route hold.
    pub(super) fn find(&self, path: &str, holds: impl Fn(u32) -> bool) -> Option<u32> {
        let path = &*decoded(path);
        let takes = |entry: &&Entry| !entry.has_predicates || holds(entry.route);
        let first = match &self.set {
            Some(set) => set.matches(path).into_iter().filter_map(|at| self.list.get(at)).find(takes),
            None => self.list.iter().filter(|entry| entry.pattern.regex().is_match(path)).find(takes),
        };
        first.map(|entry| entry.route)
    }
}

/// `None` where it would be too large.
fn compile(list: &[Entry]) -> Option<RegexSet> {
    let texts = list.iter().map(|entry| anchored(entry.pattern.text()));
    let mut builder = RegexSetBuilder::new(texts);
    builder.case_insensitive(true).unicode(false).size_limit(LARGEST).dfa_size_limit(STATES).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(texts: &[&str]) -> Vec<RouteMatch> {
        let pattern = |text: &&str| RouteMatch::path(PathMatch::Pattern(Pattern::new(&(*text).into()).unwrap()));
        texts.iter().map(pattern).collect()
    }

    fn find(patterns: &Patterns, path: &str) -> Option<u32> {
        patterns.find(path, |_| panic!("there are no predicates"))
    }

    #[test]
    fn nginx_a2_the_first_pattern_that_matches_takes_a_path_also_where_they_are_tried_one_by_one() {
        let rules = matches(&["/foo/bar/bar", "/", "/foo/bar/[a-z]{3}", "/api(/|$)(.*)", "/caf\u{e9}", "/a b"]);
        let mut patterns = Patterns::build(rules.iter(), None).unwrap();
        for _ in 0..2 {
            for (path, expected) in [
                ("/foo/bar/bar", 2),
                ("/foo/bar/x1", 1),
                ("/FOO/BAR/bar", 2),
                ("/api", 3),
                ("/api/x", 3),
                ("/apis", 1),
                ("/caf%C3%A9", 4),
                ("/a%20b", 5),
            ] {
                assert_eq!(find(&patterns, path), Some(expected), "{path}");
            }
            patterns.set = None;
        }
    }

    #[test]
    fn a_thousand_patterns_are_one_set() {
        let texts: Vec<_> = (0..1000).map(|n| format!("/team-{}/service-{n}(/|$)(.*)", n % 37)).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let patterns = Patterns::build(matches(&texts).iter(), None).unwrap();
        assert_eq!(patterns.set.as_ref().unwrap().len(), 1000);
        assert_eq!(find(&patterns, "/team-18/service-499/x"), Some(499));
        assert_eq!(find(&patterns, "/team-1/service-499/x"), None);
    }

    #[test]
    fn a_set_is_taken_over_where_its_patterns_stay_the_same() {
        let rules = matches(&["/a(.*)", "/b(.*)"]);
        let first = Patterns::build(rules.iter(), None).unwrap();
        let other_order = Patterns::build(rules.iter().rev(), Some(&first)).unwrap();
        assert!(Arc::ptr_eq(first.set.as_ref().unwrap(), other_order.set.as_ref().unwrap()));
        assert_eq!((find(&other_order, "/a"), find(&other_order, "/b")), (Some(1), Some(0)));
        let fewer = Patterns::build(rules[..1].iter(), Some(&first)).unwrap();
        assert!(!Arc::ptr_eq(first.set.as_ref().unwrap(), fewer.set.as_ref().unwrap()));
        assert_eq!(find(&fewer, "/b"), None);
    }
}
