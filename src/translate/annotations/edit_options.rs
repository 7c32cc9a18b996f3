//! What annotations can set of the fields of heads, and of requests that are answered at once.

use std::sync::Arc;

use crate::model::{FieldEdit, ObjectName, Rule, Rules, RulesBy, Sources};

use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct EditOptions {
    /// Fields of what pods get.
    pub(super) request: Option<Box<[FieldEdit]>>,
    /// Fields of what clients get.
    pub(super) response: Option<Box<[FieldEdit]>>,
    /// The ConfigMap with fields of what clients get.
    pub(super) custom: Option<CustomHeaders>,
    /// Paths that are refused.
    pub(super) denied: Option<Rules>,
    /// Paths that are elsewhere.
    pub(super) redirects: Option<Box<[Rule]>>,
    /// What the snippet for the locations of the object comes to.
    pub(super) of_location: Option<SnippetOptions>,
    /// What the snippet for the servers of the object's hosts comes to.
    pub(super) of_server: Option<SnippetOptions>,
    /// Whether nobody is served, as there is no ModSecurity.
    pub(super) lacks_waf: Option<bool>,
}

/// A ConfigMap with fields of what clients get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CustomHeaders {
    /// This one.
    Named(ObjectName),
    /// It cannot be named: nobody is served.
    Unusable,
}

/// What a snippet of nginx's configuration comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SnippetOptions {
    /// It restricts access, or may do so, in a way that is not known: nobody is served.
    Closed,
    /// This.
    Known(Box<Translated>),
}

/// What a snippet sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Translated {
    /// Fields of what pods get.
    pub(super) request: Vec<FieldEdit>,
    /// Fields of what clients get.
    pub(super) response: Vec<FieldEdit>,
    /// Requests that are answered at once.
    pub(super) rules: Vec<Rule>,
    /// Who is served.
    pub(super) sources: Option<Sources>,
}

impl EditOptions {
    /// Which requests are answered at once; `None`: none. What is refused comes first.
    pub(crate) fn rules(&self) -> Option<Rules> {
        if self.lacks_waf == Some(true) {
            return Some(Rules::Closed(RulesBy::Waf));
        }
        let mut rules = Vec::new();
        match &self.denied {
            Some(Rules::Closed(by)) => return Some(Rules::Closed(*by)),
            Some(Rules::Listed(denied)) => rules.extend_from_slice(denied),
            None => {}
        }
        rules.extend(self.redirects.iter().flatten().cloned());
        for snippet in [&self.of_server, &self.of_location].into_iter().flatten() {
            match snippet {
                SnippetOptions::Closed => return Some(Rules::Closed(RulesBy::Snippet)),
                SnippetOptions::Known(known) => rules.extend_from_slice(&known.rules),
            }
        }
        (!rules.is_empty()).then(|| Rules::Listed(rules.into()))
    }

    /// Fields of what pods get, behind these; `None`: they stay as they are. Our own annotation has the last word.
    pub(crate) fn request_fields<'a>(
        &'a self,
        first: impl IntoIterator<Item = &'a FieldEdit>,
    ) -> Option<Arc<[FieldEdit]>> {
        let of_snippets = self.known().flat_map(|known| &known.request);
        all(first.into_iter().chain(of_snippets).chain(self.request.iter().flatten()))
    }

    /// The ConfigMap with fields of what clients get.
    pub(crate) fn custom_headers(&self) -> Option<&CustomHeaders> {
        self.custom.as_ref()
    }

    /// Fields of what clients get, behind these.
    pub(crate) fn response_fields<'a>(
        &'a self,
        first: impl IntoIterator<Item = &'a FieldEdit>,
    ) -> Option<Arc<[FieldEdit]>> {
        let of_snippets = self.known().flat_map(|known| &known.response);
        all(first.into_iter().chain(of_snippets).chain(self.response.iter().flatten()))
    }

    /// Who is served, as snippets say.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Sources> {
        self.known().filter_map(|known| known.sources.clone())
    }

    fn known(&self) -> impl Iterator<Item = &Translated> {
        let snippets = [&self.of_server, &self.of_location].into_iter().flatten();
        snippets.filter_map(|snippet| match snippet {
            SnippetOptions::Closed => None,
            SnippetOptions::Known(known) => Some(&**known),
        })
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { request, response, custom, denied, redirects, of_location, of_server, lacks_waf } = other;
        let differs = [
            take_over(&mut self.request, request),
            take_over(&mut self.response, response),
            take_over(&mut self.custom, custom),
            take_over(&mut self.denied, denied),
            take_over(&mut self.redirects, redirects),
            take_over(&mut self.of_location, of_location),
            take_over(&mut self.of_server, of_server),
            take_over(&mut self.lacks_waf, lacks_waf),
        ];
        differs.contains(&true)
    }
}

fn all<'a>(edits: impl Iterator<Item = &'a FieldEdit>) -> Option<Arc<[FieldEdit]>> {
    let edits: Arc<[_]> = edits.cloned().collect();
    (!edits.is_empty()).then_some(edits)
}
