//! What all kinds have in common when an API server sends them.
//!
//! Only the parts that are used are read. The rest (`managedFields`, the status of most kinds) is skipped and never stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::{ObjectRef, Problem, ProblemCode, Severity};
use crate::source::objects::{Object, Signature};

/// An object that an API server sent.
#[derive(Debug)]
pub(in crate::source) struct Sent {
    /// `metadata.resourceVersion`; empty when absent.
    pub(in crate::source) version: String,
    /// The plain view of it.
    pub(in crate::source) object: Object,
}

/// Why an object cannot be read.
#[derive(Debug)]
pub(in crate::source) struct Malformed {
    /// Where.
    pub(in crate::source) field: String,
    /// What is wrong there.
    pub(in crate::source) text: String,
}

impl Malformed {
    /// The finding about this object.
    pub(in crate::source) fn problem(self, object: ObjectRef) -> Problem {
        Problem {
            object,
            field: self.field,
            code: ProblemCode::InvalidField,
            severity: Severity::Error,
            message: format!("the API server's answer cannot be read as this kind ({}), so it is left out", self.text),
            remedy: "Write the object again through the API, or delete it".into(),
        }
    }
}

/// The metadata that is used.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta<'a> {
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    /// Who wrote what. It can be larger than the rest, so it is read only where it can matter, and never stored.
    #[serde(borrow)]
    managed_fields: Option<&'a RawValue>,
}

impl Meta<'_> {
    /// The version, and the rest in the API's form.
    pub(super) fn split(self) -> (String, ObjectMeta) {
        let Self { name, namespace, resource_version, creation_timestamp, labels, annotations, managed_fields: _ } =
            self;
        let metadata = ObjectMeta { name, namespace, creation_timestamp, labels, annotations, ..ObjectMeta::default() };
        (resource_version.unwrap_or_default(), metadata)
    }

    /// Whether the status was written under this signature. What cannot be read of the entries is not ours.
    pub(super) fn is_signed(&self, signature: &Signature) -> bool {
        let Some(text) = self.managed_fields.map(RawValue::get) else { return false };
        // Most Ingresses of others do not name us at all, and JSON writes no character of the name in another way.
        if memchr::memmem::find(text.as_bytes(), signature.as_str().as_bytes()).is_none() {
            return false;
        }
        let entries: Vec<Managed<'_>> = serde_json::from_str(text).unwrap_or_default();
        entries.into_iter().any(|Managed { manager, operation, subresource, fields }| {
            if manager.as_deref() != Some(signature.as_str()) {
                return false;
            }
            let fields = fields.and_then(|fields| serde_json::from_str::<Value>(fields.get()).ok());
            signature.stands_in(manager.as_deref(), operation.as_deref(), subresource.as_deref(), fields.as_ref())
        })
    }
}

/// An entry of `metadata.managedFields`.
#[derive(Deserialize)]
struct Managed<'a> {
    #[serde(borrow)]
    manager: Option<Cow<'a, str>>,
    #[serde(borrow)]
    operation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subresource: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "fieldsV1")]
    fields: Option<&'a RawValue>,
}

/// The parts that are read of a kind whose content is its `spec`.
#[derive(Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub(super) struct WithSpec<'a, S> {
    #[serde(borrow)]
    pub(super) metadata: Meta<'a>,
    pub(super) spec: Option<S>,
}

/// The version in a bookmark; empty when there is none.
pub(in crate::source) fn version(raw: &RawValue) -> String {
    let bookmark = serde_json::from_str::<WithSpec<'_, serde::de::IgnoredAny>>(raw.get());
    bookmark.ok().and_then(|bookmark| bookmark.metadata.resource_version).unwrap_or_default()
}

/// Reads the text into its type. A text that fails is read once more, to learn at which field.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(text).or_else(|_| {
        let mut json = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            let text = error.into_inner().to_string().chars().filter(|c| !c.is_control()).take(200).collect();
            Malformed { field, text }
        })
    })
}
