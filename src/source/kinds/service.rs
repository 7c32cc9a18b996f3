//! Service (core/v1).

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::fields::{annotations, created, is_tcp, is_udp, name_of, port_number};
use super::manifest::{self, Fault};
use super::row::{Kind, OnMalformed, Watched, saved_as_it_is};
use super::wire::{Sent, WithSpec, parse};
use super::words::word;
use crate::model::{ObjectKind, Resource};
use crate::source::objects::{Annotations, Service, ServiceKind, ServicePort};

pub(super) static KIND: Kind = Kind {
    object: ObjectKind::Service,
    resource: Resource::SERVICES,
    outdated: &[],
    renew: None,
    watched: Watched::Namespaces,
    field_selector: None,
    label_selector: None,
    on_malformed: OnMalformed::Remove,
    is_optional: false,
    hides_values: false,
    unlisted: "objects cannot be listed, nothing new is served until they are",
    from_api: |text, _| {
        let WithSpec { metadata, spec } = parse(text)?;
        let (version, metadata) = metadata.split();
        Ok(Sent { version, object: convert(core::Service { metadata, spec, status: None }).into() })
    },
    from_manifest: |value, namespace| {
        let mut read = manifest::read(value, namespace, convert)?;
        read.faults = port_faults(value);
        Ok(read)
    },
    from_saved: saved_as_it_is::<Service>,
};

/// Drops the status and what only other proxies use.
pub(super) fn convert(object: core::Service) -> Service {
    let core::Service { metadata, spec, status: _ } = object;
    let spec = spec.unwrap_or_default();
    let is_headless = spec.cluster_ip.as_deref() == Some("None");
    let kind = match spec.type_.as_deref() {
        Some("ExternalName") => ServiceKind::ExternalName(spec.external_name.unwrap_or_default().into()),
        _ if is_headless => ServiceKind::Headless,
        _ => ServiceKind::Cluster,
    };
    let first_family = spec.ip_families.as_ref().and_then(|families| families.first());
    Service {
        name: name_of(&metadata),
        created: created(&metadata),
        kind,
        ports: spec.ports.unwrap_or_default().into_iter().filter_map(service_port).collect(),
        prefers_ipv6: first_family.is_some_and(|family| family == "IPv6"),
        cluster_ip: spec.cluster_ip.and_then(|text| text.parse().ok()),
        annotations: annotations(metadata.annotations, Annotations::keeps_of_service),
    }
}

fn service_port(port: core::ServicePort) -> Option<ServicePort> {
    let core::ServicePort { app_protocol, name, node_port: _, port, protocol, target_port } = port;
    let target = match target_port {
        Some(IntOrString::Int(number)) => port_number(number),
        Some(IntOrString::String(_)) | None => None,
    };
    Some(ServicePort {
        name: word(&name.unwrap_or_default()),
        port: port_number(port)?,
        target,
        is_tcp: is_tcp(protocol.as_deref()),
        is_udp: is_udp(protocol.as_deref()),
        app_protocol: app_protocol.as_deref().map(word),
    })
}

/// Ports that the plain view cannot hold. The API refuses such a Service; a manifest's other ports serve.
fn port_faults(service: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    for (index, port) in ports.into_iter().flatten().enumerate() {
        for field in ["port", "targetPort"] {
            let number = port.get(field).and_then(Value::as_i64);
            let is_missing = field == "port" && number.is_none();
            if !is_missing && number.is_none_or(|number| (1..=65535).contains(&number)) {
                continue;
            }
            let consequence = if field == "port" { "this port is left out" } else { "it is ignored" };
            faults.push(Fault {
                field: format!("spec.ports[{index}].{field}"),
                message: format!("{field} is not a number from 1 to 65535, so {consequence}"),
                remedy: "Correct the port number",
            });
        }
    }
    faults
}
