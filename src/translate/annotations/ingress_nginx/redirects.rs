//! Redirects to a URL or a path that the author names.

use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;
use super::url::{self, Target};

const STATUSES: Verdict =
    Verdict::Bounded("the URL that is sent as text is plain text, so that nothing in it becomes a page of the host");

/// By key.
pub(super) const ROWS: [Annotation; 7] = [
    Annotation {
        key: "app-root",
        value: Value::Text {
            values: "a path",
            read: |draft, text, _| {
                url::read(draft, text, Target::Path, |draft, path| match path.as_text() {
                    Some(path) => draft.options.of_locations().app_root = Some(path.into()),
                    None => draft.refuses("has a variable, so it is not applied", "Write the path without variables"),
                })
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("the `/` of another Ingress of the host stays with that Ingress"),
        doc: "Answers requests for `/` with 302 to this path of the same scheme, host and port, also where the Ingress has no rule for\n\
              `/`. Comes before all other redirects.",
    },
    Annotation {
        key: "from-to-www-redirect",
        value: Value::LooseBoolean(|draft, is_set| draft.options.of_locations().with_www = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers requests for the host of a rule with `www.` in front, or for a host of a rule without its `www.`, with 308 to\n\
              the host of the rule. A rule for the other host wins. Over TLS the certificate must cover both hosts.",
    },
    Annotation {
        key: "permanent-redirect",
        value: Value::Text {
            values: "a URL of http or https, or a path; up to 2048 characters; variables",
            read: |draft, text, _| {
                url::read(draft, text, Target::Any, |draft, url| draft.options.of_locations().permanent = Some(url))
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers every request with 301 to exactly this URL, in which variables may stand. A path is made a URL of the scheme and\n\
              host of the request. Comes before the redirect to https. `temporal-redirect` wins over it.",
    },
    Annotation {
        key: "permanent-redirect-code",
        value: Value::Text {
            values: "a number from `300` to `308`",
            read: |draft, text, _| {
                status(draft, text, 308, |draft, code| {
                    draft.options.of_locations().permanent_status = Some(code);
                })
            },
        },
        default: "`301`",
        scopes: &[Scope::Ingress],
        verdict: STATUSES,
        doc: "Status of `permanent-redirect`. `Location` goes with 301, 302, 303, 307 and 308. With 300, 305 and 306 the URL is the text of the\n\
              answer, as nginx sends it, and with 304 there is neither.",
    },
    Annotation {
        key: "relative-redirects",
        value: Value::LooseBoolean(|draft, is_set| draft.options.of_locations().relative = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Whether `permanent-redirect` to a path sends the path as it is.",
    },
    Annotation {
        key: "temporal-redirect",
        value: Value::Text {
            values: "a URL of http or https; up to 2048 characters; variables",
            read: |draft, text, _| {
                url::read(draft, text, Target::Url, |draft, url| draft.options.of_locations().temporal = Some(url))
            },
        },
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Answers every request with 302 to exactly this URL, in which variables may stand, before the redirect to https. Wins over\n\
              `permanent-redirect`.",
    },
    Annotation {
        key: "temporal-redirect-code",
        value: Value::Text {
            values: "a number from `300` to `307`",
            read: |draft, text, _| {
                status(draft, text, 307, |draft, code| {
                    draft.options.of_locations().temporal_status = Some(code);
                })
            },
        },
        default: "`302`",
        scopes: &[Scope::Ingress],
        verdict: STATUSES,
        doc: "Status of `temporal-redirect`. What goes with it is as for `permanent-redirect-code`.",
    },
];

/// The status of a redirect, up to `highest`.
fn status(draft: &mut Draft, text: &str, highest: u16, set: fn(&mut Draft, u16)) -> Option<()> {
    let code = (300..=highest).find(|code| code.to_string() == text)?;
    set(draft, code);
    Some(())
}
