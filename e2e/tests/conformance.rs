//! The 30 cases of the official conformance suite (kubernetes-sigs/ingress-controller-conformance, release 1.19) as a
//! table of our own. As there, each feature is an Ingress in a namespace of its own; its status is waited for, and the
//! address in it is asked at once, once, at the ports 80 and 443.
//!
//! Each feature has a controller of its own, as there no two are there at the same time.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use serde_json::{Value, json};
use tidegate_e2e::{Answer, ApiServer, Certificate, EchoPod, Request, Tidegate, eventually};

static API: LazyLock<ApiServer> = LazyLock::new(ApiServer::start);

/// What the suite's client says of itself.
const FIELDS: &[(&str, &str)] = &[("User-Agent", "Go-http-client/1.1")];

/// A feature at work: its pods and its controller.
struct Feature {
    namespace: String,
    /// Address in the Ingress' status.
    address: IpAddr,
    server: Tidegate,
    _pods: Vec<EchoPod>,
}

impl Feature {
    /// Starts a controller on an address of its own, then makes the objects and waits for the status. `services` are
    /// named with the pods of each.
    fn start(name: &str, services: &[(&str, usize)], more: Vec<Value>, spec: &Value) -> Self {
        let address = IpAddr::V4(API.pod_address());
        let controller = format!("conformance.example/{name}");
        let (text, http, https) = (address.to_string(), format!("{address}:80"), format!("{address}:443"));
        let lease = format!("default/{name}");
        let server = Tidegate::follow(
            &API.kubeconfig(),
            &[
                ("--ingress-class", name),
                ("--controller-name", controller.as_str()),
                ("--http", http.as_str()),
                ("--https", https.as_str()),
                ("--publish-address", text.as_str()),
                ("--lease", lease.as_str()),
            ]
            .map(|(option, value)| [option, value])
            .concat(),
        );
        let pods = services.iter().flat_map(|(service, count)| (0..*count).map(move |_| *service));
        let pods: Vec<EchoPod> = pods.map(|service| EchoPod::start(&API, name, service)).collect();
        let mut objects = more;
        for (service, count) in services {
            let of_service = pods.iter().filter(|pod| pod.name().starts_with(&format!("{service}-198")));
            let addresses: Vec<IpAddr> = of_service.map(|pod| pod.address.ip()).collect();
            assert_eq!(addresses.len(), *count);
            objects.extend(backend(name, service, &addresses));
        }
        objects.push(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
            "metadata": {"name": name}, "spec": {"controller": controller},
        }));
        // The Ingress last, and the status when it pleases.
        API.apply_all(objects);
        let mut spec = spec.clone();
        spec["ingressClassName"] = name.into();
        API.apply_all(vec![json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"namespace": name, "name": name}, "spec": spec,
        })]);
        let shown = eventually("the status tells an address", || exposed(name, name));
        assert_eq!(shown, text);
        Self { namespace: name.to_owned(), address, server, _pods: pods }
    }

    /// Sends a request as the suite does: a new connection, the name for SNI from the URL, redirects are followed to the
    /// same address.
    fn send(&self, case: &Case) -> Result<Answer, String> {
        let (mut scheme, rest) = case.url.split_once("://").ok_or("no scheme")?;
        let at = rest.find('/').unwrap_or(rest.len());
        let (mut host, mut path) = (rest[..at].to_owned(), rest[at..].to_owned());
        if path.is_empty() {
            path.push('/');
        }
        for _ in 0..10 {
            // Without a host of its own a request names the address it is for.
            let value = if host.is_empty() { self.address.to_string() } else { host.clone() };
            let request = Request { method: case.method, host: &value, path: &path, fields: FIELDS, body: "" };
            let answer = match scheme {
                "https" => request.send_tls(SocketAddr::new(self.address, 443)),
                _ => request.send(SocketAddr::new(self.address, 80)),
            };
            let answer = answer.map_err(|error| format!("{scheme}: {error}"))?;
            let is_redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            let Some(location) = answer.field("location").filter(|_| is_redirect) else { return Ok(answer) };
            let (next, rest) = location.split_once("://").ok_or_else(|| format!("location {location}"))?;
            let at = rest.find('/').unwrap_or(rest.len());
            (host, path) = (rest[..at].to_owned(), rest[at..].to_owned());
            scheme = if next == "https" { "https" } else { "http" };
        }
        Err("more than ten redirects".into())
    }

    /// Asks all of a table; all that differs is told at once.
    #[track_caller]
    fn check(&self, cases: &[Case]) {
        let wrong: Vec<String> = cases.iter().filter_map(|case| self.verdict(case).err()).collect();
        assert!(wrong.is_empty(), "{} of {} cases failed:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }

    fn verdict(&self, case: &Case) -> Result<Answer, String> {
        let tell = |what: String| format!("case {} {} {}: {what}", case.number, case.method, case.url);
        let answer = self.send(case).map_err(tell)?;
        let status = if case.service.is_empty() { 404 } else { 200 };
        if answer.status != status {
            return Err(tell(format!("{} instead of {status}: {}", answer.status, answer.body)));
        }
        if case.service.is_empty() {
            return Ok(answer);
        }
        let echo = answer.echo();
        let (_, rest) = case.url.split_once("://").ok_or("no scheme")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = format!("/{path}");
        let mut expected = vec![
            ("service", case.service),
            ("namespace", self.namespace.as_str()),
            ("method", case.method),
            ("path", path.as_str()),
            ("proto", "HTTP/1.1"),
        ];
        if !host.is_empty() {
            expected.push(("host", host));
        }
        for (key, value) in expected {
            if echo[key] != value {
                return Err(tell(format!("{key} is {} instead of {value}", echo[key])));
            }
        }
        if answer.version != "HTTP/1.1" || echo["headers"]["User-Agent"] != json!(["Go-http-client/1.1"]) {
            return Err(tell(format!("{answer:?}")));
        }
        for field in ["Content-Length", "Content-Type", "Date", "Server"] {
            if answer.field(field).is_none_or(str::is_empty) {
                return Err(tell(format!("no {field}: {answer:?}")));
            }
        }
        Ok(answer)
    }
}

/// The first address of an Ingress' status.
fn exposed(namespace: &str, name: &str) -> Option<String> {
    let ingress = API.get("networking.k8s.io/v1", "Ingress", namespace, name)?;
    let first = &ingress["status"]["loadBalancer"]["ingress"][0];
    first["ip"].as_str().or(first["hostname"].as_str()).map(str::to_owned)
}

/// A Service with the port 8080, named `http`, and the EndpointSlice of its pods, which listen on 3000.
fn backend(namespace: &str, service: &str, addresses: &[IpAddr]) -> [Value; 2] {
    let endpoint = |address: &IpAddr| json!({"addresses": [address], "conditions": {"ready": true}});
    [
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"namespace": namespace, "name": service},
            "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 8080, "targetPort": 3000}]},
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "namespace": namespace, "name": format!("{service}-1"),
                "labels": {"kubernetes.io/service-name": service},
            },
            "ports": [{"name": "http", "port": 3000, "protocol": "TCP"}],
            "endpoints": addresses.iter().map(endpoint).collect::<Vec<_>>(),
        }),
    ]
}

/// A path that leads to a Service.
fn path(kind: &str, path: &str, service: &str) -> Value {
    json!({"path": path, "pathType": kind, "backend": {"service": {"name": service, "port": {"number": 8080}}}})
}

/// A request and who must answer; 404 if nobody.
struct Case {
    number: u8,
    method: &'static str,
    url: &'static str,
    service: &'static str,
}

const fn case(number: u8, method: &'static str, url: &'static str, service: &'static str) -> Case {
    Case { number, method, url, service }
}

#[test]
fn cases_01_to_06_default_backend() {
    let spec = json!({"defaultBackend": {"service": {"name": "echo-service", "port": {"number": 8080}}}});
    let feature = Feature::start("default-backend", &[("echo-service", 1)], vec![], &spec);
    feature.check(&[
        case(1, "GET", "http://my-host/", "echo-service"),
        case(2, "GET", "http://my-host/sub-path", "echo-service"),
        case(3, "POST", "http://some-host/", "echo-service"),
        case(4, "PUT", "http:///resource", "echo-service"),
        case(5, "DELETE", "http://some-host/resource", "echo-service"),
        case(6, "PATCH", "http://my-host/resource", "echo-service"),
    ]);
}

#[test]
fn cases_07_to_12_host_rules() {
    let certificate = Certificate::new(&["foo.bar.com"]);
    let mut by_name = path("Prefix", "/", "foo-bar-com");
    by_name["backend"]["service"]["port"] = json!({"name": "http"});
    let spec = json!({
        "tls": [{"hosts": ["foo.bar.com"], "secretName": "conformance-tls"}],
        "rules": [
            {"host": "*.foo.com", "http": {"paths": [path("Prefix", "/", "wildcard-foo-com")]}},
            {"host": "foo.bar.com", "http": {"paths": [by_name]}},
        ],
    });
    let secret = certificate.secret("host-rules", "conformance-tls");
    let feature = Feature::start("host-rules", &[("wildcard-foo-com", 1), ("foo-bar-com", 1)], vec![secret], &spec);
    assert!(certificate.is_shown(feature.server.https, "foo.bar.com"), "the certificate does not verify");
    feature.check(&[
        case(7, "GET", "https://foo.bar.com", "foo-bar-com"),
        case(8, "GET", "http://foo.bar.com", "foo-bar-com"),
        case(9, "GET", "http://subdomain.bar.com", ""),
        case(10, "GET", "http://bar.foo.com", "wildcard-foo-com"),
        case(11, "GET", "http://baz.bar.foo.com", ""),
        case(12, "GET", "http://foo.com", ""),
    ]);
}

#[test]
fn case_13_ingress_class() {
    let spec = json!({"defaultBackend": {"service": {"name": "echo-service", "port": {"number": 8080}}}});
    let ingress = |name: &str, class: &str| {
        let mut spec = spec.clone();
        spec["ingressClassName"] = class.into();
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"namespace": "ingress-class", "name": name}, "spec": spec,
        })
    };
    API.apply_all(vec![ingress("ingress-class-none", "some-invalid-class-name")]);
    // The suite waits for minutes; here later Ingresses, which have their status, show that this one had its turn.
    let feature = Feature::start("ingress-class", &[("echo-service", 1)], vec![], &spec);
    for name in ["later", "even-later"] {
        API.apply_all(vec![ingress(name, "ingress-class")]);
        eventually("the status tells an address", || exposed(&feature.namespace, name));
    }
    assert_eq!(exposed(&feature.namespace, "ingress-class-none"), None);
}

#[test]
fn case_14_load_balancing() {
    let spec = json!({"defaultBackend": {"service": {"name": "echo-service", "port": {"number": 8080}}}});
    let feature = Feature::start("load-balancing", &[("echo-service", 10)], vec![], &spec);
    let case = case(14, "GET", "http://load-balancing/", "echo-service");
    let mut pods = BTreeSet::new();
    for _ in 0..100 {
        let answer = feature.verdict(&case).unwrap();
        pods.insert(answer.echo()["pod"].to_string());
    }
    assert_eq!(pods.len(), 10, "{pods:?}");
}

#[test]
fn cases_15_to_30_path_rules() {
    let spec = json!({"rules": [
        {"host": "exact-path-rules", "http": {"paths": [path("Exact", "/foo", "foo-exact")]}},
        {"host": "prefix-path-rules", "http": {"paths": [
            path("Prefix", "/foo", "foo-prefix"),
            path("Prefix", "/aaa/bbb", "aaa-slash-bbb-prefix"),
            path("Prefix", "/aaa", "aaa-prefix"),
        ]}},
        {"host": "mixed-path-rules", "http": {"paths": [
            path("Prefix", "/foo", "foo-prefix"),
            path("Exact", "/foo", "foo-exact"),
        ]}},
        {"host": "trailing-slash-path-rules", "http": {"paths": [
            path("Prefix", "/aaa/bbb/", "aaa-slash-bbb-slash-prefix"),
            path("Exact", "/foo/", "foo-slash-exact"),
        ]}},
    ]});
    let services = [
        "foo-exact",
        "foo-prefix",
        "aaa-slash-bbb-prefix",
        "aaa-prefix",
        "aaa-slash-bbb-slash-prefix",
        "foo-slash-exact",
    ];
    let feature = Feature::start("path-rules", &services.map(|service| (service, 1)), vec![], &spec);
    feature.check(&[
        case(15, "GET", "http://exact-path-rules/foo", "foo-exact"),
        case(16, "GET", "http://exact-path-rules/foo/", ""),
        case(17, "GET", "http://exact-path-rules/FOO", ""),
        case(18, "GET", "http://exact-path-rules/bar", ""),
        case(19, "GET", "http://prefix-path-rules/foo", "foo-prefix"),
        case(20, "GET", "http://prefix-path-rules/foo/", "foo-prefix"),
        case(21, "GET", "http://prefix-path-rules/FOO", ""),
        case(22, "GET", "http://prefix-path-rules/aaa/bbb", "aaa-slash-bbb-prefix"),
        case(23, "GET", "http://prefix-path-rules/aaa/bbb/ccc", "aaa-slash-bbb-prefix"),
        case(24, "GET", "http://prefix-path-rules/aaa/ccc", "aaa-prefix"),
        case(25, "GET", "http://prefix-path-rules/aaaccc", ""),
        case(26, "GET", "http://prefix-path-rules/foo/", "foo-prefix"),
        case(27, "GET", "http://mixed-path-rules/foo", "foo-exact"),
        case(28, "GET", "http://trailing-slash-path-rules/aaa/bbb", "aaa-slash-bbb-slash-prefix"),
        case(29, "GET", "http://trailing-slash-path-rules/aaa/bbb/", "aaa-slash-bbb-slash-prefix"),
        case(30, "GET", "http://trailing-slash-path-rules/foo", ""),
    ]);
}
