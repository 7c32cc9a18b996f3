//! What the filters of a route decide, by data alone: the proxy and `explain` call the same functions.
//!
//! A route holds its filters as data (`model::Filter`), in the order in which they apply. A decision sees a request
//! through [`RequestView`] and says what follows through [`Verdict`]. Nothing here knows sockets, time, tables or
//! upstreams. A route without filters costs one comparison.

mod body_size;
mod cors;
mod head_edit;
mod https_redirect;
mod limits;
mod meter;
mod method;
mod predicates;
mod redirect;
mod rewrites;
mod sources;
mod verdict;
mod view;

pub use body_size::{BodyTooLarge, body_size};
pub use cors::origin;
pub use head_edit::{FieldName, Fields, HeadEdit};
pub use https_redirect::{NotRedirected, not_redirected};
pub use meter::{Beyond, Meter, Uncounted};
pub use method::is_routable;
pub use predicates::holds;
pub use sources::asks_for_client;
pub use verdict::{Response, Verdict};
pub use view::{RequestView, ResponseView, is_https};

use crate::model::Filter;

/// Lets a request pass the filters of its route, one after the other, up to the first that does not let it continue.
pub fn request<'f>(filters: &'f [Filter], request: &RequestView<'_>) -> Verdict<'f> {
    for filter in filters {
        let verdict = match filter {
            Filter::AppRoot(path) => redirect::app_root(filter, path, request),
            Filter::Cors(cors) => cors::request(filter, cors, request),
            Filter::Redirect(to) => redirect::request(filter, to, request),
            Filter::HttpsRedirect(when, url) => https_redirect::request(filter, *when, *url, request),
            Filter::Rewrites(_) => Verdict::Continue,
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
            Filter::Rewrites(rewrites) => rewrites::response(rewrites, response, edit),
            Filter::AppRoot(_)
            | Filter::Redirect(_)
            | Filter::HttpsRedirect(..)
            | Filter::Limits(_)
            | Filter::Sources(_) => {}
        }
    }
}
