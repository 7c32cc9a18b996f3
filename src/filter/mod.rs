//! What the filters of a route decide, by data alone: the proxy and `explain` call the same functions.
//!
//! A route holds its filters as data (`model::Filter`), in the order in which they apply. A decision sees a request
//! through [`RequestView`] and says what follows through [`Verdict`]. Nothing here knows sockets, time, tables or
//! upstreams. A route without filters costs one comparison.

mod affinity;
mod answer_urls;
mod body_size;
mod canary;
mod change;
mod cookies;
mod cors;
mod escape;
mod fields;
mod head_edit;
mod https_redirect;
mod limits;
mod meter;
mod method;
mod predicates;
mod redirect;
mod rewrite;
mod rules;
mod sources;
mod spellings;
mod template;
mod verdict;
mod view;

pub use affinity::side;
pub use body_size::{BodyTooLarge, body_size};
pub use canary::canary;
pub use change::{RequestChange, Session};
pub use cors::origin;
pub use fields::values;
pub use head_edit::{FieldName, Fields, HeadEdit};
pub use https_redirect::{NotRedirected, not_redirected};
pub use meter::{Beyond, Meter, Uncounted};
pub use method::is_routable;
pub use predicates::holds;
pub use verdict::{Response, Verdict};
pub use view::{RequestView, ResponseView, is_https};

use crate::model::{Affinity, FieldEdit, Filter, Location, Rule, Template, Variable};

/// Lets a request pass the filters of its route, one after the other, up to the first that does not let it continue. `change`
/// takes what they change of it.
pub fn request<'f>(filters: &'f [Filter], request: &RequestView<'_>, change: &mut RequestChange) -> Verdict<'f> {
    for filter in filters {
        let verdict = match filter {
            Filter::Rules(rules) => rules::request(filter, rules, request),
            Filter::AppRoot(path) => redirect::app_root(filter, path, request),
            Filter::Cors(cors) => cors::request(filter, cors, request),
            Filter::Redirect(to) => redirect::request(filter, to, request),
            Filter::Rewrite(to) => rewrite::request(filter, to, request, change),
            Filter::HttpsRedirect(when, url) => https_redirect::request(filter, *when, *url, request),
            Filter::AnswerUrls(_) | Filter::ResponseFields(_) => Verdict::Continue,
            Filter::RequestFields(edits) => {
                fields::request(edits, request, change);
                Verdict::Continue
            }
            Filter::Affinity(affinity) => {
                affinity::request(affinity, request, change);
                Verdict::Continue
            }
            Filter::Limits(limits) => limits::request(filter, limits, request),
            Filter::Sources(sources) => sources::request(filter, sources, request),
        };
        match verdict {
            Verdict::Continue => {}
            Verdict::Respond(_) => return verdict,
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
            Filter::ResponseFields(edits) => fields::response(edits, response, edit),
            Filter::Affinity(affinity) => affinity::response(affinity, response, edit),
            Filter::Rules(_)
            | Filter::RequestFields(_)
            | Filter::AppRoot(_)
            | Filter::Redirect(_)
            | Filter::Rewrite(_)
            | Filter::HttpsRedirect(..)
            | Filter::Limits(_)
            | Filter::Sources(_) => {}
        }
    }
}

/// Whether a filter looks at the address of the client.
pub fn asks_for_client(filters: &[Filter]) -> bool {
    let asks = |filter: &Filter| {
        matches!(filter, Filter::Limits(_) | Filter::Sources(_)) || has(filter, &Variable::RemoteAddress)
    };
    filters.iter().any(asks)
}

/// Whether a filter looks at the decoded path.
pub fn asks_for_path(filters: &[Filter]) -> bool {
    let asks = |filter: &Filter| match filter {
        Filter::Rewrite(_) => true,
        Filter::Rules(rules) => rules.listed().iter().any(Rule::asks_for_path),
        Filter::AppRoot(_)
        | Filter::Cors(_)
        | Filter::Redirect(_)
        | Filter::HttpsRedirect(..)
        | Filter::AnswerUrls(_)
        | Filter::RequestFields(_)
        | Filter::ResponseFields(_)
        | Filter::Affinity(_)
        | Filter::Limits(_)
        | Filter::Sources(_) => has(filter, &Variable::Uri),
    };
    filters.iter().any(asks)
}

/// Whether a filter needs a number that nobody can guess.
pub fn asks_for_random(filters: &[Filter]) -> bool {
    filters.iter().any(|filter| matches!(filter, Filter::Affinity(_)))
}

/// Whether a template of a filter has a variable.
fn has(filter: &Filter, variable: &Variable) -> bool {
    let in_any = |templates: &[Option<&Template>]| templates.iter().flatten().any(|template| template.has(variable));
    match filter {
        Filter::Rules(rules) => rules.listed().iter().any(|rule| rule.has(variable)),
        Filter::RequestFields(edits) | Filter::ResponseFields(edits) => {
            edits.iter().filter_map(FieldEdit::value).any(|template| template.has(variable))
        }
        Filter::Redirect(to) => match &to.location {
            Location::Fixed(template) | Location::OnHost { path: template, port: _ } => template.has(variable),
            Location::OtherHost(_) => false,
        },
        Filter::Rewrite(to) => in_any(&[Some(&to.path), to.query.as_ref(), to.prefix.as_ref()]),
        Filter::Affinity(affinity) => match &**affinity {
            Affinity::Text { text, among: _ } => text.has(variable),
            Affinity::Cookie(_) => false,
        },
        Filter::AppRoot(_)
        | Filter::Cors(_)
        | Filter::HttpsRedirect(..)
        | Filter::AnswerUrls(_)
        | Filter::Limits(_)
        | Filter::Sources(_) => false,
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
