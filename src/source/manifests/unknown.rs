//! Fields that are not read: misspelt, misplaced, or newer than the API we know.
//!
//! The API's types silently drop such fields. Writing the type back shows what it has kept, and everything else of the input was
//! dropped.

use serde_json::Value;

/// Most findings per object.
const MAX_FINDINGS: usize = 20;
/// Characters of a field's name that are shown.
const MAX_NAME: usize = 64;

/// Paths of the fields of `input` that are not in `kept`. Fields that are null count as absent. The status of an object is
/// ignored, because a manifest cannot set it.
pub(super) fn unknown_fields(input: &Value, kept: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(input, kept, &mut String::new(), &mut found);
    found.retain(|path| path != "status" && !path.starts_with("status."));
    found
}

fn compare(input: &Value, kept: &Value, path: &mut String, found: &mut Vec<String>) {
    let before = path.len();
    match (input, kept) {
        (Value::Object(input), Value::Object(kept)) => {
            for (key, value) in input {
                push_key(path, key);
                match kept.get(key) {
                    Some(kept) => compare(value, kept, path, found),
                    None if value.is_null() => {}
                    None if found.len() < MAX_FINDINGS => found.push(path.clone()),
                    None => {}
                }
                path.truncate(before);
            }
        }
        (Value::Array(input), Value::Array(kept)) => {
            for (index, (value, kept)) in input.iter().zip(kept).enumerate() {
                path.push_str(&format!("[{index}]"));
                compare(value, kept, path, found);
                path.truncate(before);
            }
        }
        _ => {}
    }
}

fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    let shown = key.chars().take(MAX_NAME);
    path.extend(shown.map(|c| if c.is_control() { '\u{fffd}' } else { c }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_dropped_is_found_by_path() {
        let input = json!({"a": {"b": [{"c": 1, "x": 2}, {"y": null}]}, "z\n": {"deep": 1}});
        let kept = json!({"a": {"b": [{"c": 1}, {}]}, "more": 1});
        assert_eq!(unknown_fields(&input, &kept), ["a.b[0].x", "z\u{fffd}"]);
    }

    #[test]
    fn nonsense_is_not_listed_without_end() {
        let input: Value = (0..1000).map(|n| (n.to_string(), json!(1))).collect::<serde_json::Map<_, _>>().into();
        assert_eq!(unknown_fields(&input, &json!({})).len(), MAX_FINDINGS);
    }
}
