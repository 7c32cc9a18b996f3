//! Reading objects one by one, so that one the API should not have let in costs itself only.
//!
//! Lists and events are read in two steps: their frame first, the objects in it as raw text; then every object for
//! itself, straight into its type and on into the plain view. What does not concern us (`managedFields`, the status of most kinds) is
//! skipped without being kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::api::networking::v1 as networking;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};
use crate::source::convert;
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

/// What an object comes to.
pub(super) struct Item {
    /// Which object, if it says so.
    pub(super) name: Option<ObjectName>,
    /// `metadata.resourceVersion`; empty when absent.
    pub(super) version: String,
    /// The object as an arrival, or what is wrong with it.
    pub(super) content: Result<Change, Malformed>,
}

/// Why an object cannot be read.
#[derive(Debug)]
pub(super) struct Malformed {
    field: String,
    text: String,
}

impl Malformed {
    /// The finding about this object.
    pub(super) fn problem(self, object: ObjectRef) -> Problem {
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

/// The metadata that concerns us.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta<'a> {
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    /// Who wrote what: larger than the rest at times, so it is looked at only where it can matter, and never kept.
    #[serde(borrow)]
    managed_fields: Option<&'a RawValue>,
}

impl Meta<'_> {
    /// Takes the version, and gives the rest in the API's form.
    fn split(self) -> (String, ObjectMeta) {
        let Self { name, namespace, resource_version, creation_timestamp, labels, annotations, managed_fields: _ } =
            self;
        let metadata = ObjectMeta { name, namespace, creation_timestamp, labels, annotations, ..ObjectMeta::default() };
        (resource_version.unwrap_or_default(), metadata)
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

/// Whether this signature stands under the addresses. What cannot be read of it is not ours.
fn is_signed(managed_fields: &str, signature: &Signature) -> bool {
    // Most Ingresses of others do not name us at all. The name has nothing in it that JSON would write in another way.
    if memchr::memmem::find(managed_fields.as_bytes(), signature.as_str().as_bytes()).is_none() {
        return false;
    }
    let entries: Vec<Managed<'_>> = serde_json::from_str(managed_fields).unwrap_or_default();
    entries.into_iter().any(|Managed { manager, operation, subresource, fields }| {
        if manager.as_deref() != Some(signature.as_str()) {
            return false;
        }
        let fields = fields.and_then(|fields| serde_json::from_str::<Value>(fields.get()).ok());
        signature.stands_in(manager.as_deref(), operation.as_deref(), subresource.as_deref(), fields.as_ref())
    })
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
struct WithSpec<'a, S> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    spec: Option<S>,
}

#[derive(Deserialize)]
struct Ingress<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    spec: Option<networking::IngressSpec>,
    /// What cannot be read of it is taken for nothing: it decides over no traffic.
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slice<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    address_type: Option<String>,
    endpoints: Option<Vec<discovery::Endpoint>>,
    ports: Option<Vec<discovery::EndpointPort>>,
}

#[derive(Deserialize)]
struct Secret<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    data: Option<BTreeMap<String, ByteString>>,
    #[serde(rename = "type")]
    type_: Option<String>,
}

/// The little that is read of an object whose rest cannot be.
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

/// Reads one object. An Ingress is told to have a status of ours by this signature.
pub(super) fn item(kind: ObjectKind, raw: &RawValue, signature: Option<&Signature>) -> Item {
    match typed(kind, raw.get(), signature) {
        Ok((version, change)) => {
            Item { name: Some(change.object().name).filter(|name| !name.name.is_empty()), version, content: Ok(change) }
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

fn typed(kind: ObjectKind, text: &str, signature: Option<&Signature>) -> Result<(String, Change), Malformed> {
    match kind {
        ObjectKind::Ingress => {
            let Ingress { metadata, spec, status } = parse(text)?;
            let signed = metadata.managed_fields.zip(signature);
            let is_status_ours = signed.is_some_and(|(fields, signature)| is_signed(fields.get(), signature));
            let (version, metadata) = metadata.split();
            let status = status.and_then(|status| serde_json::from_str(status.get()).ok());
            let mut object = convert::ingress(networking::Ingress { metadata, spec, status });
            object.is_status_ours = is_status_ours;
            Ok((version, Change::Ingress(object.name.clone(), Some(Arc::new(object)))))
        }
        ObjectKind::IngressClass => {
            let WithSpec { metadata, spec } = parse(text)?;
            let (version, metadata) = metadata.split();
            let object = convert::ingress_class(networking::IngressClass { metadata, spec });
            Ok((version, Change::IngressClass(object.name.clone(), Some(Arc::new(object)))))
        }
        ObjectKind::Service => {
            let WithSpec { metadata, spec } = parse(text)?;
            let (version, metadata) = metadata.split();
            let object = convert::service(core::Service { metadata, spec, status: None });
            Ok((version, Change::Service(object.name.clone(), Some(Arc::new(object)))))
        }
        ObjectKind::EndpointSlice => {
            let Slice { metadata, address_type, endpoints, ports } = parse(text)?;
            let (version, metadata) = metadata.split();
            let object = convert::endpoint_slice(discovery::EndpointSlice {
                metadata,
                address_type: address_type.unwrap_or_default(),
                endpoints: endpoints.unwrap_or_default(),
                ports,
            });
            Ok((version, Change::EndpointSlice(object.name.clone(), Some(Arc::new(object)))))
        }
        ObjectKind::Secret => {
            // Texts of errors quote values.
            let Secret { metadata, data, type_ } = parse(text)
                .map_err(|malformed: Malformed| Malformed { text: "a value is not of its type".into(), ..malformed })?;
            let (version, metadata) = metadata.split();
            let object = convert::secret(core::Secret { metadata, data, type_, ..core::Secret::default() });
            Ok((version, Change::Secret(object.name.clone(), Some(Arc::new(object)))))
        }
        ObjectKind::File => Err(Malformed { field: String::new(), text: "files do not come from an API".into() }),
    }
}

/// The version that a bookmark tells; empty when it does not.
pub(super) fn version(raw: &RawValue) -> String {
    let bookmark = serde_json::from_str::<WithSpec<'_, serde::de::IgnoredAny>>(raw.get());
    bookmark.ok().and_then(|bookmark| bookmark.metadata.resource_version).unwrap_or_default()
}

/// Straight into the type; only when that fails once more, to learn where.
fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(text).or_else(|_| {
        let mut json = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            let text = error.into_inner().to_string().chars().filter(|c| !c.is_control()).take(200).collect();
            Malformed { field, text }
        })
    })
}
