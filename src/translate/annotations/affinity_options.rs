//! What annotations can set of which requests go to the same endpoint.

use std::sync::Arc;

use crate::model::{Affinity, AffinityMode, Captures, EmptyText, SameSite, Scripts, SessionCookie, Template};

use super::answer_options::Switch;
use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct AffinityOptions {
    /// The text by which requests go to the same endpoint.
    pub(super) text: Option<Switch<HashText>>,
    /// Whether they are spread over several ones.
    pub(super) by_subset: Option<bool>,
    /// Over how many.
    pub(super) subset: Option<u32>,
    /// Whether a cookie leads to the endpoint.
    pub(super) by_cookie: Option<bool>,
    /// Whether endpoints that come take over clients.
    pub(super) mode: Option<AffinityMode>,
    /// Name of the cookie.
    pub(super) name: Option<Arc<str>>,
    /// Its `Path`.
    pub(super) path: Option<Arc<str>>,
    /// Its `Domain`.
    pub(super) domain: Option<Arc<str>>,
    /// When it expires, in seconds from now.
    pub(super) expires: Option<u64>,
    /// Its `Max-Age`, seconds.
    pub(super) max_age: Option<u64>,
    /// Its `SameSite`.
    pub(super) same_site: Option<SameSite>,
    /// Whether browsers that misunderstand `SameSite=None` are told nothing.
    pub(super) is_conditional: Option<bool>,
    /// Whether it is for https alone.
    pub(super) secure: Option<bool>,
    /// Whether scripts of pages may see it.
    pub(super) scripts: Option<Scripts>,
    /// Whether a client goes to another endpoint when its own fails.
    pub(super) moves_on_failure: Option<bool>,
}

/// A text by which requests go to the same endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HashText {
    /// The text.
    pub(super) text: Template,
    /// Where requests go for which it is empty.
    pub(super) empty: EmptyText,
}

impl HashText {
    /// A text with variables.
    pub(super) fn parse(text: &str, empty: EmptyText) -> Option<Self> {
        Some(Self { text: Template::parse(text, Captures::Refused).ok()?, empty })
    }

    /// The value of a header field. Requests without it go anywhere.
    pub(super) fn of_field(name: &str) -> Option<Self> {
        Self::of_named("http", &name.to_ascii_lowercase().replace('-', "_"))
    }

    /// The value of a variable with a name of its own. Requests without it go anywhere.
    pub(super) fn of_named(kind: &str, name: &str) -> Option<Self> {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_name = (1..=128).contains(&name.len()) && name.bytes().all(is_of_name);
        if is_name { Self::parse(&format!("${{{kind}_{name}}}"), EmptyText::Anywhere) } else { None }
    }
}

/// How many endpoints a subset has where nothing is said.
const SUBSET: u32 = 3;

impl AffinityOptions {
    /// Which requests go to the same endpoint; `None`: it does not matter. A cookie wins over a text.
    pub(crate) fn rule(&self) -> Option<Affinity> {
        if self.by_cookie == Some(true) {
            return Some(Affinity::Cookie(self.cookie()));
        }
        let among = if self.by_subset == Some(true) { self.subset.unwrap_or(SUBSET).max(1) } else { 1 };
        let HashText { text, empty } = Switch::on(&self.text)?;
        Some(Affinity::Text { text, among: among as usize, empty })
    }

    fn cookie(&self) -> SessionCookie {
        let same_site = self.same_site.map(|same_site| match same_site {
            SameSite::None { .. } => SameSite::None { is_conditional: self.is_conditional == Some(true) },
            same_site @ (SameSite::Strict | SameSite::Lax) => same_site,
        });
        SessionCookie {
            name: self.name.clone().unwrap_or_else(|| "INGRESSCOOKIE".into()),
            // Who stays with a pod mostly does so at all paths.
            path: self.path.clone().or_else(|| (self.mode == Some(AffinityMode::OfPod)).then(|| "/".into())),
            domain: self.domain.clone(),
            expires: self.expires,
            max_age: self.max_age,
            same_site,
            secure: self.secure,
            scripts: self.scripts.unwrap_or_default(),
            mode: self.mode.unwrap_or_default(),
            moves_on_failure: self.moves_on_failure == Some(true),
        }
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { text, by_subset, subset, by_cookie, mode, name, path, .. } = other;
        let Self { domain, expires, max_age, same_site, is_conditional, secure, scripts, moves_on_failure, .. } = other;
        let differs = [
            take_over(&mut self.text, text),
            take_over(&mut self.by_subset, by_subset),
            take_over(&mut self.subset, subset),
            take_over(&mut self.by_cookie, by_cookie),
            take_over(&mut self.mode, mode),
            take_over(&mut self.name, name),
            take_over(&mut self.path, path),
            take_over(&mut self.domain, domain),
            take_over(&mut self.expires, expires),
            take_over(&mut self.max_age, max_age),
            take_over(&mut self.same_site, same_site),
            take_over(&mut self.is_conditional, is_conditional),
            take_over(&mut self.secure, secure),
            take_over(&mut self.scripts, scripts),
            take_over(&mut self.moves_on_failure, moves_on_failure),
        ];
        differs.contains(&true)
    }
}
