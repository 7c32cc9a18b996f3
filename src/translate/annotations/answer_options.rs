//! What annotations can set of what is rewritten of pods' answers.

use std::sync::Arc;

use crate::model::{AnswerUrls, Replacement};

use super::take_over::take_over;

/// What is set.
#[derive(Debug, Default)]
pub(crate) struct AnswerOptions {
    /// What URLs begin with.
    pub(super) location_from: Option<Part>,
    /// What they are to begin with.
    pub(super) location_to: Option<Part>,
    /// Domain of cookies.
    pub(super) cookie_domain: Option<Rewrite>,
    /// Path of cookies.
    pub(super) cookie_path: Option<Rewrite>,
}

/// One half of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing is replaced.
    Off,
    /// This.
    Text(Arc<str>),
}

/// Whether something is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rewrite {
    /// It is not.
    Off,
    /// This is.
    Replace(Replacement),
}

impl AnswerOptions {
    /// All together; `None`: nothing is rewritten.
    pub(crate) fn rule(&self) -> Option<AnswerUrls> {
        let Self { location_from, location_to, cookie_domain, cookie_path } = self;
        let replacement = |rewrite: &Option<Rewrite>| match rewrite {
            Some(Rewrite::Replace(replacement)) => Some(replacement.clone()),
            Some(Rewrite::Off) | None => None,
        };
        let location = match (location_from, location_to) {
            (Some(Part::Text(from)), Some(Part::Text(to))) => Some(Replacement { from: from.clone(), to: to.clone() }),
            (Some(Part::Text(_) | Part::Off) | None, Some(Part::Text(_) | Part::Off) | None) => None,
        };
        let (cookie_domain, cookie_path) = (replacement(cookie_domain), replacement(cookie_path));
        let answer_urls = AnswerUrls { location, cookie_domain, cookie_path };
        (answer_urls != AnswerUrls::default()).then_some(answer_urls)
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { location_from, location_to, cookie_domain, cookie_path } = other;
        let differs = [
            take_over(&mut self.location_from, location_from),
            take_over(&mut self.location_to, location_to),
            take_over(&mut self.cookie_domain, cookie_domain),
            take_over(&mut self.cookie_path, cookie_path),
        ];
        differs.contains(&true)
    }
}
