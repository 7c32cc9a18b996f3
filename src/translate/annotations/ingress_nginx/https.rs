//! The redirect to https.

use crate::model::{PortInUrl, TrailingSlash};

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    Annotation {
        key: "force-ssl-redirect",
        value: Value::LooseBoolean(|draft, is_set| draft.options.redirect.always = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "As `tidegate.dev/force-ssl-redirect`.",
    },
    Annotation {
        key: "preserve-trailing-slash",
        value: Value::LooseBoolean(|draft, is_set| {
            let slash = if is_set { TrailingSlash::Kept } else { TrailingSlash::Cut };
            draft.options.redirect.slash = Some(slash);
        }),
        default: "`true`; `false` with `--profile ingress-nginx`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Whether the redirect to https keeps a slash at the end of the URL. With `false` one is left out, also behind a query:\n\
              `/` leads to `https://host`. That is what ingress-nginx does without the annotation.",
    },
    Annotation {
        key: "ssl-redirect",
        value: Value::LooseBoolean(|draft, is_set| draft.options.redirect.with_tls = Some(is_set)),
        default: "`--ssl-redirect` (`true`)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "As `tidegate.dev/ssl-redirect`.",
    },
    Annotation {
        key: "use-port-in-redirects",
        value: Value::LooseBoolean(|draft, is_set| {
            let port = if is_set { PortInUrl::Always } else { PortInUrl::Never };
            draft.options.redirect.port = Some(port);
        }),
        default: "a port other than 443 is written out (`--public-https-port`)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Whether URLs of the redirect to https, and of redirects to a path, have a port.",
    },
];
