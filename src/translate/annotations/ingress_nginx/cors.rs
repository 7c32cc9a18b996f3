//! What browsers are told about pages of other origins.

use std::sync::Arc;

use crate::model::{Credentials, OriginPattern, Origins};

use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Longest list of methods or fields. Bytes: it is sent with every answer.
const LONGEST: usize = 4096;

const FIELDS: &str = "names of fields, with commas between";

/// By key.
pub(super) const ROWS: [Annotation; 7] = [
    Annotation {
        key: "cors-allow-credentials",
        value: Value::LooseBoolean(|draft, is_set| {
            let credentials = if is_set { Credentials::Allowed } else { Credentials::Withheld };
            draft.options.of_rare().cors.credentials = Some(credentials);
        }),
        default: "`true`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Whether browsers are told to send cookies and passwords along: `Access-Control-Allow-Credentials: true`, which they obey\n\
              where `cors-allow-origin` lists origins. With `false` the field is left out, also where the pod has it.",
    },
    Annotation {
        key: "cors-allow-headers",
        value: Value::Text {
            values: FIELDS,
            read: |draft, text, _| {
                draft.options.of_rare().cors.headers = Some(tokens(text)?);
                Some(())
            },
        },
        default: "`DNT`, `Keep-Alive`, `User-Agent`, `X-Requested-With`, `If-Modified-Since`, `Cache-Control`, `Content-Type`, \
                  `Range`, `Authorization`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Fields that pages may send: `Access-Control-Allow-Headers`.",
    },
    Annotation {
        key: "cors-allow-methods",
        value: Value::Text {
            values: "methods, with commas between",
            read: |draft, text, _| {
                draft.options.of_rare().cors.methods = Some(tokens(text)?);
                Some(())
            },
        },
        default: "`GET`, `PUT`, `POST`, `DELETE`, `PATCH`, `OPTIONS`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Methods that pages may use: `Access-Control-Allow-Methods`. It is told and not enforced.",
    },
    Annotation {
        key: "cors-allow-origin",
        value: Value::Text {
            values: "`*`, or origins with commas between: a scheme, a host that may begin with `*.`, and perhaps a port; `null`",
            read: |draft, text, _| {
                let origins = origins(draft, text);
                draft.options.of_rare().cors.origins = Some(origins);
                Some(())
            },
        },
        default: "`*`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "an entry that is no origin is left out, also where ingress-nginx takes the whole list for `*`; with a list, answers say \
             `Vary: Origin`",
        ),
        doc: "Pages that may read answers. With `*` the field `Access-Control-Allow-Origin` says `*`, else the origin of the request,\n\
              if it is one of the list: scheme, host and port must be equal, in any case, and `*.` stands for one label. Requests of\n\
              others are served, and nothing is added to their answers.",
    },
    Annotation {
        key: "cors-expose-headers",
        value: Value::Text {
            values: FIELDS,
            read: |draft, text, _| {
                draft.options.of_rare().cors.exposed = Some(tokens(text)?);
                Some(())
            },
        },
        default: "what the pod says",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Fields that pages may read: `Access-Control-Expose-Headers`.",
    },
    Annotation {
        key: "cors-max-age",
        value: Value::Count(|draft, seconds| draft.options.of_rare().cors.max_age = Some(seconds)),
        default: "`1728000` (20 days)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "How long browsers may keep what they are told: `Access-Control-Max-Age`. Seconds.",
    },
    Annotation {
        key: "enable-cors",
        value: Value::LooseBoolean(|draft, is_set| draft.options.of_rare().cors.enabled = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Tells browsers that pages of other origins may read answers, as the other `cors-…` annotations say. Every `OPTIONS` of\n\
              such an origin is answered with 204, before redirects, limits and address lists, and reaches no pod. The fields go with\n\
              all other answers too, also with errors, and take the place of the pod's.",
    },
];

/// Reads a list of tokens, to be sent as it is. `None`: it is none.
pub(in super::super) fn tokens(text: &str) -> Option<Arc<str>> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_listed = text.bytes().all(|byte| is_token(byte) || matches!(byte, b',' | b' '));
    let text = text.trim();
    (is_listed && text.bytes().any(is_token) && text.len() <= LONGEST).then(|| text.into())
}

/// Reads a list of origins. Entries that are none are told and left out, so that nobody is let in who was not meant.
fn origins(draft: &mut Draft, text: &str) -> Origins {
    let mut entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).peekable();
    if entries.peek().is_none() {
        return Origins::Any;
    }
    let (mut listed, mut has_unreadable) = (Vec::new(), false);
    for entry in entries {
        match OriginPattern::parse(entry) {
            _ if entry == "*" => return Origins::Any,
            Some(origin) => listed.push(origin),
            None => has_unreadable = true,
        }
    }
    if has_unreadable {
        draft.is_unreadable(
            "has entries that are no origins: they are left out, and their pages cannot read answers",
            "Write each origin with its scheme and without a path, such as https://shop.example or https://*.shop.example",
        );
    }
    Origins::Listed(listed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_j1_lists_of_tokens_are_sent_as_they_are_and_nothing_else_is() {
        for text in ["GET", "GET, PUT", "GET,PUT,", "*", "X-One X-Two", "content-type, X_y"] {
            assert_eq!(tokens(text).as_deref(), Some(text));
        }
        assert_eq!(tokens(" GET ").as_deref(), Some("GET"));
        for text in ["", " ", ",", "GET\r\nX: y", "GET;", "\"GET\"", "GET:", "ä", "GET\tPUT", &"x".repeat(LONGEST + 1)]
        {
            assert_eq!(tokens(text), None, "{text:?}");
        }
    }

    #[test]
    fn nginx_j2_lists_of_origins_leave_out_what_is_none() {
        let read = |text: &str| {
            let mut draft = Draft::default();
            let origins = origins(&mut draft, text);
            (origins, draft.remark.is_some())
        };
        let listed =
            |all: &[&str]| Origins::Listed(all.iter().map(|text| OriginPattern::parse(text).unwrap()).collect());
        for (text, expected, is_remarked) in [
            ("*", Origins::Any, false),
            ("", Origins::Any, false),
            (" , ", Origins::Any, false),
            ("https://a.example, *", Origins::Any, false),
            (
                " https://a.example , http://b.example:81, ",
                listed(&["https://a.example", "http://b.example:81"]),
                false,
            ),
            ("a.example,https://b.example", listed(&["https://b.example"]), true),
            ("https://a.example;", listed(&[]), true),
            ("https://a.example/", listed(&[]), true),
        ] {
            assert_eq!(read(text), (expected, is_remarked), "{text:?}");
        }
    }
}
