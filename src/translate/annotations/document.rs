//! The reference of all annotations, made from their tables.

use std::fmt::Write;

use super::DIALECTS;
use super::table::Annotation;

/// The reference of all annotations, as Markdown: `docs/annotations.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# Annotations\n\n<!-- Generated from src/translate/annotations; UPDATE_GOLDEN=1 cargo test --test docs rewrites it. -->\n\n\
         Annotations on an Ingress set what the Ingress API has no field for. A value that cannot be read is reported as\n\
         `InvalidAnnotation` and the default applies; a key with one of the prefixes below that is not listed is reported as\n\
         `UnknownAnnotation` and has no effect, and so is one with a prefix that looks misspelt. Annotations of other controllers\n\
         have no effect either and are reported as `UnsupportedAnnotation`, unless they ask for what happens here anyway: as an error\n\
         where they restrict access (authentication, address lists, rate limits, client certificates, snippets, middlewares that\n\
         are no redirect to https), because requests are served without that restriction. `tidegate check` shows all of them, also\n\
         before an Ingress is moved.\n",
    );
    for dialect in DIALECTS {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\n## {}\n\n| annotation | values | default | applies to |\n|---|---|---|---|",
            dialect.title
        );
        for annotation in dialect.annotations {
            let Annotation { key, value, default, scopes, doc: _ } = annotation;
            let (values, prefix) = (value.in_words(), dialect.prefix);
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            let _ = writeln!(text, "| `{prefix}{key}` | {values} | {default} | {} |", scopes.join("; "));
        }
        for annotation in dialect.annotations {
            let _ = writeln!(text, "\n### `{}{}`\n\n{}", dialect.prefix, annotation.key, annotation.doc);
        }
    }
    text
}
