//! What filters have to know of a request, found out once: most requests pay for nothing but the redirect to https.

use super::affinity::Affinity;
use super::cors::Origins;
use super::field_edits::FieldEdit;
use super::filter::{Filter, Location};
use super::rules::Rule;
use super::template::{Template, Variable};

/// What the filters of a route have to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Needs {
    /// Whether there is any filter but the redirect to https.
    pub more: bool,
    /// The address of the client.
    pub client: bool,
    /// The decoded path.
    pub path: bool,
    /// A number that nobody can guess.
    pub random: bool,
    /// The origin of the page that asks.
    pub origin: bool,
    /// The answer.
    pub answer: bool,
    /// What requests say for what is rewritten of URLs in answers.
    pub url_values: bool,
    /// The certificate of the client, which is asked for in the handshake of its connection.
    pub certificate: bool,
}

impl Needs {
    /// Those of all these filters.
    pub(super) fn of(filters: &[Filter]) -> Self {
        filters.iter().map(Filter::needs).fold(Self::default(), |one, other| Self {
            more: one.more | other.more,
            client: one.client | other.client,
            path: one.path | other.path,
            random: one.random | other.random,
            origin: one.origin | other.origin,
            answer: one.answer | other.answer,
            url_values: one.url_values | other.url_values,
            certificate: one.certificate | other.certificate,
        })
    }
}

impl Filter {
    fn needs(&self) -> Needs {
        let has = |variable: &Variable| self.has(variable);
        let usual =
            Needs { more: true, client: has(&Variable::RemoteAddress), path: has(&Variable::Uri), ..Needs::default() };
        match self {
            Self::HttpsRedirect(..) => Needs::default(),
            Self::ClientAuth(auth) => Needs { certificate: auth.asked_of().is_some(), ..usual },
            Self::AppRoot(_) | Self::Redirect(_) | Self::NginxFields => usual,
            Self::Cors(cors) => Needs { origin: matches!(cors.origins, Origins::Listed(_)), answer: true, ..usual },
            Self::Rewrite(_) => Needs { path: true, ..usual },
            Self::Rules(rules) => Needs { path: usual.path || rules.listed().iter().any(Rule::asks_for_path), ..usual },
            Self::RequestFields(_) | Self::PodHost(_) | Self::Mirror(_) | Self::Errors(_) => usual,
            Self::Auth(auth) => Needs { client: usual.client || auth.looks_at_client(), ..usual },
            Self::ResponseFields(_) => Needs { answer: true, ..usual },
            Self::AnswerUrls(urls) => Needs {
                answer: true,
                url_values: urls.of_request() > 0,
                path: usual.path || urls.has_captures(),
                ..usual
            },
            Self::Hsts(_) => Needs { answer: true, ..usual },
            Self::Affinity(_) => Needs { random: true, answer: true, ..usual },
            Self::Limits(_) | Self::Sources(_) | Self::BasicAuth(_) => Needs { client: true, ..usual },
        }
    }

    /// Whether a template of it has a variable.
    fn has(&self, variable: &Variable) -> bool {
        let in_any =
            |templates: &[Option<&Template>]| templates.iter().flatten().any(|template| template.has(variable));
        match self {
            Self::Rules(rules) => rules.listed().iter().any(|rule| rule.has(variable)),
            Self::RequestFields(edits) | Self::ResponseFields(edits) => {
                edits.iter().filter_map(FieldEdit::value).any(|template| template.has(variable))
            }
            Self::PodHost(host) => host.has(variable),
            Self::Mirror(mirror) => mirror.target.has(variable) || mirror.host.has(variable),
            Self::Auth(auth) => auth.templates().any(|template| template.has(variable)),
            Self::Redirect(to) => match &to.location {
                Location::Fixed(template) | Location::OnHost { path: template, port: _ } => template.has(variable),
                Location::OtherHost(_) => false,
            },
            Self::Rewrite(to) => in_any(&[Some(&to.path), to.query.as_ref(), to.prefix.as_ref()]),
            Self::ClientAuth(auth) => in_any(&[auth.rule().and_then(|rule| rule.error_page.as_ref())]),
            Self::Affinity(affinity) => match &**affinity {
                Affinity::Text { text, among: _, empty: _ } => text.has(variable),
                Affinity::Cookie(_) => false,
            },
            Self::AnswerUrls(urls) => urls.has(variable),
            Self::AppRoot(_)
            | Self::Cors(_)
            | Self::HttpsRedirect(..)
            | Self::Hsts(_)
            | Self::NginxFields
            | Self::Limits(_)
            | Self::Sources(_)
            | Self::BasicAuth(_)
            | Self::Errors(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{
        AnswerUrls, Captures, Filters, HttpsRedirect, HttpsUrl, Redirect, RedirectKind, Replacement, Sought, Sources,
    };

    #[test]
    fn each_thing_is_needed_only_where_a_filter_looks_at_it() {
        let redirect = |to: &str| {
            let location = Location::Fixed(Template::parse(to, Captures::Refused).unwrap());
            Filter::Redirect(Arc::new(Redirect { kind: RedirectKind::Permanent, status: 301, location }))
        };
        let https = || Filter::HttpsRedirect(HttpsRedirect::Always, HttpsUrl::default());
        let sources = || Filter::Sources(Arc::new(Sources::Unreadable));
        let more = Needs { more: true, ..Needs::default() };
        let cookie_path = |to: &str| {
            let to = Template::parse(to, Captures::Allowed).unwrap();
            let cookie_path = Some(Replacement { from: Sought::Text(Template::plain("/")), to });
            Filter::AnswerUrls(Arc::new(AnswerUrls { cookie_path, ..AnswerUrls::default() }))
        };
        let kept = Needs { answer: true, url_values: true, ..more };
        for (filters, expected) in [
            (vec![], Needs::default()),
            (vec![https()], Needs::default()),
            (vec![https(), sources()], Needs { client: true, ..more }),
            (vec![redirect("https://b/$host")], more),
            (vec![redirect("https://b/$remote_addr"), https()], Needs { client: true, ..more }),
            (vec![redirect("https://b$uri")], Needs { path: true, ..more }),
            (vec![cookie_path("/x")], Needs { answer: true, ..more }),
            (vec![cookie_path("/$host")], kept),
            (vec![cookie_path("/$1")], Needs { path: true, ..kept }),
        ] {
            assert_eq!(Filters::new(filters.clone()).needs(), expected, "{filters:?}");
        }
    }
}
