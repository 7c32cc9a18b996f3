//! Snippets of nginx's configuration.

use super::super::snippets::{Place, read};
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

const VALUES: &str = "directives of nginx";

const JUDGED: Verdict = Verdict::Judged(
    "by default; `--nginx-snippets translate` reads it. One that restricts access, or may do so, and is refused lets nobody in: 503",
);

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    Annotation {
        key: "configuration-snippet",
        value: Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                read(draft, text, Place::Location);
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: JUDGED,
        doc: "Directives for the routes of the Ingress. With `--nginx-snippets translate` these become filters that do the same, if there is\n\
              no other directive in it: `add_header`, `more_set_headers`, `more_clear_headers`, `more_set_input_headers`,\n\
              `more_clear_input_headers`, `proxy_set_header`, `proxy_hide_header`, `expires`; `return` of a status or to a URL; `rewrite`\n\
              with `permanent` or `redirect`; `deny` and `allow`; `proxy_connect_timeout`, `proxy_read_timeout`, `proxy_send_timeout`,\n\
              `client_max_body_size`; `location` with nothing but `deny all` or `return` in it; `if` with one condition (`=`, `!=`, `~`,\n\
              `~*`, `!~`, `!~*`) and nothing but `return` in it. A variable that is not known refuses all of it. `expires` sets\n\
              `Cache-Control` and leaves out `Expires`, `return 444` is 403, and a text behind a status is ours. `add_header` of the\n\
              server is not replaced by that of a location.",
    },
    Annotation {
        key: "server-snippet",
        value: Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                read(draft, text, Place::Server);
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: JUDGED,
        doc: "As `configuration-snippet`, and comes before it. It holds for the routes of its own Ingress: other Ingresses of the host\n\
              need it too. Times and lengths in it have no effect, in ingress-nginx neither.",
    },
    Annotation {
        key: "stream-snippet",
        value: Value::Text { values: VALUES, read: |_, _, _| Some(()) },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Refused {
            why: "connections that are no HTTP are not served",
            instead: "use a Service of type LoadBalancer for them",
        },
        doc: "Directives for connections that are no HTTP.",
    },
];
