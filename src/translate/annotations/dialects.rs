//! Which dialects are in force, and which of them wins.

use std::sync::Arc;

use crate::source::objects::annotations::Annotations;

use super::choices::Choices;
use super::defaults::Defaults;
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

impl DialectName {
    /// All dialects.
    pub const ALL: [Self; 2] = [Self::Own, Self::IngressNginx];

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

    /// The annotations of an object that one of the dialects reads, those that win first. An object without annotations costs
    /// next to nothing.
    pub(super) fn entries<'a>(&self, annotations: &'a Annotations) -> impl Iterator<Item = Entry<'a>> {
        let of_dialect = |dialect: &'static Dialect| {
            annotations.with_prefix(dialect.prefix).map(move |(key, value)| Entry {
                dialect,
                key,
                value,
                annotation: dialect.find(&key[dialect.prefix.len()..]),
            })
        };
        self.tables().flat_map(of_dialect).filter(|Entry { dialect, annotation, .. }| match dialect.unlisted {
            Unlisted::Unknown => true,
            Unlisted::Foreign => annotation.is_some(),
        })
    }

    /// Whether one of the dialects reads this key, be it to say that there is no such annotation.
    pub(super) fn reads(&self, key: &str) -> bool {
        self.tables().any(|dialect| {
            key.strip_prefix(dialect.prefix).is_some_and(|short| match dialect.unlisted {
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
        use DialectName::{IngressNginx, Own};
        let both = Dialects::new([IngressNginx, Own, IngressNginx]);
        assert_eq!(both, Dialects::default());
        assert_eq!(*both.names, [Own, IngressNginx]);
        assert_eq!(*Dialects::new([]).names, [Own]);
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
