//! How many requests a pod gets at once.

use super::super::table::{Annotation, Verdict};
use super::super::value::{Value, number};
use super::{BOTH, INGRESS, row};

/// By key.
pub(super) const ROWS: [Annotation; 2] = [
    row(
        "pod-maxconn",
        Value::Text {
            values: "a whole number, `0` or more",
            read: |draft, text, _| {
                draft.options.of_policy().capacity.pod_maxconn = Some(number(text.trim())?);
                Some(())
            },
        },
        "no limit",
        BOTH,
        Verdict::Different(
            "it is read and not yet in force: `--upstream-max-requests` limits the requests of a Service in one process",
        ),
        "Requests that a pod has in progress at the most, of all replicas of this process together.",
    ),
    row(
        "timeout-queue",
        Value::HaproxyTime(|draft, time| draft.options.of_policy().capacity.queue_timeout = Some(time)),
        "none",
        INGRESS,
        Verdict::Different("it is read and not yet in force: no request waits for its turn"),
        "Longest wait of a request for a pod that has as many as it may have.",
    ),
];
