//! What a kind is to the sources: a row of the table.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::manifest::{Namespace, Read};
use super::wire::{Malformed, Sent};
use crate::model::{ObjectKind, Resource};
use crate::source::objects::{Object, Signature};

/// How objects of a kind are asked for and read.
pub(in crate::source) struct Kind {
    /// The kind.
    pub(in crate::source) object: ObjectKind,
    /// Where an API server has its objects.
    pub(in crate::source) resource: Resource,
    /// Former values of `apiVersion` that no API server has any more.
    pub(in crate::source) outdated: &'static [&'static str],
    /// Brings a manifest of a former version into the form of the current one. `None`: it is not known how.
    pub(in crate::source) renew: Option<fn(&mut Value)>,
    /// Which of its objects are watched.
    pub(in crate::source) watched: Watched,
    /// Field selector of its lists and watches.
    pub(in crate::source) field_selector: Option<&'static str>,
    /// Label selector of its lists and watches.
    pub(in crate::source) label_selector: Option<&'static str>,
    /// What happens to an object whose new version cannot be read.
    pub(in crate::source) on_malformed: OnMalformed,
    /// Whether the start goes on without its objects when the controller's role may not read them.
    pub(in crate::source) is_optional: bool,
    /// Whether messages must not quote values of its objects.
    pub(in crate::source) hides_values: bool,
    /// What the log says follows from a list that has never succeeded.
    pub(in crate::source) unlisted: &'static str,
    /// Reads an object that an API server sent. The signature tells which statuses are ours.
    pub(in crate::source) from_api: fn(&str, Option<&Signature>) -> Result<Sent, Malformed>,
    /// Reads an object of a manifest.
    pub(in crate::source) from_manifest: fn(&mut Value, Namespace) -> Result<Read, Malformed>,
    /// Reads what `save` wrote. `None` when it is of no use here.
    pub(in crate::source) from_saved: fn(&[u8]) -> Option<Object>,
}

/// Which objects of a kind are watched: the options that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Watched {
    /// Those of the namespaces of `--watch-namespace`.
    Namespaces,
    /// All, or none: `--ingress-class-lookup`.
    Classes,
    /// Those of `--secret-access`.
    Secrets,
    /// None but those that are followed one by one: `--config-map-access`.
    ConfigMaps,
}

/// What happens to an object whose new version cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum OnMalformed {
    /// It counts as deleted: routes follow the API.
    Remove,
    /// Its last version stays in force, as that of a certificate does.
    KeepLast,
}

/// Reads an object of a kind that is saved as it is.
pub(super) fn saved_as_it_is<T: DeserializeOwned + Into<Object>>(json: &[u8]) -> Option<Object> {
    serde_json::from_slice::<T>(json).ok().map(Into::into)
}

impl Kind {
    /// The namespace of an object of a manifest.
    pub(in crate::source) fn namespace_or(&self, default: &'static str) -> Namespace {
        if self.resource.is_namespaced { Namespace::Or(default) } else { Namespace::None }
    }
}
