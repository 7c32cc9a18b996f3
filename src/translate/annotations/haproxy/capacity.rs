//! How many requests a pod gets at once.

use super::super::table::{Annotation, Verdict};
use super::super::upstream_options::RequestLimit;
use super::super::value::{Value, number};
use super::{BOTH, INGRESS, row};

/// By key.
pub(super) const ROWS: [Annotation; 2] = [
    row(
        "pod-maxconn",
        Value::Text {
            values: "a whole number, `0` or more",
            read: |draft, text, _| {
                draft.options.of_rare().upstream.endpoint_requests = Some(RequestLimit::OfAll(number(text.trim())?));
                Some(())
            },
        },
        "no limit",
        BOTH,
        Verdict::Different(
            "at least 1 for each replica, where there it can become 0, which is no limit; without `--self-service` it is the limit of \
             each replica; up to 1,024 requests wait, more get 503",
        ),
        "Requests that a pod has in progress at the most, those of all replicas together: each replica has an equal part, by the number\n\
         of those that are ready (`--self-service`, which the chart sets). What is more waits, first in, first out.",
    ),
    row(
        "timeout-queue",
        Value::HaproxyTime(|draft, time| draft.options.of_rare().upstream.queue_timeout = Some(time)),
        "`5s`",
        INGRESS,
        Verdict::Exact,
        "Longest wait of a request for a pod that has as many as it may have. Then it gets 503.",
    ),
];
