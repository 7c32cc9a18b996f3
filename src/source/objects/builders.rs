//! Objects in few words, for tests.

use super::{
    AddressKind, Annotations, Backend, Change, ConfigMap, EndpointSlice, Ingress, Path, PathKind, PortValue, Rule,
    Service, ServiceKind, ServicePort, SliceEndpoint, SlicePort, TlsEntry,
};
use crate::model::{ObjectKind, ObjectName, ObjectRef, PodMark};

/// `namespace/name`; without a namespace that of most tests.
pub(crate) fn name(text: &str) -> ObjectName {
    let (namespace, name) = text.split_once('/').unwrap_or(("shop", text));
    ObjectName::new(namespace, name)
}

/// The Secret of this name, which need not exist.
pub(crate) fn secret_named(text: &str) -> ObjectRef {
    ObjectRef::new(ObjectKind::Secret, name(text))
}

/// A ConfigMap with these keys and values.
pub(crate) fn config_map(text: &str, data: &[(&str, &str)]) -> Change {
    let data = data.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Change::arrival(ConfigMap { name: name(text), data, is_too_large: false })
}

/// An Ingress of our class. Without `created` all are of the same age, and names decide.
pub(crate) fn ingress(text: &str) -> IngressBuilder {
    IngressBuilder(Ingress { created: 1000, class: Some("tidegate".into()), ..Ingress::new(name(text)) })
}

pub(crate) struct IngressBuilder(pub(crate) Ingress);

impl IngressBuilder {
    pub(crate) fn created(mut self, at: i64) -> Self {
        self.0.created = at;
        self
    }

    pub(crate) fn class(mut self, class: Option<&str>) -> Self {
        self.0.class = class.map(Into::into);
        self
    }

    pub(crate) fn annotate(mut self, key: &str, value: &str) -> Self {
        let all = self.0.annotations.iter().cloned();
        self.0.annotations = all.chain([(key.into(), value.into())]).collect();
        self
    }

    pub(crate) fn rule(mut self, host: &str, paths: &[Path]) -> Self {
        add(&mut self.0.rules, Rule { host: host.into(), paths: Some(paths.into()) });
        self
    }

    pub(crate) fn bare_rule(mut self, host: &str) -> Self {
        add(&mut self.0.rules, Rule { host: host.into(), paths: None });
        self
    }

    pub(crate) fn default_backend(mut self, backend: Backend) -> Self {
        self.0.default_backend = Some(backend);
        self
    }

    pub(crate) fn tls(mut self, hosts: &[&str], secret: Option<&str>) -> Self {
        let hosts = hosts.iter().map(|host| (*host).into()).collect();
        add(&mut self.0.tls, TlsEntry { hosts, secret: secret.map(Into::into) });
        self
    }

    pub(crate) fn change(self) -> Change {
        Change::arrival(self.0)
    }
}

fn add<T: Clone>(list: &mut Box<[T]>, item: T) {
    *list = list.iter().cloned().chain([item]).collect();
}

pub(crate) fn path(kind: PathKind, path: &str, backend: Backend) -> Path {
    Path { path: path.into(), kind, backend }
}

pub(crate) fn prefix(text: &str, service: &str) -> Path {
    path(PathKind::Prefix, text, backend(service, 80))
}

pub(crate) fn exact(text: &str, service: &str) -> Path {
    path(PathKind::Exact, text, backend(service, 80))
}

pub(crate) fn backend(service: &str, port: i32) -> Backend {
    Backend::Service { name: service.into(), port: Some(PortValue::Number(port)) }
}

pub(crate) fn backend_by_name(service: &str, port: &str) -> Backend {
    Backend::Service { name: service.into(), port: Some(PortValue::Name(port.into())) }
}

/// A Service with the port 80, called http, to 8080 in the pods.
pub(crate) fn service(text: &str) -> Service {
    Service {
        name: name(text),
        created: 0,
        kind: ServiceKind::Cluster,
        ports: [port("http", 80, 8080)].into(),
        prefers_ipv6: false,
        cluster_ip: None,
        annotations: Annotations::default(),
    }
}

pub(crate) fn port(name: &str, number: u16, target: u16) -> ServicePort {
    let target = Some(target);
    ServicePort { name: name.into(), port: number, target, is_tcp: true, is_udp: false, app_protocol: None }
}

pub(crate) fn of_service(service: Service) -> Change {
    Change::arrival(service)
}

/// An IPv4 slice of a Service in the same namespace, with the port http at 8080.
pub(crate) fn slice(text: &str, service: &str, endpoints: &[SliceEndpoint]) -> EndpointSlice {
    EndpointSlice {
        name: name(text),
        service: Some(service.into()),
        addresses: AddressKind::IPv4,
        ports: Some([SlicePort { name: "http".into(), port: Some(8080), is_tcp: true, is_udp: false }].into()),
        endpoints: endpoints.into(),
        hints: Box::default(),
        unreadable: Box::default(),
        pods: Box::default(),
    }
}

pub(crate) fn ready(address: &str) -> SliceEndpoint {
    SliceEndpoint {
        address: address.parse().unwrap(),
        is_ready: true,
        is_serving: true,
        is_terminating: false,
        pod: PodMark::default(),
    }
}

pub(crate) fn of_slice(slice: EndpointSlice) -> Change {
    Change::arrival(slice)
}
