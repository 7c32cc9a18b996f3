//! The redirect to https.

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 2] = [
    Annotation {
        key: "force-ssl-redirect",
        value: Value::LooseBoolean(|draft, is_set| draft.options.redirect.always = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "As `tidegate.dev/force-ssl-redirect`.",
    },
    Annotation {
        key: "ssl-redirect",
        value: Value::LooseBoolean(|draft, is_set| draft.options.redirect.with_tls = Some(is_set)),
        default: "`--ssl-redirect` (`true`)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "As `tidegate.dev/ssl-redirect`.",
    },
];
