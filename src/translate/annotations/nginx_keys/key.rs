//! What a key of ingress-nginx's own ConfigMap is.

use super::super::ingress_nginx;
use super::super::table::{Annotation, Verdict};
use super::global::GlobalKeys;
use super::told::Told;

/// A key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) key: &'static str,
    /// What its value means.
    pub(super) meaning: Meaning,
    /// What holds in ingress-nginx without it.
    pub(super) default: &'static str,
    /// The option that sets the same, and wins where it is given.
    pub(super) option: Option<&'static str>,
}

/// What the value of a key means.
#[derive(Debug)]
pub(super) enum Meaning {
    /// What the annotation of this name means on each Ingress that has none.
    Annotation(&'static str),
    /// Something that no annotation sets.
    Global {
        /// The values in words.
        values: &'static str,
        /// Reads a value. An error says what follows from one that cannot be read.
        read: fn(&mut GlobalKeys, &str) -> Result<(), Told>,
        /// How it compares.
        verdict: Verdict,
        /// What it comes to.
        doc: &'static str,
    },
    /// It does nothing here.
    Nothing {
        /// The values that are not told, because what they ask for holds anyway.
        usual: &'static [&'static str],
        /// Why, or what to do instead.
        verdict: Verdict,
    },
}

impl Key {
    /// The row of its annotation.
    pub(super) fn row(&self) -> Option<&'static Annotation> {
        match self.meaning {
            Meaning::Annotation(key) => ingress_nginx::DIALECT.find(key),
            Meaning::Global { .. } | Meaning::Nothing { .. } => None,
        }
    }

    /// How it compares.
    pub(super) fn verdict(&self) -> Verdict {
        match &self.meaning {
            Meaning::Annotation(_) => self.row().map_or(Verdict::Exact, |row| row.verdict),
            Meaning::Global { verdict, .. } | Meaning::Nothing { verdict, .. } => *verdict,
        }
    }
}
