//! The endpoints of a Service as its EndpointSlices tell them.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::model::{EndpointSpec, ObjectName, PodMark};

/// Endpoints that are named when there is none as was asked for.
const SHOWN: usize = 20;

/// A pod behind a Service, or an address without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct ServiceEndpoint {
    pub(super) addresses: Vec<IpAddr>,
    /// Name and UID.
    pub(super) pod: Option<(String, String)>,
    is_ready: bool,
}

impl ServiceEndpoint {
    /// For people.
    pub(super) fn name(&self) -> String {
        let addresses: Vec<_> = self.addresses.iter().map(IpAddr::to_string).collect();
        match &self.pod {
            Some((name, _)) => format!("{name} ({})", addresses.join(", ")),
            None => addresses.join(", "),
        }
    }

    /// What an entry of the annotation calls it, with the UID of its pod.
    pub(super) fn entry_name(&self) -> String {
        match (&self.pod, self.addresses.first()) {
            (Some((name, uid)), _) => format!("{name}@{uid}"),
            (None, Some(address)) => address.to_string(),
            (None, None) => String::new(),
        }
    }

    pub(super) fn uid(&self) -> Option<&str> {
        self.pod.as_ref().map(|(_, uid)| uid.as_str())
    }

    /// What sessions of this Service know it by at an address of its.
    pub(in crate::app) fn identity(&self, service: &ObjectName, address: SocketAddr) -> u64 {
        let of_pod = self.pod.as_ref().and_then(|(name, uid)| PodMark::of(name, uid).identity(service));
        of_pod.unwrap_or_else(|| EndpointSpec::active(address).identity)
    }

    /// Whether one of its addresses is this one.
    pub(in crate::app) fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Whether a name or address is its.
    pub(super) fn is(&self, who: &str) -> bool {
        let address = who.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            Ok(address) => self.addresses.contains(&address.to_canonical()),
            Err(_) => self.pod.as_ref().is_some_and(|(name, _)| name == who),
        }
    }
}

/// Those of all slices of a Service. A pod of several slices, as of two families, is one.
pub(super) fn of(slices: &[EndpointSlice]) -> Vec<ServiceEndpoint> {
    let mut all: Vec<ServiceEndpoint> = Vec::new();
    for endpoint in slices.iter().flat_map(|slice| slice.endpoints.iter()) {
        let pod = endpoint.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"));
        let pod = pod.and_then(|target| Some((target.name.clone()?, target.uid.clone()?)));
        let is_ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
        let addresses = endpoint.addresses.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        let addresses: Vec<_> = addresses.map(|ip| ip.to_canonical()).collect();
        let is_same = |of: &&mut ServiceEndpoint| match &pod {
            Some(_) => of.pod == pod,
            None => of.pod.is_none() && of.addresses == addresses,
        };
        match all.iter_mut().find(is_same) {
            Some(known) => {
                known.is_ready |= is_ready;
                let new: Vec<_> = addresses.into_iter().filter(|ip| !known.addresses.contains(ip)).collect();
                known.addresses.extend(new);
            }
            None => all.push(ServiceEndpoint { addresses, pod, is_ready }),
        }
    }
    all.retain(|endpoint| !endpoint.addresses.is_empty());
    all.sort_by(|one, other| one.addresses.cmp(&other.addresses));
    all
}

/// The one that is called `asked`; otherwise what there is.
pub(super) fn find<'e>(all: &'e [ServiceEndpoint], asked: &str) -> Result<&'e ServiceEndpoint, String> {
    let without_port = || {
        let (address, port) = asked.rsplit_once(':')?;
        port.parse::<u16>().ok().map(|_| address)
    };
    // Of two with one address, as while a pod replaces another, the one that is ready.
    let best = |who: &str| all.iter().filter(|endpoint| endpoint.is(who)).max_by_key(|endpoint| endpoint.is_ready);
    if let Some(found) = best(asked).or_else(|| best(without_port()?)) {
        return Ok(found);
    }
    let shown = |endpoint: &ServiceEndpoint| {
        let not_ready = if endpoint.is_ready { "" } else { ", not ready" };
        format!("{}{not_ready}", endpoint.name())
    };
    let mut names: Vec<_> = all.iter().take(SHOWN).map(shown).collect();
    if all.len() > SHOWN {
        names.push(format!("{} more", all.len() - SHOWN));
    }
    Err(match names.as_slice() {
        [] => format!("no endpoint {asked:?}: the Service has none at all"),
        names => format!("no endpoint {asked:?}: there are {}", names.join("; ")),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn endpoint(name: &str, address: &str, uid: &str) -> ServiceEndpoint {
        let addresses = vec![address.parse().unwrap()];
        ServiceEndpoint { addresses, pod: Some((name.into(), uid.into())), is_ready: true }
    }

    #[test]
    fn a_pod_of_two_families_is_one_endpoint_and_is_found_by_all_its_names() {
        let slice = |endpoints: serde_json::Value| {
            serde_json::from_value::<EndpointSlice>(serde_json::json!({"addressType": "IPv4", "endpoints": endpoints}))
                .unwrap()
        };
        let pod = serde_json::json!({"kind": "Pod", "name": "web-1", "uid": "u1"});
        let all = of(&[
            slice(serde_json::json!([
                {"addresses": ["10.0.0.1"], "targetRef": pod},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
            ])),
            slice(serde_json::json!([{"addresses": ["fd00::1"], "targetRef": pod}])),
        ]);
        assert_eq!(all.len(), 2);
        for name in ["web-1", "10.0.0.1", "10.0.0.1:8080", "fd00::1", "[fd00::1]", "[fd00::1]:8080", "fd00::1:8080"] {
            assert_eq!(find(&all, name).unwrap().entry_name(), "web-1@u1", "{name}");
        }
        assert_eq!(find(&all, "10.0.0.2").unwrap().entry_name(), "10.0.0.2");
        let error = find(&all, "web-2").unwrap_err();
        assert_eq!(error, "no endpoint \"web-2\": there are web-1 (10.0.0.1, fd00::1); 10.0.0.2, not ready");
        assert!(find(&[], "x").unwrap_err().contains("none at all"));
    }
}
