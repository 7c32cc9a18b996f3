//! `values.yaml` as text.

use std::fmt::Write as _;

use serde_json::Value;

use super::plan::Entry;

/// A part of the file: a value, or parts below a key.
enum Node<'a> {
    Value(&'a Entry),
    Parts(Vec<(&'a str, Node<'a>)>),
}

/// The values as YAML, in the order in which they were set, with their comments.
pub(super) fn text(head: &str, values: &[Entry]) -> String {
    let mut root = Vec::new();
    for entry in values {
        insert(&mut root, entry.path, entry);
    }
    let mut text = String::new();
    for line in head.lines() {
        let _ = writeln!(text, "# {line}");
    }
    text.push('\n');
    write_parts(&mut text, &root, 0);
    text
}

fn insert<'a>(parts: &mut Vec<(&'a str, Node<'a>)>, path: &'a str, entry: &'a Entry) {
    let Some((first, rest)) = path.split_once('.') else {
        parts.push((path, Node::Value(entry)));
        return;
    };
    let at = parts.iter().position(|(name, _)| *name == first).unwrap_or_else(|| {
        parts.push((first, Node::Parts(Vec::new())));
        parts.len() - 1
    });
    if let Node::Parts(below) = &mut parts[at].1 {
        insert(below, rest, entry);
    }
}

fn write_parts(text: &mut String, parts: &[(&str, Node<'_>)], depth: usize) {
    let indent = "  ".repeat(depth);
    for (name, node) in parts {
        match node {
            Node::Parts(parts) => {
                let _ = writeln!(text, "{indent}{name}:");
                write_parts(text, parts, depth + 1);
            }
            Node::Value(Entry { value, comment, .. }) => {
                if !comment.is_empty() {
                    let _ = writeln!(text, "{indent}# {comment}");
                }
                write_value(text, &format!("{indent}{name}:"), value, depth + 1);
            }
        }
    }
}

fn write_value(text: &mut String, start: &str, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let _ = writeln!(text, "{start}");
            for (key, value) in fields {
                let _ = writeln!(text, "{indent}{}: {}", scalar(key), flow(value));
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let _ = writeln!(text, "{start}");
            for item in items {
                let _ = writeln!(text, "{indent}- {}", flow(item));
            }
        }
        value => {
            let _ = writeln!(text, "{start} {}", flow(value));
        }
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A text that YAML cannot take for anything else: bare where it is a plain word, in quotes otherwise.
fn scalar(text: &str) -> String {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte))
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && !matches!(
            &*text.to_ascii_lowercase(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "t" | "f" | "null"
        );
    if is_word {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // YAML allows no others in a file (YAML 1.2.2, c-printable), and has three line breaks beyond ASCII.
            character
                if character.is_control()
                    || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    /// A map of the chart's values, nested by the dots of their paths.
    fn nested(values: &[Entry]) -> Value {
        let mut root = Map::new();
        for Entry { path, value, .. } in values {
            let mut at = &mut root;
            let mut parts = path.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    at.insert(part.to_owned(), value.clone());
                    break;
                }
                let next = at.entry(part.to_owned()).or_insert_with(|| Value::Object(Map::new()));
                match next {
                    Value::Object(map) => at = map,
                    // No path of ours goes through another.
                    _ => break,
                }
            }
        }
        Value::Object(root)
    }

    #[test]
    fn what_is_written_is_read_again_whatever_the_texts() {
        let odd = "a\"b\\c\n\u{85}\u{1b}\u{2028}: #{{ x }}\u{7f}é";
        let entry = |path, value: Value| Entry { path, value, comment: "why".into() };
        let values = [
            entry("kind", json!("DaemonSet")),
            entry("service.type", json!("NodePort")),
            entry("service.annotations", json!({odd: odd, "on": "off", "a/b": "true", "n": "1", "": "- x"})),
            entry("service.ports.http", json!(80)),
            entry("tolerations", json!([{"key": odd, "seconds": 3, "x": null}, {}])),
            entry("extraArgs", json!(["--a=1", "- b", "*c", "1e3", "0x1", "~"])),
            entry("trustedProxies", json!(["10.0.0.0/8"])),
            entry("ingressClass.create", json!(false)),
        ];
        let text = text("One line\nand another", &values);
        assert!(text.starts_with("# One line\n# and another\n"), "{text}");
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, nested(&values), "{text}");
    }
}
