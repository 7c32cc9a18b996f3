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
mod client_auth;
mod condition;
mod cookies;
mod cors;
mod errors;
mod escape;
mod fields;
mod head_edit;
mod hsts;
mod https_redirect;
mod identity;
mod limits;
mod meter;
mod method;
mod mirror;
mod nginx_fields;
mod pod_host;
mod predicates;
mod question;
mod redirect;
mod replacement;
mod rewrite;
mod rules;
mod sources;
mod spellings;
mod template;
mod verdict;
mod view;

pub use affinity::side;
pub use answer_urls::url_values;
pub use auth::called;
pub use basic_auth::{answered, user};
pub use body_size::{BodyTooLarge, body_size};
pub use canary::canary;
pub use change::{RequestChange, Session};
pub use client_auth::tell_beside;
pub use condition::Circumstances;
pub use cors::origin;
pub use errors::{ErrorFacts, error_pages, intercepts, replaces, replaces_own, tell};
pub use fields::values;
pub use head_edit::{FieldName, Fields, HeadEdit};
pub use https_redirect::{NotRedirected, not_redirected};
pub use identity::{Assumed, ClientIdentity, Presented, ShownCertificate};
pub use meter::{Beyond, Meter, Uncounted};
pub use method::is_routable;
pub use mirror::{copied, mirror};
pub use predicates::holds;
pub use question::{AuthCookies, AuthReply, Question};
pub use template::value;
pub use verdict::{Ask, Response, Verdict};
pub use view::{RequestView, ResponseView, is_https};

use crate::model::Filter;

/// Lets a request pass the filters of its route, one after the other, up to the first that does not let it continue. `change`
/// takes what they change of it.
pub fn request<'f>(filters: &'f [Filter], request: &RequestView<'_>, change: &mut RequestChange) -> Verdict<'f> {
    for filter in filters {
        let verdict = match filter {
            Filter::ClientAuth(auth) => client_auth::request((filter, filters), auth, request, change),
            Filter::Rules(rules) => rules::request(filter, rules, request),
            Filter::AppRoot(path) => redirect::app_root(filter, path, request),
            Filter::Cors(cors) => cors::request(filter, cors, request),
            Filter::Redirect(to) => redirect::request(filter, to, request),
            Filter::Rewrite(to) => rewrite::request(filter, to, request, change),
            Filter::HttpsRedirect(when, url) => https_redirect::request(filter, *when, *url, request),
            Filter::AnswerUrls(_) | Filter::Hsts(_) | Filter::ResponseFields(_) => Verdict::Continue,
            Filter::NginxFields => {
                nginx_fields::request(request, change);
                Verdict::Continue
            }
            Filter::RequestFields(edits) => {
                fields::request(edits, request, change);
                Verdict::Continue
            }
            Filter::PodHost(host) => pod_host::request(filter, host, request, change),
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
            Filter::Auth(auth) => auth::request(filter, auth, request, change),
            Filter::Errors(_) => Verdict::Continue,
        };
        match verdict {
            Verdict::Continue => {}
            Verdict::Respond(_) | Verdict::Ask(_) | Verdict::Call(_) => return verdict,
        }
    }
    Verdict::Continue
}

/// The same where no filter is any other than the redirect to https (`Needs::more`).
pub fn only_https<'f>(filters: &'f [Filter], request: &RequestView<'_>) -> Verdict<'f> {
    for filter in filters {
        if let Filter::HttpsRedirect(when, url) = filter {
            return https_redirect::request(filter, *when, *url, request);
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
            Filter::ResponseFields(edits) => fields::response(edits, response, edit),
            Filter::Affinity(affinity) => affinity::response(affinity, response, edit),
            Filter::ClientAuth(_)
            | Filter::Rules(_)
            | Filter::RequestFields(_)
            | Filter::PodHost(_)
            | Filter::AppRoot(_)
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

/// The filters behind one of them.
pub fn behind<'f>(filters: &'f [Filter], filter: &Filter) -> &'f [Filter] {
    let at = filters.iter().position(|known| std::ptr::eq(known, filter));
    &filters[at.expect("a filter that asks is one of these") + 1..]
}
