//! From a value to objects of the API: kinds, lists, defaults, and everything the API would refuse.

use serde_json::Value;

use crate::model::{ObjectName, ObjectRef, ProblemCode, Severity};
use crate::source::kinds::manifest::{Fault, Namespace};
use crate::source::kinds::wire::Malformed;
use crate::source::kinds::{self, Kind};
use crate::source::objects::Object;

use super::text::{self, Format};
use super::unknown::unknown_fields;

/// The namespace of objects that name none, as in kubectl.
const DEFAULT_NAMESPACE: &str = "default";
/// Levels of lists within lists.
const MAX_LISTS: usize = 4;

/// What a document holds. It does not know its place in the file, so it stays valid when other parts of the file change.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The objects, in order.
    pub objects: Vec<Item>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Which objects the document may mean that are not in `objects`.
    pub refused: Refused,
}

/// An object of a document.
#[derive(Debug)]
pub(super) struct Item {
    /// The object.
    pub object: Object,
    /// Where within the document: empty, or `, items[3]`.
    pub place: String,
}

/// Which objects a document may mean that could not be read from it. They stay as they were before.
#[derive(Debug, Default)]
pub(super) enum Refused {
    /// None: everything was read.
    #[default]
    Nothing,
    /// These.
    Objects(Vec<ObjectRef>),
    /// It is unknown which.
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
    let template = line_of_template(bytes);
    let (values, error) = text::values(bytes, format);
    for value in values {
        // An empty document (`---` and a comment, or `null`) is not a fault.
        if !value.is_null() {
            content.value(value, None, String::new(), 0);
        }
    }
    if let Some(error) = error {
        content.refused = Refused::Anything;
        let (line, message, remedy) = match template {
            Some(line) => (Some(line), "it is a template that is not rendered ({{ … }})", RENDER),
            None => (error.line, &*error.message, "Correct the syntax at that line"),
        };
        content.findings.push(Finding {
            about: None,
            place: String::new(),
            line,
            code: ProblemCode::InvalidManifest,
            severity: Severity::Error,
            message: format!("this document is left out: {message}"),
            remedy,
        });
    } else if template.is_some() {
        // Where all of it is quoted it is YAML, with values that make no sense.
        let refused = content.findings.iter_mut().filter(|finding| finding.code == ProblemCode::InvalidManifest);
        refused.for_each(|finding| finding.remedy = RENDER);
    }
    content
}

/// What to do about a template.
const RENDER: &str = "Render the template first, as helm template does, and use its output";

/// The line of a document, from 1, that has the first `{{` of a template, as Helm's have. In YAML and JSON two braces in a row
/// stand in a text, or are a map whose key is a map.
fn line_of_template(bytes: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(bytes, b"{{")?;
    Some(bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1)
}

/// What an `apiVersion` and `kind` mean to us.
enum Meaning {
    Ours(&'static Kind),
    /// One of ours in a version that no API server has any more.
    Outdated(&'static Kind),
    /// A list whose items say what they are.
    List,
    /// A list of one kind, whose items need not name it.
    ListOf(String),
    /// Most likely a misspelling of this.
    Misspelt(&'static Kind),
    Foreign,
}

impl Meaning {
    fn of(version: &str, name: &str) -> Self {
        match kinds::named(name) {
            Some(kind) if kind.resource.api_version == version => return Self::Ours(kind),
            Some(kind) if kind.outdated.contains(&version) => return Self::Outdated(kind),
            Some(_) | None => {}
        }
        // Other groups have kinds of the same names.
        let misspelt = kinds::ALL.into_iter().find(|kind| {
            let wanted = kind.resource.api_version;
            name.eq_ignore_ascii_case(kind.object.as_str()) && group(version).eq_ignore_ascii_case(group(wanted))
        });
        if let Some(kind) = misspelt {
            return Self::Misspelt(kind);
        }
        if (version, name) == ("v1", "List") {
            return Self::List;
        }
        match name.strip_suffix("List").map(|item| (item, Self::of(version, item))) {
            Some((item, Self::Ours(_) | Self::Outdated(_))) => Self::ListOf(item.to_owned()),
            Some((_, Self::List | Self::ListOf(_) | Self::Misspelt(_) | Self::Foreign)) | None => Self::Foreign,
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
        match Meaning::of(version, kind) {
            Meaning::Ours(kind) => self.object(kind, value, place),
            Meaning::Outdated(kind) => {
                let (name, wanted) = (kind.object.as_str(), kind.resource.api_version);
                let message = format!("apiVersion {version} of {name} is no longer an API");
                let message = format!("{message}, it is {wanted} since Kubernetes 1.22");
                let object = identity(kind, &value);
                match (kind.renew, object) {
                    (Some(renew), Some(object)) => self.renewed(kind, value, place, (object, message, renew)),
                    (_, object) => {
                        let remedy = "Convert it to the current version, whose fields differ";
                        self.refuse(object, place, message, remedy);
                    }
                }
            }
            Meaning::Misspelt(wanted) => {
                let (name, wanted_version) = (wanted.object.as_str(), wanted.resource.api_version);
                let shown = |text: &str| text.chars().take(64).collect::<String>();
                let (version, kind) = (shown(version), shown(kind));
                let message = format!(
                    "apiVersion {version:?} with kind {kind:?} is none that is known, most likely {wanted_version} {name} is meant"
                );
                let object = identity(wanted, &value);
                self.refuse(object, place, message, "Correct apiVersion or kind, which are case-sensitive");
            }
            Meaning::List => self.list(value, None, &place, lists),
            Meaning::ListOf(item) => {
                let version = version.to_owned();
                self.list(value, Some((&version, &item)), &place, lists);
            }
            Meaning::Foreign => tracing::debug!(version, kind, "object of another kind passed over"),
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

    fn object(&mut self, kind: &Kind, mut value: Value, place: String) {
        let kind_name = kind.object.as_str();
        let read = match (kind.from_manifest)(&mut value, kind.namespace_or(DEFAULT_NAMESPACE)) {
            Ok(read) => read,
            Err(Malformed { field, text }) => {
                // The text of the error quotes the value.
                let message = if kind.hides_values {
                    format!("{field} does not fit the kind (data holds base64, stringData text)")
                } else {
                    format!("{field} does not fit the kind: {text}")
                };
                let remedy = "Correct the value; text that looks like a number or boolean needs quotes";
                return self.refuse(identity(kind, &value), place, message, remedy);
            }
        };
        let about = read.object.reference();
        let ObjectName { namespace, name } = &about.name;
        if name.is_empty() {
            let message = format!("this {kind_name} has no metadata.name");
            return self.refuse(None, place, message, "Give it a name");
        }
        if !is_name(name) || !(namespace.is_empty() || is_name(namespace)) {
            let message = format!("this {kind_name}'s name or namespace is not made of [a-z0-9.-]");
            return self.refuse(None, place, message, "Use names that the API accepts");
        }
        let unknown = unknown_fields(&value, &read.known).into_iter().map(|field| Finding {
            message: format!("{field} is not a field of {kind_name} and is ignored"),
            about: Some((about.clone(), field)),
            place: place.clone(),
            line: None,
            code: ProblemCode::InvalidField,
            severity: Severity::Warning,
            remedy: "Correct its spelling or place, or remove it",
        });
        let faults = read.faults.into_iter().map(|Fault { field, message, remedy }| Finding {
            about: Some((about.clone(), field)),
            place: place.clone(),
            line: None,
            code: ProblemCode::InvalidField,
            severity: Severity::Error,
            message,
            remedy,
        });
        self.findings.extend(unknown.chain(faults));
        self.objects.push(Item { object: read.object, place });
    }

    /// Reads an object of a former version.
    fn renewed(
        &mut self,
        kind: &Kind,
        mut value: Value,
        place: String,
        (object, message, renew): (ObjectRef, String, fn(&mut Value)),
    ) {
        renew(&mut value);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("apiVersion".into(), kind.resource.api_version.into());
        }
        self.findings.push(Finding {
            about: Some((object, "apiVersion".into())),
            place: place.clone(),
            line: None,
            code: ProblemCode::InvalidManifest,
            severity: Severity::Warning,
            message: format!("{message}; it is read here as if it were converted"),
            remedy: "Convert it to the current version: no API server takes it",
        });
        self.object(kind, value, place);
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

/// The group of an `apiVersion`.
fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// Which object a value claims to be, even if other parts of it are wrong.
fn identity(kind: &Kind, value: &Value) -> Option<ObjectRef> {
    let text = |field: &str| value.pointer(field).and_then(Value::as_str).filter(|text| is_name(text));
    let name = text("/metadata/name")?;
    let namespace = match kind.namespace_or(DEFAULT_NAMESPACE) {
        Namespace::None => "",
        Namespace::Or(default) => text("/metadata/namespace").unwrap_or(default),
    };
    Some(ObjectRef { kind: kind.object, name: ObjectName::new(namespace, name) })
}

/// The characters and length of a DNS subdomain, which every API name has (RFC 1123).
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    (1..=253).contains(&text.len()) && text.bytes().all(allowed)
}
