//! The values that annotations take, and how each is read.

use crate::model::ObjectName;

use super::draft::Draft;

/// The values that an annotation takes, and what each sets.
#[derive(Debug)]
pub(crate) enum Value {
    /// `true` or `false`.
    Boolean(fn(&mut Draft, bool)),
    /// `true` or `false`, and the other spellings that Go reads: ingress-nginx takes them all.
    LooseBoolean(fn(&mut Draft, bool)),
    /// One of these words.
    OneOf(&'static [Word]),
    /// A text with a parser of its own.
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
            Self::LooseBoolean(set) => match text {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => set(draft, true),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => set(draft, false),
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
            Self::Boolean(_) | Self::LooseBoolean(_) => "`true` or `false`".into(),
            Self::OneOf(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{}`", word.text)).collect();
                words.join(" or ")
            }
            Self::Text { values, read: _ } => (*values).into(),
        }
    }
}
