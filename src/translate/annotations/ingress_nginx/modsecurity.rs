//! ModSecurity, which is not there.

use super::super::choices::MissingWaf;
use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

const MISSING: Verdict = Verdict::Judged(
    "requests are not inspected: they are served and it is told as an error, or with `--waf-missing fail` nobody is served: 503",
);

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    Annotation {
        key: "enable-modsecurity",
        value: Value::LooseBoolean(switched),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: MISSING,
        doc: "Whether ModSecurity inspects requests. `false` changes nothing.",
    },
    Annotation {
        key: "enable-owasp-core-rules",
        value: Value::LooseBoolean(switched),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: MISSING,
        doc: "Whether it inspects them by the Core Rule Set of OWASP. `false` changes nothing.",
    },
    Annotation {
        key: "modsecurity-snippet",
        value: Value::Text {
            values: "rules of ModSecurity",
            read: |draft, text, _| {
                switched(draft, !text.trim().is_empty());
                Some(())
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: MISSING,
        doc: "Rules by which it inspects them.",
    },
    Annotation {
        key: "modsecurity-transaction-id",
        value: Value::Text { values: "any", read: |_, _, _| Some(()) },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::NoEffect("there is no ModSecurity that could log it; pods get `X-Request-ID`"),
        doc: "The name of a request in the log of ModSecurity.",
    },
];

fn switched(draft: &mut Draft, is_on: bool) {
    const REMEDY: &str = "Put a web application firewall in front of Tidegate or of the pods, then remove it";
    match (is_on, draft.choices.waf) {
        (false, MissingWaf::Served | MissingWaf::Closed) => {}
        (true, MissingWaf::Served) => {
            draft.refuses("has no effect: there is no ModSecurity, so requests are served and not inspected", REMEDY);
        }
        (true, MissingWaf::Closed) => {
            draft.options.of_rare().edits.lacks_waf = Some(true);
            draft.refuses(
                "cannot be done, as there is no ModSecurity, so nobody is served: all requests are answered with 503",
                REMEDY,
            );
        }
    }
}
