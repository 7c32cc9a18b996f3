//! What a dialect is: a table with one row for each annotation.

use crate::model::{ObjectKind, ObjectName};

use super::draft::Draft;

/// A family of annotations with one prefix.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Who uses it, for the documentation.
    pub(crate) title: &'static str,
    /// What all its keys start with, with the slash. One of `source::objects::annotations::PREFIXES`.
    pub(crate) prefix: &'static str,
    /// Its annotations, by key.
    pub(crate) annotations: &'static [Annotation],
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
    /// What it does, one or more sentences.
    pub(crate) doc: &'static str,
}

/// The values that an annotation takes, and what each sets.
#[derive(Debug)]
pub(crate) enum Value {
    /// `true` or `false`.
    Boolean(fn(&mut Draft, bool)),
    /// One of these words.
    OneOf(&'static [Word]),
    /// A text with a parser of its own.
    #[cfg_attr(not(test), expect(dead_code, reason = "all annotations so far are booleans or a choice of words"))]
    Text {
        /// The values in words.
        values: &'static str,
        /// Reads a value of an annotation that the object of this name carries. `None`: it is not one of the values.
        read: fn(&mut Draft, &str, &ObjectName) -> Option<()>,
    },
}

/// A word that an annotation takes as its value.
#[derive(Debug)]
pub(crate) struct Word {
    /// The word.
    pub(crate) text: &'static str,
    /// Sets what it stands for.
    pub(crate) set: fn(&mut Draft),
}

impl Value {
    /// Reads a value. `None`: it is not one of the values.
    pub(super) fn read(&self, draft: &mut Draft, text: &str, carrier: &ObjectName) -> Option<()> {
        match self {
            Self::Boolean(set) => match text {
                "true" => set(draft, true),
                "false" => set(draft, false),
                _ => return None,
            },
            Self::OneOf(words) => (words.iter().find(|word| word.text == text)?.set)(draft),
            Self::Text { values: _, read } => return read(draft, text, carrier),
        }
        Some(())
    }

    /// The values in words, as Markdown.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Boolean(_) => "`true` or `false`".into(),
            Self::OneOf(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{}`", word.text)).collect();
                words.join(" or ")
            }
            Self::Text { values, read: _ } => (*values).into(),
        }
    }
}

/// What may carry an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// An Ingress: the annotation applies to all its routes.
    Ingress,
    /// A Service: the annotation applies to all routes to it.
    #[cfg_attr(not(test), expect(dead_code, reason = "no annotation of a Service is known yet"))]
    Service,
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
            Self::Service => "Service: all routes to it",
        }
    }
}
