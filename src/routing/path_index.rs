//! Finds a host's route for a path: Exact before Prefix, then the longest Prefix.
//!
//! Regular expressions, once a dialect asks for them, are a third list beside the two kinds here.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::canonical::RulePath;
use crate::model::PathMatch;

/// Keys up to which a list in order of precedence beats hashing: with 10,000 hosts of 10 paths by cache misses.
const FEW: usize = 16;

/// Bytes of the paths of a few keys that are held in place: one long path or several short ones.
const INLINE: usize = 39;

/// Positions in a host's list of routes, by path.
#[derive(Debug)]
pub(super) enum PathIndex {
    /// In order of precedence.
    Few(List),
    /// By hash.
    Many(Box<Maps>),
}

/// What is looked for. A rule whose path is not in canonical form has two keys, so that a request that spells it as the
/// rule does finds it in either form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Exact(Box<str>),
    /// Without trailing slashes; empty for the root.
    Prefix(Box<str>),
}

/// A few keys, laid out so that going through them touches no allocation but the unit's own where that can be: with
/// 100,000 hosts each one is a cache miss.
#[derive(Debug)]
pub(super) struct List {
    /// The paths of all keys, one behind the other.
    paths: Text,
    len: u8,
    keys: [ListKey; FEW],
}

#[derive(Debug)]
enum Text {
    /// Filled up with zeros.
    Inline([u8; INLINE]),
    Boxed(Box<[u8]>),
}

#[derive(Clone, Copy, Debug, Default)]
struct ListKey {
    /// Where the path ends; it starts where the one before ends.
    end: u16,
    route: u8,
    is_prefix: bool,
}

#[derive(Debug)]
pub(super) struct Maps {
    exact: PathMap,
    prefix: PathMap,
    /// Length of the longest Exact key, in bytes: longer paths are not hashed.
    longest_exact: usize,
    /// A bit for each number of elements that Prefix keys have; the uppermost stands for all from 63 up.
    depths: u64,
    /// The most elements a Prefix key has: a path of thousands is not hashed thousands of times.
    deepest: usize,
}

type PathMap = HashMap<Box<str>, u32, RandomState>;

impl PathIndex {
    /// Indexes paths that stand in order of precedence where the rules of this module do not decide. Paths that no
    /// request can have are left out.
    pub(super) fn build<'a>(paths: impl Iterator<Item = &'a PathMatch>) -> Self {
        let mut keys = Vec::new();
        let mut spellings = Vec::new();
        for (path, route) in paths.zip(0..) {
            let Some(RulePath { canonical, written }) = RulePath::parse(path.path()) else { continue };
            let len = canonical.len();
            let key = Key::new(path, canonical);
            spellings.extend(written.map(|written| (Key::new(path, written), key.clone())));
            keys.push((key, Reverse(len), route));
        }
        // Of `/foo` and `/foo/`, both Prefix, the longer one gets all that either matches; of equals the first.
        keys.sort_unstable();
        keys.dedup_by(|next, kept| next.0 == kept.0);
        if !spellings.is_empty() {
            let written: Vec<_> = spellings
                .into_iter()
                .filter_map(|(written, canonical)| {
                    let winner = keys.binary_search_by(|(key, ..)| key.cmp(&canonical)).ok()?;
                    Some((written, keys[winner].1, keys[winner].2))
                })
                .collect();
            keys.extend(written);
            keys.sort_by(|one, other| one.0.cmp(&other.0));
            keys.dedup_by(|next, kept| next.0 == kept.0);
        }
        match List::try_new(&keys) {
            Some(list) => Self::Few(list),
            None => Self::Many(Box::new(Maps::new(keys.into_iter().map(|(key, _, route)| (key, route))))),
        }
    }

    /// The route for a path that starts with a slash.
    pub(super) fn find(&self, path: &str) -> Option<u32> {
        match self {
            Self::Few(list) => list.find(path),
            Self::Many(maps) => maps.find_exact(path).or_else(|| maps.find_prefix(path)),
        }
    }
}

impl Key {
    fn new(rule: &PathMatch, mut path: String) -> Self {
        match rule {
            PathMatch::Exact(_) => Self::Exact(path.into()),
            PathMatch::Prefix(_) => {
                path.truncate(path.trim_end_matches('/').len());
                Self::Prefix(path.into())
            }
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Prefix(path) => path,
        }
    }

    /// Prefix keys that match one path are prefixes of each other: the longer is the deeper.
    fn precedence(&self) -> impl Ord {
        (self.is_prefix(), Reverse(self.path().len()))
    }

    fn is_prefix(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Prefix(_) => true,
        }
    }
}

impl List {
    /// `None` when the keys are too many or too long for it.
    fn try_new<L>(keys: &[(Key, L, u32)]) -> Option<Self> {
        let mut in_order: Vec<_> = keys.iter().take(FEW + 1).collect();
        in_order.sort_by_key(|(key, ..)| key.precedence());
        let mut list = Self { paths: Text::Inline([0; INLINE]), len: 0, keys: [ListKey::default(); FEW] };
        let mut paths = String::new();
        for (key, _, route) in in_order {
            paths.push_str(key.path());
            let end = paths.len().try_into().ok()?;
            let route = (*route).try_into().ok()?;
            *list.keys.get_mut(usize::from(list.len))? = ListKey { end, route, is_prefix: key.is_prefix() };
            list.len += 1;
        }
        match &mut list.paths {
            Text::Inline(bytes) if paths.len() <= INLINE => bytes[..paths.len()].copy_from_slice(paths.as_bytes()),
            Text::Inline(_) | Text::Boxed(_) => list.paths = Text::Boxed(paths.into_bytes().into()),
        }
        Some(list)
    }

    fn find(&self, path: &str) -> Option<u32> {
        let path = path.as_bytes();
        let paths = match &self.paths {
            Text::Inline(bytes) => &bytes[..],
            Text::Boxed(bytes) => bytes,
        };
        let mut start = 0;
        for key in self.keys.iter().take(self.len.into()) {
            let end = usize::from(key.end);
            let wanted = &paths[start..end];
            // The end decides most cases without a look at the text.
            let ends_here = match path.get(wanted.len()) {
                None => path.len() == wanted.len(),
                Some(next) => key.is_prefix && *next == b'/',
            };
            if ends_here && path.starts_with(wanted) {
                return Some(key.route.into());
            }
            start = end;
        }
        None
    }
}

impl Maps {
    fn new(keys: impl Iterator<Item = (Key, u32)>) -> Self {
        let mut maps =
            Self { exact: PathMap::default(), prefix: PathMap::default(), longest_exact: 0, depths: 0, deepest: 0 };
        for (key, at) in keys {
            match key {
                Key::Exact(path) => {
                    maps.longest_exact = maps.longest_exact.max(path.len());
                    maps.exact.insert(path, at);
                }
                Key::Prefix(path) => {
                    let depth = path.bytes().filter(|&b| b == b'/').count();
                    maps.deepest = maps.deepest.max(depth);
                    maps.depths |= depth_bit(depth);
                    maps.prefix.insert(path, at);
                }
            }
        }
        maps
    }

    fn find_exact(&self, path: &str) -> Option<u32> {
        if path.len() > self.longest_exact {
            return None;
        }
        self.exact.get(path).copied()
    }

    fn find_prefix(&self, path: &str) -> Option<u32> {
        let ends = memchr::memchr_iter(b'/', path.as_bytes()).chain([path.len()]);
        let mut found = None;
        for (depth, end) in ends.take(self.deepest.saturating_add(1)).enumerate() {
            if self.depths & depth_bit(depth) != 0
                && let Some(at) = self.prefix.get(&path[..end])
            {
                found = Some(*at);
            }
        }
        found
    }
}

fn depth_bit(depth: usize) -> u64 {
    1 << depth.min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(paths: &[PathMatch]) -> PathIndex {
        PathIndex::build(paths.iter())
    }

    fn exact(path: &str) -> PathMatch {
        PathMatch::Exact(path.into())
    }

    fn prefix(path: &str) -> PathMatch {
        PathMatch::Prefix(path.into())
    }

    /// The same rules, and so many others that hashing is used.
    fn both(paths: &[PathMatch]) -> [PathIndex; 2] {
        let others = (0..=FEW).map(|n| exact(&format!("/other/{n}")));
        [index(paths), index(&paths.iter().cloned().chain(others).collect::<Vec<_>>())]
    }

    #[test]
    fn the_list_and_the_maps_agree() {
        let rules = [prefix("/"), exact("/a"), prefix("/a/"), prefix("/a/b"), exact("/a/b/"), prefix("/a/b/c/d")];
        for (path, expected) in [
            ("/", 0),
            ("/a", 1),
            ("/a/", 2),
            ("/a/x", 2),
            ("/ab", 0),
            ("/a/b", 3),
            ("/a/b/", 4),
            ("/a/b/c", 3),
            ("/a/b/c/d/e", 5),
            ("/a/b/c/de", 3),
            ("//a", 0),
        ] {
            for index in both(&rules) {
                assert_eq!(index.find(path), Some(expected), "{path} {index:?}");
            }
        }
        for index in both(&rules[1..]) {
            assert_eq!(index.find("/b"), None);
        }
    }

    #[test]
    fn rules_that_no_request_can_match_are_left_out() {
        for index in both(&[prefix("/a%zz"), exact("/.."), prefix("a"), exact("/b")]) {
            assert_eq!(index.find("/a%zz"), None);
            assert_eq!(index.find("/.."), None);
            assert_eq!(index.find("/b"), Some(3));
        }
    }

    #[test]
    fn rules_are_found_canonical_and_as_written() {
        for index in both(&[exact("/%61"), prefix("/x y/%c3%a4"), prefix("/é"), prefix("")]) {
            for (path, expected) in [
                ("/a", 0),
                ("/%61", 0),
                ("/x%20y/%C3%A4/z", 1),
                ("/x y/%C3%A4", 1),
                ("/%C3%A9", 2),
                ("/é", 2),
                ("/%61/", 3),
            ] {
                assert_eq!(index.find(path), Some(expected), "{path} {index:?}");
            }
        }
    }

    #[test]
    fn two_spellings_of_one_path_are_one_rule_of_the_first() {
        for index in both(&[exact("/a"), exact("/%61"), prefix("/b"), prefix("/%62/"), prefix("/c//"), prefix("/c/")]) {
            assert_eq!((index.find("/a"), index.find("/%61")), (Some(0), Some(0)));
            assert_eq!((index.find("/b"), index.find("/%62")), (Some(3), Some(3)));
            assert_eq!((index.find("/c"), index.find("/c/")), (Some(4), Some(4)));
        }
    }

    #[test]
    fn paths_deeper_than_any_rule_are_found() {
        let deep = "/d".repeat(100);
        for index in both(&[prefix(&deep), prefix("/d")]) {
            assert_eq!(index.find(&format!("{deep}/x/y/z")), Some(0));
            assert_eq!(index.find(&deep[..190]), Some(1));
        }
    }
}
