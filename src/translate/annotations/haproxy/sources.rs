//! Lists of clients that are served, or are not.

use super::super::draft::Draft;
use super::super::ingress_nginx::sources as source_lists;
use super::super::source_options::SourceList;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{INGRESS, row};

const VERDICT: Verdict =
    Verdict::Different("redirects come first; a pattern file (`patterns/…`) is not read, and nobody is served (503)");

const ALLOWED: Value = Value::Text {
    values: source_lists::VALUES,
    read: |draft, text, _| {
        let list = list(draft, text);
        draft.options.of_sources().allowed = Some(list);
        Some(())
    },
};

const DENIED: Value = Value::Text {
    values: source_lists::VALUES,
    read: |draft, text, _| {
        let list = list(draft, text);
        draft.options.of_sources().denied = Some(list);
        Some(())
    },
};

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    row(
        "allow-list",
        ALLOWED,
        "all clients are served",
        INGRESS,
        VERDICT,
        "Answers clients of other addresses with 403. The client is the sender of the request or, where that is one of\n\
         `--trusted-proxies`, whom it names in the PROXY protocol or in `X-Forwarded-For`. A list that cannot be read lets nobody in:\n\
         503.",
    ),
    row("blacklist", DENIED, "no client is refused", INGRESS, VERDICT, "The former name of `deny-list`."),
    row(
        "deny-list",
        DENIED,
        "no client is refused",
        INGRESS,
        VERDICT,
        "Answers clients of these addresses with 403, also those that `allow-list` has. A list that cannot be read lets nobody in:\n\
         503.",
    ),
    row("whitelist", ALLOWED, "all clients are served", INGRESS, VERDICT, "The former name of `allow-list`."),
];

/// Reads a list. One that cannot be read is told, and keeps everybody out.
fn list(draft: &mut Draft, text: &str) -> SourceList {
    if !text.trim_start().starts_with("patterns/") {
        return source_lists::list(draft, text);
    }
    let message = "names a pattern file, which is not read, so nobody is served: all requests are answered with 503";
    draft.is_unreadable(message, source_lists::REMEDY);
    SourceList::Unreadable
}
