//! Cookies by which clients stay with a pod.

use super::super::cookie_values::is_cookie_name;
use super::super::draft::Draft;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{SERVICE, row};
use crate::model::AffinityMode;

const VERDICT: Verdict = Verdict::Different(
    "the cookie has another value, so clients get a pod anew once; pods see it, and answers that set it say no `Cache-Control: private`",
);

const VALUE: Value = Value::Text { values: "the name of a cookie", read: |draft, text, _| cookie(draft, text.trim()) };

/// By key.
pub(super) const ROWS: [Annotation; 2] = [
    row(
        "cookie-persistence",
        VALUE,
        "each request goes to any pod",
        SERVICE,
        VERDICT,
        "Sends all requests of a client to the same pod while it is there, by a cookie of this name that ends with the browser. It\n\
         says a hash of the pod's UID and the Service: all replicas read it alike, and a pod that gets the address of another gets none\n\
         of its clients. Where that pod fails the client gets another one.",
    ),
    row(
        "cookie-persistence-no-dynamic",
        VALUE,
        "each request goes to any pod",
        SERVICE,
        VERDICT,
        "As `cookie-persistence`.",
    ),
];

fn cookie(draft: &mut Draft, name: &str) -> Option<()> {
    if !is_cookie_name(name) {
        return None;
    }
    let affinity = &mut draft.options.of_rare().affinity;
    (affinity.by_cookie, affinity.name, affinity.path) = (Some(true), Some(name.into()), Some("/".into()));
    (affinity.mode, affinity.moves_on_failure) = (Some(AffinityMode::OfPod), Some(true));
    Some(())
}
