//! Annotations that concern HAProxy's own process or log.

use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{BOTH, INGRESS, row};

const ANY: Value = Value::Text { values: "any", read: |_, _, _| Some(()) };

const LOG: Verdict = Verdict::NoEffect(
    "the log is that of the process: `--access-log-format` with `$http_NAME` and `$cookie_NAME` writes fields and cookies",
);

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    row("request-capture", ANY, "none", INGRESS, LOG, "What is written into the log besides."),
    row("request-capture-len", ANY, "`128`", INGRESS, LOG, "How much of it."),
    row(
        "server-slots",
        ANY,
        "none",
        BOTH,
        Verdict::NoEffect("any number of pods comes and goes without a reload"),
        "A former name of `scale-server-slots`.",
    ),
    row(
        "servers-increment",
        ANY,
        "none",
        BOTH,
        Verdict::NoEffect("any number of pods comes and goes without a reload"),
        "A former name of `scale-server-slots`.",
    ),
];
