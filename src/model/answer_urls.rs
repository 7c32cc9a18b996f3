//! What is rewritten of what pods say about where they are, as data.

use std::fmt;

use super::client_port::ClientPort;
use super::pattern::Pattern;
use super::template::{Part, Template, Variable};

/// Which parts of pods' answers are rewritten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnswerUrls {
    /// URLs in `Location` and `Refresh`, by their beginning.
    pub location: Option<Replacement>,
    /// How a `Location` that was rewritten to a path becomes a URL of the scheme and host of the request; `None`: it stays a path.
    pub base: Option<ClientPort>,
    /// The domain of cookies, as a whole and in any case.
    pub cookie_domain: Option<Replacement>,
    /// The beginning of the path of cookies.
    pub cookie_path: Option<Replacement>,
}

/// A text that takes the place of another one. What an author wrote of both is visible, or a space in the midst of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Replacement {
    /// What is replaced.
    pub from: Sought,
    /// What stands there instead.
    pub to: Template,
}

/// What a text must have to be replaced.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sought {
    /// This text.
    Text(Template),
    /// Anything that this matches. Groups of it are captures of the replacement, and all of the text is replaced.
    Pattern(Pattern),
}

impl AnswerUrls {
    /// The replacements, in the order in which what requests say for them is kept.
    pub fn replacements(&self) -> impl Iterator<Item = &Replacement> {
        let Self { location, base: _, cookie_domain, cookie_path } = self;
        [location, cookie_domain, cookie_path].into_iter().flatten()
    }

    /// How much of it a request must say.
    pub fn of_request(&self) -> usize {
        let variables: usize = self.replacements().map(|replacement| replacement.of_request().count()).sum();
        variables + usize::from(self.base.is_some())
    }

    /// Whether a text in it has a variable that requests give.
    pub fn has(&self, variable: &Variable) -> bool {
        self.replacements().flat_map(Replacement::of_request).any(|known| known == variable)
    }

    /// Whether a text in it has what the path's pattern matches.
    pub fn has_captures(&self) -> bool {
        let mut variables = self.replacements().flat_map(Replacement::of_request);
        variables.any(|variable| matches!(variable, Variable::Capture(_)))
    }
}

impl Replacement {
    /// The variables that the request gives, in order: first those of what is replaced. Groups of a pattern are none.
    pub fn of_request(&self) -> impl Iterator<Item = &Variable> {
        let (from, is_pattern) = match &self.from {
            Sought::Text(from) => (from.parts(), false),
            Sought::Pattern(_) => (&[][..], true),
        };
        from.iter().chain(self.to.parts()).filter_map(move |part| match part {
            Part::Variable(Variable::Capture(_)) if is_pattern => None,
            Part::Variable(variable) => Some(variable),
            Part::Text(_) => None,
        })
    }
}

/// As an author may write it.
impl fmt::Display for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Pattern(pattern) => write!(f, "~{}{}", if pattern.ignores_case() { "*" } else { "" }, pattern.text()),
        }
    }
}

impl fmt::Debug for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Captures;

    #[test]
    fn groups_of_a_pattern_are_no_part_of_what_requests_say() {
        let template = |text| Template::parse(text, Captures::Allowed).unwrap();
        let pattern = Sought::Pattern(Pattern::of_values(&"^(.+)$".into()).unwrap());
        let text = |text| Sought::Text(template(text));
        for (from, to, expected) in [
            (text("a"), "b", vec![]),
            (text("$host"), "$1$scheme", vec![Variable::Host, Variable::Capture(1), Variable::Scheme]),
            (pattern.clone(), "$1$scheme", vec![Variable::Scheme]),
            (pattern, "$1$2", vec![]),
        ] {
            let replacement = Replacement { from, to: template(to) };
            assert_eq!(replacement.of_request().cloned().collect::<Vec<_>>(), expected, "{replacement:?}");
        }
    }
}
