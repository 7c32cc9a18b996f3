//! Ingresses of former versions, written as API servers take them today.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{ObjectKind, ObjectName, ObjectRef};
use crate::source::manifests::Written;

use super::edited::edited;
use super::fields::{self, Named};
use super::words::plain;

/// What an API server sets itself: nobody writes it.
const SET_BY_THE_SERVER: [&str; 6] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];
/// The annotation in which kubectl keeps the former version.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Longest name of a file that common file systems take. Bytes.
const LONGEST_NAME: usize = 255;

/// An Ingress that was written in a former version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// Its name as a file: one part of a path, which never leads anywhere else.
    pub file: String,
    /// Where it comes from.
    pub place: String,
    /// The object before, as YAML: as it is written, or made anew where an API server wrote it.
    pub before: String,
    /// The object after, in the same way.
    pub after: String,
}

/// Objects that are written in a former version, with that version.
pub(super) fn old_versions(objects: &[Written]) -> BTreeMap<ObjectRef, String> {
    let old = objects.iter().filter(|object| object.kind == "Ingress" && object.renewed().is_some());
    let named = old.filter_map(|object| Some((fields::name_of(&object.value)?, plain(&object.version))));
    named
        .map(|(Named { namespace, name }, version)| {
            (ObjectRef { kind: ObjectKind::Ingress, name: ObjectName::new(&*namespace, &*name) }, version)
        })
        .collect()
}

/// The Ingresses of former versions that `is_moved` picks out, and what is to be told of those that cannot be written.
pub(super) fn conversions(objects: &[Written], is_moved: &dyn Fn(&Named) -> bool) -> (Vec<Conversion>, Vec<String>) {
    let (mut found, mut notes) = (BTreeMap::new(), Vec::new());
    for object in objects.iter().filter(|object| object.kind == "Ingress") {
        let Some(renewed) = object.renewed() else { continue };
        let Some(name) = fields::name_of(&object.value) else {
            let place = format!("{}, {}", plain(&object.file.to_string_lossy()), object.place);
            notes.push(format!(
                "The Ingress at {place} is not written: its name or namespace is none that the API accepts"
            ));
            continue;
        };
        if !is_moved(&name) {
            continue;
        }
        // No namespace has a dot in its name, so no two objects have one file.
        let file = format!("{}.{}.yaml", name.namespace, name.name);
        if file.len() > LONGEST_NAME {
            notes.push(format!("Ingress {name} is not written: its name is too long for a file"));
            continue;
        }
        let place = format!("{}, {}", plain(&object.file.to_string_lossy()), object.place);
        found.entry(file.clone()).or_insert_with(|| {
            let (before, after) = before_and_after(object, renewed);
            Conversion { file, place, before, after }
        });
    }
    (found.into_values().collect(), notes)
}

/// By edits of its text where an author wrote it, and otherwise made anew.
fn before_and_after(object: &Written, renewed: Value) -> (String, String) {
    let wanted = without_what_the_server_sets(renewed.clone());
    let text = object.text.as_deref().filter(|_| wanted == renewed);
    if let Some((before, after)) = text.and_then(|text| Some((text, edited(text, &renewed)?))) {
        return (before.to_owned(), after);
    }
    let mut before = object.value.clone();
    if let Some(fields) = before.as_object_mut() {
        fields.insert("apiVersion".into(), object.version.as_str().into());
        fields.insert("kind".into(), object.kind.as_str().into());
    }
    (yaml(&without_what_the_server_sets(before)), yaml(&wanted))
}

fn without_what_the_server_sets(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !SET_BY_THE_SERVER.contains(&&**field));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    object
}

/// As YAML that is read as the same value; as JSON, which is YAML too, where that fails.
fn yaml(value: &Value) -> String {
    let text = serde_saphyr::to_string(value).unwrap_or_default();
    match serde_saphyr::from_str::<Value>(&text) {
        Ok(read) if read == *value => text,
        Ok(_) | Err(_) => {
            let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
            text.push('\n');
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn written(version: &str, value: Value) -> Written {
        Written {
            file: Path::new("a.yaml").into(),
            place: "document 1 (line 1)".into(),
            version: version.into(),
            kind: "Ingress".into(),
            value,
            text: None,
        }
    }

    #[test]
    fn old_ingresses_are_converted_and_otherwise_untouched() {
        let old = json!({
            "apiVersion": "extensions/v1beta1",
            "kind": "Ingress",
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "uid": "1",
                "resourceVersion": "2",
                "annotations": {"kubernetes.io/ingress.class": "nginx", LAST_APPLIED: "{}", "odd": "a: b #c\nyes"},
                "labels": {"version": "1.10", "on": "true"},
            },
            "spec": {"backend": {"serviceName": "web", "servicePort": 80}, "other": [1, null]},
            "status": {"loadBalancer": {}},
        });
        let (conversions, notes) = conversions(&[written("extensions/v1beta1", old)], &|_| true);
        let [Conversion { file, place, before, after }] = &conversions[..] else { panic!("{conversions:?}") };
        assert_eq!((&**file, &**place, notes.len()), ("shop.web.yaml", "a.yaml, document 1 (line 1)", 0));
        let expected = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "annotations": {"kubernetes.io/ingress.class": "nginx", "odd": "a: b #c\nyes"},
                "labels": {"version": "1.10", "on": "true"},
            },
            "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}, "other": [1, null]},
        });
        assert_eq!(serde_saphyr::from_str::<Value>(after).unwrap(), expected);
        assert!(before.contains("serviceName: web") && !before.contains("uid"), "{before}");
    }

    #[test]
    fn names_never_lead_out_of_the_directory() {
        let odd = ["..", "../x", "a/../../b", "/etc/passwd", "a\0b", "", ".", "A", "a b", &"x".repeat(300)];
        for name in odd {
            for metadata in [json!({"name": name}), json!({"name": "web", "namespace": name})] {
                if name.is_empty() && metadata["name"] == "web" {
                    continue;
                }
                let object = written("networking.k8s.io/v1beta1", json!({"metadata": metadata}));
                assert_eq!(conversions(&[object], &|_| true).0, [], "{name:?}");
            }
        }
        let long = [&*"a".repeat(63), ".", &*"b".repeat(63), ".", &*"c".repeat(63), ".", &*"d".repeat(60)].concat();
        let object = written("networking.k8s.io/v1beta1", json!({"metadata": {"name": long}}));
        let (conversions, notes) = conversions(&[object], &|_| true);
        assert_eq!((conversions.len(), notes.len()), (0, 1));
    }
}
