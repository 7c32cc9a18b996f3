//! An Ingress of a former version in that of today, by edits of its text: comments and layout stay.
//!
//! The edits know block style and simple flow style. They need not be right in every case: the outcome is read, and counts only if it
//! is exactly the converted object.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

/// A line with a key, taken apart.
struct Line<'a> {
    /// What stands before the key: blanks, and dashes of lists.
    before: &'a str,
    key: &'a str,
    /// What stands behind the key and its colon.
    after: &'a str,
    /// Keys from the top to this one; `-` for the entry of a list.
    path: Vec<&'a str>,
    /// Number of the line that begins the innermost entry of a list.
    entry: usize,
}

/// The text of the converted object, if edits lead to it.
pub(super) fn edited(text: &str, wanted: &Value) -> Option<String> {
    let version = wanted.get("apiVersion")?.as_str()?;
    if text.contains(['\r', '\t']) {
        return None;
    }
    let lines: Vec<(&str, Option<Line<'_>>)> = taken_apart(text);
    let typed: Vec<usize> = lines
        .iter()
        .filter_map(|(_, line)| line.as_ref().filter(|line| line.key == "pathType").map(|line| line.entry))
        .collect();
    let (mut edited, mut named) = (String::new(), None);
    for (text, line) in &lines {
        let new = match line {
            Some(line) => of_line(line, text, version, &typed, &mut named),
            None => flow(text, true),
        };
        edited.push_str(&new);
        edited.push('\n');
    }
    let read = serde_saphyr::from_str::<Value>(&edited).ok()?;
    (read == *wanted).then_some(edited)
}

const PATH_TYPE: &str = "pathType: ImplementationSpecific";
const OF_PATH: [&str; 7] = ["spec", "rules", "-", "http", "paths", "-", "backend"];
const OF_SPEC: [&str; 2] = ["spec", "backend"];

/// `named` is the entry or line whose backend has begun to be written anew.
fn of_line(line: &Line<'_>, text: &str, version: &str, typed: &[usize], named: &mut Option<usize>) -> String {
    let Line { before, key, after, path, entry } = line;
    let column = " ".repeat(before.chars().count());
    if path[..] == ["apiVersion"] {
        let comment = after.find(" #").map_or("", |at| &after[at..]);
        return format!("{before}apiVersion: {version}{comment}");
    }
    if path[..] == OF_SPEC {
        *named = None;
        return format!("{before}defaultBackend:{}", flow(after, false));
    }
    if path[..] == OF_PATH {
        *named = None;
        let after = flow(after, false);
        let is_typed = typed.contains(entry);
        return if is_typed {
            format!("{before}backend:{after}")
        } else {
            format!("{before}{PATH_TYPE}\n{column}backend:{after}")
        };
    }
    let is_in_backend = path.len() > 1 && (path[..path.len() - 1] == OF_SPEC || path[..path.len() - 1] == OF_PATH);
    if is_in_backend && matches!(*key, "serviceName" | "servicePort") {
        let head = if named.replace(*entry) == Some(*entry) { String::new() } else { format!("{column}service:\n") };
        let value = after.trim();
        return match *key {
            "serviceName" => format!("{head}{column}  name: {value}"),
            _ => format!("{head}{column}  port:\n{column}    {}: {value}", kind_of_port(value)),
        };
    }
    flow(text, true)
}

/// Backends in flow style, and with them the type of the path where they stand in one.
fn flow(text: &str, is_path: bool) -> String {
    static NAME_FIRST: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"serviceName: *([^,{}\[\] ]+), *servicePort: *([^,{}\[\] ]+)").ok());
    static PORT_FIRST: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"servicePort: *([^,{}\[\] ]+), *serviceName: *([^,{}\[\] ]+)").ok());
    if !text.contains("serviceName") {
        return text.to_owned();
    }
    let service =
        |name: &str, port: &str| format!("service: {{name: {name}, port: {{{}: {port}}}}}", kind_of_port(port));
    let (Some(name_first), Some(port_first)) = (&*NAME_FIRST, &*PORT_FIRST) else { return text.to_owned() };
    let text = name_first.replace_all(text, |found: &Captures<'_>| service(&found[1], &found[2]));
    let text = port_first.replace_all(&text, |found: &Captures<'_>| service(&found[2], &found[1]));
    if is_path && !text.contains("pathType") {
        return text.replace("backend:", &format!("{PATH_TYPE}, backend:"));
    }
    text.into_owned()
}

fn kind_of_port(value: &str) -> &'static str {
    let value = value.split(" #").next().unwrap_or_default().trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) { "number" } else { "name" }
}

/// Each line with the key that it has, if it is one of block style.
fn taken_apart(text: &str) -> Vec<(&str, Option<Line<'_>>)> {
    let mut stack: Vec<(usize, &str, usize)> = Vec::new();
    // Lines that are indented further belong to a text (`key: |`).
    let mut of_text: Option<usize> = None;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut rest = line.trim_start_matches(' ');
        let mut column = line.len() - rest.len();
        if rest.is_empty() || rest.starts_with('#') || of_text.is_some_and(|of_text| column > of_text) {
            lines.push((line, None));
            continue;
        }
        of_text = None;
        while let Some(entry) = rest.strip_prefix("- ") {
            while stack.last().is_some_and(|(at, key, _)| *at > column || *at == column && *key == "-") {
                stack.pop();
            }
            stack.push((column, "-", number));
            rest = entry.trim_start_matches(' ');
            column = line.len() - rest.len();
        }
        let Some((key, after)) =
            rest.split_once(':').filter(|(key, after)| is_key(key) && (after.is_empty() || after.starts_with(' ')))
        else {
            lines.push((line, None));
            continue;
        };
        while stack.last().is_some_and(|(at, ..)| *at >= column) {
            stack.pop();
        }
        let entry = stack.iter().rev().find(|(_, key, _)| *key == "-").map_or(usize::MAX, |(.., number)| *number);
        stack.push((column, key, number));
        if matches!(after.trim_start().bytes().next(), Some(b'|' | b'>')) {
            of_text = Some(column);
        }
        let path = stack.iter().map(|(_, key, _)| *key).collect();
        lines.push((line, Some(Line { before: &line[..column], key, after, path, entry })));
    }
    lines
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewed(text: &str) -> Value {
        let mut value: Value = serde_saphyr::from_str(text).unwrap();
        value["apiVersion"] = "networking.k8s.io/v1".into();
        let service = |backend: &mut Value| {
            if let Some(name) = backend["serviceName"].as_str().map(str::to_owned) {
                let port = backend["servicePort"].clone();
                let kind = if port.is_string() { "name" } else { "number" };
                *backend = serde_json::json!({"service": {"name": name, "port": {kind: port}}});
            }
        };
        let spec = value["spec"].as_object_mut().unwrap();
        if let Some(mut backend) = spec.remove("backend") {
            service(&mut backend);
            spec.insert("defaultBackend".into(), backend);
        }
        for rule in spec["rules"].as_array_mut().unwrap() {
            for path in rule["http"]["paths"].as_array_mut().unwrap() {
                service(&mut path["backend"]);
                path.as_object_mut().unwrap().entry("pathType").or_insert("ImplementationSpecific".into());
            }
        }
        value
    }

    #[test]
    fn comments_and_layout_stay() {
        let text = "\
---
# Ours.
apiVersion: extensions/v1beta1 # old
kind: Ingress
metadata:
  name: web   # the shop
  annotations:
    nginx.ingress.kubernetes.io/configuration-snippet: |
      backend: x;
      serviceName: y
spec:
  backend:
    # The other one.
    serviceName: other
    servicePort: http
  rules:
  - host: a.example
    http:
      paths:
      - path: /a
        backend:
          servicePort: 80 # plain
          serviceName: web
      - backend:
          serviceName: web
          servicePort: \"http\"
        path: /b
        pathType: Prefix
      - backend: {serviceName: web, servicePort: 80}
  - host: b.example
    http:
      paths: [{path: /, backend: {servicePort: 80, serviceName: web}}]
";
        let expected = "\
---
# Ours.
apiVersion: networking.k8s.io/v1 # old
kind: Ingress
metadata:
  name: web   # the shop
  annotations:
    nginx.ingress.kubernetes.io/configuration-snippet: |
      backend: x;
      serviceName: y
spec:
  defaultBackend:
    # The other one.
    service:
      name: other
      port:
        name: http
  rules:
  - host: a.example
    http:
      paths:
      - path: /a
        pathType: ImplementationSpecific
        backend:
          service:
            port:
              number: 80 # plain
            name: web
      - backend:
          service:
            name: web
            port:
              name: \"http\"
        path: /b
        pathType: Prefix
      - pathType: ImplementationSpecific
        backend: {service: {name: web, port: {number: 80}}}
  - host: b.example
    http:
      paths: [{path: /, pathType: ImplementationSpecific, backend: {service: {name: web, port: {number: 80}}}}]
";
        assert_eq!(edited(text, &renewed(text)).as_deref(), Some(expected));
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(apiVersion: v|spec:|rules:|- |  |backend:|serviceName: |servicePort: 8|\\{|\\}|\\||#|é|\n){0,60}") {
            let wanted = serde_json::json!({"apiVersion": "networking.k8s.io/v1"});
            let outcome = edited(&text, &wanted);
            assert!(outcome.is_none_or(|text| serde_saphyr::from_str::<Value>(&text).unwrap() == wanted));
        }
    }

    #[test]
    fn what_edits_do_not_lead_to_is_left_to_others() {
        let base = "apiVersion: extensions/v1beta1\nspec:\n  rules:\n  - http:\n      paths:\n      - backend:\n";
        for backend in [
            "          serviceName: &name web\n          servicePort: 80\n        other: *name\n",
            "          \"serviceName\": web\n          servicePort: 80\n",
            "          serviceName: web\n          other: 1\n          servicePort: 80\n",
        ] {
            let text = format!("{base}{backend}");
            let wanted = renewed(&text);
            let outcome = edited(&text, &wanted);
            // Right or none, never something else.
            assert!(outcome.is_none_or(|text| serde_saphyr::from_str::<Value>(&text).unwrap() == wanted), "{text}");
        }
        assert_eq!(
            edited(
                "{apiVersion: extensions/v1beta1, spec: {rules: [{http: {paths: [{backend: {serviceName: a}}]}}]}}",
                &Value::Null
            ),
            None
        );
    }
}
