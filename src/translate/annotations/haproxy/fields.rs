//! Header fields: those that pods get, and those that clients get.

use super::super::draft::Draft;
use super::super::lines;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{BOTH, INGRESS, row};
use crate::model::{EditedAnswers, EditedName, FieldChange, FieldEdit, PodHost, Template};

const VALUES: &str = "up to 64 lines with a name, a space and a value, which may have quotation marks around it; not `Host`, \
                      `X-Forwarded-For`, `Expect`, or a name that frames a message or belongs to one connection";

const VERDICT: Verdict = Verdict::Bounded(
    "a value has no sample expressions (`%[…]`): none of the lines counts then, and that is told; `tidegate.dev/request-headers` and \
     `response-headers` have variables",
);

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    row(
        "forwarded-for",
        Value::LooseBoolean(|draft, is_set| {
            if !is_set {
                draft.refuses(
                    "has no effect: pods always get X-Forwarded-For with the address of the client",
                    "Let pods ignore the field",
                );
            }
        }),
        "`true`",
        BOTH,
        Verdict::Judged("`false`, as pods always get the field; `true` is exact"),
        "Whether pods get the address of the client in `X-Forwarded-For`.",
    ),
    row(
        "request-set-header",
        Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                if let Some(edits) = edits(draft, text)? {
                    draft.options.of_rare().edits.request = Some(edits);
                }
                Some(())
            },
        },
        "pods get the client's fields and those that say who the client is",
        INGRESS,
        VERDICT,
        "Sets header fields of what pods get. The host that pods are asked for is set with `set-host`.",
    ),
    row(
        "response-set-header",
        Value::Text {
            values: VALUES,
            read: |draft, text, _| {
                if let Some(edits) = edits(draft, text)? {
                    draft.options.of_rare().edits.response = Some(edits);
                }
                Some(())
            },
        },
        "clients get the pod's fields",
        INGRESS,
        VERDICT,
        "Sets header fields of what clients get: of answers of pods, and of our own for these routes.",
    ),
    row(
        "set-host",
        Value::Text {
            values: "a host, perhaps with a port",
            read: |draft, text, _| {
                draft.options.of_policy().host = Some(PodHost::parse(text.trim())?);
                Some(())
            },
        },
        "the client's",
        INGRESS,
        Verdict::Exact,
        "The host that pods are asked for (`Host`, `:authority`).",
    ),
];

/// Reads lines. `None`: one of them is none. `Some(None)`: a value is refused, and the draft says why.
#[expect(clippy::option_option, reason = "a value that is refused was read all the same")]
fn edits(draft: &mut Draft, text: &str) -> Option<Option<Box<[FieldEdit]>>> {
    let mut edits = Vec::new();
    for line in lines::each(text)? {
        let (name, value) = line.split_once([' ', '\t'])?;
        let value = unquoted(value.trim_matches([' ', '\t']))?;
        if value.contains("%[") {
            draft.refuses(
                "has a sample expression (%[…]), which is not evaluated, so no line of it counts",
                "Use tidegate.dev/request-headers or tidegate.dev/response-headers, with variables such as $remote_addr",
            );
            return Some(None);
        }
        let value = value.replace("%%", "%");
        let change = FieldChange::Set(Template::plain(&value));
        edits.push(FieldEdit { name: EditedName::parse(name)?, change, answers: EditedAnswers::All });
    }
    Some(Some(edits.into()))
}

/// A value without the quotation marks around it, and without the backslash in front of a blank or a quotation mark. `None`: it
/// is empty, or a quotation mark is left open.
fn unquoted(value: &str) -> Option<String> {
    let inner = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].strip_suffix(quote)?,
        _ => value,
    };
    let inner = inner.replace("\\ ", " ").replace("\\\"", "\"");
    (!inner.is_empty()).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_sets_a_field() {
        let shown = |text: &str| {
            let edits = edits(&mut Draft::default(), text)?;
            Some(edits.unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            shown("Ingress-ID abcd123\nCache-Control \"no-store,no-cache,private\"\n X-Cost  5%% of\\ it $1"),
            Some(vec![
                "ingress-id: abcd123".into(),
                "cache-control: no-store,no-cache,private".into(),
                "x-cost: 5% of it $1".into()
            ])
        );
        assert_eq!(shown("X-Client %[src]"), Some(vec![]));
        for text in ["", "X", "X ", "X \"", "X \"a", "Host a", "X: y", "Content-Length 1", "X \u{1}"] {
            assert_eq!(shown(text), None, "{text:?}");
        }
    }
}
