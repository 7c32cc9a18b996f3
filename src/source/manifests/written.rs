//! Objects as they are written, of kinds that the rest of the product has no view of.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::text::{self, Format};
use crate::source::kinds;

/// Levels of lists within lists, as where objects are read.
const MAX_LISTS: usize = 4;

/// An object of a manifest, without a type. Nothing of it has been judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The file, as Problems name it.
    pub file: Arc<Path>,
    /// Where in the file: `document 2 (line 14), items[3]`.
    pub place: String,
    /// `apiVersion`; of an item that names none that of its list.
    pub version: String,
    /// `kind`, in the same way.
    pub kind: String,
    /// All of it.
    pub value: Value,
    /// The text of the document, if it is YAML, holds nothing else, and is of a version that no API server has any more: what is
    /// edited.
    pub text: Option<Arc<str>>,
}

impl Written {
    /// The object in the version of its kind that API servers have, if it is written in a former one: converted as it is where
    /// objects are read, and otherwise untouched.
    pub fn renewed(&self) -> Option<Value> {
        let kind = kinds::named(&self.kind).filter(|kind| kind.outdated.contains(&&*self.version))?;
        let mut value = self.value.clone();
        kind.renew?(&mut value);
        let fields = value.as_object_mut()?;
        fields.insert("apiVersion".into(), kind.resource.api_version.into());
        fields.insert("kind".into(), self.kind.as_str().into());
        Some(value)
    }
}

/// The objects of a file that `wanted` picks out by `apiVersion` and `kind`, in their order. What cannot be read has none.
pub(super) fn written(file: &Arc<Path>, bytes: &[u8], wanted: &dyn Fn(&str, &str) -> bool) -> Vec<Written> {
    let mut found = Found { file, wanted, objects: Vec::new(), text: None };
    for (index, document) in text::documents(bytes).into_iter().enumerate() {
        let format = Format::of(file);
        let (values, _) = text::values(document.bytes, format);
        found.text = (format == Format::Yaml).then_some(document.bytes);
        for value in values {
            found.take(value, None, super::catalog::position(index, document.line, ""), 0);
        }
    }
    found.objects
}

struct Found<'a> {
    file: &'a Arc<Path>,
    wanted: &'a dyn Fn(&str, &str) -> bool,
    objects: Vec<Written>,
    /// The present document.
    text: Option<&'a [u8]>,
}

impl Found<'_> {
    fn take(&mut self, mut value: Value, inherited: Option<(&str, &str)>, place: String, lists: usize) {
        let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let version = text("apiVersion").or(inherited.map(|(version, _)| version.to_owned()));
        let kind = text("kind").or(inherited.map(|(_, kind)| kind.to_owned()));
        let (Some(version), Some(kind)) = (version, kind) else { return };
        if !value.is_object() {
            return;
        }
        if (self.wanted)(&version, &kind) {
            let is_outdated = kinds::named(&kind).is_some_and(|kind| kind.outdated.contains(&&*version));
            let text = self.text.filter(|_| is_outdated && lists == 0).and_then(|text| std::str::from_utf8(text).ok());
            let text = text.map(Arc::from);
            self.objects.push(Written { file: Arc::clone(self.file), place, version, kind, value, text });
            return;
        }
        let Some(item) = kind.strip_suffix("List").filter(|_| lists < MAX_LISTS) else { return };
        let Some(Value::Array(items)) = value.get_mut("items").map(Value::take) else { return };
        let inherited = (!item.is_empty()).then_some((&*version, item));
        for (index, value) in items.into_iter().enumerate() {
            self.take(value, inherited, format!("{place}, items[{index}]"), lists + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_in_documents_and_lists() {
        let text = "\
kind: Service\napiVersion: v1\nmetadata: {name: a}\n---\nkind: List\napiVersion: v1\nitems:\n- {kind: Service, apiVersion: v1}\n\
- 7\n- {kind: List, apiVersion: v1, items: [{kind: Other, apiVersion: v1}]}\n---\n: broken\n---\nkind: ServiceList\napiVersion: v1\n\
items: [{metadata: {name: c}}]\n";
        let found = written(&Path::new("x.yaml").into(), text.as_bytes(), &|version, kind| {
            (version, kind) == ("v1", "Service")
        });
        let places: Vec<_> = found.iter().map(|object| &*object.place).collect();
        assert_eq!(
            places,
            ["document 1 (line 1)", "document 2 (line 5), items[0]", "document 4 (line 14), items[0]"],
            "{found:?}"
        );
        assert!(found.iter().all(|object| (&*object.version, &*object.kind) == ("v1", "Service")));
        let mut deep = "{kind: Service, apiVersion: v1}".to_owned();
        for _ in 0..=MAX_LISTS {
            deep = format!("{{kind: List, apiVersion: v1, items: [{deep}]}}");
        }
        assert_eq!(written(&Path::new("x.json").into(), deep.as_bytes(), &|_, kind| kind == "Service"), []);
    }
}
