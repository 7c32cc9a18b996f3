//! Header fields: those that pods get, and those that clients get.

use crate::model::{Captures, EditedAnswers, EditedName, FieldChange, FieldEdit, Template};

use super::super::lines;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

const VALUES: &str = "up to 64 lines with `Name: value`, which sets a field, or `-Name`, which removes it; variables; not \
                      `Host`, `X-Forwarded-For`, `Expect`, or a name that frames a message or belongs to one connection";

/// Names that every request to a pod has. They can have another value, and are never absent.
const ALWAYS: [&str; 5] = ["x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip", "x-request-id"];

/// By key.
pub(super) const ROWS: [Annotation; 2] = [
    Annotation {
        key: "request-headers",
        value: Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                let edits = edits(text)?;
                let is_kept =
                    |edit: &FieldEdit| edit.change == FieldChange::Remove && ALWAYS.contains(&edit.name.as_str());
                if edits.iter().any(is_kept) {
                    return None;
                }
                draft.options.of_rare().edits.request = Some(edits);
                Some(())
            },
        },
        default: "pods get the client's fields and those that say who the client is",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Sets and removes header fields of what pods get, in both versions of HTTP. A value in which variables come to nothing\n\
              removes the field. `X-Forwarded-Host`, `-Port` and `-Proto`, `X-Real-IP` and `X-Request-ID` can be set and not removed.",
    },
    Annotation {
        key: "response-headers",
        value: Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                draft.options.of_rare().edits.response = Some(edits(text)?);
                Some(())
            },
        },
        default: "clients get the pod's fields",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Sets and removes header fields of what clients get, in both versions of HTTP: of all answers of pods, whatever their\n\
              status, and of our own for these routes, redirects and errors too (`more_set_headers` of nginx, and `add_header … always`\n\
              but that a field of the pod is replaced). The cookie of a session is added behind it. A value in which variables come to\n\
              nothing removes the field.",
    },
];

/// Reads lines. `None`: one of them is none.
fn edits(text: &str) -> Option<Box<[FieldEdit]>> {
    lines::each(text)?.into_iter().map(edit).collect()
}

fn edit(line: &str) -> Option<FieldEdit> {
    let (name, change) = match line.strip_prefix('-') {
        Some(name) => (name, FieldChange::Remove),
        None => {
            let (name, value) = line.split_once(':')?;
            let value = value.trim_matches([' ', '\t']);
            if value.is_empty() {
                return None;
            }
            (name, FieldChange::Set(Template::parse(value, Captures::Refused).ok()?))
        }
    };
    Some(FieldEdit { name: EditedName::parse(name)?, change, answers: EditedAnswers::All })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_sets_a_field_or_removes_one() {
        let shown = |text: &str| edits(text).map(|edits| edits.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            shown("X-Frame-Options: DENY\n\n -Server \nX-Host: $host, a:b"),
            Some(vec!["x-frame-options: DENY".into(), "-server".into(), "x-host: ${host}, a:b".into()])
        );
        for text in [
            "",
            "\n",
            "X",
            "X:",
            "X: ",
            ": x",
            "-",
            "X Y: z",
            "Host: x",
            "-Host",
            "Content-Length: 1",
            "Connection: x",
            "X: $nobody_knows",
            "X: a\rY: b",
            "X: \u{0}",
            "X: ü",
            "X-Forwarded-For: 1",
            "X : y",
        ] {
            assert_eq!(shown(text), None, "{text:?}");
        }
        assert_eq!(shown(&"X: y\n".repeat(65)), None);
        assert_eq!(shown(&format!("X: {}", "y".repeat(8192))), None);
        assert!(shown(&"X: y\n".repeat(64)).is_some());
    }
}
