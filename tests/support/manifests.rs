//! Objects as a test wants them: one IngressClass, Services with a slice for each pod, Ingresses in one namespace.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// The namespace of everything.
const NAMESPACE: &str = "test";

/// A path of a rule: path, type and Service.
pub type Path<'a> = (&'a str, &'a str, &'a str);

/// Objects to serve.
#[derive(Clone, Debug)]
pub struct Manifests(Vec<Value>);

impl Default for Manifests {
    fn default() -> Self {
        Self::new()
    }
}

impl Manifests {
    /// Only the class.
    pub fn new() -> Self {
        Self(vec![json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "tidegate"},
            "spec": {"controller": "tidegate.dev/ingress-controller"},
        })])
    }

    /// Every path of every host goes to these pods.
    pub fn everything_to(pods: &[SocketAddr]) -> Self {
        Self::new().service("web", pods).ingress("all", None, &[("/", "Prefix", "web")])
    }

    /// A Service with port 80 and ready pods.
    pub fn service(self, name: &str, pods: &[SocketAddr]) -> Self {
        let with_service = self.object(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }));
        pods.iter()
            .enumerate()
            .fold(with_service, |objects, (index, pod)| objects.endpoint(name, index, *pod, json!({"ready": true})))
    }

    /// A Service with these annotations.
    pub fn annotated_service(self, name: &str, pods: &[SocketAddr], annotations: Value) -> Self {
        let mut objects = self.service(name, pods);
        for object in &mut objects.0 {
            if object["kind"] == "Service" && object["metadata"]["name"] == name {
                object["metadata"]["annotations"] = annotations.clone();
            }
        }
        objects
    }

    /// A Service whose pods speak HTTP/2 in clear.
    pub fn h2c_service(self, name: &str, pods: &[SocketAddr]) -> Self {
        self.speaking(name, "kubernetes.io/h2c", pods)
    }

    /// A Service with this `appProtocol`.
    pub fn speaking(self, name: &str, app_protocol: &str, pods: &[SocketAddr]) -> Self {
        let mut objects = self.service(name, pods);
        for object in &mut objects.0 {
            if object["kind"] == "Service" && object["metadata"]["name"] == name {
                object["spec"]["ports"][0]["appProtocol"] = app_protocol.into();
            }
        }
        objects
    }

    /// Every path of every host goes to these pods, which speak HTTP/2 in clear.
    pub fn everything_to_h2c(pods: &[SocketAddr]) -> Self {
        Self::everything_to_speaking("kubernetes.io/h2c", pods)
    }

    /// Every path of every host goes to these pods, whose Service has this `appProtocol`.
    pub fn everything_to_speaking(app_protocol: &str, pods: &[SocketAddr]) -> Self {
        Self::new().speaking("web", app_protocol, pods).ingress("all", None, &[("/", "Prefix", "web")])
    }

    /// One more endpoint of a Service, in a slice of its own, with these conditions.
    pub fn endpoint(self, service: &str, index: usize, pod: SocketAddr, conditions: Value) -> Self {
        self.object(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{service}-{index}"), "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": if pod.is_ipv4() { "IPv4" } else { "IPv6" },
            "ports": [{"name": "http", "port": pod.port()}],
            "endpoints": [{"addresses": [pod.ip().to_string()], "conditions": conditions}],
        }))
    }

    /// One more ready endpoint of a Service, in a slice of its own, of this pod.
    pub fn endpoint_of(mut self, service: &str, index: usize, pod: SocketAddr, target: Value) -> Self {
        self = self.endpoint(service, index, pod, json!({"ready": true}));
        if let Some(slice) = self.0.last_mut() {
            slice["endpoints"][0]["targetRef"] = target;
        }
        self
    }

    /// An Ingress with one rule.
    pub fn ingress(self, name: &str, host: Option<&str>, paths: &[Path<'_>]) -> Self {
        self.ingress_with(name, host, paths, json!({}), json!([]))
    }

    /// An Ingress with one rule, annotations and TLS entries.
    pub fn ingress_with(
        self,
        name: &str,
        host: Option<&str>,
        paths: &[Path<'_>],
        annotations: Value,
        tls: Value,
    ) -> Self {
        let paths: Vec<_> = paths
            .iter()
            .map(|(path, path_type, service)| {
                let backend = json!({"service": {"name": service, "port": {"number": 80}}});
                json!({"path": path, "pathType": path_type, "backend": backend})
            })
            .collect();
        let mut rule = json!({"http": {"paths": paths}});
        if let Some(host) = host {
            rule["host"] = host.into();
        }
        self.object(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations},
            "spec": {"ingressClassName": "tidegate", "rules": [rule], "tls": tls},
        }))
    }

    /// A Secret with a certificate for these names.
    pub fn certificate(self, name: &str, hosts: &[&str]) -> Self {
        let (certificate, key) = certificate(hosts);
        self.secret(name, &certificate, &key)
    }

    /// The same with an RSA key.
    pub fn rsa_certificate(self, name: &str, hosts: &[&str]) -> Self {
        let (certificate, key) = rsa_certificate(hosts);
        self.secret(name, &certificate, &key)
    }

    /// A Secret for TLS with any text in it.
    pub fn secret(self, name: &str, certificate: &str, key: &str) -> Self {
        self.object(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": {"tls.crt": certificate, "tls.key": key},
        }))
    }

    /// Any object.
    pub fn object(mut self, object: Value) -> Self {
        self.0.push(object);
        self
    }

    /// The objects as a file.
    pub fn to_json(&self) -> String {
        json!({"apiVersion": "v1", "kind": "List", "items": self.0}).to_string()
    }
}

/// A self-signed certificate and its key, both PEM.
pub fn certificate(hosts: &[&str]) -> (String, String) {
    let names: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("names for a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// The same with an RSA key.
pub fn rsa_certificate(hosts: &[&str]) -> (String, String) {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("a key");
    let names: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let params = rcgen::CertificateParams::new(names).expect("names for a certificate");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}
