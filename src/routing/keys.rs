//! What a path index looks for: the plain paths of a host's routes in the form that is compared, in order of precedence.

use super::canonical::RulePath;
use crate::model::{AskedWhen, PathMatch, Precedence, Predicates, RouteMatch};

/// A path that is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Exact(Box<str>),
    /// Without trailing slashes; empty for the root.
    Prefix(Box<str>),
    Text(Box<str>),
}

/// What may follow a path that is looked for. In order of precedence of keys as long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    #[default]
    Nothing,
    Elements,
    Anything,
}

/// A route under its key. In order: by key, and of one key in order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) precedence: Precedence,
    /// Position in the host's list of routes.
    pub(super) route: u32,
}

/// The keys of a host.
#[derive(Debug)]
pub(super) struct Keys {
    /// All routes that a request can have, in order. Of `/foo` and `/foo/`, both Prefix, which have one key, the longer
    /// comes first.
    pub(super) entries: Vec<Entry>,
    /// Other spellings of keys, each with the key it stands for. A rule whose path is not in canonical form has two, so
    /// that a request that spells it as the rule does finds it in either form.
    pub(super) spellings: Vec<(Key, Key)>,
}

impl Keys {
    /// Of matches that stand in order of precedence where `Precedence` does not decide. Paths that no request can have
    /// are left out.
    pub(super) fn of<'a>(matches: impl Iterator<Item = &'a RouteMatch>) -> Self {
        let (mut entries, mut spellings) = (Vec::with_capacity(matches.size_hint().0), Vec::new());
        for (RouteMatch { path, predicates }, route) in matches.zip(0..) {
            let key_of: fn(String) -> Key = match path {
                PathMatch::Exact(_) => Key::exact,
                PathMatch::Prefix(_) => Key::prefix,
                PathMatch::Text(_) => Key::text,
                PathMatch::Pattern(_) => continue,
            };
            if predicates.as_deref().is_some_and(is_asked_first) {
                continue;
            }
            let Some(RulePath { canonical, written }) = RulePath::parse(path.path()) else { continue };
            let precedence = Precedence::new(path, canonical.len(), predicates.as_deref());
            let key = key_of(canonical);
            spellings.extend(written.map(|written| (key_of(written), key.clone())));
            entries.push(Entry { key, precedence, route });
        }
        entries.sort_unstable();
        Self { entries, spellings }
    }

    /// The first route of each key and of each other spelling, in order of keys.
    pub(super) fn into_firsts(self) -> Vec<(Key, u32)> {
        let Self { entries, spellings } = self;
        let mut firsts: Vec<_> = entries.into_iter().map(|entry| (entry.key, entry.route)).collect();
        firsts.dedup_by(|next, kept| next.0 == kept.0);
        if spellings.is_empty() {
            return firsts;
        }
        let written: Vec<_> = spellings
            .into_iter()
            .filter_map(|(written, key)| {
                let first = firsts.binary_search_by(|(other, _)| other.cmp(&key)).ok()?;
                Some((written, firsts[first].1))
            })
            .collect();
        firsts.extend(written);
        // Stable: a key in canonical form comes before another's spelling.
        firsts.sort_by(|one, other| one.0.cmp(&other.0));
        firsts.dedup_by(|next, kept| next.0 == kept.0);
        firsts
    }
}

/// Whether a route with these is asked before those that are found by their path.
pub(super) fn is_asked_first(predicates: &Predicates) -> bool {
    predicates.asked == AskedWhen::First
}

impl Key {
    fn exact(path: String) -> Self {
        Self::Exact(path.into())
    }

    fn prefix(mut path: String) -> Self {
        path.truncate(path.trim_end_matches('/').len());
        Self::Prefix(path.into())
    }

    fn text(path: String) -> Self {
        Self::Text(path.into())
    }

    pub(super) fn path(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Prefix(path) | Self::Text(path) => path,
        }
    }

    /// What may follow the path.
    pub(super) fn end(&self) -> End {
        match self {
            Self::Exact(_) => End::Nothing,
            Self::Prefix(_) => End::Elements,
            Self::Text(_) => End::Anything,
        }
    }
}
