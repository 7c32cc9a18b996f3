//! EndpointSlice (discovery.k8s.io/v1).

use std::sync::Arc;

use k8s_openapi::api::discovery::v1 as discovery;
use serde::Deserialize;

use super::fields::{each, is_tcp, is_udp, name_of, port_number};
use super::manifest;
use super::row::{Kind, OnMalformed, Watched, saved_as_it_is};
use super::wire::{Meta, Sent, parse};
use super::words::word;
use crate::model::{ObjectKind, PodMark, Resource};
use crate::source::objects::{AddressKind, EndpointSlice, SliceEndpoint, SliceHints, SlicePort};

/// Joins slices to their Service.
pub(in crate::source) const SERVICE_LABEL: &str = "kubernetes.io/service-name";

pub(in crate::source) static KIND: Kind = Kind {
    object: ObjectKind::EndpointSlice,
    resource: Resource::ENDPOINT_SLICES,
    outdated: &["discovery.k8s.io/v1beta1"],
    renew: None,
    watched: Watched::Namespaces,
    field_selector: None,
    // No upstream uses slices that belong to no Service.
    label_selector: Some(SERVICE_LABEL),
    on_malformed: OnMalformed::Remove,
    is_optional: false,
    hides_values: false,
    unlisted: "objects cannot be listed, nothing new is served until they are",
    from_api: |text, _| {
        let Wire { metadata, address_type, endpoints, ports } = parse(text)?;
        let (version, metadata) = metadata.split();
        let (address_type, endpoints) = (address_type.unwrap_or_default(), endpoints.unwrap_or_default());
        Ok(Sent {
            version,
            object: convert(discovery::EndpointSlice { metadata, address_type, endpoints, ports }).into(),
        })
    },
    from_manifest: |value, namespace| manifest::read(value, namespace, convert),
    from_saved: saved_as_it_is::<EndpointSlice>,
};

/// The parts that an API server's EndpointSlice is read for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    address_type: Option<String>,
    endpoints: Option<Vec<discovery::Endpoint>>,
    ports: Option<Vec<discovery::EndpointPort>>,
}

/// Keeps the first address of every endpoint, as kube-proxy does: the API calls the others fungible. Resolves the defaults
/// of the conditions.
pub(super) fn convert(object: discovery::EndpointSlice) -> EndpointSlice {
    let discovery::EndpointSlice { address_type, endpoints, metadata, ports } = object;
    let addresses = match address_type.as_str() {
        "IPv4" => AddressKind::IPv4,
        "IPv6" => AddressKind::IPv6,
        _ => AddressKind::Other,
    };
    let (mut readable, mut unreadable, mut hints, mut pods) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Names instead of addresses are not used at all, so they need no finding each.
    if addresses != AddressKind::Other {
        readable.reserve_exact(endpoints.len());
        for mut endpoint in endpoints {
            let hint = endpoint.hints.take().map_or_else(SliceHints::default, slice_hints);
            match slice_endpoint(endpoint) {
                Some(Ok((endpoint, pod))) => {
                    readable.push(endpoint);
                    hints.push(hint);
                    pods.push(pod);
                }
                Some(Err(address)) => unreadable.push(address),
                None => {}
            }
        }
    }
    if hints.iter().all(|hint| *hint == SliceHints::default()) {
        hints = Vec::new();
    }
    EndpointSlice {
        name: name_of(&metadata),
        service: metadata.labels.as_ref().and_then(|l| l.get(SERVICE_LABEL)).map(|name| word(name)),
        addresses,
        ports: ports.map(|ports| each(Some(ports), slice_port)),
        endpoints: readable.into(),
        hints: hints.into(),
        unreadable: unreadable.into(),
        pods: if pods.iter().all(|pod| pod.is_empty()) { Box::default() } else { pods.into() },
    }
}

fn slice_port(port: discovery::EndpointPort) -> SlicePort {
    let discovery::EndpointPort { app_protocol: _, name, port, protocol } = port;
    SlicePort {
        name: word(&name.unwrap_or_default()),
        port: port.and_then(port_number),
        is_tcp: is_tcp(protocol.as_deref()),
        is_udp: is_udp(protocol.as_deref()),
    }
}

fn slice_hints(hints: discovery::EndpointHints) -> SliceHints {
    let discovery::EndpointHints { for_nodes, for_zones } = hints;
    SliceHints { zones: each(for_zones, |zone| word(&zone.name)), nodes: each(for_nodes, |node| word(&node.name)) }
}

/// An endpoint with the name of its pod; empty: it has none.
type NamedEndpoint = (SliceEndpoint, Box<str>);

/// `None` without an address, an error with one that cannot be read.
fn slice_endpoint(endpoint: discovery::Endpoint) -> Option<Result<NamedEndpoint, Arc<str>>> {
    let discovery::Endpoint {
        addresses,
        conditions,
        deprecated_topology: _,
        hints: _,
        hostname: _,
        node_name: _,
        target_ref,
        zone: _,
    } = endpoint;
    let discovery::EndpointConditions { ready, serving, terminating } = conditions.unwrap_or_default();
    let is_ready = ready.unwrap_or(true);
    let address = addresses.into_iter().next()?;
    let Ok(parsed) = address.parse() else { return Some(Err(address.into())) };
    let (name, uid) = target_ref.map(|pod| (pod.name.unwrap_or_default(), pod.uid.unwrap_or_default())).unzip();
    let endpoint = SliceEndpoint {
        address: parsed,
        is_ready,
        is_serving: serving.unwrap_or(is_ready),
        is_terminating: terminating.unwrap_or(false),
        pod: name.as_ref().zip(uid).map_or_else(PodMark::default, |(name, uid)| PodMark::of(name, &uid)),
    };
    Some(Ok((endpoint, name.unwrap_or_default().into())))
}
