//! IngressClass (networking.k8s.io/v1).

use k8s_openapi::api::networking::v1 as networking;

use super::manifest;
use super::row::{Kind, OnMalformed, Watched, saved_as_it_is};
use super::wire::{Sent, WithSpec, parse};
use crate::model::{ObjectKind, Resource};
use crate::source::objects::IngressClass;

/// Marks the class of Ingresses that name none.
const DEFAULT_CLASS_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";

pub(super) static KIND: Kind = Kind {
    object: ObjectKind::IngressClass,
    resource: Resource::INGRESS_CLASSES,
    outdated: &["networking.k8s.io/v1beta1"],
    // Its fields are the same.
    renew: Some(|_| ()),
    watched: Watched::Classes,
    field_selector: None,
    label_selector: None,
    on_malformed: OnMalformed::Remove,
    is_optional: false,
    hides_values: false,
    unlisted: "IngressClasses cannot be listed, nothing new is served until they are; without a cluster role use --ingress-class-lookup false",
    from_api: |text, _| {
        let WithSpec { metadata, spec } = parse(text)?;
        let (version, metadata) = metadata.split();
        Ok(Sent { version, object: convert(networking::IngressClass { metadata, spec }).into() })
    },
    from_manifest: |value, namespace| manifest::read(value, namespace, convert),
    from_saved: saved_as_it_is::<IngressClass>,
};

pub(super) fn convert(object: networking::IngressClass) -> IngressClass {
    let networking::IngressClass { metadata, spec } = object;
    let networking::IngressClassSpec { controller, parameters } = spec.unwrap_or_default();
    let is_default =
        metadata.annotations.as_ref().and_then(|a| a.get(DEFAULT_CLASS_ANNOTATION)).is_some_and(|v| v == "true");
    let parameters = parameters.map(|reference| {
        let networking::IngressClassParametersReference { api_group: _, kind, name, namespace: _, scope: _ } =
            reference;
        format!("{kind}/{name}").into()
    });
    IngressClass {
        name: metadata.name.unwrap_or_default().into(),
        controller: controller.unwrap_or_default().into(),
        parameters,
        is_default,
    }
}
