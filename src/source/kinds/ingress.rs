//! Ingress (networking.k8s.io/v1).

use k8s_openapi::api::core::v1::TypedLocalObjectReference;
use k8s_openapi::api::networking::v1 as networking;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::{annotations, created, each, name_of};
use super::manifest::{self, Fault, Read};
use super::old_ingress;
use super::row::{Kind, OnMalformed, Watched, saved_as_it_is};
use super::wire::{Meta, Sent, parse};
use super::words::word;
use crate::model::{ObjectKind, Resource};
use crate::source::objects::{Address, Annotations, Backend, Ingress, Path, PathKind, PortValue, Rule, TlsEntry};

pub(super) static KIND: Kind = Kind {
    object: ObjectKind::Ingress,
    resource: Resource::INGRESSES,
    outdated: &["extensions/v1beta1", "networking.k8s.io/v1beta1"],
    renew: Some(old_ingress::renew),
    watched: Watched::Namespaces,
    field_selector: None,
    label_selector: None,
    on_malformed: OnMalformed::Remove,
    is_optional: false,
    hides_values: false,
    unlisted: "objects cannot be listed, nothing new is served until they are",
    from_api: |text, signature| {
        let Wire { metadata, spec, status } = parse(text)?;
        let is_status_ours = signature.is_some_and(|signature| metadata.is_signed(signature));
        let (version, metadata) = metadata.split();
        let status = status.and_then(|status| serde_json::from_str(status.get()).ok());
        let ingress = Ingress { is_status_ours, ..convert(networking::Ingress { metadata, spec, status }) };
        Ok(Sent { version, object: ingress.into() })
    },
    from_manifest: |value, namespace| {
        let read = manifest::read(value, namespace, convert)?;
        Ok(Read { faults: double_ports(value), ..read })
    },
    from_saved: saved_as_it_is::<Ingress>,
};

/// The parts that an API server's Ingress is read for.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    spec: Option<networking::IngressSpec>,
    /// A status that cannot be read counts as absent: it decides nothing about traffic.
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

pub(super) fn convert(object: networking::Ingress) -> Ingress {
    let networking::Ingress { metadata, spec, status } = object;
    let networking::IngressSpec { default_backend, ingress_class_name, rules, tls } = spec.unwrap_or_default();
    Ingress {
        name: name_of(&metadata),
        created: created(&metadata),
        class: ingress_class_name.as_deref().map(word),
        annotations: annotations(metadata.annotations, Annotations::keeps),
        default_backend: default_backend.map(backend),
        rules: each(rules, rule),
        tls: each(tls, tls_entry),
        addresses: status.and_then(|status| status.load_balancer).map(addresses).unwrap_or_default(),
        is_status_ours: false,
    }
}

fn addresses(status: networking::IngressLoadBalancerStatus) -> Box<[Address]> {
    let entries = status.ingress.into_iter().flatten();
    let of_entry = |entry: networking::IngressLoadBalancerIngress| {
        let networking::IngressLoadBalancerIngress { hostname, ip, ports: _ } = entry;
        let ip = ip
            .filter(|ip| !ip.is_empty())
            .map(|ip| ip.parse().map_or_else(|_| Address::Hostname(ip.into()), Address::Ip));
        ip.into_iter().chain(hostname.filter(|name| !name.is_empty()).map(|name| Address::Hostname(name.into())))
    };
    entries.flat_map(of_entry).collect()
}

fn rule(rule: networking::IngressRule) -> Rule {
    let networking::IngressRule { host, http } = rule;
    let paths = http.map(|networking::HTTPIngressRuleValue { paths }| each(Some(paths), path));
    Rule { host: word(&host.unwrap_or_default()), paths }
}

fn path(path: networking::HTTPIngressPath) -> Path {
    let networking::HTTPIngressPath { backend: target, path, path_type } = path;
    let kind = match path_type.as_str() {
        "Exact" => PathKind::Exact,
        "Prefix" => PathKind::Prefix,
        "ImplementationSpecific" => PathKind::ImplementationSpecific,
        _ => PathKind::Unknown(path_type.into()),
    };
    Path { path: word(&path.unwrap_or_default()), kind, backend: backend(target) }
}

pub(super) fn backend(backend: networking::IngressBackend) -> Backend {
    let networking::IngressBackend { resource, service } = backend;
    match (service, resource) {
        (Some(networking::IngressServiceBackend { name, port }), None) => {
            Backend::Service { name: word(&name), port: port.and_then(backend_port) }
        }
        (None, Some(TypedLocalObjectReference { api_group: _, kind, name })) => {
            Backend::Resource(format!("{kind}/{name}").into())
        }
        (Some(_), Some(_)) | (None, None) => Backend::Invalid,
    }
}

/// The API holds 0 and the empty name for "not given" and refuses both given; the number decides if they are.
pub(super) fn backend_port(port: networking::ServiceBackendPort) -> Option<PortValue> {
    let networking::ServiceBackendPort { name, number } = port;
    let name = name.filter(|name| !name.is_empty()).map(|name| PortValue::Name(word(&name)));
    number.filter(|number| *number != 0).map(PortValue::Number).or(name)
}

/// Ports that are given by name and by number, which the API refuses.
fn double_ports(ingress: &Value) -> Vec<Fault> {
    let list = |value: &'_ Value, at: &str| value.pointer(at).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut backends = Vec::new();
    if let Some(backend) = ingress.pointer("/spec/defaultBackend") {
        backends.push(("spec.defaultBackend".to_owned(), backend.clone()));
    }
    for (rule, of_rule) in list(ingress, "/spec/rules").iter().enumerate() {
        for (at, path) in list(of_rule, "/http/paths").iter().enumerate() {
            backends.push((format!("spec.rules[{rule}].http.paths[{at}].backend"), path["backend"].clone()));
        }
    }
    let is_double = |port: &Value| {
        let has_name = port["name"].as_str().is_some_and(|name| !name.is_empty());
        has_name && port["number"].as_i64().is_some_and(|number| number != 0)
    };
    let double = backends.into_iter().filter(|(_, backend)| is_double(&backend["service"]["port"]));
    let fault = |(field, _)| Fault {
        field: format!("{field}.service.port"),
        message: "the port has a name and a number, of which the API takes one only; the number is used here".into(),
        remedy: "Remove one of the two",
    };
    double.map(fault).collect()
}

fn tls_entry(entry: networking::IngressTLS) -> TlsEntry {
    let networking::IngressTLS { hosts, secret_name } = entry;
    TlsEntry { hosts: each(hosts, |host| word(&host)), secret: secret_name.filter(|s| !s.is_empty()).map(|s| word(&s)) }
}
