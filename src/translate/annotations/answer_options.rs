//! What annotations can set of what is rewritten of pods' answers.

use crate::model::{AnswerUrls, ClientPort, Replacement, Sought, Template};

use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnswerOptions {
    /// What URLs begin with.
    pub(super) location_from: Option<Switch<Sought>>,
    /// What they are to begin with.
    pub(super) location_to: Option<Switch<Template>>,
    /// Domain of cookies.
    pub(super) cookie_domain: Option<Switch<Replacement>>,
    /// Path of cookies.
    pub(super) cookie_path: Option<Switch<Replacement>>,
}

/// Whether something is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Switch<T> {
    /// It is not.
    Off,
    /// It is, as this says.
    On(T),
}

impl<T: Clone> Switch<T> {
    /// What is done.
    pub(super) fn on(switch: &Option<Self>) -> Option<T> {
        match switch {
            Some(Self::On(on)) => Some(on.clone()),
            Some(Self::Off) | None => None,
        }
    }
}

impl AnswerOptions {
    /// All together; `None`: nothing is rewritten. `base` is how a path becomes a URL, where it is to become one.
    pub(crate) fn rule(&self, base: Option<ClientPort>) -> Option<AnswerUrls> {
        let Self { location_from, location_to, cookie_domain, cookie_path } = self;
        let location = Switch::on(location_from).zip(Switch::on(location_to));
        let location = location.map(|(from, to)| Replacement { from, to });
        let (cookie_domain, cookie_path) = (Switch::on(cookie_domain), Switch::on(cookie_path));
        let base = base.filter(|_| location.as_ref().is_some_and(may_be_path));
        let answer_urls = AnswerUrls { location, base, cookie_domain, cookie_path };
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

/// Whether what it comes to may begin with a slash: the author does not say that it begins otherwise.
fn may_be_path(Replacement { from: _, to }: &Replacement) -> bool {
    to.start().is_empty() || to.start().starts_with('/')
}
