//! What the filters of a route decide, by data alone: the proxy and `explain` call the same functions.
//!
//! A route holds its filters as data (`model::Filter`), in the order in which they apply. A decision sees a request
//! through [`RequestView`] and says what follows through [`Verdict`]. Nothing here knows sockets, time, tables or
//! upstreams. A route without filters costs one comparison.

mod affinity;
mod answer_urls;
mod auth;
mod basic_auth;
mod body_size;
mod canary;
mod change;
mod cookies;
mod cors;
mod errors;
mod escape;
mod head_edit;
mod hsts;
mod https_redirect;
mod limits;
mod meter;
mod method;
mod mirror;
mod nginx_fields;
mod predicates;
mod question;
mod redirect;
mod rewrite;
mod sources;
mod template;
mod verdict;
mod view;

pub use affinity::side;
pub use auth::called;
pub use basic_auth::answered;
pub use body_size::{BodyTooLarge, body_size};
pub use canary::canary;
pub use change::{RequestChange, Session};
pub use cors::origin;
pub use errors::{ErrorFacts, error_pages, replaces, tell};
pub use head_edit::{FieldName, Fields, HeadEdit};
pub use https_redirect::{NotRedirected, not_redirected};
pub use meter::{Beyond, Meter, Uncounted};
pub use method::is_routable;
pub use mirror::mirror;
pub use predicates::holds;
pub use question::{AuthCookies, AuthReply, Question};
pub use verdict::{Ask, Response, Verdict};
pub use view::{RequestView, ResponseView, is_https};

use crate::model::{Affinity, Filter, Location, Template, Variable};

/// Lets a request pass the filters of its route, one after the other, up to the first that does not let it continue. `change`
/// takes what they change of it.
pub fn request<'f>(filters: &'f [Filter], request: &RequestView<'_>, change: &mut RequestChange) -> Verdict<'f> {
    for filter in filters {
        let verdict = match filter {
            Filter::AppRoot(path) => redirect::app_root(filter, path, request),
            Filter::Cors(cors) => cors::request(filter, cors, request),
            Filter::Redirect(to) => redirect::request(filter, to, request),
            Filter::Rewrite(to) => rewrite::request(filter, to, request, change),
            Filter::HttpsRedirect(when, url) => https_redirect::request(filter, *when, *url, request),
            Filter::AnswerUrls(_) | Filter::Hsts(_) => Verdict::Continue,
            Filter::NginxFields => {
                nginx_fields::request(request, change);
                Verdict::Continue
            }
            Filter::Mirror(mirror) => {
                mirror::request(mirror, request, change);
                Verdict::Continue
            }
            Filter::Affinity(affinity) => {
                affinity::request(affinity, request, change);
                Verdict::Continue
            }
            Filter::Limits(limits) => limits::request(filter, limits, request),
            Filter::Sources(sources) => sources::request(filter, sources, request),
            Filter::BasicAuth(auth) => basic_auth::request(filter, auth, request, change),
            Filter::Auth(auth) => auth::request(filter, auth, request),
            Filter::Errors(_) => Verdict::Continue,
        };
        match verdict {
            Verdict::Continue => {}
            Verdict::Respond(_) | Verdict::Ask(_) | Verdict::Call(_) => return verdict,
        }
    }
    Verdict::Continue
}

/// Lets an answer pass the filters of its route, which edit its head. Answers of ours pass them too.
pub fn response(filters: &[Filter], response: &ResponseView<'_>, edit: &mut HeadEdit) {
    for filter in filters {
        match filter {
            Filter::Cors(cors) => cors::response(cors, response, edit),
            Filter::AnswerUrls(answer_urls) => answer_urls::response(answer_urls, response, edit),
            Filter::Hsts(hsts) => hsts::response(hsts, response, edit),
            Filter::Affinity(affinity) => affinity::response(affinity, response, edit),
            Filter::AppRoot(_)
            | Filter::Redirect(_)
            | Filter::Rewrite(_)
            | Filter::HttpsRedirect(..)
            | Filter::NginxFields
            | Filter::Limits(_)
            | Filter::Sources(_)
            | Filter::BasicAuth(_)
            | Filter::Mirror(_)
            | Filter::Auth(_)
            | Filter::Errors(_) => {}
        }
    }
}

/// Whether a filter looks at the address of the client.
pub fn asks_for_client(filters: &[Filter]) -> bool {
    let asks = |filter: &Filter| {
        matches!(filter, Filter::Limits(_) | Filter::Sources(_) | Filter::BasicAuth(_))
            || has_variable(filter, &Variable::RemoteAddress)
    };
    filters.iter().any(asks)
}

/// Whether a filter looks at the decoded path.
pub fn asks_for_path(filters: &[Filter]) -> bool {
    let asks = |filter: &Filter| matches!(filter, Filter::Rewrite(_)) || has_variable(filter, &Variable::Uri);
    filters.iter().any(asks)
}

/// Whether a filter needs a number that nobody can guess.
pub fn asks_for_random(filters: &[Filter]) -> bool {
    filters.iter().any(|filter| matches!(filter, Filter::Affinity(_)))
}

/// The filters behind one of them.
pub fn behind<'f>(filters: &'f [Filter], filter: &Filter) -> &'f [Filter] {
    let at = filters.iter().position(|known| std::ptr::eq(known, filter));
    &filters[at.expect("a filter that asks is one of these") + 1..]
}

/// Whether a template of a filter has this variable.
fn has_variable(filter: &Filter, variable: &Variable) -> bool {
    let has = |template: &Template| template.has(variable);
    let may_have = |template: &Option<Template>| template.as_ref().is_some_and(has);
    match filter {
        Filter::Redirect(to) => match &to.location {
            Location::Fixed(template) | Location::OnHost { path: template, port: _ } => has(template),
            Location::OtherHost(_) => false,
        },
        Filter::Rewrite(to) => has(&to.path) || may_have(&to.query) || may_have(&to.prefix),
        Filter::Affinity(affinity) => match &**affinity {
            Affinity::Text { text, among: _ } => has(text),
            Affinity::Cookie(_) => false,
        },
        Filter::Auth(auth) => auth::templates(auth).any(has),
        Filter::Mirror(mirror) => has(&mirror.target),
        Filter::AppRoot(_)
        | Filter::Cors(_)
        | Filter::HttpsRedirect(..)
        | Filter::AnswerUrls(_)
        | Filter::Hsts(_)
        | Filter::NginxFields
        | Filter::Limits(_)
        | Filter::Sources(_)
        | Filter::BasicAuth(_)
        | Filter::Errors(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Captures, Filters, HttpsRedirect, HttpsUrl, Redirect, RedirectKind, Sources};

    #[test]
    fn the_clients_address_and_the_decoded_path_are_asked_for_only_where_they_matter() {
        let redirect = |to: &str| {
            let location = Location::Fixed(Template::parse(to, Captures::Refused).unwrap());
            Filter::Redirect(Arc::new(Redirect { kind: RedirectKind::Permanent, status: 301, location }))
        };
        let https = || Filter::HttpsRedirect(HttpsRedirect::Always, HttpsUrl::default());
        let sources = || Filter::Sources(Arc::new(Sources::Unreadable));
        for (filters, client, path) in [
            (vec![], false, false),
            (vec![https()], false, false),
            (vec![https(), sources()], true, false),
            (vec![redirect("https://b/$host")], false, false),
            (vec![redirect("https://b/$remote_addr"), https()], true, false),
            (vec![redirect("https://b$uri")], false, true),
        ] {
            let filters = Filters::new(filters);
            assert_eq!((asks_for_client(&filters), asks_for_path(&filters)), (client, path), "{filters:?}");
        }
    }
}
