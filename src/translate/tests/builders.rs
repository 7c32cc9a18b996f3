//! Objects in few words, and questions to what they come to.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::{
    Action, Certificate, CertificateError, HostKey, HostPattern, HostSpec, ObjectName, PathMatch, Problem, Snapshot,
};
use crate::source::objects::{
    AddressKind, Backend, Change, EndpointSlice, Ingress, IngressClass, Path, PathKind, PortValue, Rule, Secret,
    SecretFault, Service, ServiceKind, ServicePort, SliceEndpoint, SlicePort, TlsEntry,
};
use crate::translate::{Input, Settings};

/// `namespace/name`; without a namespace that of most tests.
pub(super) fn name(text: &str) -> ObjectName {
    let (namespace, name) = text.split_once('/').unwrap_or(("shop", text));
    ObjectName::new(namespace, name)
}

pub(super) fn pattern(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap()
}

/// An Ingress of our class. Without `created` all are of the same age, and names decide.
pub(super) fn ingress(text: &str) -> IngressBuilder {
    IngressBuilder(Ingress { created: 1000, class: Some("tidegate".into()), ..Ingress::new(name(text)) })
}

pub(super) struct IngressBuilder(pub(super) Ingress);

impl IngressBuilder {
    pub(super) fn created(mut self, at: i64) -> Self {
        self.0.created = at;
        self
    }

    pub(super) fn class(mut self, class: Option<&str>) -> Self {
        self.0.class = class.map(Into::into);
        self
    }

    pub(super) fn annotate(mut self, key: &str, value: &str) -> Self {
        let all = self.0.annotations.iter().cloned();
        self.0.annotations = all.chain([(key.into(), value.into())]).collect();
        self
    }

    pub(super) fn rule(mut self, host: &str, paths: &[Path]) -> Self {
        add(&mut self.0.rules, Rule { host: host.into(), paths: Some(paths.into()) });
        self
    }

    pub(super) fn bare_rule(mut self, host: &str) -> Self {
        add(&mut self.0.rules, Rule { host: host.into(), paths: None });
        self
    }

    pub(super) fn default_backend(mut self, backend: Backend) -> Self {
        self.0.default_backend = Some(backend);
        self
    }

    pub(super) fn tls(mut self, hosts: &[&str], secret: Option<&str>) -> Self {
        let hosts = hosts.iter().map(|host| (*host).into()).collect();
        add(&mut self.0.tls, TlsEntry { hosts, secret: secret.map(Into::into) });
        self
    }

    pub(super) fn change(self) -> Change {
        Change::arrival(self.0)
    }
}

fn add<T: Clone>(list: &mut Box<[T]>, item: T) {
    *list = list.iter().cloned().chain([item]).collect();
}

pub(super) fn path(kind: PathKind, path: &str, backend: Backend) -> Path {
    Path { path: path.into(), kind, backend }
}

pub(super) fn prefix(text: &str, service: &str) -> Path {
    path(PathKind::Prefix, text, backend(service, 80))
}

pub(super) fn exact(text: &str, service: &str) -> Path {
    path(PathKind::Exact, text, backend(service, 80))
}

pub(super) fn backend(service: &str, port: i32) -> Backend {
    Backend::Service { name: service.into(), port: Some(PortValue::Number(port)) }
}

pub(super) fn backend_by_name(service: &str, port: &str) -> Backend {
    Backend::Service { name: service.into(), port: Some(PortValue::Name(port.into())) }
}

pub(super) fn class(text: &str, controller: &str) -> IngressClass {
    IngressClass::new(text, controller)
}

pub(super) fn our_class() -> IngressClass {
    class("tidegate", "tidegate.dev/ingress-controller")
}

pub(super) fn of_class(class: IngressClass) -> Change {
    Change::arrival(class)
}

/// A Service with the port 80, called http, to 8080 in the pods.
pub(super) fn service(text: &str) -> Service {
    Service {
        name: name(text),
        kind: ServiceKind::Cluster,
        ports: [port("http", 80, 8080)].into(),
        prefers_ipv6: false,
    }
}

pub(super) fn port(name: &str, number: u16, target: u16) -> ServicePort {
    ServicePort { name: name.into(), port: number, target: Some(target), is_tcp: true, app_protocol: None }
}

pub(super) fn of_service(service: Service) -> Change {
    Change::arrival(service)
}

/// An IPv4 slice of a Service in the same namespace, with the port http at 8080.
pub(super) fn slice(text: &str, service: &str, endpoints: &[SliceEndpoint]) -> EndpointSlice {
    EndpointSlice {
        name: name(text),
        service: Some(service.into()),
        addresses: AddressKind::IPv4,
        ports: Some([SlicePort { name: "http".into(), port: Some(8080), is_tcp: true }].into()),
        endpoints: endpoints.into(),
        unreadable: Box::default(),
    }
}

pub(super) fn ready(address: &str) -> SliceEndpoint {
    SliceEndpoint { address: address.parse().unwrap(), is_ready: true, is_serving: true, is_terminating: false }
}

pub(super) fn of_slice(slice: EndpointSlice) -> Change {
    Change::arrival(slice)
}

/// A certificate that is valid from 2020 to 2040. `NOW` lies between.
pub(super) fn certificate(names: &[&str]) -> Arc<Certificate> {
    certificate_with(names, (2020, 2040), &rcgen::PKCS_ECDSA_P256_SHA256)
}

pub(super) fn certificate_with(
    names: &[&str],
    years: (i32, i32),
    algorithm: &'static rcgen::SignatureAlgorithm,
) -> Arc<Certificate> {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let made = params.self_signed(&key).unwrap();
    Arc::new(Certificate::parse(made.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap())
}

/// In 2026.
pub(super) const NOW: i64 = 1_790_000_000;

pub(super) fn secret(text: &str, certificate: &Arc<Certificate>) -> Change {
    let secret = Secret { name: name(text), certificate: Ok(certificate.clone()), last_good: None };
    Change::arrival(secret)
}

pub(super) fn broken_secret(text: &str) -> Change {
    let fault = SecretFault::Content(CertificateError::NoCertificate);
    let secret = Secret { name: name(text), certificate: Err(fault), last_good: None };
    Change::arrival(secret)
}

/// Our class, the Services `a` to `d` in namespace `shop`, and these.
pub(super) fn world(changes: impl IntoIterator<Item = Change>) -> World {
    world_with(Settings { now: NOW, ..Settings::default() }, changes)
}

pub(super) fn world_with(settings: Settings, changes: impl IntoIterator<Item = Change>) -> World {
    let mut input = Input::new(settings);
    input.apply(of_class(our_class()));
    for service_name in ["a", "b", "c", "d"] {
        input.apply(of_service(service(service_name)));
    }
    for change in changes {
        input.apply(change);
    }
    let (snapshot, findings) = crate::translate::snapshot(&input);
    World { input, snapshot, problems: findings.into_values().flatten().collect() }
}

pub(super) struct World {
    pub(super) input: Input,
    pub(super) snapshot: Snapshot,
    pub(super) problems: Vec<Problem>,
}

impl World {
    pub(super) fn host(&self, host: &str) -> &HostSpec {
        self.find(host).unwrap_or_else(|| panic!("nothing is served for {host:?}: {:#?}", self.problems))
    }

    pub(super) fn find(&self, host: &str) -> Option<&HostSpec> {
        self.snapshot.hosts.get(&HostKey::from(pattern(host))).map(Arc::as_ref)
    }

    /// The routes of a host in short, in order: `= /a → shop/a:80`, `/b → 503`.
    pub(super) fn routes(&self, host: &str) -> Vec<String> {
        let spec = self.host(host);
        spec.routes
            .iter()
            .map(|route| format!("{} → {}", in_short(&route.matches.path), target(&route.action)))
            .collect()
    }

    /// Where what no route takes goes.
    pub(super) fn fallback(&self, host: &str) -> Option<String> {
        self.host(host).fallback().map(|route| target(&route.action))
    }

    /// The findings in short: `Conflict Ingress shop/x spec.rules[0]`.
    pub(super) fn problems(&self) -> Vec<String> {
        let line = |p: &Problem| format!("{} {} {}", p.code.as_str(), p.object, p.field);
        self.problems.iter().map(line).collect()
    }

    /// The one finding about a slice, which is told on the Ingress as well.
    pub(super) fn slice_problem(&self) -> &Problem {
        let lines = self.problems();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.starts_with("EndpointRejected ")), "{lines:?}");
        let at = lines.iter().position(|line| line.contains(" EndpointSlice ")).unwrap();
        &self.problems[at]
    }

    pub(super) fn only_problem(&self) -> &Problem {
        assert_eq!(self.problems.len(), 1, "{:#?}", self.problems);
        &self.problems[0]
    }

    /// The endpoints of the upstream that a host's first route or its fallback has.
    pub(super) fn endpoints(&self, host: &str) -> Vec<SocketAddr> {
        let spec = self.host(host);
        let route = spec.routes.first().or(spec.fallback()).unwrap();
        match &route.action {
            Action::Forward(upstream) => {
                let (objects, settings) = (self.input.objects(), self.input.settings());
                let endpoints = crate::translate::endpoints(objects, &upstream.key, settings);
                endpoints.into_iter().map(|endpoint| endpoint.address).collect()
            }
            action @ (Action::Split(_) | Action::Reply(_)) => panic!("{host} does not forward: {action:?}"),
        }
    }
}

fn in_short(path: &PathMatch) -> String {
    match path {
        PathMatch::Exact(path) => format!("= {path}"),
        PathMatch::Prefix(path) => path.to_string(),
    }
}

pub(super) fn target(action: &Action) -> String {
    match action {
        Action::Forward(upstream) => format!("{}:{}", upstream.key.service, upstream.port),
        Action::Reply(crate::model::Reply::BackendUnavailable) => "503".into(),
        Action::Reply(crate::model::Reply::NotFound) => "404".into(),
        Action::Split(split) => format!("{split:?}"),
    }
}
