//! What a dialect is: a table with one row for each annotation.

use crate::model::ObjectKind;

use super::value::Value;

/// A family of annotations with one prefix.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Who uses it, for the documentation.
    pub(crate) title: &'static str,
    /// What all its keys start with, with the slash. One of `source::objects::annotations::PREFIXES`.
    pub(crate) prefix: &'static str,
    /// What its keys may start with besides. A key with `prefix` wins over the same with one of these.
    pub(crate) others: &'static [OtherPrefix],
    /// What a key with the prefix is that has no row.
    pub(crate) unlisted: Unlisted,
    /// Its annotations, by topic.
    pub(crate) groups: &'static [&'static [Annotation]],
}

/// Another prefix of a dialect.
#[derive(Debug)]
pub(crate) struct OtherPrefix {
    /// The prefix, with the slash.
    pub(crate) prefix: &'static str,
    /// Whether other controllers had it too. Then it is read only where the dialect wins over all of other controllers.
    pub(crate) is_shared: bool,
    /// What a key with it is that has no row.
    pub(crate) unlisted: Unlisted,
}

/// What a key of a dialect is that has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlisted {
    /// No annotation: the table has all there are.
    Unknown,
    /// One that is not read yet: it is reported as those of other controllers are.
    Foreign,
}

/// One annotation.
#[derive(Debug)]
pub(crate) struct Annotation {
    /// Key without the prefix.
    pub(crate) key: &'static str,
    /// The values it takes, and what each sets.
    pub(crate) value: Value,
    /// What holds without it, in words.
    pub(crate) default: &'static str,
    /// What may carry it.
    pub(crate) scopes: &'static [Scope],
    /// How it compares with what it does where its dialect comes from.
    pub(crate) verdict: Verdict,
    /// What it does, one or more sentences.
    pub(crate) doc: &'static str,
}

/// How an annotation compares with what it does where its dialect comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does the same.
    Exact,
    /// It does the same for every use that its documentation describes. What is bounded, or refused because it would harm
    /// others.
    Bounded(&'static str),
    /// It does nearly the same.
    Different(&'static str),
    /// It does nothing, and neither does it have to.
    NoEffect(&'static str),
    /// It does nothing: why, and what to do instead.
    Refused {
        /// Why.
        why: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// What it asks for is refused by default, or is refused for some of its values: why, and what to do instead. Its reader
    /// judges each value.
    Judged(&'static str),
}

/// What may carry an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// An Ingress: the annotation applies to all its routes.
    Ingress,
    /// A Service: the annotation applies to all routes to it.
    Service,
}

impl Dialect {
    /// Its annotations.
    pub(super) fn annotations(&self) -> impl Iterator<Item = &'static Annotation> {
        self.groups.iter().copied().flatten()
    }

    /// The key without its prefix, whichever it is.
    pub(super) fn short<'a>(&self, key: &'a str) -> Option<&'a str> {
        let prefixes = std::iter::once(self.prefix).chain(self.others.iter().map(|other| other.prefix));
        prefixes.into_iter().find_map(|prefix| key.strip_prefix(prefix))
    }

    /// The annotation with this key, which has no prefix.
    pub(super) fn find(&self, short: &str) -> Option<&'static Annotation> {
        self.annotations().find(|annotation| annotation.key == short)
    }
}

impl Verdict {
    /// In words, as Markdown.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::Exact => "exact".into(),
            Self::Bounded(how) => format!("exact, bounded: {how}"),
            Self::Different(how) => format!("different: {how}"),
            Self::NoEffect(why) => format!("no effect: {why}"),
            Self::Refused { why, instead } => format!("refused: {why}; {instead}"),
            Self::Judged(how) => format!("refused: {how}"),
        }
    }
}

impl Scope {
    /// The kind of the objects that carry it.
    pub(super) fn kind(self) -> ObjectKind {
        match self {
            Self::Ingress => ObjectKind::Ingress,
            Self::Service => ObjectKind::Service,
        }
    }

    /// What it applies to, for the documentation.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress: all its routes",
            Self::Service => "Service: all routes to it, before what their Ingresses say",
        }
    }
}
