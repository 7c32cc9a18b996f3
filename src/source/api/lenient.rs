//! Reading objects one by one, so that an object the API should have refused affects only itself.
//!
//! Lists and events are read in two steps: first their frame, with the objects in it as raw text. Then every object is read
//! by itself, straight into its type and on into the plain view.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::ObjectName;
use crate::source::kinds::Kind;
use crate::source::kinds::wire::{Malformed, Sent};
use crate::source::objects::{Change, Signature};

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    pub(super) metadata: PageMeta,
    #[serde(borrow)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMeta {
    pub(super) resource_version: Option<String>,
    #[serde(rename = "continue")]
    pub(super) next: Option<String>,
}

/// A line of a watch.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

/// What was read of an object.
pub(super) struct Item {
    /// Which object, if it says so.
    pub(super) name: Option<ObjectName>,
    /// `metadata.resourceVersion`; empty when absent.
    pub(super) version: String,
    /// The object as an arrival, or what is wrong with it.
    pub(super) content: Result<Change, Malformed>,
}

/// The parts that are still read of an object when the rest cannot be read.
#[derive(Deserialize)]
struct Stump {
    metadata: StumpMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StumpMeta {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    resource_version: String,
}

/// Reads one object. The signature tells which statuses are ours.
pub(super) fn item(kind: &Kind, raw: &RawValue, signature: Option<&Signature>) -> Item {
    match (kind.from_api)(raw.get(), signature) {
        Ok(Sent { version, object }) => {
            let change = Change::arrival(object);
            let name = Some(change.object().name.clone()).filter(|name| !name.name.is_empty());
            Item { name, version, content: Ok(change) }
        }
        Err(malformed) => {
            let stump = serde_json::from_str::<Stump>(raw.get()).ok().map(|stump| stump.metadata);
            let version = stump.as_ref().map(|meta| meta.resource_version.clone()).unwrap_or_default();
            let name =
                stump.filter(|meta| !meta.name.is_empty()).map(|meta| ObjectName::new(meta.namespace, meta.name));
            Item { name, version, content: Err(malformed) }
        }
    }
}
