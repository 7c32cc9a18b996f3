//! Cookies by which clients stay with a pod.

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
        "Sends all requests of a client to the same pod while it is there, by a cookie of this name that ends with the browser. All\n\
         replicas read it alike. Where that pod fails the client gets another one.",
    ),
    row(
        "cookie-persistence-no-dynamic",
        VALUE,
        "each request goes to any pod",
        SERVICE,
        VERDICT,
        "As `cookie-persistence`: the value of the cookie says the pod's address, and nothing else.",
    ),
];

fn cookie(draft: &mut Draft, name: &str) -> Option<()> {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(1..=256).contains(&name.len()) || !name.bytes().all(is_of_name) {
        return None;
    }
    let affinity = &mut draft.options.of_rare().affinity;
    (affinity.by_cookie, affinity.name, affinity.path) = (Some(true), Some(name.into()), Some("/".into()));
    (affinity.mode, affinity.moves_on_failure) = (Some(AffinityMode::Persistent), Some(true));
    Some(())
}
