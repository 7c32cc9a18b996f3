//! From the API's own types to the plain view of `objects`: the one place that knows both.
//!
//! Nothing is judged here; what the plain view cannot hold (a port beyond 65535, which the API refuses as well) is
//! left out. Secrets are the exception: their certificate is parsed on arrival, and their values are dropped with it.

mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{self as core, TypedLocalObjectReference};
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::api::networking::v1 as networking;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::model::{Certificate, ObjectName};

use super::objects::{
    Address, AddressKind, Annotations, Backend, EndpointSlice, Ingress, IngressClass, Path, PathKind, PortValue, Rule,
    Secret, SecretFault, Service, ServiceKind, ServicePort, SliceEndpoint, SlicePort, TlsEntry,
};
use words::word;

#[cfg(test)]
mod tests;

/// Annotations that can concern us: ours, and those of other controllers, of which the author is told.
const ANNOTATION_PREFIXES: [&str; 6] = [
    "tidegate.dev/",
    "nginx.ingress.kubernetes.io/",
    "haproxy.org/",
    "haproxy-ingress.github.io/",
    "ingress.kubernetes.io/",
    "traefik.ingress.kubernetes.io/",
];
/// The class of an Ingress before there was `spec.ingressClassName`.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
/// Marks the class of Ingresses that name none.
const DEFAULT_CLASS_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";
/// Joins slices to their Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";
/// The type of Secrets that hold a certificate.
const TLS_TYPE: &str = "kubernetes.io/tls";
/// The type of Secrets that state none.
const DEFAULT_SECRET_TYPE: &str = "Opaque";

/// Converts an Ingress.
pub fn ingress(object: networking::Ingress) -> Ingress {
    let networking::Ingress { metadata, spec, status } = object;
    let networking::IngressSpec { default_backend, ingress_class_name, rules, tls } = spec.unwrap_or_default();
    Ingress {
        name: name_of(&metadata),
        created: created(&metadata),
        class: ingress_class_name.as_deref().map(word),
        annotations: annotations(metadata.annotations),
        default_backend: default_backend.map(backend),
        rules: each(rules, rule),
        tls: each(tls, tls_entry),
        addresses: status.and_then(|status| status.load_balancer).map(addresses).unwrap_or_default(),
        is_status_ours: false,
    }
}

/// Converts an IngressClass.
pub fn ingress_class(object: networking::IngressClass) -> IngressClass {
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

/// Converts a Service; its status and all that concerns other proxies than us is dropped.
pub fn service(object: core::Service) -> Service {
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
        kind,
        ports: spec.ports.unwrap_or_default().into_iter().filter_map(service_port).collect(),
        prefers_ipv6: first_family.is_some_and(|family| family == "IPv6"),
    }
}

/// Converts an EndpointSlice: the first address of every endpoint (the API calls the others fungible and they are
/// not used, as in kube-proxy) and its conditions with their defaults resolved.
pub fn endpoint_slice(object: discovery::EndpointSlice) -> EndpointSlice {
    let discovery::EndpointSlice { address_type, endpoints, metadata, ports } = object;
    let addresses = match address_type.as_str() {
        "IPv4" => AddressKind::IPv4,
        "IPv6" => AddressKind::IPv6,
        _ => AddressKind::Other,
    };
    let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
    // Names instead of addresses are not used at all, hence not worth a finding each.
    if addresses != AddressKind::Other {
        readable.reserve_exact(endpoints.len());
        for endpoint in endpoints {
            match slice_endpoint(endpoint) {
                Some(Ok(endpoint)) => readable.push(endpoint),
                Some(Err(address)) => unreadable.push(address),
                None => {}
            }
        }
    }
    EndpointSlice {
        name: name_of(&metadata),
        service: metadata.labels.as_ref().and_then(|l| l.get(SERVICE_LABEL)).map(|name| word(name)),
        addresses,
        ports: ports.map(|ports| each(Some(ports), slice_port)),
        endpoints: readable.into(),
        unreadable: unreadable.into(),
    }
}

/// Converts a Secret: parses its certificate and drops its values. `stringData`, which only manifests have, goes
/// before `data`.
pub fn secret(object: core::Secret) -> Secret {
    let core::Secret { data, immutable: _, metadata, string_data, type_ } = object;
    let kind = type_.filter(|t| !t.is_empty()).unwrap_or_else(|| DEFAULT_SECRET_TYPE.to_owned());
    let certificate = if kind == TLS_TYPE {
        let (data, text) = (data.unwrap_or_default(), string_data.unwrap_or_default());
        let value = |key: &'static str| {
            let value = text.get(key).map(String::as_bytes);
            value.or_else(|| data.get(key).map(|v| v.0.as_slice())).ok_or(SecretFault::Missing(key))
        };
        value("tls.crt").and_then(|chain| Ok(Certificate::parse(chain, value("tls.key")?)?)).map(Arc::new)
    } else {
        Err(SecretFault::Type(kind.into()))
    };
    Secret { name: name_of(&metadata), certificate, last_good: None }
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

fn name_of(metadata: &ObjectMeta) -> ObjectName {
    let text = |text: &Option<String>| word(text.as_deref().unwrap_or_default());
    ObjectName::new(text(&metadata.namespace), text(&metadata.name))
}

fn created(metadata: &ObjectMeta) -> i64 {
    metadata.creation_timestamp.as_ref().map_or(i64::MAX, |time| time.0.as_second())
}

fn annotations(all: Option<BTreeMap<String, String>>) -> Annotations {
    let concerns_us =
        |key: &str| key == CLASS_ANNOTATION || ANNOTATION_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    let kept = all.into_iter().flatten().filter(|(key, _)| concerns_us(key));
    kept.map(|(key, value)| (word(&key), word(&value))).collect()
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

fn backend(backend: networking::IngressBackend) -> Backend {
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
fn backend_port(port: networking::ServiceBackendPort) -> Option<PortValue> {
    let networking::ServiceBackendPort { name, number } = port;
    let name = name.filter(|name| !name.is_empty()).map(|name| PortValue::Name(word(&name)));
    number.filter(|number| *number != 0).map(PortValue::Number).or(name)
}

fn tls_entry(entry: networking::IngressTLS) -> TlsEntry {
    let networking::IngressTLS { hosts, secret_name } = entry;
    TlsEntry { hosts: each(hosts, |host| word(&host)), secret: secret_name.filter(|s| !s.is_empty()).map(|s| word(&s)) }
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
        app_protocol: app_protocol.as_deref().map(word),
    })
}

fn slice_port(port: discovery::EndpointPort) -> SlicePort {
    let discovery::EndpointPort { app_protocol: _, name, port, protocol } = port;
    SlicePort {
        name: word(&name.unwrap_or_default()),
        port: port.and_then(port_number),
        is_tcp: is_tcp(protocol.as_deref()),
    }
}

/// `None` without an address, an error with one that cannot be read.
fn slice_endpoint(endpoint: discovery::Endpoint) -> Option<Result<SliceEndpoint, Arc<str>>> {
    let discovery::Endpoint {
        addresses,
        conditions,
        deprecated_topology: _,
        hints: _,
        hostname: _,
        node_name: _,
        target_ref: _,
        zone: _,
    } = endpoint;
    let discovery::EndpointConditions { ready, serving, terminating } = conditions.unwrap_or_default();
    let is_ready = ready.unwrap_or(true);
    let address = addresses.into_iter().next()?;
    let Ok(parsed) = address.parse() else { return Some(Err(address.into())) };
    Some(Ok(SliceEndpoint {
        address: parsed,
        is_ready,
        is_serving: serving.unwrap_or(is_ready),
        is_terminating: terminating.unwrap_or(false),
    }))
}

fn is_tcp(protocol: Option<&str>) -> bool {
    protocol.is_none_or(|protocol| protocol.is_empty() || protocol == "TCP")
}

fn port_number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port != 0)
}

fn each<A, B>(list: Option<Vec<A>>, convert: impl FnMut(A) -> B) -> Box<[B]> {
    list.into_iter().flatten().map(convert).collect()
}
