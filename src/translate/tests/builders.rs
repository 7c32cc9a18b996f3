//! Worlds of objects, and questions to what they come to.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::{
    Action, Certificate, CertificateError, HostKey, HostPattern, HostSpec, PathMatch, Problem, Reply, Snapshot,
    UnitKey, UpstreamSpec,
};
pub(super) use crate::source::objects::builders::{
    IngressBuilder, backend, backend_by_name, config_map, exact, ingress, name, of_service, of_slice, path, port,
    prefix, ready, secret_named, service, slice,
};
use crate::source::objects::{Change, IngressClass, Secret, SecretFault};
use crate::translate::{Input, Settings, merge, unit};

pub(super) fn pattern(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap()
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
    let secret = Secret {
        name: name(text),
        certificate: Ok(certificate.clone()),
        last_good: None,
        authorities: None,
        lone_chain: None,
        clients: None,
        users: None,
        shared: None,
    };
    Change::arrival(secret)
}

pub(super) fn broken_secret(text: &str) -> Change {
    let fault = SecretFault::Content(CertificateError::NoCertificate);
    let secret = Secret {
        name: name(text),
        certificate: Err(fault),
        last_good: None,
        authorities: None,
        lone_chain: None,
        clients: None,
        users: None,
        shared: None,
    };
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

    /// Takes changes in, and translates only what they invalidate. Asserts that it comes to what translating all does.
    pub(super) fn apply(&mut self, changes: impl IntoIterator<Item = Change>) -> Vec<UnitKey> {
        let mut units = Vec::new();
        let (mut kept, mut findings) = crate::translate::snapshot(&self.input);
        for change in changes {
            let invalidated = self.input.apply(change);
            for key in &invalidated.units {
                merge(&mut kept, &mut findings, key, unit(&self.input, key));
            }
            units.extend(invalidated.units);
        }
        assert_eq!((kept.clone(), findings.clone()), crate::translate::snapshot(&self.input));
        (self.snapshot, self.problems) = (kept, findings.into_values().flatten().collect());
        units
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
                let endpoints = crate::translate::endpoints(&self.input, &upstream.key);
                endpoints.into_iter().map(|endpoint| endpoint.address).collect()
            }
            action @ (Action::Split(_) | Action::Canary(_) | Action::Reply(_)) => {
                panic!("{host} does not forward: {action:?}")
            }
        }
    }
}

fn in_short(path: &PathMatch) -> String {
    match path {
        PathMatch::Exact(path) => format!("= {path}"),
        PathMatch::Prefix(path) => path.to_string(),
        PathMatch::Text(path) => format!("{path}…"),
        PathMatch::Pattern(pattern) => format!("~ {}", pattern.text()),
    }
}

pub(super) fn target(action: &Action) -> String {
    match action {
        Action::Forward(upstream) => format!("{}:{}", upstream.key.service, upstream.port),
        Action::Reply(crate::model::Reply::BackendUnavailable) => "503".into(),
        Action::Reply(crate::model::Reply::NotFound) => "404".into(),
        Action::Split(_) => format!("{action:?}"),
        Action::Canary(canary) => {
            let of = |backend: &Result<Arc<UpstreamSpec>, Reply>| match backend {
                Ok(upstream) => target(&Action::Forward(upstream.clone())),
                Err(reply) => target(&Action::Reply(*reply)),
            };
            format!("{}, {} % {}", of(&canary.main), canary.rule.weight, of(&canary.canary))
        }
    }
}
