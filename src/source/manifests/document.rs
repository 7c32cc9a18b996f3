//! From a value to objects of the API: kinds, lists, defaults, and everything the API would refuse.

use std::sync::Arc;

use k8s_openapi::Metadata;
use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::{ObjectKind, ObjectName, ObjectRef, ProblemCode, Severity};
use crate::source::convert;
use crate::source::objects::Change;

use super::text::{self, Format};
use super::unknown::unknown_fields;

/// The namespace of objects that state none, as kubectl has it.
const DEFAULT_NAMESPACE: &str = "default";
/// Levels of lists within lists.
const MAX_LISTS: usize = 4;

/// What a document holds. Knows nothing of its place in the file, so that it outlives changes around it.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The objects, as arrivals, in order.
    pub objects: Vec<Item>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What may have been meant but is not in `objects`.
    pub refused: Refused,
}

/// An object of a document.
#[derive(Debug)]
pub(super) struct Item {
    /// The object, as an arrival.
    pub change: Change,
    /// Where within the document: empty, or `, items[3]`.
    pub place: String,
}

/// Which objects a document may have meant that could not be read from it: what stood there before goes on.
#[derive(Debug, Default)]
pub(super) enum Refused {
    /// All was read.
    #[default]
    Nothing,
    /// These.
    Objects(Vec<ObjectRef>),
    /// No telling which.
    Anything,
}

/// A fault of a document, or of an object in it.
#[derive(Debug)]
pub(super) struct Finding {
    /// The object and its field; `None` for the document.
    pub about: Option<(ObjectRef, String)>,
    /// Where within the document: empty, or `, items[3]`.
    pub place: String,
    /// Line within the document, from 1, where known.
    pub line: Option<usize>,
    /// Code of the Problem.
    pub code: ProblemCode,
    /// Severity of the Problem.
    pub severity: Severity,
    /// Message of the Problem.
    pub message: String,
    /// Remedy of the Problem; the place is appended when it is about an object.
    pub remedy: &'static str,
}

/// Reads a document.
pub(super) fn read(bytes: &[u8], format: Format) -> Content {
    let mut content = Content::default();
    let (values, error) = text::values(bytes, format);
    for value in values {
        // A document of nothing (`---` and a comment, or `null`) is no fault.
        if !value.is_null() {
            content.value(value, None, String::new(), 0);
        }
    }
    if let Some(error) = error {
        content.refused = Refused::Anything;
        content.findings.push(Finding {
            about: None,
            place: String::new(),
            line: error.line,
            code: ProblemCode::InvalidManifest,
            severity: Severity::Error,
            message: format!("this document is left out: {}", error.message),
            remedy: "Correct the syntax at that line",
        });
    }
    content
}

/// What an `apiVersion` and `kind` mean to us.
enum Kind {
    Ours(ObjectKind),
    /// One of ours in a version that no API server has any more, and the version to use.
    Outdated(ObjectKind, &'static str),
    /// A list whose items say what they are.
    List,
    /// A list of one kind, whose items need not say it.
    ListOf(String),
    Foreign,
}

impl Kind {
    fn of(version: &str, kind: &str) -> Self {
        const NETWORKING: &str = "networking.k8s.io/v1";
        const DISCOVERY: &str = "discovery.k8s.io/v1";
        match (version, kind) {
            (NETWORKING, "Ingress") => Self::Ours(ObjectKind::Ingress),
            (NETWORKING, "IngressClass") => Self::Ours(ObjectKind::IngressClass),
            ("v1", "Service") => Self::Ours(ObjectKind::Service),
            ("v1", "Secret") => Self::Ours(ObjectKind::Secret),
            (DISCOVERY, "EndpointSlice") => Self::Ours(ObjectKind::EndpointSlice),
            ("extensions/v1beta1" | "networking.k8s.io/v1beta1", "Ingress") => {
                Self::Outdated(ObjectKind::Ingress, NETWORKING)
            }
            ("networking.k8s.io/v1beta1", "IngressClass") => Self::Outdated(ObjectKind::IngressClass, NETWORKING),
            ("discovery.k8s.io/v1beta1", "EndpointSlice") => Self::Outdated(ObjectKind::EndpointSlice, DISCOVERY),
            ("v1", "List") => Self::List,
            _ => match kind.strip_suffix("List").map(|item| (item, Self::of(version, item))) {
                Some((item, Self::Ours(_) | Self::Outdated(..))) => Self::ListOf(item.to_owned()),
                Some((_, Self::List | Self::ListOf(_) | Self::Foreign)) | None => Self::Foreign,
            },
        }
    }
}

impl Content {
    fn value(&mut self, value: Value, inherited: Option<(&str, &str)>, place: String, lists: usize) {
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        let version = text("apiVersion").or(inherited.map(|(version, _)| version));
        let kind = text("kind").or(inherited.map(|(_, kind)| kind));
        let (Some(version), Some(kind)) = (version, kind) else {
            let message = if value.is_object() {
                "it has no apiVersion or no kind, hence is no Kubernetes object"
            } else {
                "it is no Kubernetes object, which would be a map with apiVersion and kind"
            };
            return self.refuse(None, place, message.to_owned(), "Add what is missing, or remove the document");
        };
        match Kind::of(version, kind) {
            Kind::Ours(kind) => self.object(kind, value, place),
            Kind::Outdated(kind, wanted) => {
                let message = format!("apiVersion {version} of {} is no longer an API", kind.as_str());
                let message = format!("{message}, it is {wanted} since Kubernetes 1.22");
                let object = identity(kind, &value);
                self.refuse(object, place, message, "Convert it to the current version, whose fields differ");
            }
            Kind::List => self.list(value, None, &place, lists),
            Kind::ListOf(item) => {
                let version = version.to_owned();
                self.list(value, Some((&version, &item)), &place, lists);
            }
            Kind::Foreign => tracing::debug!(version, kind, "object of another kind passed over"),
        }
    }

    fn list(&mut self, mut value: Value, inherited: Option<(&str, &str)>, place: &str, lists: usize) {
        let place_of = |index: usize| format!("{place}, items[{index}]");
        match value.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if lists < MAX_LISTS => {
                for (index, item) in items.into_iter().enumerate() {
                    self.value(item, inherited, place_of(index), lists + 1);
                }
            }
            None | Some(Value::Null) => {}
            Some(_) => {
                let message = "its items are no list, or it has lists within lists too deep".to_owned();
                self.refuse(None, place.to_owned(), message, "Write items as a flat list of objects");
            }
        }
    }

    fn object(&mut self, kind: ObjectKind, mut value: Value, place: String) {
        match kind {
            ObjectKind::Ingress => self.typed(kind, &value, place, |object: Ingress| {
                let object = convert::ingress(object);
                Change::Ingress(object.name.clone(), Some(Arc::new(object)))
            }),
            ObjectKind::IngressClass => self.typed(kind, &value, place, |object: IngressClass| {
                let object = convert::ingress_class(object);
                Change::IngressClass(object.name.clone(), Some(Arc::new(object)))
            }),
            ObjectKind::Service => {
                let known = self.objects.len();
                self.typed(kind, &value, place, |object: Service| {
                    let object = convert::service(object);
                    Change::Service(object.name.clone(), Some(Arc::new(object)))
                });
                if self.objects.len() > known {
                    self.check_ports(&value);
                }
            }
            ObjectKind::EndpointSlice => self.typed(kind, &value, place, |object: EndpointSlice| {
                let object = convert::endpoint_slice(object);
                Change::EndpointSlice(object.name.clone(), Some(Arc::new(object)))
            }),
            ObjectKind::Secret => {
                unwrap_base64(&mut value);
                self.typed(kind, &value, place, |object: Secret| {
                    let object = convert::secret(object);
                    Change::Secret(object.name.clone(), Some(Arc::new(object)))
                });
            }
            ObjectKind::File => {}
        }
    }

    fn typed<K>(&mut self, kind: ObjectKind, value: &Value, place: String, change: impl FnOnce(K) -> Change)
    where
        K: DeserializeOwned + Serialize + Metadata<Ty = ObjectMeta>,
    {
        let mut object: K = match serde_path_to_error::deserialize(value) {
            Ok(object) => object,
            Err(error) => {
                let path = error.path().to_string();
                // The reader's own words quote the value, and values of Secrets are never shown.
                let message = match kind {
                    ObjectKind::Secret => format!("{path} does not fit the kind (data holds base64, stringData text)"),
                    _ => format!("{path} does not fit the kind: {}", error.inner()),
                };
                let remedy = "Correct the value; text that looks like a number or boolean needs quotes";
                return self.refuse(identity(kind, value), place, message, remedy);
            }
        };
        let metadata = object.metadata_mut();
        match kind {
            ObjectKind::IngressClass => metadata.namespace = None,
            _ if metadata.namespace.as_deref().is_none_or(str::is_empty) => {
                metadata.namespace = Some(DEFAULT_NAMESPACE.to_owned());
            }
            _ => {}
        }
        let name = metadata.name.as_deref().unwrap_or_default();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        if name.is_empty() {
            let message = format!("this {} has no metadata.name", kind.as_str());
            return self.refuse(None, place, message, "Give it a name");
        }
        if !is_name(name) || !(namespace.is_empty() || is_name(namespace)) {
            let message = format!("this {}'s name or namespace is not made of [a-z0-9.-]", kind.as_str());
            return self.refuse(None, place, message, "Use names that the API accepts");
        }
        let written = serde_json::to_value(&object).unwrap_or_default();
        let change = change(object);
        let about = change.object();
        for field in unknown_fields(value, &written) {
            self.findings.push(Finding {
                message: format!("{field} is not a field of {} and is ignored", kind.as_str()),
                about: Some((about.clone(), field)),
                place: place.clone(),
                line: None,
                code: ProblemCode::InvalidField,
                severity: Severity::Warning,
                remedy: "Correct its spelling or place, or remove it",
            });
        }
        self.objects.push(Item { change, place });
    }

    /// Ports that the plain view cannot hold. The API refuses the Service; here its other ports serve.
    fn check_ports(&mut self, service: &Value) {
        let Some(Item { change, place }) = self.objects.last() else { return };
        let (about, place) = (change.object(), place.clone());
        let ports = service.pointer("/spec/ports").and_then(Value::as_array);
        for (index, port) in ports.into_iter().flatten().enumerate() {
            for field in ["port", "targetPort"] {
                let number = port.get(field).and_then(Value::as_i64);
                let is_missing = field == "port" && number.is_none();
                if !is_missing && number.is_none_or(|number| (1..=65535).contains(&number)) {
                    continue;
                }
                let consequence = if field == "port" { "this port is left out" } else { "it is ignored" };
                self.findings.push(Finding {
                    about: Some((about.clone(), format!("spec.ports[{index}].{field}"))),
                    place: place.clone(),
                    line: None,
                    code: ProblemCode::InvalidField,
                    severity: Severity::Error,
                    message: format!("{field} is not a number from 1 to 65535, so {consequence}"),
                    remedy: "Correct the port number",
                });
            }
        }
    }

    fn refuse(&mut self, object: Option<ObjectRef>, place: String, message: String, remedy: &'static str) {
        let message = match &object {
            Some(object) => format!("{object} is refused: {message}"),
            None => format!("this document or item is refused: {message}"),
        };
        match (&mut self.refused, object) {
            (Refused::Anything, _) => {}
            (Refused::Objects(objects), Some(object)) => objects.push(object),
            (refused @ Refused::Nothing, Some(object)) => *refused = Refused::Objects(vec![object]),
            (refused @ (Refused::Nothing | Refused::Objects(_)), None) => *refused = Refused::Anything,
        }
        self.findings.push(Finding {
            about: None,
            place,
            line: None,
            code: ProblemCode::InvalidManifest,
            severity: Severity::Error,
            message,
            remedy,
        });
    }
}

/// Which object a value claims to be, whatever else is wrong with it.
fn identity(kind: ObjectKind, value: &Value) -> Option<ObjectRef> {
    let text = |field: &str| value.pointer(field).and_then(Value::as_str).filter(|text| is_name(text));
    let name = text("/metadata/name")?;
    let namespace = match kind {
        ObjectKind::IngressClass => "",
        _ => text("/metadata/namespace").unwrap_or(DEFAULT_NAMESPACE),
    };
    Some(ObjectRef { kind, name: ObjectName::new(namespace, name) })
}

/// The characters and length of a DNS subdomain, which every API name has (RFC 1123).
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    (1..=253).contains(&text.len()) && text.bytes().all(allowed)
}

/// Takes line breaks out of a Secret's base64, as the API server does.
fn unwrap_base64(secret: &mut Value) {
    let Some(Value::Object(data)) = secret.get_mut("data") else { return };
    for value in data.values_mut() {
        if let Value::String(text) = value
            && text.contains(['\n', '\r'])
        {
            text.retain(|c| !matches!(c, '\n' | '\r'));
        }
    }
}
