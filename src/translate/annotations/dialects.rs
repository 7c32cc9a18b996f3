//! Which dialects are in force, and which of them wins.

use std::sync::Arc;

use crate::source::objects::annotations::Annotations;

use super::choices::Choices;
use super::defaults::Defaults;
use super::haproxy;
use super::ingress_nginx;
use super::native;
use super::options::Options;
use super::table::{Annotation, Dialect, Unlisted};

/// A dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialectName {
    /// `tidegate.dev/…`.
    Own,
    /// `nginx.ingress.kubernetes.io/…`, as ingress-nginx reads it.
    IngressNginx,
    /// `haproxy.org/…`, as haproxytech's kubernetes-ingress reads it.
    Haproxy,
}

/// The dialects that are in force, the one that wins first. Ours is always the first of them. With them goes what is done with
/// annotations that nothing here can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialects {
    names: Arc<[DialectName]>,
    choices: Choices,
    defaults: Option<Arc<Defaults>>,
}

/// An annotation of an object, in a dialect that is in force.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// The dialect.
    pub(super) dialect: &'static Dialect,
    /// The key.
    pub(super) key: &'a Arc<str>,
    /// The value.
    pub(super) value: &'a Arc<str>,
    /// Its row, if it has one.
    pub(super) annotation: Option<&'static Annotation>,
}

/// A prefix whose keys are read.
#[derive(Clone, Copy)]
struct Spelling {
    dialect: &'static Dialect,
    prefix: &'static str,
    unlisted: Unlisted,
}

impl DialectName {
    /// All dialects.
    pub const ALL: [Self; 3] = [Self::Own, Self::IngressNginx, Self::Haproxy];

    /// Its name: what stands in front of the slash of its keys.
    pub fn as_str(self) -> &'static str {
        self.table().prefix.trim_end_matches('/')
    }

    /// The dialect of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == name)
    }

    pub(super) fn table(self) -> &'static Dialect {
        match self {
            Self::Own => &native::DIALECT,
            Self::IngressNginx => &ingress_nginx::DIALECT,
            Self::Haproxy => &haproxy::DIALECT,
        }
    }
}

impl Dialects {
    /// Ours, and then these in their order.
    pub fn new(names: impl IntoIterator<Item = DialectName>) -> Self {
        let mut all = vec![DialectName::Own];
        for name in names {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        Self { names: all.into(), choices: Choices::default(), defaults: None }
    }

    /// The same, with these choices.
    #[must_use]
    pub fn with(self, choices: Choices) -> Self {
        Self { choices, ..self }
    }

    /// The same, with these values for objects that set nothing themselves.
    #[must_use]
    pub(crate) fn with_defaults(self, defaults: Arc<Defaults>) -> Self {
        Self { defaults: Some(defaults), ..self }
    }

    /// Whether these are the options of an object that sets nothing itself.
    pub(crate) fn are_defaults(&self, options: &Options) -> bool {
        self.defaults.as_ref().is_some_and(|defaults| std::ptr::eq(defaults.options(), options))
    }

    pub(super) fn defaults(&self) -> Option<&Defaults> {
        self.defaults.as_deref()
    }

    /// What is done with annotations that nothing here can do.
    pub fn choices(&self) -> Choices {
        self.choices
    }

    /// Their tables. Tests add rows for what no annotation does yet.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'static Dialect> {
        let tables = self.names.iter().map(|name| name.table());
        #[cfg(test)]
        let tables = tables.chain([&super::super::tests::DIALECT]);
        tables
    }

    /// The prefixes that are read, those that win first. One that other controllers had too is read only where its dialect wins
    /// over all of other controllers.
    fn spellings(&self) -> impl Iterator<Item = Spelling> {
        let first = self.names.iter().find(|name| **name != DialectName::Own).map(|name| name.table().prefix);
        self.tables().flat_map(move |dialect| {
            let own = Spelling { dialect, prefix: dialect.prefix, unlisted: dialect.unlisted };
            let others = dialect.others.iter().filter(move |other| !other.is_shared || first == Some(dialect.prefix));
            std::iter::once(own).chain(others.map(move |other| Spelling {
                dialect,
                prefix: other.prefix,
                unlisted: other.unlisted,
            }))
        })
    }

    /// The annotations of an object that one of the dialects reads, those that win first. An object without annotations costs
    /// next to nothing.
    pub(super) fn entries<'a>(&self, annotations: &'a Annotations) -> impl Iterator<Item = Entry<'a>> {
        let of_spelling = |Spelling { dialect, prefix, unlisted }: Spelling| {
            let entries = annotations.with_prefix(prefix).map(move |(key, value)| Entry {
                dialect,
                key,
                value,
                annotation: dialect.find(&key[prefix.len()..]),
            });
            entries.filter(move |entry| match unlisted {
                Unlisted::Unknown => true,
                Unlisted::Foreign => entry.annotation.is_some(),
            })
        };
        self.spellings().flat_map(of_spelling)
    }

    /// Whether one of the dialects reads this key, be it to say that there is no such annotation.
    pub(super) fn reads(&self, key: &str) -> bool {
        self.spellings().any(|Spelling { dialect, prefix, unlisted }| {
            key.strip_prefix(prefix).is_some_and(|short| match unlisted {
                Unlisted::Unknown => true,
                Unlisted::Foreign => dialect.find(short).is_some(),
            })
        })
    }
}

impl Default for Dialects {
    /// All.
    fn default() -> Self {
        Self::new(DialectName::ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_comes_first_and_no_dialect_comes_twice() {
        use DialectName::{Haproxy, IngressNginx, Own};
        let all = Dialects::new([IngressNginx, Own, IngressNginx, Haproxy]);
        assert_eq!(all, Dialects::default());
        assert_eq!(*all.names, [Own, IngressNginx, Haproxy]);
        assert_eq!(*Dialects::new([]).names, [Own]);
    }

    #[test]
    fn a_prefix_that_several_controllers_had_is_that_of_the_one_that_wins() {
        use DialectName::{Haproxy, IngressNginx};
        let shared = "ingress.kubernetes.io/ssl-redirect";
        for (names, expected) in [
            (&[IngressNginx, Haproxy][..], false),
            (&[Haproxy, IngressNginx], true),
            (&[Haproxy], true),
            (&[IngressNginx], false),
        ] {
            let dialects = Dialects::new(names.iter().copied());
            assert_eq!(dialects.reads(shared), expected, "{names:?}");
            assert_eq!(dialects.reads("haproxy.com/ssl-redirect"), names.contains(&Haproxy));
            assert!(!dialects.reads("ingress.kubernetes.io/rewrite-target"));
        }
    }

    #[test]
    fn a_dialect_has_the_name_that_its_keys_begin_with() {
        for dialect in DialectName::ALL {
            assert_eq!(DialectName::parse(dialect.as_str()), Some(dialect));
        }
        assert_eq!(DialectName::IngressNginx.as_str(), "nginx.ingress.kubernetes.io");
        assert_eq!(DialectName::parse("nginx.ingress.kubernetes.io/"), None);
    }
}
