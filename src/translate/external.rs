//! ExternalName Services: from what DNS says to endpoints and findings (rule 34).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::model::{
    EndpointPort, ExternalName, LookupFailure, ObjectName, ProblemCode, Resolution, Severity, UpstreamKey,
};
use crate::source::objects::{Service, ServiceKind};

use super::address::external_refusal;
use super::external_name::{self, Outside};
use super::input::Input;
use super::problems::some_of;

/// An upstream outside of the cluster, for explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The name; `None` where the Service has an address.
    pub name: Option<ExternalName>,
    /// What DNS says; `None` while nothing is known, and of addresses.
    pub resolution: Option<Resolution>,
    /// All addresses, each with the reason for which it gets no requests, if there is one.
    pub addresses: Vec<(SocketAddr, Option<&'static str>)>,
}

/// What is known of an upstream whose Service is an ExternalName that is served; `None` of others.
pub fn external(input: &Input, upstream: &UpstreamKey) -> Option<External> {
    if upstream.service.namespace.is_empty() {
        let outside = external_name::outside_of_url(&upstream.service, input.settings()).ok()?;
        return Some(of_outside(input, &outside, &upstream.endpoint_port));
    }
    let service = input.objects().service(&upstream.service)?;
    of_service(input, service, &upstream.endpoint_port)
}

/// The endpoints of a host that the URL of an annotation names; `None` of Services.
pub(crate) fn endpoints_of_url(input: &Input, upstream: &UpstreamKey) -> Option<Vec<SocketAddr>> {
    if !upstream.service.namespace.is_empty() {
        return None;
    }
    Some(usable(external(input, upstream)))
}

fn of_service(input: &Input, service: &Service, port: &EndpointPort) -> Option<External> {
    let outside = external_name::outside(service, input.settings())?.ok()?;
    Some(of_outside(input, &outside, port))
}

fn of_outside(input: &Input, outside: &Outside, port: &EndpointPort) -> External {
    let (name, resolution) = match outside {
        Outside::Name(name) => (Some(name.clone()), input.resolution(name).cloned()),
        Outside::Address(_) => (None, None),
    };
    // The key of an ExternalName has the number. One of before, when the Service was of another type, has no endpoints.
    let addresses = match (port, outside, &resolution) {
        (EndpointPort::Named { .. } | EndpointPort::Udp { .. } | EndpointPort::OfService(_), _, _)
        | (EndpointPort::Fixed(_), Outside::Name(_), None) => Vec::new(),
        (EndpointPort::Fixed(port), Outside::Address(ip), _) => vec![SocketAddr::new(*ip, *port)],
        (EndpointPort::Fixed(port), Outside::Name(_), Some(of_name)) => {
            of_name.addresses.iter().map(|ip| SocketAddr::new(*ip, *port)).collect()
        }
    };
    let judged = addresses.into_iter().map(|address| (address, external_refusal(address, input.settings())));
    External { name, resolution, addresses: judged.collect() }
}

/// The endpoints of an upstream outside of the cluster; `None` of others.
pub(crate) fn endpoints(input: &Input, service: &Service, port: &EndpointPort) -> Option<Vec<SocketAddr>> {
    let ServiceKind::ExternalName(_) = service.kind else { return None };
    Some(usable(of_service(input, service, port)))
}

fn usable(external: Option<External>) -> Vec<SocketAddr> {
    let addresses = external.map(|external| external.addresses).unwrap_or_default();
    addresses.into_iter().filter(|(_, refusal)| refusal.is_none()).map(|(address, _)| address).collect()
}

/// What is wrong with the name of a Service.
pub(crate) struct NameFinding {
    pub(crate) code: ProblemCode,
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) remedy: &'static str,
}

/// What is wrong with what DNS says of the Service that these upstreams are for. What can be told from the Service alone is
/// found where its backend is resolved.
pub(crate) fn finding<'u>(
    input: &Input,
    service: &ObjectName,
    upstreams: impl IntoIterator<Item = &'u UpstreamKey>,
) -> Option<NameFinding> {
    let name = input.external_name(service)?;
    let Resolution { addresses, failure } = input.resolution(&name)?;
    let (named, nothing) = match &*service.namespace {
        "" => (format!("{name}, which the URL of an annotation names,"), "nothing is asked or sent there"),
        _ => {
            let named = format!("{name}, the external name of Service {service},");
            (named, "its requests are answered with 503")
        }
    };
    if let Some(failure) = failure {
        let (severity, then) = if addresses.is_empty() {
            (Severity::Error, format!("so {nothing}"))
        } else {
            (Severity::Warning, "so its requests still go to the addresses it had before, for some time".into())
        };
        let message = format!("{named} cannot be resolved: {failure}, {then}");
        return Some(NameFinding {
            code: ProblemCode::ExternalNameUnresolved,
            severity,
            message,
            remedy: remedy(*failure),
        });
    }
    let all = upstreams.into_iter().filter_map(|upstream| external(input, upstream)).flat_map(|of| of.addresses);
    let (mut refused, mut is_any_used) = (BTreeSet::new(), false);
    for (address, refusal) in all {
        match refusal {
            Some(reason) => _ = refused.insert(format!("{} ({reason})", address.ip())),
            None => is_any_used = true,
        }
    }
    if refused.is_empty() {
        return None;
    }
    let refused: Vec<_> = refused.into_iter().collect();
    let (severity, then) =
        if is_any_used { (Severity::Warning, "they are left out") } else { (Severity::Error, nothing) };
    let message =
        format!("{named} leads to addresses that requests are never sent to, so {then}: {}", some_of(&refused));
    let remedy = "Name a host whose addresses are those of a network";
    Some(NameFinding { code: ProblemCode::ExternalNameRefused, severity, message, remedy })
}

fn remedy(failure: LookupFailure) -> &'static str {
    match failure {
        LookupFailure::NoSuchName | LookupFailure::NoAddress => "Correct spec.externalName, or create the name in DNS",
        LookupFailure::ServerFailure
        | LookupFailure::Refused
        | LookupFailure::Timeout
        | LookupFailure::Unreachable
        | LookupFailure::Malformed
        | LookupFailure::NoServer => "Look at the DNS servers that the resolv.conf of Tidegate's pods names",
        LookupFailure::TooManyNames => "Remove ExternalName Services, or give each installation fewer of them",
    }
}
