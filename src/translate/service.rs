//! From a backend to an upstream, or to the answer that stands in for it (semantics 4.4).

use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::{
    Action, EndpointPort, ObjectName, PodTls, PortRef, Problem, ProblemCode, Protocol, Reply, Severity, TlsHttp,
    UpstreamKey, UpstreamSpec,
};
use crate::source::objects::{Backend, PortValue, Service, ServiceKind, ServicePort};

use super::address::external_refusal;
use super::annotations::{Options, PodProtocol};
use super::external_name::{self, Outside, Unusable};
use super::in_force;
use super::input::Input;
use super::lower::Bid;
use super::pod_tls::{INSTEAD, pod_tls};
use super::problems::{quoted, some_of};
use super::secret::SecretFinding;

/// Why a backend cannot be used, and what is answered instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BackendFault {
    /// The answer.
    pub(crate) reply: Reply,
    /// The field below the backend, with its leading dot; empty for the backend itself.
    pub(crate) field: &'static str,
    /// The kind of fault.
    pub(crate) code: ProblemCode,
    /// What is wrong.
    pub(crate) reason: String,
    /// What follows.
    pub(crate) follows: &'static str,
    /// What to do.
    pub(crate) remedy: String,
}

impl BackendFault {
    /// Faults of backends take traffic away.
    pub(crate) const SEVERITY: Severity = Severity::Error;

    fn unavailable(field: &'static str, code: ProblemCode, reason: String, remedy: impl Into<String>) -> Self {
        let follows = "its requests are answered with 503";
        Self { reply: Reply::BackendUnavailable, field, code, reason, follows, remedy: remedy.into() }
    }

    /// The same fault where something else follows from it.
    pub(crate) fn followed_by(self, follows: &'static str) -> Self {
        Self { follows, ..self }
    }

    /// What is wrong and what follows.
    pub(crate) fn message(&self) -> String {
        format!("{}, so {}", self.reason, self.follows)
    }
}

/// The fault of a service that an annotation names and that cannot be asked.
pub(crate) fn not_asked(code: ProblemCode, reason: String, remedy: &str) -> BackendFault {
    BackendFault::unavailable("", code, reason, remedy)
}

/// Resolves a backend of an object whose annotations set these options. Services are looked up in the namespace of the object
/// and nowhere else.
pub(crate) fn resolve(
    input: &Input,
    namespace: &Arc<str>,
    backend: &Backend,
    options: &Options,
) -> Result<UpstreamSpec, BackendFault> {
    match backend {
        Backend::Service { name, port } => {
            let service = ObjectName::new(namespace.clone(), name.clone());
            let port = port_ref(port.as_ref())?;
            let options = in_force::for_service(input, &service, options);
            resolve_service(input, service, port, &options)
        }
        Backend::Resource(resource) => Err(BackendFault {
            reply: Reply::NotFound,
            field: ".resource",
            code: ProblemCode::UnsupportedBackend,
            reason: format!("resource backends ({}) are not supported", quoted(resource)),
            follows: "its requests are answered with 404",
            remedy: "Use a service backend".into(),
        }),
        Backend::Invalid => Err(BackendFault::unavailable(
            "",
            ProblemCode::InvalidField,
            "the backend must have either service or resource".into(),
            "Name one Service and its port",
        )),
    }
}

/// Resolves a port of a Service.
pub(crate) fn resolve_service(
    input: &Input,
    name: ObjectName,
    port: PortRef,
    options: &Options,
) -> Result<UpstreamSpec, BackendFault> {
    let for_https = match options.spoken() {
        Some(PodProtocol::Auto) => {
            let protocol = Some(PodProtocol::Https);
            Some(Arc::new(resolve_port(input, name.clone(), port.clone(), Spoken { protocol, options })?))
        }
        Some(PodProtocol::Http | PodProtocol::Https | PodProtocol::Grpc | PodProtocol::Grpcs) | None => None,
    };
    let spec = resolve_port(input, name, port, Spoken { protocol: options.spoken(), options })?;
    Ok(UpstreamSpec { for_https, ..spec })
}

/// Resolves a port of a Service for datagrams.
pub(crate) fn resolve_datagrams(input: &Input, name: ObjectName, port: PortRef) -> Result<UpstreamSpec, BackendFault> {
    let Some(service) = input.objects().service(&name) else { return Err(service_not_found(&name)) };
    if external_name::outside(service, input.settings()).is_some() {
        return Err(BackendFault::unavailable(
            ".service.name",
            ProblemCode::UnsupportedService,
            format!("Service {name} is of type ExternalName, where no datagrams are sent"),
            "Use a Service with a selector, or one without and with EndpointSlices of your own",
        ));
    }
    let is_named = |one: &&ServicePort| is_port(one, &port);
    let Some(found) = service.ports.iter().filter(is_named).find(|one| one.is_udp) else {
        return Err(match service.ports.iter().find(is_named) {
            None => port_not_found(service, &port),
            Some(other) => BackendFault::unavailable(
                ".service.port",
                ProblemCode::UnsupportedProtocol,
                format!("port {} of Service {name} is not a UDP port", other.port),
                "Use a UDP port",
            ),
        });
    };
    let endpoint_port = EndpointPort::Udp { name: found.name.clone(), otherwise: found.target.unwrap_or(found.port) };
    Ok(UpstreamSpec {
        key: UpstreamKey { service: name, endpoint_port, protocol: Protocol::Http1 },
        port,
        for_https: None,
    })
}

fn service_not_found(name: &ObjectName) -> BackendFault {
    BackendFault::unavailable(
        ".service.name",
        ProblemCode::ServiceNotFound,
        format!("Service {name} does not exist"),
        format!("Create the Service in namespace {}, or correct the name", name.namespace),
    )
}

/// What annotations say of how pods are spoken to.
#[derive(Clone, Copy)]
struct Spoken<'a> {
    /// The protocol.
    protocol: Option<PodProtocol>,
    /// The rest.
    options: &'a Options,
}

fn resolve_port(
    input: &Input,
    name: ObjectName,
    port: PortRef,
    asked: Spoken<'_>,
) -> Result<UpstreamSpec, BackendFault> {
    let Some(service) = input.objects().service(&name) else {
        return Err(service_not_found(&name));
    };
    if let Some(outside) = external_name::outside(service, input.settings()) {
        let outside = outside.map_err(|why| not_served(service, why))?;
        return resolve_external(input, service, outside, port, asked);
    }
    let Some(found) = find_port(service, &port) else {
        if let (ServiceKind::Headless, true, PortRef::Number(number)) = (&service.kind, service.ports.is_empty(), &port)
        {
            let endpoint_port = EndpointPort::Fixed(*number);
            let protocol = secured(input, spoken(None, asked.protocol), asked.options)?;
            let key = UpstreamKey { service: name, endpoint_port, protocol };
            return Ok(UpstreamSpec { key, port, for_https: None });
        }
        return Err(port_not_found(service, &port));
    };
    let protocol = secured(input, protocol(service, found, asked.protocol)?, asked.options)?;
    let endpoint_port = match (asked.options.to_service, &service.kind, service.cluster_ip) {
        (Some(true), ServiceKind::Cluster, Some(_)) => EndpointPort::OfService(found.port),
        _ => EndpointPort::Named { name: found.name.clone(), otherwise: found.target.unwrap_or(found.port) },
    };
    Ok(UpstreamSpec { key: UpstreamKey { service: name, endpoint_port, protocol }, port, for_https: None })
}

/// Resolves a port of an ExternalName Service. Its ports say what is spoken and may lead to another number; a number that is
/// not among them stands for itself, as most such Services have no ports at all (rule 34).
fn resolve_external(
    input: &Input,
    service: &Service,
    outside: Outside,
    port: PortRef,
    asked: Spoken<'_>,
) -> Result<UpstreamSpec, BackendFault> {
    let (number, protocol) = match (find_port(service, &port), &port) {
        (Some(found), _) => (found.target.unwrap_or(found.port), protocol(service, found, asked.protocol)?),
        (None, PortRef::Number(number)) => (*number, spoken(None, asked.protocol)),
        (None, PortRef::Name(_)) => return Err(port_not_found(service, &port)),
    };
    let protocol = match (outside, protocol) {
        (Outside::Address(ip), protocol) => {
            if let Some(reason) = external_refusal(SocketAddr::new(ip, number), input.settings()) {
                return Err(refused(service, format!("{ip}, which is never connected to ({reason})")));
            }
            protocol
        }
        // Servers outside choose their certificate, and often the site, by the name that is asked for.
        (Outside::Name(name), Protocol::Tls(tls)) => {
            Protocol::Tls(Arc::new(PodTls::clone(&tls).named(name.host().clone())))
        }
        (Outside::Name(_), protocol @ (Protocol::Http1 | Protocol::H2c)) => protocol,
    };
    let protocol = secured(input, protocol, asked.options)?;
    let key = UpstreamKey { service: service.name.clone(), endpoint_port: EndpointPort::Fixed(number), protocol };
    Ok(UpstreamSpec { key, port, for_https: None })
}

fn not_served(service: &Service, why: Unusable) -> BackendFault {
    match why {
        Unusable::Off => BackendFault::unavailable(
            ".service.name",
            ProblemCode::UnsupportedService,
            format!(
                "Service {} is of type ExternalName, which is switched off here (--external-name off)",
                service.name
            ),
            "Use a Service with a selector, or one without and with EndpointSlices of your own",
        ),
        Unusable::Localhost => refused(service, "this machine itself (localhost)".into()),
        Unusable::Invalid(error) => refused(service, format!("no DNS name: {error}")),
    }
}

fn refused(service: &Service, what: String) -> BackendFault {
    let reason = format!("spec.externalName of Service {} is {what}", service.name);
    let remedy = "Write the DNS name of a host, such as api.example.com";
    BackendFault::unavailable(".service.name", ProblemCode::ExternalNameRefused, reason, remedy)
}

/// The problem of a backend at this field.
pub(crate) fn on_backend(bid: Bid<'_>, field: &str, fault: BackendFault) -> Problem {
    let message = fault.message();
    bid.by.problem(format!("{field}{}", fault.field), fault.code, BackendFault::SEVERITY, message, fault.remedy)
}

/// What a route does with a resolved backend.
pub(crate) fn action(resolved: Result<UpstreamSpec, BackendFault>) -> (Action, Option<BackendFault>) {
    match resolved {
        Ok(spec) => (Action::Forward(Arc::new(spec)), None),
        Err(fault) => (Action::Reply(fault.reply), Some(fault)),
    }
}

fn port_ref(port: Option<&PortValue>) -> Result<PortRef, BackendFault> {
    let reason = match port {
        Some(PortValue::Name(name)) if !name.is_empty() => return Ok(PortRef::Name(name.clone())),
        Some(PortValue::Number(number)) => match u16::try_from(*number) {
            Ok(number) if number != 0 => return Ok(PortRef::Number(number)),
            Ok(_) | Err(_) => format!("{number} is no port number"),
        },
        Some(PortValue::Name(_)) | None => "the backend names no port".into(),
    };
    let remedy = "Give the number (1 to 65535) or the name of a port of the Service";
    Err(BackendFault::unavailable(".service.port", ProblemCode::InvalidField, reason, remedy))
}

/// One number may stand for a TCP and a UDP port: the first is meant.
fn find_port<'a>(service: &'a Service, wanted: &PortRef) -> Option<&'a ServicePort> {
    let mut matching = service.ports.iter().filter(|port| is_port(port, wanted));
    let first = matching.next()?;
    if first.is_tcp { Some(first) } else { Some(matching.find(|port| port.is_tcp).unwrap_or(first)) }
}

fn is_port(port: &ServicePort, wanted: &PortRef) -> bool {
    match wanted {
        PortRef::Number(number) => port.port == *number,
        PortRef::Name(name) => port.name == *name,
    }
}

fn port_not_found(service: &Service, wanted: &PortRef) -> BackendFault {
    let ports: Vec<String> = service
        .ports
        .iter()
        .map(|port| if port.name.is_empty() { port.port.to_string() } else { format!("{} ({})", port.port, port.name) })
        .collect();
    let remedy = if ports.is_empty() {
        format!("Declare the port in Service {}", service.name)
    } else {
        format!("Use one of its ports: {}", some_of(&ports))
    };
    let wanted = match wanted {
        PortRef::Number(number) => number.to_string(),
        PortRef::Name(name) => quoted(name),
    };
    let reason = format!("Service {} has no port {wanted}", service.name);
    BackendFault::unavailable(".service.port", ProblemCode::PortNotFound, reason, remedy)
}

/// What is spoken to the pods behind a port.
fn protocol(service: &Service, port: &ServicePort, asked: Option<PodProtocol>) -> Result<Protocol, BackendFault> {
    if !port.is_tcp {
        return Err(BackendFault::unavailable(
            ".service.port",
            ProblemCode::UnsupportedProtocol,
            format!("port {} of Service {} is not a TCP port", port.port, service.name),
            "Use a TCP port",
        ));
    }
    Ok(spoken(port.app_protocol.as_deref(), asked))
}

/// What is spoken to pods: what annotations say, or else what the port does.
fn spoken(app_protocol: Option<&str>, asked: Option<PodProtocol>) -> Protocol {
    match (asked, app_protocol) {
        (Some(PodProtocol::Http | PodProtocol::Auto), _) | (None, None) => Protocol::Http1,
        (Some(PodProtocol::Grpc), _) => Protocol::H2c,
        (Some(PodProtocol::Https), _) => through_tls(TlsHttp::Negotiated),
        (Some(PodProtocol::Grpcs), _) => through_tls(TlsHttp::Http2),
        (None, Some(name)) => named(name),
    }
}

/// The same with what annotations say of TLS.
fn secured(input: &Input, protocol: Protocol, options: &Options) -> Result<Protocol, BackendFault> {
    match (protocol, options.pod_tls()) {
        (Protocol::Tls(tls), Some(options)) => match pod_tls(input, &tls, options) {
            Ok(tls) => Ok(Protocol::Tls(Arc::new(tls))),
            Err(SecretFinding { code, severity: _, message, remedy }) => {
                let reason = message.strip_suffix(INSTEAD).and_then(|reason| reason.strip_suffix(", so "));
                let reason = reason.unwrap_or(&message).to_owned();
                let (reply, follows) = (Reply::BackendUnavailable, INSTEAD);
                Err(BackendFault { reply, field: "", code, reason, follows, remedy })
            }
        },
        (protocol, _) => Ok(protocol),
    }
}

/// What is spoken where a port names it (`appProtocol`, KEP-3726 and the names in common use), in upper or lower case: `HTTPS`
/// and `GRPC` are written too. Names of protocols we do not know are allowed by the API and mean nothing to us: HTTP/1.1.
fn named(name: &str) -> Protocol {
    let is_any = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is_any(&["kubernetes.io/h2c", "h2c", "grpc"]) {
        Protocol::H2c
    } else if is_any(&["https", "kubernetes.io/wss", "wss"]) {
        through_tls(TlsHttp::Negotiated)
    } else if is_any(&["grpcs"]) {
        through_tls(TlsHttp::Http2)
    } else {
        Protocol::Http1
    }
}

/// A Service cannot say who signs its pods' certificates, nor for which name.
fn through_tls(http: TlsHttp) -> Protocol {
    Protocol::Tls(Arc::new(PodTls::unverified(http)))
}
