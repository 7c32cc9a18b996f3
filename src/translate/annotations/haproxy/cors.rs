//! What browsers are told about pages of other origins.

use std::sync::Arc;

use super::super::cors_options::Usual;
use super::super::draft::Draft;
use super::super::ingress_nginx::tokens;
use super::super::table::{Annotation, Verdict};
use super::super::value::{Value, haproxy_time};
use super::{INGRESS, row};
use crate::model::{Credentials, OriginPattern, Origins, Pattern};

/// By key.
pub(super) const ROWS: [Annotation; 7] = [
    row(
        "cors-allow-credentials",
        Value::LooseBoolean(|draft, is_set| {
            let credentials = if is_set { Credentials::Allowed } else { Credentials::Withheld };
            draft.options.of_rare().cors.credentials = Some(credentials);
        }),
        "`false`",
        INGRESS,
        Verdict::Exact,
        "Whether browsers are told to send cookies and passwords along: `Access-Control-Allow-Credentials: true`.",
    ),
    row(
        "cors-allow-headers",
        Value::Text {
            values: "`*`, or names of fields with commas between",
            read: |draft, text, _| {
                draft.options.of_rare().cors.headers = Some(tokens(text)?);
                Some(())
            },
        },
        "`*`",
        INGRESS,
        Verdict::Exact,
        "Fields that pages may send: `Access-Control-Allow-Headers`.",
    ),
    row(
        "cors-allow-methods",
        Value::Text {
            values: "`*`, or methods with commas between",
            read: |draft, text, _| {
                draft.options.of_rare().cors.methods = Some(tokens(text)?);
                Some(())
            },
        },
        "`*`",
        INGRESS,
        Verdict::Exact,
        "Methods that pages may use: `Access-Control-Allow-Methods`. It is told and not enforced.",
    ),
    row(
        "cors-allow-origin",
        Value::Text {
            values: "`*`, an origin, or a regular expression for origins",
            read: |draft, text, _| {
                let origins = origins(draft, text.trim());
                draft.options.of_rare().cors.origins = Some(origins);
                Some(())
            },
        },
        "`*`",
        INGRESS,
        Verdict::Bounded(
            "an origin without an operator of regular expressions is that origin alone, and not every one that has it somewhere; an \
             expression with look-around or back-references lets no page read answers",
        ),
        "Pages that may read answers. With `*` the field `Access-Control-Allow-Origin` says `*`, else the origin of the request, if it\n\
         matches. Requests of others are served, and nothing is added to their answers.",
    ),
    row(
        "cors-enable",
        Value::LooseBoolean(|draft, is_set| {
            let cors = &mut draft.options.of_rare().cors;
            (cors.enabled, cors.usual) = (Some(is_set), Some(Usual::OfHaproxy));
        }),
        "`false`",
        INGRESS,
        Verdict::Different("every `OPTIONS` of such an origin is answered with 204 and reaches no pod"),
        "Tells browsers that pages of other origins may read answers, as the other `cors-…` annotations say. The fields go with all\n\
         answers, also with errors, and take the place of the pod's.",
    ),
    row(
        "cors-max-age",
        Value::Text {
            values: "a time: a whole number, alone (milliseconds) or with `s`, `m`, `h` or `d`",
            read: |draft, text, _| {
                let seconds = haproxy_time(text)?.as_secs();
                draft.options.of_rare().cors.max_age = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
                Some(())
            },
        },
        "`5s`",
        INGRESS,
        Verdict::Exact,
        "How long browsers may keep what they are told: `Access-Control-Max-Age`.",
    ),
    row(
        "cors-respond-to-options",
        Value::LooseBoolean(|_, _| ()),
        "`false`",
        INGRESS,
        Verdict::NoEffect("with `cors-enable` every `OPTIONS` of an origin is answered here with 204"),
        "Whether `OPTIONS` is answered without asking a pod.",
    ),
];

/// Reads origins. An expression that cannot be read lets no page in, so that nobody is let in who was not meant.
fn origins(draft: &mut Draft, text: &str) -> Origins {
    if text == "*" {
        return Origins::Any;
    }
    let plain = OriginPattern::parse(text).filter(|origin| matches!(origin, OriginPattern::Exact(_)));
    let pattern = || Some(OriginPattern::Matching(Pattern::of_values(&Arc::from(text)).ok()?));
    match plain.or_else(|| (!text.is_empty()).then(pattern).flatten()) {
        Some(origin) => Origins::Listed([origin].into()),
        None => {
            draft.is_unreadable(
                "is no regular expression that can be matched here, so pages of no origin can read answers",
                "Write an expression without look-around and back-references, such as ^https://(a|b)\\.example$",
            );
            Origins::Listed(Box::default())
        }
    }
}
