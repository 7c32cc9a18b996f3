//! What objects ask for beside HTTP.
//!
//! Two front ends ask: ConfigMaps that the operator names (`config_map`), and the annotation `expose` of Services. Both come to
//! claims (`claim`), which are kept by port, so that a unit is what all objects make of one port together.

mod claim;
mod config_map;
mod permission;

use crate::model::{ObjectKind, ObjectRef};
use crate::source::objects::Objects;

use super::annotations::Parsed;
use super::settings::Settings;

pub(crate) use claim::{Claim, Streams};
pub(crate) use config_map::problems as problems_of_config_map;
pub(crate) use permission::refusal;

/// What an object asks for. `annotations` are those of a Service, read.
pub(crate) fn of(
    object: &ObjectRef,
    settings: &Settings,
    objects: &Objects,
    annotations: Option<&Parsed>,
) -> Vec<Claim> {
    match object.kind {
        ObjectKind::ConfigMap => config_map::claims(settings, objects, &object.name),
        ObjectKind::Service => {
            let of = objects.service(&object.name).zip(annotations);
            of.map(|(service, read)| claim::of_service(service, read)).unwrap_or_default()
        }
        ObjectKind::Ingress
        | ObjectKind::IngressClass
        | ObjectKind::EndpointSlice
        | ObjectKind::Secret
        | ObjectKind::File => Vec::new(),
    }
}
