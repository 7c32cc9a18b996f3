//! Golden cases: `tests/golden/NAME.in.yaml` holds manifests, `NAME.out.yaml` all that comes of them. Comment lines at
//! the head of a case that start with `# --` are flags.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes the outputs anew: read the difference before you commit it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tidegate::model::{
    Action, AskedWhen, Canary, Certificate, HostSpec, ObjectName, PodTls, PortRef, Predicates, Protocol, Reply,
    RoutePolicy, RouteSpec, RouteTimeouts, UpstreamSpec,
};
use tidegate::model::{
    Balance, EditedName, FieldEdit, Filter, HostPattern, HttpsRedirect, HttpsUrl, ListenerSet, Rules, TenantTls,
    TlsSpec, Unmatched,
};
use tidegate::model::{HeaderOfClients, HeaderVersion, StreamAffinity, StreamRoute, StreamSpec};
use tidegate::source::manifests;
use tidegate::translate::annotations::{Choices, DialectName, Dialects, MissingWaf, Snippets};
use tidegate::translate::{self, ExternalNames, HostOwnership, Input, Profile, Settings, StreamSettings};

/// Cases that must be there, so that a wrong folder does not pass for success.
const FEWEST: usize = 12;

/// In 2026: where certificates stand must not depend on the day of the test.
const NOW: i64 = 1_790_000_000;

#[derive(Serialize)]
struct Output {
    #[serde(skip_serializing_if = "Option::is_none")]
    default_certificate: Option<String>,
    hosts: BTreeMap<String, Host>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    streams: BTreeMap<String, Stream>,
    /// As `tidegate check` prints them.
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Stream {
    object: String,
    target: String,
    endpoints: Vec<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_in: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_out: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    affinity: Option<&'static str>,
    /// What differs from the policy of all routes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    policy: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Host {
    /// Only where no rule names the host, and nothing else shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    has_rules: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<Route>,
    /// Names of the certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Vec<String>>,
    /// Only where it is not that of the first route alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    namespaces: Vec<String>,
    /// Of a wildcard, for hosts that have rules of their own: names of the certificates for each namespace.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tls_of_namespaces: BTreeMap<String, Vec<String>>,
    /// For hosts of other namespaces than that of the fallback.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_backend: Option<Route>,
}

#[derive(Serialize)]
struct Route {
    path: String,
    /// What requests must have besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    ingress: String,
    target: String,
    /// Only of upstreams.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<SocketAddr>>,
    /// Only where it is not the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    /// Only where something is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<&'static str>,
    /// What differs from the policy of all routes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    policy: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    https_redirect: Option<String>,
    /// In the order in which they are asked, but for the redirect to https.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_filters: Vec<String>,
}

#[test]
fn manifests_come_to_what_the_golden_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("tests/golden is there")
        .map(|entry| entry.expect("tests/golden is readable").path())
        .filter(|path| path.to_string_lossy().ends_with(".in.yaml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= FEWEST, "only {} cases in {}", cases.len(), folder.display());
    let stale: Vec<String> = cases.iter().filter_map(|case| check(case)).collect();
    assert!(stale.is_empty(), "{}\nUPDATE_GOLDEN=1 answer_urls the outputs", stale.join("\n"));
}

#[test]
fn every_annotation_of_ingress_nginx_stands_in_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).expect("the file is readable");
    let files = std::fs::read_dir(root.join("tests/golden")).expect("tests/golden is there");
    let names = files.map(|file| file.expect("tests/golden is readable").file_name().to_string_lossy().into_owned());
    let cases = names.filter(|name| name.starts_with("nginx") && name.ends_with(".in.yaml"));
    let cases: String = cases.map(|name| read(&format!("tests/golden/{name}"))).collect();
    let document = read("docs/annotations.md");
    let listed = document.lines().filter_map(|line| line.strip_prefix("### `nginx.ingress.kubernetes.io/"));
    let keys: Vec<_> = listed.filter_map(|line| line.strip_suffix('`')).collect();
    let missing: Vec<_> = keys.iter().filter(|key| !cases.contains(&format!("io/{key}: "))).collect();
    assert!(keys.len() > 20 && missing.is_empty(), "{} keys, without a case: {missing:?}", keys.len());
}

#[test]
fn every_key_of_the_config_map_of_ingress_nginx_stands_in_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("tests/golden")).expect("tests/golden is there");
    let names = files.map(|file| file.expect("tests/golden is readable").path());
    let cases = names.filter(|path| path.to_string_lossy().contains("nginx-configmap"));
    let cases = cases.filter(|path| path.to_string_lossy().ends_with(".in.yaml"));
    let cases: String = cases.map(|path| std::fs::read_to_string(path).expect("the case is readable")).collect();
    let document = std::fs::read_to_string(root.join("docs/nginx-configmap.md")).expect("the file is readable");
    let keys: Vec<_> = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).collect();
    let missing: Vec<_> = keys.iter().filter(|(key, _)| !cases.contains(&format!("\n  {key}: "))).collect();
    assert!(keys.len() > 150 && missing.is_empty(), "{} keys, without a case: {missing:?}", keys.len());
}

#[test]
fn rule_39_only_the_first_address_of_an_endpoint_counts() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/endpoints.in.yaml");
    let text = std::fs::read_to_string(&case).expect("the case is readable");
    let equivalent = text.replace("[\"10.0.0.1\"]", "[\"10.0.0.1\", \"10.0.0.77\"]");
    assert_ne!(text, equivalent);
    let folder = tempfile::tempdir().expect("there is room for a file");
    let copy = folder.path().join("endpoints.in.yaml");
    std::fs::write(&copy, equivalent).expect("the folder is writable");
    assert_eq!(translated(&copy), translated(&case));
}

/// What differs, if anything.
fn check(case: &Path) -> Option<String> {
    let actual = translated(case);
    let golden = PathBuf::from(case.to_string_lossy().replace(".in.yaml", ".out.yaml"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, actual).expect("tests/golden is writable");
        return None;
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    if expected == actual {
        return None;
    }
    let at = expected.lines().zip(actual.lines()).position(|(e, a)| e != a);
    let at = at.unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
    Some(format!("{}:{}\n  golden: {}\n  actual: {}", golden.display(), at + 1, line(&expected), line(&actual)))
}

fn translated(case: &Path) -> String {
    let loaded = manifests::load(case).expect("the case is readable");
    let mut input = Input::new(settings(case));
    for change in loaded.changes {
        input.apply(change);
    }
    let (snapshot, findings) = translate::snapshot(&input);
    let mut problems: Vec<_> = loaded.problems.into_iter().chain(findings.into_values().flatten()).collect();
    problems.sort();
    let hosts = snapshot.hosts.iter().map(|(key, spec)| (key.pattern.to_string(), host(&input, spec)));
    let output = Output {
        default_certificate: snapshot.default_certificate.as_ref().map(|c| names(c)),
        hosts: hosts.collect(),
        streams: snapshot.streams.iter().map(|(key, spec)| (key.to_string(), stream(&input, spec))).collect(),
        problems: problems.iter().map(ToString::to_string).collect(),
    };
    serde_saphyr::to_string(&output).expect("the output is plain data")
}

fn settings(case: &Path) -> Settings {
    let mut settings = Settings { default_class_applies: true, allow_loopback: true, now: NOW, ..Settings::default() };
    let (mut owners, mut choices) = (BTreeMap::new(), Choices::default());
    let mut streams = StreamSettings { trusts_proxies: true, ..StreamSettings::default() };
    let text = std::fs::read_to_string(case).expect("the case is readable");
    for flag in text.lines().take_while(|line| line.starts_with('#')).filter_map(|line| line.strip_prefix("# --")) {
        match flag.split_once(' ') {
            Some(("default-certificate", name)) => settings.default_certificate = Some(object(name)),
            Some(("default-backend", backend)) => {
                let (name, port) = backend.split_once(':').expect("a port follows the Service");
                let port = port.parse().map_or_else(|_| PortRef::Name(port.into()), PortRef::Number);
                settings.default_backend = Some((object(name), port));
            }
            Some(("certificate-namespaces", namespace)) => {
                settings.certificate_namespaces.insert(namespace.into());
            }
            Some(("dialects", names)) => {
                let names = names.split(',').map(|name| DialectName::parse(name).expect("a dialect"));
                settings.dialects = Dialects::new(names);
            }
            Some(("allowed-response-headers", names)) => {
                let names = names.split(',').map(|name| EditedName::parse(name).expect("a name"));
                settings.allowed_response_headers = Arc::new(names.collect());
            }
            Some(("nginx-configmap", name)) => settings.nginx_config_map = Some(object(name)),
            Some(("haproxy-configmap", name)) => settings.haproxy_config_map = Some(object(name)),
            Some(("tcp-services-configmap", name)) => streams.tcp_config_map = Some(object(name)),
            Some(("udp-services-configmap", name)) => streams.udp_config_map = Some(object(name)),
            Some(("allow-ports", ports)) => {
                let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
                let port = |text: &str| text.parse().expect("a port");
                streams.allowed_ports.push(port(first)..=port(last));
            }
            Some(("stream-namespaces", name)) => _ = streams.namespaces.insert(name.into()),
            Some(("given", options)) => settings.given = Arc::new(options.split(',').map(Into::into).collect()),
            Some(("config-maps-across-namespaces", "true")) => settings.config_maps_across_namespaces = true,
            Some(("secrets-across-namespaces", "true")) => settings.secrets_across_namespaces = true,
            Some(("profile", "ingress-nginx")) => settings.profile = Profile::IngressNginx,
            Some(("nginx-snippets", "translate")) => choices.snippets = Snippets::Translated,
            Some(("waf-missing", "fail")) => choices.waf = MissingWaf::Closed,
            Some(("external-name", "off")) => settings.external_names = ExternalNames::Off,
            Some(("host-ownership", "namespace")) => {
                settings.host_ownership = HostOwnership::Namespace { owners: owners.clone().into() };
            }
            // Stands in front of --host-ownership.
            Some(("host-owners", owner)) => {
                let (host, owner) = owner.split_once('=').expect("a namespace follows the host");
                let host = HostPattern::parse(if host == "*" { "" } else { host }).expect("a host");
                owners.insert(host, owner.into());
            }
            _ => panic!("{}: unknown flag --{flag}", case.display()),
        }
    }
    settings.dialects = settings.dialects.with(choices);
    settings.streams = Arc::new(streams);
    settings
}

fn stream(input: &Input, spec: &StreamSpec) -> Stream {
    let [StreamRoute { server_name: None, action, affinity, policy, origin }] = &*spec.routes else {
        panic!("the output does not show {spec:?}");
    };
    let Action::Forward(upstream) = action else { panic!("the output does not show {action:?}") };
    let endpoints = translate::endpoints(input, &upstream.key);
    Stream {
        object: origin.object().expect("an object asks for it").to_string(),
        target: format!("{}:{}", upstream.key.service, upstream.port),
        endpoints: endpoints.into_iter().map(|endpoint| endpoint.address).collect(),
        proxy_in: (spec.from_clients == HeaderOfClients::Required).then_some("required"),
        proxy_out: spec.to_pods.map(|version| match version {
            HeaderVersion::V1 => "v1",
            HeaderVersion::V2 => "v2",
        }),
        affinity: (*affinity == StreamAffinity::ClientAddress).then_some("client address"),
        policy: differing(&RoutePolicy::default(), policy),
    }
}

fn object(text: &str) -> ObjectName {
    let (namespace, name) = text.split_once('/').expect("namespace/name");
    ObjectName::new(namespace, name)
}

fn host(input: &Input, spec: &HostSpec) -> Host {
    let HostSpec { key, routes, unmatched, tls, tenancy } = spec;
    let tenancy = tenancy.as_deref();
    assert_eq!(key.listeners, ListenerSet::Default, "the output does not show them");
    Host {
        has_rules: (*unmatched == Unmatched::FallThrough).then_some(false),
        routes: routes.iter().map(|spec| route(input, spec)).collect(),
        fallback: spec.fallback().map(|spec| route(input, spec)),
        tls: tls.as_ref().map(certificates),
        namespaces: tenancy
            .map(|tenancy| tenancy.tenants.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        tls_of_namespaces: tenancy.map(|tenancy| of_tenants(tls.as_ref(), &tenancy.tls)).unwrap_or_default(),
        default_backend: tenancy.and_then(|tenancy| Some(route(input, tenancy.default_backend.as_ref()?))),
    }
}

fn certificates(tls: &TlsSpec) -> Vec<String> {
    tls.certificates.iter().map(|certificate| names(certificate)).collect()
}

/// The backend of a canary.
fn target(backend: &Result<Arc<UpstreamSpec>, Reply>) -> String {
    match backend {
        Ok(upstream) => format!("{}:{}", upstream.key.service, upstream.port),
        Err(reply) => format!("{reply:?}"),
    }
}

/// The TLS of a wildcard by namespace; nothing where there is one with the same as for the wildcard itself.
fn of_tenants(own: Option<&TlsSpec>, all: &[TenantTls]) -> BTreeMap<String, Vec<String>> {
    match all {
        [TenantTls { namespace: Some(_), tls }] if Some(tls) == own => BTreeMap::new(),
        all => all
            .iter()
            .map(|TenantTls { namespace, tls }| (namespace.as_deref().unwrap_or("(all)").to_owned(), certificates(tls)))
            .collect(),
    }
}

fn route(input: &Input, spec: &RouteSpec) -> Route {
    let RouteSpec { matches, action, filters, policy, origin } = spec;
    let when = matches.predicates.as_deref().map(|predicates| {
        let Predicates { method, headers, query, condition, asked } = predicates;
        assert!(method.is_none() && headers.is_empty() && query.is_empty(), "the output does not show them");
        let condition = condition.as_ref().expect("a condition");
        match asked {
            AskedWhen::First => format!("first, if {condition}"),
            AskedWhen::InTurn => format!("if {condition}"),
        }
    });
    let path = format!("{} {}", matches.path.kind(), matches.path.path());
    let (mut https_redirect, mut other_filters) = (Some("off".to_owned()), Vec::new());
    for filter in &**filters {
        match filter {
            Filter::ClientAuth(auth) => other_filters.push(format!("{:?}", **auth)),
            Filter::Rules(rules) => match &**rules {
                Rules::Closed(by) => other_filters.push(format!("503 {}", by.as_str())),
                Rules::Listed(rules) => other_filters.extend(rules.iter().map(ToString::to_string)),
            },
            Filter::RequestFields(edits) => other_filters.extend(edits.iter().map(|edit| format!("to pods: {edit}"))),
            Filter::PodHost(host) => other_filters.push(format!("pods are asked for the host {host}")),
            Filter::ResponseFields(edits) => {
                let shown = |edit: &FieldEdit| format!("to clients ({:?}): {edit}", edit.answers);
                other_filters.extend(edits.iter().map(shown));
            }
            Filter::AppRoot(path) => other_filters.push(format!("/ 302 {path}")),
            Filter::Cors(cors) => other_filters.push(format!("{:?}", **cors)),
            Filter::Limits(limits) => {
                other_filters.push(format!("{:?}", **limits).replace(", statuses: [503, 503]", ""));
            }
            Filter::Hsts(hsts) => other_filters.push(format!("{:?}", **hsts)),
            Filter::NginxFields => other_filters.push("NginxFields".into()),
            Filter::Affinity(affinity) => other_filters.push(format!("{:?}", **affinity)),
            Filter::AnswerUrls(answer_urls) => other_filters.push(format!("{:?}", **answer_urls)),
            Filter::Errors(pages) => other_filters.push(format!("{:?}", **pages)),
            Filter::Mirror(mirror) => other_filters.push(format!("{:?}", **mirror)),
            Filter::Auth(auth) => other_filters.push(format!("{:?}", **auth).replace("sent: [], ", "")),
            Filter::Sources(sources) => other_filters.push(format!("{sources:?}")),
            Filter::BasicAuth(auth) => other_filters.push(format!("{auth:?}")),
            Filter::Rewrite(rewrite) => other_filters.push(format!("{:?}", **rewrite)),
            Filter::Redirect(redirect) => other_filters.push(format!("{:?}", **redirect)),
            Filter::HttpsRedirect(when, url) => {
                let when = match when {
                    HttpsRedirect::WithTls => None,
                    HttpsRedirect::Always => Some("always"),
                };
                let url = (*url != HttpsUrl::default()).then(|| format!("{url:?}").replace(", status: 308", ""));
                https_redirect = when.map(str::to_owned).into_iter().chain(url).reduce(|a, b| format!("{a} {b}"));
            }
        }
    }
    let ingress = origin.to_string();
    let upstream = match action {
        Action::Forward(upstream) => upstream,
        Action::Split(split) => panic!("the output does not show {split:?}"),
        Action::Canary(canary) => {
            let Canary { main, canary, rule } = &**canary;
            other_filters.push(format!("{rule:?} {}", target(canary)));
            let action = match main {
                Ok(upstream) => Action::Forward(Arc::clone(upstream)),
                Err(reply) => Action::Reply(*reply),
            };
            let mut shown = route(input, &RouteSpec { action, ..spec.clone() });
            shown.other_filters = other_filters;
            return shown;
        }
        Action::Reply(reply) => {
            let target = match reply {
                Reply::BackendUnavailable => "503",
                Reply::NotFound => "404",
            };
            let target = target.to_owned();
            let (endpoints, protocol, tls, balance, policy) = (None, None, None, None, BTreeMap::new());
            return Route {
                path,
                when,
                ingress,
                target,
                endpoints,
                protocol,
                tls,
                balance,
                policy,
                https_redirect,
                other_filters,
            };
        }
    };
    let endpoints = translate::endpoints(input, &upstream.key);
    Route {
        path,
        when,
        ingress,
        target: format!("{}:{}", upstream.key.service, upstream.port),
        endpoints: Some(endpoints.into_iter().map(|endpoint| endpoint.address).collect()),
        protocol: match (&upstream.key.protocol, &upstream.for_https) {
            (Protocol::Http1, None) => None,
            (protocol, None) => Some(protocol.as_str().to_owned()),
            (protocol, Some(other)) => {
                Some(format!("{}, for https {}", protocol.as_str(), other.key.protocol.as_str()))
            }
        },
        tls: match &upstream.key.protocol {
            Protocol::Tls(tls) if **tls != PodTls::unverified(tls.http) => Some(format!("{tls:?}")),
            Protocol::Http1 | Protocol::H2c | Protocol::Tls(_) => None,
        },
        balance: match policy.balance {
            Balance::LeastInFlight => None,
            Balance::RoundRobin => Some("round-robin"),
            Balance::Ewma => Some("ewma"),
            Balance::LeastConnections => Some("least-connections"),
            Balance::Random => Some("random"),
            Balance::First => Some("first"),
        },
        policy: differing(&RoutePolicy::default(), policy),
        https_redirect,
        other_filters,
    }
}

/// What one policy has and another one has not, but for the balance, which is shown by itself.
fn differing(usual: &RoutePolicy, policy: &RoutePolicy) -> BTreeMap<&'static str, String> {
    let shown = |policy: &RoutePolicy| {
        let RoutePolicy { balance: _, attempts, body_bytes, response_head_bytes, .. } = policy;
        let RoutePolicy { upstream_requests, answer_rate, timeouts, pod_head, log, retry, retry_within, .. } = policy;
        let RouteTimeouts { connect, reuse_unsafe, response, upload, response_gap, grpc_silence, .. } = timeouts;
        let RouteTimeouts { body_gap, body_rate, write, tunnel_idle, stream_idle, udp_session, .. } = timeouts;
        let RoutePolicy { request_buffer, answer_ahead, .. } = policy;
        let body_bytes = body_bytes.map_or_else(|| "no limit".to_owned(), |bytes| bytes.to_string());
        BTreeMap::from([
            ("attempts", attempts.to_string()),
            ("body_bytes", body_bytes),
            ("request_buffer", format!("{request_buffer:?}")),
            ("response_head_bytes", response_head_bytes.to_string()),
            ("upstream_requests", upstream_requests.to_string()),
            ("answer_rate", format!("{answer_rate:?}")),
            ("answer_ahead", format!("{answer_ahead:?}")),
            ("retry", format!("{retry:?}")),
            ("retry_within", format!("{retry_within:?}")),
            ("pod_head", format!("{pod_head:?}")),
            ("log", format!("{log:?}")),
            ("connect", format!("{connect:?}")),
            ("reuse_unsafe", format!("{reuse_unsafe:?}")),
            ("response", format!("{response:?}")),
            ("upload", format!("{upload:?}")),
            ("response_gap", format!("{response_gap:?}")),
            ("grpc_silence", format!("{grpc_silence:?}")),
            ("body_gap", format!("{body_gap:?}")),
            ("body_rate", body_rate.to_string()),
            ("write", format!("{write:?}")),
            ("tunnel_idle", format!("{tunnel_idle:?}")),
            ("stream_idle", format!("{stream_idle:?}")),
            ("udp_session", format!("{udp_session:?}")),
        ])
    };
    let usual = shown(usual);
    shown(policy).into_iter().filter(|(name, value)| usual[name] != *value).collect()
}

fn names(certificate: &Certificate) -> String {
    certificate.names().join(" ")
}
