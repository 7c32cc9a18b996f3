//! What all kinds have in common when a manifest holds them.

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::wire::Malformed;
use crate::source::objects::Object;

/// An object of a manifest.
pub(in crate::source) struct Read {
    /// The plain view of it.
    pub(in crate::source) object: Object,
    /// The API's form of it, with the fields that the API knows and no others.
    pub(in crate::source) known: Value,
    /// What is wrong with single fields.
    pub(in crate::source) faults: Vec<Fault>,
}

/// A field that the API would refuse the object for.
pub(in crate::source) struct Fault {
    /// Its path.
    pub(in crate::source) field: String,
    /// What is wrong and what follows.
    pub(in crate::source) message: String,
    /// What to do.
    pub(in crate::source) remedy: &'static str,
}

/// The namespace of a kind's objects.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) enum Namespace {
    /// The object's own, or this one.
    Or(&'static str),
    /// None: the kind is not namespaced.
    None,
}

/// Reads an object into the API's type and converts it.
pub(super) fn read<K, O>(value: &Value, namespace: Namespace, convert: fn(K) -> O) -> Result<Read, Malformed>
where
    K: DeserializeOwned + Serialize + Metadata<Ty = ObjectMeta>,
    O: Into<Object>,
{
    let mut object: K = serde_path_to_error::deserialize(value)
        .map_err(|error| Malformed { field: error.path().to_string(), text: error.inner().to_string() })?;
    let metadata = object.metadata_mut();
    match namespace {
        Namespace::None => metadata.namespace = None,
        Namespace::Or(default) if metadata.namespace.as_deref().is_none_or(str::is_empty) => {
            metadata.namespace = Some(default.to_owned());
        }
        Namespace::Or(_) => {}
    }
    let known = serde_json::to_value(&object).unwrap_or_default();
    Ok(Read { object: convert(object).into(), known, faults: Vec::new() })
}
