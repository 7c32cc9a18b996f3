//! The kinds of objects, one file and one row of the table for each: how they are asked for, read from an API server and
//! from manifests, converted to the plain view of `objects`, and read again from the saved objects.
//!
//! This is the one place that knows both the API's types and the plain view. Nothing is judged here. What the plain view
//! cannot hold (a port beyond 65535, which the API refuses as well) is left out.
//!
//! A kind more takes `model::ObjectKind`, `objects::Object` with its plain view, and a file and a row here.

mod config_map;
mod endpoint_slice;
mod fields;
mod ingress;
mod ingress_class;
pub(super) mod manifest;
mod old_ingress;
mod row;
mod secret;
mod secret_keys;
mod secret_users;
mod service;
pub(super) mod wire;
mod words;

use std::io::Write;

use super::objects::Object;

pub(super) use config_map::KIND as CONFIG_MAP;
pub(super) use endpoint_slice::{KIND as ENDPOINT_SLICE, SERVICE_LABEL};
pub(super) use row::{Kind, OnMalformed, Watched};
pub(super) use secret::KIND as SECRET;
use secret::SavedSecret;

#[cfg(test)]
mod tests;

/// All kinds.
pub(super) static ALL: [&Kind; 6] =
    [&ingress::KIND, &ingress_class::KIND, &service::KIND, &endpoint_slice::KIND, &secret::KIND, &config_map::KIND];

/// The kind of this name, as Kubernetes writes it.
pub(super) fn named(name: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|kind| kind.object.as_str() == name)
}

/// Writes an object as JSON on one line: the plain view by the names of its fields, and a Secret with its key as DER.
pub(super) fn save(object: &Object, out: impl Write) -> serde_json::Result<()> {
    match object {
        Object::Ingress(object) => serde_json::to_writer(out, object),
        Object::IngressClass(object) => serde_json::to_writer(out, object),
        Object::Service(object) => serde_json::to_writer(out, object),
        Object::EndpointSlice(object) => serde_json::to_writer(out, object),
        Object::Secret(object) => serde_json::to_writer(out, &SavedSecret::new(object)),
        Object::ConfigMap(object) => serde_json::to_writer(out, object),
        // Saved is what came from an API.
        Object::CertificateFile(_) => Ok(()),
    }
}
