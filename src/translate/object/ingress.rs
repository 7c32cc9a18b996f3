//! Findings that belong to an Ingress as a whole: each is made here once, however many hosts the Ingress has.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{HostPattern, HostnameError, ObjectKind, ObjectName, Problem, ProblemCode, Severity};
use crate::source::objects::{Ingress, Service, ServiceKind};

use super::super::annotations::{self, Anyway, PodTlsOptions, ServiceUrl, Usual};
use super::super::asked::{self, Asked};
use super::super::config_map::MapFault;
use super::super::external::{self, NameFinding};
use super::super::host::default_backend_problem;
use super::super::input::Input;
use super::super::lower::Lowered;
use super::super::named_config_maps;
use super::super::problems::{on_ingress, quoted, some_of};
use super::super::secret::{self, SecretFinding};
use super::super::service::BackendFault;
use super::super::{address, basic_auth, classes, client_auth, service};

/// The findings. About an Ingress that is not ours there is at most one: that its class does not exist, or that it names ours in a
/// misspelt annotation.
pub(super) fn problems(input: &Input, ingress: &Ingress, lowered: &Lowered) -> Vec<Problem> {
    if !classes::is_ours(ingress, input.objects(), input.settings()) {
        let missing = classes::missing(ingress, input.objects(), input.settings());
        return missing.or_else(|| classes::misspelt(ingress, input.settings())).into_iter().collect();
    }
    let settings = input.settings();
    let usual = Usual { redirects: settings.ssl_redirect, takes_any_body: settings.policy.body_bytes.is_none() };
    let anyway = Anyway::of(ingress, lowered.options(), usual);
    let (object, read) = (lowered.reference(), lowered.annotations());
    let mut problems = annotations::problems(&settings.dialects, &object, &ingress.annotations, read, Some(anyway));
    match lowered.default_backend() {
        Some(bid) => problems.extend(default_backend_problem(input, bid)),
        None if ingress.rules.is_empty() => problems.push(on_ingress(
            ingress,
            "spec",
            ProblemCode::InvalidField,
            Severity::Error,
            "the Ingress has neither rules nor a default backend, so it serves nothing",
            "Add spec.rules or spec.defaultBackend",
        )),
        None => {}
    }
    check_pod_tls(ingress, lowered, &mut problems);
    check_users(input, ingress, lowered, &mut problems);
    check_clients(input, ingress, lowered, &mut problems);
    check_rules(ingress, &mut problems);
    for entry in 0..ingress.tls.len() {
        check_tls_hosts(ingress, entry, &mut problems);
        check_secret(input, ingress, entry, &mut problems);
    }
    check_asked(input, ingress, lowered, &mut problems);
    check_error_backend(input, ingress, lowered, &mut problems);
    check_config_maps(input, ingress, lowered, &mut problems);
    check_endpoints(input, ingress, lowered, &mut problems);
    problems
}

/// Of TLS to pods nothing has an effect without a Secret, as in ingress-nginx.
fn check_pod_tls(ingress: &Ingress, lowered: &Lowered, problems: &mut Vec<Problem>) {
    for key in lowered.options().pod_tls().map(PodTlsOptions::idle).unwrap_or_default() {
        let (severity, follows) = match key {
            "proxy-ssl-verify" => (Severity::Error, ": certificates of pods are not verified"),
            _ => (Severity::Warning, ""),
        };
        let field = annotations::field_of(&format!("{}{key}", annotations::NGINX_PREFIX));
        let message = format!("has no effect without proxy-ssl-secret, as in ingress-nginx{follows}");
        let remedy =
            "Set proxy-ssl-secret to a Secret of the namespace, with the authorities of pods in ca.crt, or remove it";
        problems.push(on_ingress(ingress, field, ProblemCode::UnsupportedAnnotation, severity, message, remedy));
    }
}

/// Users are one matter of the Ingress, however many hosts and paths ask for passwords.
fn check_users(input: &Input, ingress: &Ingress, lowered: &Lowered, problems: &mut Vec<Problem>) {
    if let Some(SecretFinding { code, severity, message, remedy }) = basic_auth::finding(input, lowered.options()) {
        problems.push(on_ingress(ingress, "metadata.annotations", code, severity, message, remedy));
    }
}

/// Authorities of clients are one matter of the Ingress, too.
fn check_clients(input: &Input, ingress: &Ingress, lowered: &Lowered, problems: &mut Vec<Problem>) {
    if let Some(SecretFinding { code, severity, message, remedy }) = client_auth::finding(input, lowered.options()) {
        problems.push(on_ingress(ingress, "metadata.annotations", code, severity, message, remedy));
    }
}

/// Faults of slices are reported in full on the slices. The author of the Ingress looks at the Ingress, so they are mentioned
/// here.
fn check_endpoints(input: &Input, ingress: &Ingress, lowered: &Lowered, problems: &mut Vec<Problem>) {
    let references = lowered.references();
    for service in references.iter().filter(|object| object.kind == ObjectKind::Service).map(|object| &object.name) {
        let of_name = |service: &Arc<Service>| matches!(service.kind, ServiceKind::ExternalName(_));
        if service.namespace.is_empty() || input.objects().service(service).is_some_and(of_name) {
            check_external_name(input, ingress, lowered, service, problems);
            continue;
        }
        let slices = input.objects().slices_of(service);
        let faulty: Vec<_> = slices.filter(|slice| address::is_faulty(slice, input.settings())).collect();
        if !faulty.is_empty() {
            let names: Vec<_> = faulty.iter().map(|slice| &slice.name.name).collect();
            let message =
                format!("endpoints of Service {service} get no requests, see EndpointSlice {}", some_of(&names));
            let remedy = "Correct the slice, whose own problem tells more";
            let field = format!("service {}", service.name);
            let code = ProblemCode::EndpointRejected;
            problems.push(on_ingress(ingress, field, code, Severity::Error, message, remedy));
        }
    }
}

/// What DNS says of an external name.
fn check_external_name(
    input: &Input,
    ingress: &Ingress,
    lowered: &Lowered,
    service: &ObjectName,
    problems: &mut Vec<Problem>,
) {
    let paths = ingress.rules.iter().flat_map(|rule| rule.paths.iter().flatten());
    let backends = paths.map(|path| &path.backend).chain(&ingress.default_backend);
    let resolve = |backend| service::resolve(input, &ingress.name.namespace, backend, lowered.options());
    let resolved = backends.filter_map(|backend| resolve(backend).ok());
    let asked = urls(lowered).into_iter().flat_map(|url| asked_by(input, lowered, url));
    let asked = asked.filter_map(Result::ok).map(|asked| asked.upstream.key.clone());
    let keys = resolved.map(|spec| spec.key).chain(asked);
    let upstreams: BTreeSet<_> = keys.filter(|key| key.service == *service).collect();
    if let Some(NameFinding { code, severity, message, remedy }) = external::finding(input, service, &upstreams) {
        problems.push(on_ingress(ingress, format!("service {}", service.name), code, severity, message, remedy));
    }
}

/// What a URL of an annotation comes to, at each host of a rule.
fn asked_by<'a>(
    input: &'a Input,
    lowered: &'a Lowered,
    url: Option<&'a ServiceUrl>,
) -> impl Iterator<Item = Result<Asked, BackendFault>> + 'a {
    let mut hosts = if url.is_some() { lowered.hosts_of_rules() } else { Vec::new() };
    if hosts.is_empty() {
        hosts.push(HostPattern::Any);
    }
    let of_host = move |host, url| asked::asked(input, url, &lowered.name().namespace, &host);
    url.into_iter().flat_map(move |url| hosts.clone().into_iter().map(move |host| of_host(host, url)))
}

/// The URLs that annotations have: of who is asked whether a request is served, and of who gets copies.
fn urls(lowered: &Lowered) -> [Option<&ServiceUrl>; 2] {
    let rare = lowered.options().rare();
    let auth = rare.and_then(|rare| rare.external_auth.asked()).and_then(Result::ok);
    [auth, rare.and_then(|rare| rare.mirror.url.as_deref())]
}

/// The Service that is to answer errors.
fn check_error_backend(input: &Input, ingress: &Ingress, lowered: &Lowered, problems: &mut Vec<Problem>) {
    let named = lowered.options().rare().and_then(|rare| rare.errors.service.as_ref());
    let resolved = named.map(|service| asked::first_port(input, &ingress.name.namespace, service));
    let Some(Err(fault)) = resolved else { return };
    let fault = fault.followed_by("it answers no errors (default-backend)");
    let (message, code) = (fault.message(), fault.code);
    problems.push(on_ingress(ingress, "metadata.annotations", code, Severity::Error, message, fault.remedy));
}

/// ConfigMaps that annotations name and that cannot be used.
fn check_config_maps(input: &Input, ingress: &Ingress, lowered: &Lowered, problems: &mut Vec<Problem>) {
    let (options, namespace) = (lowered.options(), &ingress.name.namespace);
    let headers = named_config_maps::custom_headers(input, options, namespace).err().flatten();
    let sent = named_config_maps::sent(input, options, namespace).err().flatten();
    for (annotation, fault) in [("custom-headers", headers), ("auth-proxy-set-headers", sent)] {
        let Some(fault) = fault else { continue };
        let MapFault { code, message, remedy } = *fault;
        let message = format!("{message}, so all requests are answered with 503 ({annotation})");
        problems.push(on_ingress(ingress, "metadata.annotations", code, Severity::Error, message, remedy));
    }
}

/// Services that URLs of annotations name and that cannot be asked.
fn check_asked(input: &Input, ingress: &Ingress, lowered: &Lowered, problems: &mut Vec<Problem>) {
    let [auth, mirror] = urls(lowered);
    let faults = |url| {
        let mut faults: Vec<_> = asked_by(input, lowered, url).filter_map(Result::err).collect();
        faults.dedup();
        faults
    };
    let of_mirror = faults(mirror).into_iter();
    let mirrors = of_mirror.map(|fault| fault.followed_by("nothing is copied there (mirror-target)"));
    problems.extend(faults(auth).into_iter().chain(mirrors).map(|fault| {
        let (message, code) = (fault.message(), fault.code);
        on_ingress(ingress, "metadata.annotations", code, BackendFault::SEVERITY, message, fault.remedy)
    }));
}

fn check_rules(ingress: &Ingress, problems: &mut Vec<Problem>) {
    for (at, rule) in ingress.rules.iter().enumerate() {
        if let Err(error) = HostPattern::parse_shared(&rule.host) {
            let field = format!("spec.rules[{at}].host");
            problems.push(invalid_host(ingress, field, &rule.host, error, "the rule is not served"));
        } else if rule.paths.as_ref().is_some_and(|paths| paths.is_empty()) {
            problems.push(on_ingress(
                ingress,
                format!("spec.rules[{at}].http.paths"),
                ProblemCode::InvalidField,
                Severity::Warning,
                "the list of paths is empty, so all requests of the host go to the default backend",
                "Add a path, or remove http if the default backend is meant",
            ));
        }
    }
}

fn check_tls_hosts(ingress: &Ingress, entry: usize, problems: &mut Vec<Problem>) {
    let tls = &ingress.tls[entry];
    for (at, host) in tls.hosts.iter().enumerate() {
        let parsed = if host.is_empty() { Err(HostnameError::Empty) } else { HostPattern::parse_shared(host) };
        if let Err(error) = parsed {
            let field = format!("spec.tls[{entry}].hosts[{at}]");
            problems.push(invalid_host(ingress, field, host, error, "it gets no certificate"));
        }
    }
    if !tls.hosts.is_empty() {
        return;
    }
    let field = format!("spec.tls[{entry}].hosts");
    let (code, severity) = (ProblemCode::InvalidField, Severity::Warning);
    if ingress.rules.is_empty() {
        let message = "the entry names no host and there are no rules to take them from, so it has no effect";
        problems.push(on_ingress(ingress, field, code, severity, message, "List the hosts"));
    } else if tls.secret.is_some() && ingress.rules.iter().any(|rule| rule.host.is_empty()) {
        let message = "the entry names no host and neither does a rule, so the default certificate serves there instead of this one";
        problems.push(on_ingress(ingress, field, code, severity, message, "List the hosts of the certificate"));
    }
}

fn check_secret(input: &Input, ingress: &Ingress, entry: usize, problems: &mut Vec<Problem>) {
    let Some(secret) = &ingress.tls[entry].secret else { return };
    let name = ObjectName::new(ingress.name.namespace.clone(), secret.clone());
    let instead = "the default certificate serves its hosts unless another Ingress has one";
    if let Some(SecretFinding { code, severity, message, remedy }) = secret::examine(input, &name, instead) {
        problems.push(on_ingress(ingress, format!("spec.tls[{entry}].secretName"), code, severity, message, remedy));
    }
}

fn invalid_host(ingress: &Ingress, field: String, host: &str, error: HostnameError, then: &str) -> Problem {
    let message = format!("host {} is not valid: {error}; {then}", quoted(host));
    let remedy = "Write a DNS name such as shop.example.com, or *.example.com for one more label";
    on_ingress(ingress, field, ProblemCode::InvalidHost, Severity::Error, message, remedy)
}
