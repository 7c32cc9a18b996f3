//! From EndpointSlices to the endpoints of an upstream (semantics 29 and 32 to 45).

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::model::{
    Applies, EndpointOverride, EndpointPort, EndpointSpec, ObjectKind, ObjectName, ObjectRef, PodMark, Problem,
    ProblemCode, Severity, UpstreamKey,
};
use crate::source::objects::{AddressKind, EndpointSlice, SliceEndpoint, SlicePort};

use super::address::{is_faulty, refusal};
use super::external;
use super::hints;
use super::input::Input;
use super::problems::{quoted, some_of};
use super::settings::{Place, Settings};

/// The endpoints an upstream has now, sorted. Those that are ready; when none is, those that still serve while they
/// terminate. Of a dual-stack Service only its first family, or else the other, so that no pod counts twice. Of an ExternalName
/// the addresses that DNS gives. Where a Service's own address is asked for, that and nothing else.
pub fn endpoints(input: &Input, upstream: &UpstreamKey) -> Vec<EndpointSpec> {
    let (objects, settings) = (input.objects(), input.settings());
    if let Some(outside) = external::endpoints_of_url(input, upstream) {
        return outside.into_iter().map(EndpointSpec::active).collect();
    }
    let Some(service) = objects.service(&upstream.service) else { return Vec::new() };
    // Slices that a Service kept when it became an ExternalName say nothing about it.
    if let Some(outside) = external::endpoints(input, service, &upstream.endpoint_port) {
        return outside.into_iter().map(EndpointSpec::active).collect();
    }
    if let EndpointPort::OfService(port) = upstream.endpoint_port {
        let own = service.cluster_ip.filter(|ip| refusal(ip.to_canonical(), settings).is_none());
        return own.map(|ip| EndpointSpec::active(SocketAddr::new(ip.to_canonical(), port))).into_iter().collect();
    }
    let mut found = Found::default();
    let mut hinted = Vec::new();
    for slice in objects.slices_of(&upstream.service) {
        let Some(port) = port_in(slice, &upstream.endpoint_port) else { continue };
        for endpoint in &slice.endpoints {
            let address = SocketAddr::new(endpoint.address.to_canonical(), port);
            let usual = EndpointSpec::active(address);
            let identity = endpoint.pod.identity(&upstream.service).unwrap_or(usual.identity);
            let spec = EndpointSpec { identity, ..usual };
            match condition(endpoint, settings) {
                Condition::Ready => found.ready.push(spec),
                Condition::Draining => found.draining.push(spec),
                Condition::NotReady | Condition::Refused(_) => continue,
            };
        }
        if settings.place != Place::default() {
            let address = |endpoint: &SliceEndpoint| SocketAddr::new(endpoint.address.to_canonical(), port);
            hinted.extend(slice.endpoints.iter().map(address).zip(&slice.hints));
        }
    }
    let mut specs = found.choose(service.prefers_ipv6);
    hints::apply(&settings.place, &hinted, &mut specs);
    if let Some(overrides) = overrides(input, &upstream.service) {
        let pods = pods(input, &upstream.service);
        for spec in &mut specs {
            let applying = applying(overrides, &pods, spec.address.ip()).filter(|(_, does)| *does == Applies::Yes);
            applying.for_each(|(of, _)| of.apply(spec));
        }
    }
    specs
}

/// What the author of a Service says of some of its endpoints.
fn overrides<'a>(input: &'a Input, service: &ObjectName) -> Option<&'a [EndpointOverride]> {
    input.index().annotations_of(service)?.options().rare()?.upstream.overrides.as_deref()
}

/// The pods of a Service, by address. Of several entries of one address that of the pod which serves counts.
fn pods(input: &Input, service: &ObjectName) -> HashMap<IpAddr, PodMark> {
    let endpoints = || input.objects().slices_of(service).flat_map(|slice| slice.endpoints.iter());
    let of = |serves: bool| endpoints().filter(move |endpoint| endpoint.is_ready == serves);
    of(false).chain(of(true)).map(|endpoint| (endpoint.address.to_canonical(), endpoint.pod)).collect()
}

/// What is said of the endpoint with this address, or was of a pod that had it.
fn applying<'a>(
    overrides: &'a [EndpointOverride],
    pods: &HashMap<IpAddr, PodMark>,
    address: IpAddr,
) -> impl Iterator<Item = (&'a EndpointOverride, Applies)> {
    let pod = pods.get(&address).copied().unwrap_or_default();
    overrides.iter().map(move |of| (of, of.applies(address, pod))).filter(|(_, does)| *does != Applies::No)
}

/// The endpoints of an upstream of which its Service says something, and whether that is for the pod that is there now.
pub fn overridden(input: &Input, upstream: &UpstreamKey) -> Vec<(EndpointSpec, Applies)> {
    let Some(overrides) = overrides(input, &upstream.service) else { return Vec::new() };
    let pods = pods(input, &upstream.service);
    let of = |spec: EndpointSpec| applying(overrides, &pods, spec.address.ip()).map(move |(_, does)| (spec, does));
    endpoints(input, upstream).into_iter().flat_map(of).collect()
}

/// Whether an entry of a slice may get requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It may.
    Ready,
    /// It is terminating and still serves: it may while none is ready.
    Draining,
    /// It is not ready, or terminating and not serving any more.
    NotReady,
    /// Never, because of its address.
    Refused(&'static str),
}

fn condition(endpoint: &SliceEndpoint, settings: &Settings) -> Condition {
    if let Some(reason) = refusal(endpoint.address.to_canonical(), settings) {
        Condition::Refused(reason)
    } else if endpoint.is_ready {
        Condition::Ready
    } else if endpoint.is_serving && endpoint.is_terminating {
        Condition::Draining
    } else {
        Condition::NotReady
    }
}

/// All endpoints of an upstream, used or not, for explanations. `endpoints` decides which are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Slices of the Service.
    pub slices: usize,
    /// Slices that have no such port, or no addresses that can be used.
    pub without_port: usize,
    /// All entries of the other slices.
    pub entries: BTreeSet<(SocketAddr, Condition)>,
}

/// Looks at all slices of an upstream's Service.
pub fn survey(input: &Input, upstream: &UpstreamKey) -> Survey {
    let (objects, settings) = (input.objects(), input.settings());
    let mut survey = Survey::default();
    for slice in objects.slices_of(&upstream.service) {
        survey.slices += 1;
        let Some(port) = port_in(slice, &upstream.endpoint_port) else {
            survey.without_port += 1;
            continue;
        };
        let entry = |e: &SliceEndpoint| (SocketAddr::new(e.address.to_canonical(), port), condition(e, settings));
        survey.entries.extend(slice.endpoints.iter().map(entry));
    }
    survey
}

#[derive(Default)]
struct Found {
    ready: Vec<EndpointSpec>,
    draining: Vec<EndpointSpec>,
}

impl Found {
    fn choose(self, prefers_ipv6: bool) -> Vec<EndpointSpec> {
        let mut v4 = if self.ready.is_empty() { self.draining } else { self.ready };
        v4.sort_unstable();
        v4.dedup_by_key(|spec| spec.address);
        // IPv4 addresses come first.
        let v6 = v4.split_off(v4.partition_point(|spec| spec.address.is_ipv4()));
        let (preferred, other) = if prefers_ipv6 { (v6, v4) } else { (v4, v6) };
        if preferred.is_empty() { other } else { preferred }
    }
}

/// The port number that a slice gives its endpoints for this upstream.
fn port_in(slice: &EndpointSlice, wanted: &EndpointPort) -> Option<u16> {
    if slice.addresses == AddressKind::Other {
        return None;
    }
    match wanted {
        EndpointPort::Fixed(number) => Some(*number),
        EndpointPort::OfService(_) => None,
        EndpointPort::Named { name, otherwise } => named_port(slice, (name, *otherwise), |port| port.is_tcp),
        EndpointPort::Udp { name, otherwise } => named_port(slice, (name, *otherwise), |port| port.is_udp),
    }
}

/// The number of a port of this name. Slices of other makers may have no ports: they serve none.
fn named_port(
    slice: &EndpointSlice,
    (name, otherwise): (&Arc<str>, u16),
    is_meant: fn(&SlicePort) -> bool,
) -> Option<u16> {
    let port = slice.ports.iter().flatten().find(|port| port.name == *name && is_meant(port))?;
    // A port without number is any port.
    Some(port.port.unwrap_or(otherwise)).filter(|number| *number != 0)
}

/// Findings about a slice whose Service one of our Ingresses uses.
pub(crate) fn problems(input: &Input, slice: &EndpointSlice) -> Vec<Problem> {
    if !is_faulty(slice, input.settings()) || !is_used(input, slice) {
        return Vec::new();
    }
    let problem = |field: &str, message: String, remedy: &str| Problem {
        object: ObjectRef { kind: ObjectKind::EndpointSlice, name: slice.name.clone() },
        field: field.into(),
        code: ProblemCode::EndpointRejected,
        severity: Severity::Error,
        message,
        remedy: remedy.into(),
    };
    if slice.addresses == AddressKind::Other {
        let message = "only addressType IPv4 and IPv6 are supported, so the endpoints of this slice get no requests";
        return vec![problem("addressType", message.into(), "Write the IP addresses of the endpoints into a slice")];
    }
    let mut problems = Vec::new();
    if !slice.unreadable.is_empty() {
        let message = format!(
            "{} cannot be read as IP addresses, so they get no requests",
            some_of(&quoted_all(&slice.unreadable))
        );
        problems.push(problem("endpoints", message, "Write plain IP addresses without port or prefix length"));
    }
    let refused: Vec<String> = slice
        .endpoints
        .iter()
        .filter_map(|endpoint| {
            refusal(endpoint.address, input.settings()).map(|reason| format!("{} ({reason})", endpoint.address))
        })
        .collect();
    if !refused.is_empty() {
        let message = format!("requests are never sent to such addresses: {}", some_of(&refused));
        problems.push(problem("endpoints", message, "Give the endpoints' own addresses in the cluster's network"));
    }
    problems
}

fn quoted_all(texts: &[Arc<str>]) -> Vec<String> {
    texts.iter().map(|text| quoted(text)).collect()
}

fn is_used(input: &Input, slice: &EndpointSlice) -> bool {
    let Some(service) = &slice.service else { return false };
    let service = ObjectName::new(slice.name.namespace.clone(), service.clone());
    let users = input.index().users(ObjectKind::Service, &service);
    input.is_default_backend(&service)
        || users.iter().any(|user| user.is_ours(input.objects(), input.settings()))
        || input.streams().of_service(&service).next().is_some()
}
