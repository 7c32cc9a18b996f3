//! How much each client may ask for.

use std::num::NonZeroU32;

use super::super::ingress_nginx::{networks, sources as source_lists};
use super::super::limit_options::Limit;
use super::super::table::{Annotation, Verdict};
use super::super::value::{Value, number};
use super::{INGRESS, row};
use crate::model::Networks;

/// By key.
pub(super) const ROWS: [Annotation; 5] = [
    row(
        "rate-limit-period",
        Value::HaproxyTime(|draft, time| draft.options.of_rare().limits.window = Some(time)),
        "`1s`",
        INGRESS,
        Verdict::Exact,
        "The time in which `rate-limit-requests` may come.",
    ),
    row(
        "rate-limit-requests",
        Value::Text {
            values: "a whole number, `1` or more",
            read: |draft, text, _| {
                let limit = match number(text).and_then(NonZeroU32::new) {
                    Some(requests) => Limit::Requests(Some(requests)),
                    None => {
                        draft.is_unreadable(
                            "is no number of requests, so nobody is served: all requests are answered with 503",
                            "Use a whole number above zero",
                        );
                        Limit::Unreadable
                    }
                };
                let limits = &mut draft.options.of_rare().limits;
                (limits.per_second, limits.is_window) = (Some(limit), Some(true));
                Some(())
            },
        },
        "no limit",
        INGRESS,
        Verdict::Different(
            "requests that are refused do not count, so a client that goes on is served at its rate; each Ingress and each replica counts \
             by itself; IPv6 clients count by their /64",
        ),
        "Requests that a client may send in `rate-limit-period`; more are answered with 403. So many may come at once, and as they leave\n\
         the period others may. The client is the one that `allow-list` looks at. A value that cannot be read lets nobody in: 503.",
    ),
    row(
        "rate-limit-size",
        Value::Text { values: "a number, perhaps with `k`, `m` or `g`", read: |_, _, _| Some(()) },
        "`100k`",
        INGRESS,
        Verdict::NoEffect("262,144 clients of all Ingresses together are remembered"),
        "How many clients are remembered.",
    ),
    row(
        "rate-limit-status-code",
        Value::Text {
            values: "`400` to `599`",
            read: |draft, text, _| {
                let status = number(text).filter(|status| (400..=599).contains(status))?;
                draft.options.of_rare().limits.status = Some(status);
                Some(())
            },
        },
        "`403`",
        INGRESS,
        Verdict::Exact,
        "The status of requests beyond `rate-limit-requests`.",
    ),
    row(
        "rate-limit-whitelist",
        Value::Text {
            values: source_lists::VALUES,
            read: |draft, text, _| {
                match networks(text) {
                    Some(networks) => draft.options.of_rare().limits.exempt = Some(Networks::new(networks)),
                    None => draft.is_unreadable(
                        "is no list of addresses and networks, so the limit holds for all clients",
                        "Use addresses and networks with commas between, such as 10.0.0.0/8,192.0.2.1",
                    ),
                }
                Some(())
            },
        },
        "the limit holds for all clients",
        INGRESS,
        Verdict::Bounded("a pattern file (`patterns/…`) is not read: the limit holds for all clients"),
        "Clients for whom `rate-limit-requests` does not hold.",
    ),
];
