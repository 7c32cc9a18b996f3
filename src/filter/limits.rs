//! How much each client may ask for (nginx `limit_req` and `limit_conn`). Who counts is asked through the view's
//! [`Meter`](super::Meter).

use super::meter::Beyond;
use super::verdict::{Response, Verdict};
use super::view::RequestView;
use crate::model::{Filter, RequestLimits};

pub(super) fn request<'f>(filter: &'f Filter, limits: &RequestLimits, request: &RequestView<'_>) -> Verdict<'f> {
    let known = match limits {
        RequestLimits::Unreadable => return refuse(filter, 503, "it is not known how much this may be asked for"),
        RequestLimits::Known(known) => known,
    };
    let Some(client) = request.client else { return refuse(filter, 503, "it is not known who asks for this") };
    if known.exempt.contains(client) {
        return Verdict::Continue;
    }
    match request.meter.count(known, client) {
        Ok(()) => Verdict::Continue,
        Err(Beyond::Rate) => refuse(filter, known.statuses[0], "your address asks for this more often than it may"),
        Err(Beyond::InProgress) => {
            refuse(filter, known.statuses[1], "your address has as many requests for this in progress as it may")
        }
    }
}

fn refuse<'f>(by: &'f Filter, status: u16, text: &'static str) -> Verdict<'f> {
    Verdict::Respond(Box::new(Response { by, status, fields: Vec::new(), text, body: None }))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::IpAddr;
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use super::*;
    use crate::filter::Meter;
    use crate::filter::RequestChange;
    use crate::filter::view::tests::with_view;
    use crate::model::{KnownLimits, Networks};

    /// Counts how often it is asked, and says this each time.
    #[derive(Debug)]
    struct Asked(Cell<usize>, Result<(), Beyond>);

    impl Meter for Asked {
        fn count(&self, _: &KnownLimits, _: IpAddr) -> Result<(), Beyond> {
            self.0.set(self.0.get() + 1);
            self.1
        }
    }

    /// What a client gets where the meter says this: the status, if it is not served, and how often the meter was asked.
    fn outcome(limits: RequestLimits, client: Option<&str>, says: Result<(), Beyond>) -> (Option<u16>, usize) {
        let meter = Asked(Cell::new(0), says);
        let filter = Filter::Limits(Arc::new(limits));
        let status = with_view(&["GET / HTTP/1.1", "Host: a"], |view| {
            let view = RequestView { client: client.map(|client| client.parse().unwrap()), meter: &meter, ..view };
            match crate::filter::request(std::slice::from_ref(&filter), &view, &mut RequestChange::default()) {
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => None,
                Verdict::Respond(response) => Some(response.status),
            }
        });
        (status, meter.0.get())
    }

    fn limits() -> RequestLimits {
        let exempt = Networks::new(vec!["10.0.0.0/8".parse().unwrap()]);
        RequestLimits::Known(KnownLimits {
            rates: [None; 2],
            in_progress: NonZeroU32::new(1),
            exempt,
            statuses: [503, 429],
        })
    }

    #[test]
    fn nginx_l1_who_is_beyond_a_limit_gets_the_status_of_the_limit() {
        assert_eq!(outcome(limits(), Some("192.0.2.1"), Ok(())), (None, 1));
        for (beyond, status) in [(Beyond::Rate, 503), (Beyond::InProgress, 429)] {
            assert_eq!(outcome(limits(), Some("192.0.2.1"), Err(beyond)), (Some(status), 1));
        }
    }

    #[test]
    fn nginx_l3_exempt_clients_are_not_counted() {
        assert_eq!(outcome(limits(), Some("10.1.2.3"), Err(Beyond::Rate)), (None, 0));
        assert_eq!(outcome(limits(), Some("::ffff:10.1.2.3"), Err(Beyond::Rate)), (None, 0));
    }

    #[test]
    fn a_limit_that_cannot_be_read_and_a_client_that_is_not_known_are_refused() {
        assert_eq!(outcome(RequestLimits::Unreadable, Some("10.1.2.3"), Ok(())), (Some(503), 0));
        assert_eq!(outcome(limits(), None, Ok(())), (Some(503), 0));
    }
}
