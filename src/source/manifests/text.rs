//! From bytes to documents, and from a document to a value without a type. Knows YAML and JSON, not Kubernetes.

use std::path::Path;

use serde_json::Value;

/// Most scalars, lists and maps of a document: 20,000 Ingresses in one List have a million.
const MAX_NODES: usize = 4_000_000;
/// Deepest nesting. The deepest of our objects has 12 levels, and each list of lists adds two.
const MAX_DEPTH: usize = 64;
/// Longest text of a document with its aliases expanded. Bytes.
const MAX_TEXT: usize = 64 * 1024 * 1024;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Format {
    /// YAML 1.2 with the booleans of 1.1, as kubectl reads it.
    Yaml,
    /// JSON, one value or several in a row.
    Json,
}

impl Format {
    /// By the name of the file.
    pub(super) fn of(file: &Path) -> Self {
        if file.extension().is_some_and(|extension| extension == "json") { Self::Json } else { Self::Yaml }
    }
}

/// A document within its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// Its bytes, with the `---` that opens it.
    pub bytes: &'a [u8],
    /// Line of the file at which `bytes` starts, from 1.
    pub start: usize,
    /// Line of the file that has its first content, from 1.
    pub line: usize,
}

/// Why a document has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// Line within the document, from 1, where known.
    pub line: Option<usize>,
    /// What is wrong, without text of the document.
    pub message: String,
}

/// Cuts a file at lines that start with `---` or `...`. Leaves out parts that have only comments and directives.
///
/// Such lines end a document wherever they stand, even within quotes (YAML 1.2.2, rule c-forbidden), and neither
/// anchors nor tags reach beyond them. So the file is cut before it is read, and a broken document breaks no other.
pub(super) fn documents(file: &[u8]) -> Vec<Document<'_>> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut documents = Vec::new();
    let (mut offset, mut number) = (0, 0);
    let (mut from, mut start, mut content) = (0, 1, None);
    for line in file.split_inclusive(|b| *b == b'\n') {
        number += 1;
        let (opens, closes) = (is_marker(line, b"---"), is_marker(line, b"..."));
        if opens || closes {
            if let Some(line) = content.take() {
                documents.push(Document { bytes: &file[from..offset], start, line });
            }
            // The opening line may carry content of its own; the closing one cannot.
            (from, start) = if opens { (offset, number) } else { (offset + line.len(), number + 1) };
        }
        let rest = if opens { &line[3..] } else { line };
        if content.is_none() && !closes && has_content(rest) {
            content = Some(number);
        }
        offset += line.len();
    }
    if let Some(line) = content {
        documents.push(Document { bytes: &file[from..], start, line });
    }
    documents
}

fn is_marker(line: &[u8], marker: &[u8]) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

fn has_content(line: &[u8]) -> bool {
    let first = line.trim_ascii_start().first();
    first.is_some_and(|first| *first != b'#') && !line.starts_with(b"%")
}

/// Reads the values of a document: one of YAML, any number of JSON.
pub(super) fn values(bytes: &[u8], format: Format) -> (Vec<Value>, Option<SyntaxError>) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
            let message = "it has bytes that are not UTF-8".to_owned();
            return (Vec::new(), Some(SyntaxError { line: Some(line), message }));
        }
    };
    match format {
        Format::Yaml => yaml(text),
        Format::Json => json(text),
    }
}

fn yaml(text: &str) -> (Vec<Value>, Option<SyntaxError>) {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 3 * MAX_NODES,
            max_nodes: MAX_NODES,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_documents: 1,
            max_total_scalar_bytes: MAX_TEXT,
            // Many uses of one anchor are fine: what they expand to is counted.
            enforce_alias_anchor_ratio: false,
        },
        with_snippet: false,
        emit_comments: false,
    };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(value) => (vec![value], None),
        Err(error) => {
            let line = error.location().and_then(|location| usize::try_from(location.line()).ok());
            let message = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
            let message = format!("it is not readable as YAML ({})", without_place(&message));
            (Vec::new(), Some(SyntaxError { line, message }))
        }
    }
}

/// The reader's messages end in a place within the document, while ours name the line of the file.
fn without_place(message: &str) -> &str {
    let first = message.lines().next().unwrap_or_default();
    first.rsplit_once(" at line ").map_or(first, |(message, _)| message)
}

fn json(text: &str) -> (Vec<Value>, Option<SyntaxError>) {
    // A file of several values may be cut like YAML. Then the first line is the marker.
    let skipped = if is_marker(text.as_bytes(), b"---") { 3 } else { 0 };
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(&text[skipped..]).into_iter::<Value>() {
        match value {
            Ok(value) => values.push(value),
            Err(error) => {
                let message = "it is not readable as JSON".to_owned();
                return (values, Some(SyntaxError { line: Some(error.line()), message }));
            }
        }
    }
    (values, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, usize, usize)> {
        let documents = documents(text.as_bytes());
        documents.iter().map(|d| (std::str::from_utf8(d.bytes).unwrap(), d.start, d.line)).collect()
    }

    #[test]
    fn files_are_cut_at_markers_and_nowhere_else() {
        assert_eq!(cut("a: 1\n"), [("a: 1\n", 1, 1)]);
        assert_eq!(cut("\u{feff}a: 1"), [("a: 1", 1, 1)]);
        assert_eq!(cut("---\n# c\n\na: 1\n---\r\nb: 2"), [("---\n# c\n\na: 1\n", 1, 4), ("---\r\nb: 2", 5, 6)]);
        assert_eq!(cut("--- {a: 1}\n--- # c\n---\n"), [("--- {a: 1}\n", 1, 1)]);
        assert_eq!(cut("a: 1\n...\n# c\nb: 2\n..."), [("a: 1\n", 1, 1), ("# c\nb: 2\n", 3, 4)]);
        assert_eq!(cut("%YAML 1.2\n---\na: 1"), [("---\na: 1", 2, 3)]);
        let pem = "a: |\n  x\n-----BEGIN CERTIFICATE-----\n---x\n ---\n";
        assert_eq!(cut(pem), [(pem, 1, 1)]);
        for nothing in ["", "\n", "---", "---\n---\n", "# c", "...", "%YAML 1.2\n"] {
            assert_eq!(cut(nothing), [], "{nothing:?}");
        }
    }

    #[test]
    fn scalars_are_typed_as_kubectl_types_them() {
        let text = "a: yes\nb: 80\nc: \"80\"\nd: 2024-01-02T03:04:05Z\ne: ~\nf: 1.10\n80: g\nh: [&x {y: 1}, *x]\n";
        let (values, error) = values(text.as_bytes(), Format::Yaml);
        assert_eq!(error, None);
        let expected = serde_json::json!({
            "a": true, "b": 80, "c": "80", "d": "2024-01-02T03:04:05Z", "e": null, "f": 1.1, "80": "g", "h": [{"y": 1}, {"y": 1}],
        });
        assert_eq!(values, [expected]);
    }

    #[test]
    fn json_values_may_follow_each_other() {
        let (found, error) = values(b"--- {\"a\": 1}\n[2] nonsense", Format::Json);
        assert_eq!(found, [serde_json::json!({"a": 1}), serde_json::json!([2])]);
        assert_eq!(error.unwrap().line, Some(2));
    }

    #[test]
    fn messages_name_the_fault_and_never_show_values() {
        for (text, line, expected) in [
            ("a: 1\nb: {geheim", 2, "unclosed bracket '{'"),
            ("a: geheim\na: geheim", 2, "duplicate mapping key: a not allowed here"),
            ("a: b: geheim", 1, "mapping values are not allowed in this context"),
            ("a: !!int geheim", 1, "invalid u64"),
            ("a: *geheim", 1, "reference to unknown value"),
            ("a: |\n geheim\nmore geheim", 3, "simple key expected ':'"),
        ] {
            let (_, error) = values(text.as_bytes(), Format::Yaml);
            let error = error.unwrap();
            assert_eq!((error.line, error.message), (Some(line), format!("it is not readable as YAML ({expected})")));
        }
    }

    #[test]
    fn bombs_are_refused_in_time() {
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let list = vec![format!("*a{}", n - 1); 10].join(", ");
            laughs.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        let big = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 1000].join(", "));
        let deep_block: String = (0..2000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        for text in [laughs, big, "[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), deep_block] {
            let (values, error) = values(text.as_bytes(), Format::Yaml);
            assert!(values.is_empty() && error.is_some(), "{}", &text[..20]);
        }
        let (values, error) = values("[".repeat(100_000).as_bytes(), Format::Json);
        assert!(values.is_empty() && error.is_some());
    }
}
