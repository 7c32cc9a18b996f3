//! Who a route is for, by the client's address (nginx `deny` and `allow`).

use super::verdict::{Response, Verdict};
use super::view::RequestView;
use crate::model::{Filter, Sources};

pub(super) fn request<'f>(filter: &'f Filter, sources: &Sources, request: &RequestView<'_>) -> Verdict<'f> {
    match sources {
        Sources::Unreadable => refuse(filter, 503, "it is not known who this may be served to"),
        Sources::Lists { denied, allowed } => {
            let is_served =
                |client| !denied.contains(client) && allowed.as_ref().is_none_or(|allowed| allowed.contains(client));
            if request.client.is_some_and(is_served) {
                Verdict::Continue
            } else {
                refuse(filter, 403, "this is not served to your address")
            }
        }
    }
}

fn refuse<'f>(by: &'f Filter, status: u16, text: &'static str) -> Verdict<'f> {
    Verdict::Respond(Box::new(Response { by, status, fields: Vec::new(), text, body: None }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::RequestChange;
    use crate::filter::view::tests::with_view;
    use crate::model::Networks;

    fn networks(text: &str) -> Networks {
        Networks::new(text.split_whitespace().map(|network| network.parse().unwrap()).collect())
    }

    fn lists(denied: &str, allowed: Option<&str>) -> Sources {
        Sources::Lists { denied: networks(denied), allowed: allowed.map(networks) }
    }

    /// The status that a client gets; `None` where it is served.
    fn status(sources: Sources, client: Option<&str>) -> Option<u16> {
        let filter = Filter::Sources(Arc::new(sources));
        with_view(&["GET / HTTP/1.1", "Host: a"], |view| {
            let view = RequestView { client: client.map(|client| client.parse().unwrap()), ..view };
            match crate::filter::request(std::slice::from_ref(&filter), &view, &mut RequestChange::default()) {
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => None,
                Verdict::Respond(response) => Some(response.status),
            }
        })
    }

    #[test]
    fn nginx_k1_the_deny_list_comes_first_then_the_allow_list_then_403() {
        let both = || lists("10.0.0.0/24", Some("10.0.0.0/8"));
        for (sources, client, expected) in [
            (lists("", Some("10.0.0.0/8")), "10.1.1.1", None),
            (lists("", Some("10.0.0.0/8")), "11.1.1.1", Some(403)),
            (lists("", Some("10.0.0.0/8")), "::ffff:10.1.1.1", None),
            (lists("", Some("10.0.0.0/8")), "::1", Some(403)),
            (lists("10.0.0.0/24", None), "10.0.0.1", Some(403)),
            (lists("10.0.0.0/24", None), "10.0.1.1", None),
            (both(), "10.0.0.1", Some(403)),
            (both(), "10.0.1.1", None),
            (both(), "11.0.0.1", Some(403)),
        ] {
            assert_eq!(status(sources.clone(), Some(client)), expected, "{sources:?} {client}");
        }
    }

    #[test]
    fn nginx_k2_a_list_that_cannot_be_read_and_a_client_that_is_not_known_are_refused() {
        assert_eq!(status(Sources::Unreadable, Some("10.0.0.1")), Some(503));
        assert_eq!(status(lists("", None), None), Some(403));
    }
}
