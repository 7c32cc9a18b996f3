//! Finds the routes of a host that a path can have: Exact before Prefix and Text, then the longest of these.
//!
//! Regular expressions stand beside it, in `patterns`.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::keys::{End, Key, Keys};
use super::texts::Texts;

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
    follows: End,
}

#[derive(Debug)]
pub(super) struct Maps {
    exact: PathMap,
    prefix: PathMap,
    /// `None`: there are none, as usual.
    texts: Option<Box<Texts>>,
    /// Length of the longest Exact key, in bytes: longer paths are not hashed.
    longest_exact: usize,
    /// A bit for each number of elements that Prefix keys have; the uppermost stands for all from 63 up.
    depths: u64,
    /// The most elements a Prefix key has: a path of thousands is not hashed thousands of times.
    deepest: usize,
}

type PathMap = HashMap<Box<str>, u32, RandomState>;

/// The routes that a path can have, in order of precedence: the first under each key that matches.
pub(super) enum Candidates<'i, 'p> {
    InList { list: &'i List, path: &'p str, from: Place },
    InMaps { maps: &'i Maps, path: &'p str, from: Start },
}

/// Where the search in maps goes on.
#[derive(Clone, Copy)]
pub(super) enum Start {
    Exact,
    Longest,
    /// At the keys behind this one.
    Behind(Met),
    End,
}

/// A key of maps, by its length and what may follow it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    length: usize,
    follows: End,
}

/// A key of a list.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    key: usize,
    /// Where its path starts.
    start: usize,
}

impl PathIndex {
    /// Indexes the first route of each key.
    pub(super) fn build(keys: Keys) -> Self {
        let firsts = keys.into_firsts();
        match List::try_new(&firsts) {
            Some(list) => Self::Few(list),
            None => Self::Many(Box::new(Maps::new(firsts))),
        }
    }

    /// The first candidate for a path that starts with a slash.
    pub(super) fn find(&self, path: &str) -> Option<u32> {
        match self {
            Self::Few(list) => Some(list.find(path, Place::default())?.0),
            Self::Many(maps) => maps.find_exact(path).or_else(|| Some(maps.longest(path)?.0)),
        }
    }

    /// All candidates for a path that starts with a slash.
    pub(super) fn candidates<'i, 'p>(&'i self, path: &'p str) -> Candidates<'i, 'p> {
        match self {
            Self::Few(list) => Candidates::InList { list, path, from: Place::default() },
            Self::Many(maps) => Candidates::InMaps { maps, path, from: Start::Exact },
        }
    }
}

impl Iterator for Candidates<'_, '_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::InList { list, path, from } => {
                let (route, next) = list.find(path, *from)?;
                *from = next;
                Some(route)
            }
            Self::InMaps { maps, path, from } => loop {
                let found = match *from {
                    Start::Exact => {
                        *from = Start::Longest;
                        match maps.find_exact(path) {
                            Some(route) => return Some(route),
                            None => continue,
                        }
                    }
                    Start::Longest => maps.longest(path),
                    Start::Behind(met) => maps.behind(path, met),
                    Start::End => None,
                };
                *from = found.map_or(Start::End, |(_, met)| Start::Behind(met));
                return found.map(|(route, _)| route);
            },
        }
    }
}

impl List {
    /// `None` when the keys are too many or too long for it.
    fn try_new(keys: &[(Key, u32)]) -> Option<Self> {
        let mut in_order: Vec<_> = keys.iter().take(FEW + 1).collect();
        // Other keys that match one path are prefixes of each other: the longer is the deeper.
        in_order.sort_by_key(|(key, _)| (key.end() != End::Nothing, Reverse(key.path().len()), key.end()));
        let mut list = Self { paths: Text::Inline([0; INLINE]), len: 0, keys: [ListKey::default(); FEW] };
        let mut paths = String::new();
        for (key, route) in in_order {
            paths.push_str(key.path());
            let end = paths.len().try_into().ok()?;
            let route = (*route).try_into().ok()?;
            *list.keys.get_mut(usize::from(list.len))? = ListKey { end, route, follows: key.end() };
            list.len += 1;
        }
        match &mut list.paths {
            Text::Inline(bytes) if paths.len() <= INLINE => bytes[..paths.len()].copy_from_slice(paths.as_bytes()),
            Text::Inline(_) | Text::Boxed(_) => list.paths = Text::Boxed(paths.into_bytes().into()),
        }
        Some(list)
    }

    /// The first key from `from` on that matches: its route, and the place behind it.
    #[inline]
    fn find(&self, path: &str, from: Place) -> Option<(u32, Place)> {
        let path = path.as_bytes();
        let paths = match &self.paths {
            Text::Inline(bytes) => &bytes[..],
            Text::Boxed(bytes) => bytes,
        };
        let mut start = from.start;
        let keys = self.keys.get(from.key..self.len.into()).unwrap_or_default();
        for (key, next) in keys.iter().zip(from.key + 1..) {
            let end = usize::from(key.end);
            let wanted = &paths[start..end];
            // The end decides most cases without a look at the text.
            let ends_here = match path.get(wanted.len()) {
                None => path.len() == wanted.len(),
                Some(next) => match key.follows {
                    End::Elements => *next == b'/',
                    End::Nothing => false,
                    End::Anything => true,
                },
            };
            if ends_here && path.starts_with(wanted) {
                return Some((key.route.into(), Place { key: next, start: end }));
            }
            start = end;
        }
        None
    }
}

impl Maps {
    fn new(keys: Vec<(Key, u32)>) -> Self {
        let (exact, prefix) = (PathMap::default(), PathMap::default());
        let mut maps = Self { exact, prefix, texts: None, longest_exact: 0, depths: 0, deepest: 0 };
        let mut texts = Vec::new();
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
                Key::Text(path) => texts.push((path, at)),
            }
        }
        maps.texts = (!texts.is_empty()).then(|| Box::new(Texts::new(texts)));
        maps
    }

    /// The longest key that a path begins with, Exact ones aside.
    fn longest(&self, path: &str) -> Option<(u32, Met)> {
        let prefix = of_prefix(self.longest_prefix(path));
        match &self.texts {
            None => prefix,
            Some(texts) => longer(prefix, of_text(texts.longest(path, path.len()))),
        }
    }

    /// The next one behind a key that the path begins with.
    fn behind(&self, path: &str, met: Met) -> Option<(u32, Met)> {
        let Met { length, follows } = met;
        let prefix = of_prefix(self.prefix_below(&path[..length]));
        let Some(texts) = &self.texts else { return prefix };
        // Of two as long, the Prefix has come first.
        let most = match follows {
            End::Nothing | End::Elements => Some(length),
            End::Anything => length.checked_sub(1),
        };
        longer(prefix, most.and_then(|most| of_text(texts.longest(path, most))))
    }

    fn find_exact(&self, path: &str) -> Option<u32> {
        if path.len() > self.longest_exact {
            return None;
        }
        self.exact.get(path).copied()
    }

    /// The route of the longest prefix of a path, and the length of that prefix.
    fn longest_prefix(&self, path: &str) -> Option<(u32, usize)> {
        let ends = memchr::memchr_iter(b'/', path.as_bytes()).chain([path.len()]);
        let mut found = None;
        for (depth, end) in ends.take(self.deepest.saturating_add(1)).enumerate() {
            if self.depths & depth_bit(depth) != 0
                && let Some(at) = self.prefix.get(&path[..end])
            {
                found = Some((*at, end));
            }
        }
        found
    }

    /// The same among the prefixes that are shorter than `path`, which is the beginning of one.
    fn prefix_below(&self, path: &str) -> Option<(u32, usize)> {
        self.longest_prefix(&path[..memchr::memrchr(b'/', path.as_bytes())?])
    }
}

fn of_prefix(found: Option<(u32, usize)>) -> Option<(u32, Met)> {
    found.map(|(route, length)| (route, Met { length, follows: End::Elements }))
}

fn of_text(found: Option<(u32, usize)>) -> Option<(u32, Met)> {
    found.map(|(route, length)| (route, Met { length, follows: End::Anything }))
}

/// The longer one; the Prefix of two as long.
fn longer(prefix: Option<(u32, Met)>, text: Option<(u32, Met)>) -> Option<(u32, Met)> {
    match (prefix, text) {
        (Some((_, of_prefix)), Some((_, of_text))) if of_text.length > of_prefix.length => text,
        (Some(_), _) => prefix,
        (None, text) => text,
    }
}

fn depth_bit(depth: usize) -> u64 {
    1 << depth.min(63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{PathMatch, RouteMatch};

    fn index(paths: &[PathMatch]) -> PathIndex {
        let matches: Vec<_> = paths.iter().cloned().map(RouteMatch::path).collect();
        PathIndex::build(Keys::of(matches.iter()))
    }

    fn exact(path: &str) -> PathMatch {
        PathMatch::Exact(path.into())
    }

    fn prefix(path: &str) -> PathMatch {
        PathMatch::Prefix(path.into())
    }

    fn text(path: &str) -> PathMatch {
        PathMatch::Text(path.into())
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
    fn candidates_come_in_order_of_precedence() {
        let rules = [prefix("/a"), prefix("/"), exact("/a/b/c"), prefix("/a/b/c/"), prefix("/a/x"), exact("/a/b")];
        for (path, expected) in [
            ("/a/b/c", &[2, 3, 0, 1][..]),
            ("/a/b/c/d", &[3, 0, 1]),
            ("/a/b", &[5, 0, 1]),
            ("/a/bx", &[0, 1]),
            ("/a", &[0, 1]),
            ("/a/x/", &[4, 0, 1]),
            ("/", &[1]),
        ] {
            for index in both(&rules) {
                assert_eq!(index.candidates(path).collect::<Vec<_>>(), expected, "{path} {index:?}");
            }
        }
        for index in both(&rules[4..]) {
            assert_eq!(index.candidates("/b").next(), None);
        }
    }

    #[test]
    fn texts_match_wherever_elements_end_and_the_longest_key_is_asked_first() {
        let rules = [
            prefix("/"),
            text("/foo"),
            prefix("/foo"),
            text("/foo/b"),
            prefix("/foo/bar"),
            exact("/foo/bar/x"),
            text("/"),
        ];
        for (path, expected) in [
            ("/foobar", &[1, 0, 6][..]),
            ("/foo", &[2, 1, 0, 6]),
            ("/foo/", &[2, 1, 0, 6]),
            ("/foo/bar/x", &[5, 4, 3, 2, 1, 0, 6]),
            ("/foo/bars", &[3, 2, 1, 0, 6]),
            ("/fo", &[0, 6]),
        ] {
            for index in both(&rules) {
                let found: Vec<_> = index.candidates(path).collect();
                // Of `/` the Prefix has no character, and the text has one.
                let without_roots =
                    |all: &[u32]| all.iter().copied().filter(|route| !matches!(route, 0 | 6)).collect::<Vec<_>>();
                assert_eq!(without_roots(&found), without_roots(expected), "{path} {index:?}");
                assert_eq!(found.len(), expected.len(), "{path}");
                assert_eq!(index.find(path), found.first().copied());
            }
        }
    }

    proptest! {
        #[test]
        fn the_list_and_the_maps_agree_on_texts(
            rules in prop::collection::vec((any::<bool>(), "(/[ab]{0,2}){1,3}"), 1..12), path in "(/[ab]{0,2}){1,4}"
        ) {
            let rules: Vec<_> = rules.iter().map(|(is_text, path)| if *is_text { text(path) } else { prefix(path) }).collect();
            let [few, many] = both(&rules).map(|index| index.candidates(&path).collect::<Vec<_>>());
            prop_assert_eq!(few, many);
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
            for (path, expected) in
                [("/a", 0), ("/x%20y/%C3%A4/z", 1), ("/x y/%C3%A4", 1), ("/%C3%A9", 2), ("/é", 2), ("/a/", 3)]
            {
                assert_eq!(index.find(path), Some(expected), "{path} {index:?}");
            }
        }
    }

    #[test]
    fn two_spellings_of_one_path_are_one_rule_of_the_first() {
        for index in both(&[exact("/a"), exact("/%61"), prefix("/b"), prefix("/%62/"), prefix("/c//"), prefix("/c/")]) {
            assert_eq!((index.find("/a"), index.find("/b"), index.find("/b/")), (Some(0), Some(3), Some(3)));
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
