//! Annotations that nothing here does.

use super::super::edit_options::SnippetOptions;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{BOTH, INGRESS, row};

/// Words of directives that restrict access.
const RESTRICTING: [&str; 7] = ["deny", "reject", "tarpit", "silent-drop", "auth", "lua", "return"];

/// Whether directives may restrict access.
pub(in super::super) fn may_restrict(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    RESTRICTING.iter().any(|word| text.contains(word))
}

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    row(
        "backend-config-snippet",
        Value::Text {
            values: "directives of HAProxy",
            read: |draft, text, _| {
                if may_restrict(text) {
                    draft.options.of_rare().edits.of_location = Some(SnippetOptions::Closed);
                    draft.refuses(
                        "may restrict access and is not read, so nobody is served: all requests are answered with 503",
                        "Use typed annotations: allow-list, deny-list, auth-type, rate-limit-requests, or tidegate.dev/deny-paths",
                    );
                } else {
                    draft.refuses(
                        "has no effect: directives of HAProxy are not read",
                        "Use typed annotations, such as haproxy.org/request-set-header, load-balance, timeout-server or path-rewrite",
                    );
                }
                Some(())
            },
        },
        "none",
        BOTH,
        Verdict::Judged(
            "always: directives of HAProxy are not read. One that restricts access, or may do so (`deny`, `reject`, `tarpit`, `silent-drop`, \
             `auth`, `lua`, `return`), lets nobody in: 503",
        ),
        "Directives for the backend of HAProxy.",
    ),
    row(
        "cr-backend",
        Value::Text { values: "`namespace/name` of a Backend", read: |_, _, _| Some(()) },
        "none",
        BOTH,
        Verdict::Refused {
            why: "objects of kind Backend (ingress.v3.haproxy.org) are not read",
            instead: "write what it says as annotations: load-balance, timeout-server, check-http, cookie-persistence, server-ssl",
        },
        "A Backend that takes the place of all annotations of the backend.",
    ),
    row(
        "src-ip-header",
        Value::Text { values: "the name of a field", read: |_, _, _| Some(()) },
        "none",
        INGRESS,
        Verdict::Refused {
            why: "whom to believe is a matter of the whole process, and a client could write any address into a field",
            instead: "ask the operator for --trusted-proxies with the networks of the proxies in front; the client is then read from \
                      X-Forwarded-For",
        },
        "A field that has the address of the client.",
    ),
];
