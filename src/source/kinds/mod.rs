//! The kinds of objects, one file and one row of the table for each: how they are asked for, read from an API server and
//! from manifests, converted to the plain view of `objects`, and read again from the saved objects.
//!
//! This is the one place that knows both the API's types and the plain view. Nothing is judged here. What the plain view
//! cannot hold (a port beyond 65535, which the API refuses as well) is left out.
//!
//! A kind more takes `model::ObjectKind`, `objects::Object` with its plain view, and a file and a row here.

mod endpoint_slice;
mod fields;
mod ingress;
mod ingress_class;
pub(super) mod manifest;
mod row;
pub(super) mod saved;
mod secret;
mod service;
pub(super) mod wire;
mod words;

pub(super) use row::{Kind, OnMalformed, Watched};
pub(super) use secret::KIND as SECRET;

#[cfg(test)]
mod tests;

/// All kinds.
pub(super) static ALL: [&Kind; 5] =
    [&ingress::KIND, &ingress_class::KIND, &service::KIND, &endpoint_slice::KIND, &secret::KIND];

/// The kind of this name, as Kubernetes writes it.
pub(super) fn named(name: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|kind| kind.object.as_str() == name)
}
