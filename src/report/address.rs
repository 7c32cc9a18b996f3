//! Where our Ingresses are reached: the addresses that go into their status.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use kube::runtime::watcher::watch_object;
use tokio::sync::watch;

use crate::model::ObjectName;
use crate::source::objects::Address;

use super::Clients;
use super::{cause, jitter};

/// First pause after the Service could not be read, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where the addresses come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publish {
    /// Status is not written.
    Nothing,
    /// These, always (`--publish-address`).
    Fixed(Vec<Address>),
    /// Those that this Service has at the time (`--publish-service`).
    Service(ObjectName),
}

/// The addresses to publish, sorted; `None` while they are not known, which leaves every status as it is.
pub(super) type Addresses = Option<Arc<[Address]>>;

/// In the order in which they are written, each once. Every replica has the same order.
pub(super) fn sorted(mut addresses: Vec<Address>) -> Arc<[Address]> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses.into()
}

/// An address as the command line gives it: an IP address, or else a name.
pub fn parse(text: &str) -> Address {
    text.parse().map_or_else(|_| Address::Hostname(text.into()), Address::Ip)
}

/// The addresses at which a Service is reached from outside. A LoadBalancer without addresses has none yet: its cluster
/// address would be wrong a moment later.
pub(super) fn of_service(service: &core::Service) -> Vec<Address> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let kind = spec.type_.as_deref().unwrap_or("ClusterIP");
    if kind == "ExternalName" {
        return spec.external_name.iter().filter(|name| !name.is_empty()).map(|name| parse(name)).collect();
    }
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let balancers = status.and_then(|status| status.ingress.as_ref()).into_iter().flatten();
    let of_balancers: Vec<_> = balancers
        .filter_map(|entry| [&entry.ip, &entry.hostname].into_iter().flatten().find(|text| !text.is_empty()))
        .map(|text| parse(text))
        .collect();
    if kind == "LoadBalancer" && !of_balancers.is_empty() {
        return of_balancers;
    }
    let external: Vec<_> = spec.external_ips.iter().flatten().map(|ip| parse(ip)).collect();
    if kind == "LoadBalancer" || !external.is_empty() {
        return external;
    }
    let all = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    all.filter(|ip| !ip.is_empty() && *ip != "None").map(|ip| parse(ip)).collect()
}

/// Keeps the addresses up to date. Never ends when they are those of a Service.
pub(super) async fn follow(publish: Publish, clients: Clients, addresses: watch::Sender<Addresses>) {
    let name = match publish {
        Publish::Nothing => return,
        Publish::Fixed(fixed) => return drop(addresses.send_replace(Some(sorted(fixed)))),
        Publish::Service(name) => name,
    };
    let mut pause = FIRST_PAUSE;
    // The failure that was logged, until the Service is read again.
    let mut told = None;
    loop {
        // A new watch uses the present credentials.
        let api: Api<core::Service> = Api::namespaced(clients(), &name.namespace);
        let mut states = std::pin::pin!(watch_object(api, &name.name));
        while let Some(state) = states.next().await {
            match state {
                Ok(Some(service)) => {
                    told = None;
                    note(&name, &service, &addresses);
                }
                // A Service that is deleted and created again must not empty all statuses in between.
                Ok(None) => {
                    tracing::warn!(service = %name, "the Service to publish does not exist: status stays as it is");
                }
                Err(error) => {
                    let error = cause::told(&error);
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(service = %name, error, "the Service to publish cannot be read: status stays as it is");
                        told = Some(error);
                    }
                    break;
                }
            }
            pause = FIRST_PAUSE;
        }
        tokio::time::sleep(jitter::around(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn note(name: &ObjectName, service: &core::Service, addresses: &watch::Sender<Addresses>) {
    let next = sorted(of_service(service));
    addresses.send_if_modified(|known| {
        let differs = known.as_ref() != Some(&next);
        if differs {
            tracing::info!(service = %name, addresses = ?next, "the addresses to publish have changed");
            *known = Some(next);
        }
        differs
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service: serde_json::Value) -> Vec<Address> {
        let mut addresses = of_service(&serde_json::from_value(service).unwrap());
        addresses.sort();
        addresses.dedup();
        addresses
    }

    fn parsed(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| parse(text)).collect()
    }

    #[test]
    fn rule_63_addresses_come_from_the_load_balancer_then_external_ips_then_the_cluster() {
        let status =
            serde_json::json!({"loadBalancer": {"ingress": [{"hostname": "nlb.example"}, {"ip": "192.0.2.7"}]}});
        let cases = [
            (
                serde_json::json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "externalIPs": ["192.0.2.9"]}, "status": status}),
                vec!["192.0.2.7", "nlb.example"],
            ),
            (
                serde_json::json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "externalIPs": ["192.0.2.9"]}}),
                vec!["192.0.2.9"],
            ),
            (serde_json::json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}}), vec![]),
            (
                serde_json::json!({"spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "externalIPs": ["192.0.2.9"]}, "status": status}),
                vec!["192.0.2.9"],
            ),
            (
                serde_json::json!({"spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"]}}),
                vec!["10.0.0.1", "fd00::1"],
            ),
            (serde_json::json!({"spec": {"clusterIP": "None"}}), vec![]),
            (
                serde_json::json!({"spec": {"type": "ExternalName", "externalName": "edge.example"}}),
                vec!["edge.example"],
            ),
            (serde_json::json!({}), vec![]),
        ];
        for (service, expected) in cases {
            assert_eq!(of(service.clone()), parsed(&expected), "{service}");
        }
    }

    #[test]
    fn addresses_are_written_in_one_order_whatever_order_they_come_in() {
        let one = sorted(parsed(&["b.example", "10.0.0.2", "10.0.0.1", "b.example"]));
        let other = sorted(parsed(&["10.0.0.1", "b.example", "10.0.0.2"]));
        assert_eq!(one, other);
        assert_eq!(one.len(), 3);
    }
}
