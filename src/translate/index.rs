//! Who is concerned by what: from hosts, Services and Secrets to the Ingresses that name them.
//!
//! It holds every Ingress, served or not, so that a class that appears needs no other source. Keeping it costs what
//! the changed Ingress holds, whatever else is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::Arc;

use foldhash::HashMap;

use crate::model::{HostPattern, ObjectName};
use crate::source::objects::{Backend, Ingress, TlsEntry};

/// That an Ingress names a host, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The Ingress.
    pub(crate) ingress: Arc<Ingress>,
    /// Positions in `spec.rules`. Empty on `HostPattern::Any` for an Ingress that only has a default backend.
    pub(crate) rules: Box<[usize]>,
    /// TLS entries that name the host.
    pub(crate) tls: Box<[TlsMention]>,
}

/// Where a TLS entry names a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TlsMention {
    /// Position in `spec.tls`.
    pub(crate) entry: usize,
    /// Position in its `hosts`; `None` when the list is empty and the host is that of a rule.
    pub(crate) host: Option<usize>,
}

/// The index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// By host, oldest Ingress first.
    hosts: HashMap<HostPattern, Vec<Claim>>,
    /// By Service, in no particular order.
    services: HashMap<ObjectName, Vec<Arc<Ingress>>>,
    /// By Secret, in no particular order.
    secrets: HashMap<ObjectName, Vec<Arc<Ingress>>>,
}

impl Index {
    /// All hosts that an Ingress names, served or not.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &HostPattern> {
        self.hosts.keys()
    }

    /// The Ingresses that name this host, oldest first.
    pub(crate) fn claims(&self, host: &HostPattern) -> &[Claim] {
        self.hosts.get(host).map_or(&[], Vec::as_slice)
    }

    /// The Ingresses with a backend of this Service.
    pub(crate) fn users_of_service(&self, service: &ObjectName) -> &[Arc<Ingress>] {
        self.services.get(service).map_or(&[], Vec::as_slice)
    }

    /// The Ingresses with a TLS entry of this Secret.
    pub(crate) fn users_of_secret(&self, secret: &ObjectName) -> &[Arc<Ingress>] {
        self.secrets.get(secret).map_or(&[], Vec::as_slice)
    }

    /// All Secrets that an Ingress names.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &ObjectName> {
        self.secrets.keys()
    }

    /// Takes an Ingress in. No Ingress of its name may be there.
    pub(crate) fn insert(&mut self, ingress: &Arc<Ingress>) {
        for (host, claim) in claims_of(ingress) {
            let claims = self.hosts.entry(host).or_insert_with(of_one);
            let at = claims.partition_point(|other| other.ingress.seniority() < ingress.seniority());
            claims.insert(at, claim);
        }
        for service in services_of(ingress) {
            self.services.entry(service).or_insert_with(of_one).push(ingress.clone());
        }
        for secret in secrets_of(ingress) {
            self.secrets.entry(secret).or_insert_with(of_one).push(ingress.clone());
        }
    }

    /// Takes an Ingress out: the very one that was inserted.
    pub(crate) fn remove(&mut self, ingress: &Arc<Ingress>) {
        for host in hosts_of(ingress) {
            if let Some(claims) = self.hosts.get_mut(&host) {
                let at = claims.partition_point(|other| other.ingress.seniority() < ingress.seniority());
                if claims.get(at).is_some_and(|claim| claim.ingress.name == ingress.name) {
                    claims.remove(at);
                }
                if claims.is_empty() {
                    self.hosts.remove(&host);
                }
            }
        }
        for service in services_of(ingress) {
            forget(&mut self.services, &service, ingress);
        }
        for secret in secrets_of(ingress) {
            forget(&mut self.secrets, &secret, ingress);
        }
    }
}

/// Nearly every host, Service and Secret is named by one Ingress, and a list that grows by itself begins with four.
fn of_one<T>() -> Vec<T> {
    Vec::with_capacity(1)
}

fn forget<K: Hash + Eq>(users: &mut HashMap<K, Vec<Arc<Ingress>>>, key: &K, ingress: &Arc<Ingress>) {
    if let Some(list) = users.get_mut(key) {
        if let Some(at) = list.iter().position(|other| Arc::ptr_eq(other, ingress)) {
            list.swap_remove(at);
        }
        if list.is_empty() {
            users.remove(key);
        }
    }
}

fn claims_of(ingress: &Arc<Ingress>) -> impl Iterator<Item = (HostPattern, Claim)> {
    let mut found: BTreeMap<HostPattern, (Vec<usize>, Vec<TlsMention>)> = BTreeMap::new();
    for (at, rule) in ingress.rules.iter().enumerate() {
        if let Ok(host) = HostPattern::parse(&rule.host) {
            found.entry(host).or_default().0.push(at);
        }
    }
    for (entry, tls) in ingress.tls.iter().enumerate() {
        if tls.hosts.is_empty() {
            let of_rules = found.values_mut().filter(|(rules, _)| !rules.is_empty());
            of_rules.for_each(|(_, mentions)| mentions.push(TlsMention { entry, host: None }));
            continue;
        }
        for (at, host) in tls_hosts(tls) {
            let mentions = &mut found.entry(host).or_default().1;
            if mentions.last().is_none_or(|last| last.entry != entry) {
                mentions.push(TlsMention { entry, host: Some(at) });
            }
        }
    }
    if is_catch_all(ingress) {
        found.entry(HostPattern::Any).or_default();
    }
    found
        .into_iter()
        .map(|(host, (rules, tls))| (host, Claim { ingress: ingress.clone(), rules: rules.into(), tls: tls.into() }))
}

/// Whether the Ingress is nothing but a default backend, and so takes all hosts.
pub(crate) fn is_catch_all(ingress: &Ingress) -> bool {
    ingress.rules.is_empty() && ingress.default_backend.is_some()
}

/// The valid hosts of a TLS entry with their positions. Unlike in rules, an empty one means nothing.
fn tls_hosts(tls: &TlsEntry) -> impl Iterator<Item = (usize, HostPattern)> {
    let named = tls.hosts.iter().enumerate().filter(|(_, host)| !host.is_empty());
    named.filter_map(|(at, host)| HostPattern::parse(host).ok().map(|host| (at, host)))
}

/// All hosts that an Ingress names in rules and TLS entries.
pub(crate) fn hosts_of(ingress: &Ingress) -> BTreeSet<HostPattern> {
    let mut hosts: BTreeSet<_> = rule_hosts(ingress).collect();
    hosts.extend(ingress.tls.iter().flat_map(tls_hosts).map(|(_, host)| host));
    if is_catch_all(ingress) {
        hosts.insert(HostPattern::Any);
    }
    hosts
}

/// The hosts whose unit depends on this Service by way of this Ingress.
pub(crate) fn hosts_with_service(ingress: &Ingress, service: &ObjectName) -> BTreeSet<HostPattern> {
    if ingress.default_backend.as_ref().is_some_and(|backend| names_service(backend, &service.name)) {
        let mut hosts: BTreeSet<_> = rule_hosts(ingress).collect();
        if is_catch_all(ingress) {
            hosts.insert(HostPattern::Any);
        }
        return hosts;
    }
    let uses = ingress
        .rules
        .iter()
        .filter(|rule| rule.paths.iter().flatten().any(|path| names_service(&path.backend, &service.name)));
    uses.filter_map(|rule| HostPattern::parse(&rule.host).ok()).collect()
}

/// The hosts whose unit depends on this Secret by way of this Ingress.
pub(crate) fn hosts_with_secret(ingress: &Ingress, secret: &ObjectName) -> BTreeSet<HostPattern> {
    let mut hosts = BTreeSet::new();
    for tls in ingress.tls.iter().filter(|tls| tls.secret.as_ref() == Some(&secret.name)) {
        if tls.hosts.is_empty() {
            hosts.extend(rule_hosts(ingress));
        } else {
            hosts.extend(tls_hosts(tls).map(|(_, host)| host));
        }
    }
    hosts
}

/// The Services that an Ingress names.
pub(crate) fn services_of(ingress: &Ingress) -> BTreeSet<ObjectName> {
    let of_paths = ingress.rules.iter().flat_map(|rule| rule.paths.iter().flatten()).map(|path| &path.backend);
    let names = of_paths.chain(&ingress.default_backend).filter_map(|backend| match backend {
        Backend::Service { name, port: _ } => Some(name.clone()),
        Backend::Resource(_) | Backend::Invalid => None,
    });
    names.map(|name| ObjectName::new(ingress.name.namespace.clone(), name)).collect()
}

/// The Secrets that an Ingress names.
pub(crate) fn secrets_of(ingress: &Ingress) -> BTreeSet<ObjectName> {
    let names = ingress.tls.iter().filter_map(|tls| tls.secret.clone());
    names.map(|name| ObjectName::new(ingress.name.namespace.clone(), name)).collect()
}

fn rule_hosts(ingress: &Ingress) -> impl Iterator<Item = HostPattern> {
    ingress.rules.iter().filter_map(|rule| HostPattern::parse(&rule.host).ok())
}

fn names_service(backend: &Backend, service: &str) -> bool {
    match backend {
        Backend::Service { name, port: _ } => &**name == service,
        Backend::Resource(_) | Backend::Invalid => false,
    }
}
