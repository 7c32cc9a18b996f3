//! What stands behind a route: Service, port and endpoints.

use std::net::SocketAddr;

use crate::model::{
    Applies, Balance, EndpointPort, EndpointSpec, EndpointState, PodTls, PortRef, Protocol, RoutePolicy, Sni, TlsHttp,
    TlsVersions, UpstreamKey, UpstreamSpec, Verification,
};
use crate::translate::{self, Condition, Input};

use super::outside::{self, Asked};
use super::{Facts, LivingEndpoint, SHOWN};

/// The upstream in words, and whether there is an endpoint to send a request to.
pub(super) fn describe(
    input: &Input,
    spec: &UpstreamSpec,
    policy: &RoutePolicy,
    living: Option<Vec<LivingEndpoint>>,
    facts: &mut Facts,
) -> (Vec<String>, bool) {
    let endpoints = translate::endpoints(input, &spec.key);
    let used: Vec<_> = match &living {
        Some(living) => living.iter().map(|endpoint| endpoint.address).collect(),
        None => endpoints.iter().map(|endpoint| endpoint.address).collect(),
    };
    let mut lines = vec![service(spec, policy)];
    let has_endpoint = match translate::external(input, &spec.key) {
        Some(external) => {
            let asked = if living.is_some() { Asked::ByProcess } else { Asked::ByNobody };
            let (told, has_endpoint) = outside::describe(&external, asked, &used);
            lines.extend(told);
            has_endpoint
        }
        None => {
            match spec.key.endpoint_port {
                EndpointPort::OfService(_) => lines.push(match used.first() {
                    Some(address) => format!("its own address {address}, behind which the cluster chooses a pod"),
                    None => "its own address, to which requests are never sent".into(),
                }),
                EndpointPort::Named { .. } | EndpointPort::Udp { .. } | EndpointPort::Fixed(_) => {
                    lines.extend(of_slices(input, spec, &used))
                }
            }
            !used.is_empty()
        }
    };
    let near: Vec<_> = endpoints.iter().filter(|endpoint| !endpoint.is_far).map(|endpoint| endpoint.address).collect();
    if near.len() < endpoints.len() {
        let far = endpoints.len() - near.len();
        lines.push(format!(
            "the hints of the EndpointSlices prefer {}; {far} of other zones or nodes get requests where none of these is sound",
            some(&near)
        ));
    }
    for LivingEndpoint { address, in_flight: _, is_suspect, is_ejected, down } in living.iter().flatten() {
        if let Some(why) = down {
            lines.push(format!("{address} is down by its health check: {why}"));
        }
        if *is_ejected {
            lines.push(format!("{address} is left out for a while, as it fails too often (ejection-failures)"));
        }
        if *is_suspect {
            lines.push(format!("connections to {address} failed of late, so others are preferred"));
        }
    }
    if let Some(living) = &living
        && !living.is_empty()
    {
        let requests: usize = living.iter().map(|endpoint| endpoint.in_flight).sum();
        lines.push(format!("{requests} requests in flight"));
    }
    lines.extend(translate::overridden(input, &spec.key).into_iter().map(|(spec, applies)| overridden(spec, applies)));
    facts.service = Some(spec.key.service.clone());
    facts.port = Some(spec.port.to_string());
    facts.endpoints = used;
    (lines, has_endpoint)
}

/// What the Service says of one of its endpoints.
fn overridden(spec: EndpointSpec, applies: Applies) -> String {
    let EndpointSpec { address, state, weight, is_far: _, identity: _ } = spec;
    let by = "(endpoint-overrides of the Service)";
    if applies == Applies::Stale {
        return format!("what was said of {address} was for another pod, and is ignored {by}");
    }
    match state {
        EndpointState::Active => format!("{address} has weight {} {by}", weight.get()),
        EndpointState::Draining => format!("{address} drains: it gets no new requests but those of its sessions {by}"),
        EndpointState::Maintenance => format!("{address} is in maintenance: it gets no new requests {by}"),
    }
}

/// What the EndpointSlices of the Service come to.
fn of_slices(input: &Input, spec: &UpstreamSpec, used: &[SocketAddr]) -> Vec<String> {
    let survey = translate::survey(input, &spec.key);
    let of = |wanted: fn(Condition) -> bool| -> Vec<SocketAddr> {
        survey.entries.iter().filter(|(_, condition)| wanted(*condition)).map(|(address, _)| *address).collect()
    };
    let ready = of(|condition| condition == Condition::Ready);
    let draining = of(|condition| condition == Condition::Draining);
    let unready = of(|condition| condition == Condition::NotReady);

    let mut lines = Vec::new();
    let is_fallback = ready.is_empty() && !used.is_empty() && used.iter().all(|address| draining.contains(address));
    lines.push(match used.len() {
        0 => no_endpoint(&spec.key, survey.slices, survey.without_port),
        _ if is_fallback => {
            format!("no endpoint is ready, so those that still serve while they terminate get requests: {}", some(used))
        }
        count => format!("{}: {}", counted(count, "ready"), some(used)),
    });
    let spare: Vec<_> = ready.iter().filter(|address| !used.contains(address)).copied().collect();
    if !spare.is_empty() {
        lines.push(format!(
            "{} of the other address family and not used, so that no pod counts twice: {}",
            counted(spare.len(), "ready"),
            some(&spare)
        ));
    }
    if !draining.is_empty() && !is_fallback {
        lines.push(format!(
            "{}, to be used while none is ready: {}",
            counted(draining.len(), "terminating"),
            some(&draining)
        ));
    }
    if !unready.is_empty() {
        lines.push(format!("{}: {}", counted(unready.len(), "not ready"), some(&unready)));
    }
    for (address, condition) in &survey.entries {
        if let Condition::Refused(reason) = condition {
            lines.push(format!("{address} never gets requests: its address is {reason}"));
        }
    }
    lines
}

fn service(spec: &UpstreamSpec, policy: &RoutePolicy) -> String {
    let UpstreamSpec { key: UpstreamKey { service, endpoint_port, protocol }, port, for_https } = spec;
    let RoutePolicy { balance, pod_head, .. } = policy;
    let named = match (port, endpoint_port) {
        (PortRef::Number(_), EndpointPort::Named { name, .. } | EndpointPort::Udp { name, .. }) if !name.is_empty() => {
            format!(" ({name})")
        }
        (
            _,
            EndpointPort::Named { .. } | EndpointPort::Udp { .. } | EndpointPort::Fixed(_) | EndpointPort::OfService(_),
        ) => String::new(),
    };
    let protocol = spoken(protocol);
    let for_https = for_https.as_ref().map(|spec| format!(", for clients of https {}", spoken(&spec.key.protocol)));
    let for_https = for_https.unwrap_or_default();
    let balance = match balance {
        Balance::LeastInFlight => "least in flight",
        Balance::RoundRobin => "in turn",
        Balance::Ewma => "the one of two that answers sooner",
        Balance::LeastConnections => "least in flight of all",
        Balance::Random => "least in flight of two drawn by chance",
        Balance::First => "the first that is not full",
    };
    let host = pod_head.iter().filter_map(|head| head.host.as_ref());
    let host: String = host.map(|host| format!(", asked for {}", host.as_str())).collect();
    format!("Service {service} port {port}{named}, {protocol}{for_https}, {balance}{host}")
}

fn spoken(protocol: &Protocol) -> String {
    match protocol {
        Protocol::Http1 => "HTTP/1.1".into(),
        Protocol::H2c => "HTTP/2 in clear".into(),
        Protocol::Tls(tls) => through_tls(tls),
    }
}

fn through_tls(tls: &PodTls) -> String {
    let PodTls { http, server_name, sni, verification, versions, client } = tls;
    let http = match http {
        TlsHttp::Negotiated => "HTTP/2 or HTTP/1.1 through TLS",
        TlsHttp::Http2 => "HTTP/2 through TLS",
    };
    let versions = match versions {
        TlsVersions::Both => "",
        TlsVersions::Only12 => " 1.2",
        TlsVersions::Only13 => " 1.3",
    };
    let unsent = match sni {
        Sni::Sent => "",
        Sni::Withheld => ", which is not sent",
    };
    let name = server_name.as_ref().map(|name| format!(" for {name}{unsent}")).unwrap_or_default();
    let client = if client.is_some() { ", with a certificate of ours" } else { "" };
    let verified = match verification {
        Verification::Unverified => "certificate not verified",
        Verification::Ca { .. } => "certificate verified",
    };
    format!("{http}{versions}{name} ({verified}{client})")
}

fn no_endpoint(key: &UpstreamKey, slices: usize, without_port: usize) -> String {
    match (slices, &key.endpoint_port) {
        (0, _) => "no endpoint: the Service has no EndpointSlice".into(),
        (slices, EndpointPort::Named { name, .. } | EndpointPort::Udp { name, .. })
            if slices == without_port && !name.is_empty() =>
        {
            format!("no endpoint: none of the Service's EndpointSlices ({slices}) has a TCP port named {name}")
        }
        (
            slices,
            EndpointPort::Named { .. } | EndpointPort::Udp { .. } | EndpointPort::Fixed(_) | EndpointPort::OfService(_),
        ) if slices == without_port => {
            format!("no endpoint: none of the Service's EndpointSlices ({slices}) has the port without a name")
        }
        (
            slices,
            EndpointPort::Named { .. } | EndpointPort::Udp { .. } | EndpointPort::Fixed(_) | EndpointPort::OfService(_),
        ) => {
            format!("no endpoint is ready in the Service's EndpointSlices ({slices})")
        }
    }
}

fn counted(count: usize, state: &str) -> String {
    if count == 1 { format!("1 endpoint {state}") } else { format!("{count} endpoints {state}") }
}

fn some(addresses: &[SocketAddr]) -> String {
    let text: Vec<_> = addresses.iter().take(SHOWN).map(ToString::to_string).collect();
    match addresses.len().saturating_sub(SHOWN) {
        0 => text.join(" "),
        more => format!("{} and {more} more", text.join(" ")),
    }
}
