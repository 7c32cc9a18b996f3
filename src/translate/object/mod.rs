//! The unit of an object: the findings that belong to it as a whole. It serves nothing.

mod ingress;
mod service;

use crate::model::{ObjectKind, ObjectRef, Problem};

use super::input::Input;
use super::lower::RoutingObject;
use super::{certificate_files, classes, endpoints, shared_keys};

/// The findings about an object. Faults of a Service or a Secret are reported on the objects that use it; on the Service itself
/// what is wrong with its annotations.
pub(crate) fn problems(input: &Input, object: &ObjectRef) -> Vec<Problem> {
    let (objects, name) = (input.objects(), &object.name);
    match object.kind {
        ObjectKind::Ingress => objects.ingress(name).map(|ingress| {
            let lowered = input.index().lowered(RoutingObject::Ingress(ingress.clone()), input.settings());
            ingress::problems(input, ingress, &lowered)
        }),
        ObjectKind::IngressClass => objects.class(&name.name).map(|class| classes::problems(class, input.settings())),
        ObjectKind::EndpointSlice => objects.slice(name).map(|slice| endpoints::problems(input, slice)),
        ObjectKind::ConfigMap => Some(input.problems_of_config_map(name)),
        ObjectKind::Service => Some(service::problems(input, object)),
        ObjectKind::File => certificate_files::problems(input, name),
        ObjectKind::Secret => Some(shared_keys::problems(input, name)),
    }
    .unwrap_or_default()
}
