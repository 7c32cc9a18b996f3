//! The front end of Ingresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{HostPattern, ObjectKind, ObjectName, ObjectRef};
use crate::source::objects::{Backend, Ingress, Rule, TlsEntry};

use super::super::path;
use super::claim::{BackendRef, Bid, Claim, Field, Parts, RouteClaim, TlsClaim, TlsMention};
use super::{Added, Lowered};

/// A position in a list of an Ingress. An object in a cluster has at most a few megabytes, so it fits.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What the Ingress claims, by host. A host that an annotation adds takes all rules unless a rule names it, and all TLS entries
/// unless one of them names it.
pub(super) fn claims(ingress: &Ingress, added: Added<'_>) -> BTreeMap<HostPattern, Parts> {
    let mut found: BTreeMap<HostPattern, Parts> = BTreeMap::new();
    for (at, host) in readable_rules(ingress) {
        found.entry(host).or_default().rules.push(position(at));
    }
    for (entry, tls) in ingress.tls.iter().enumerate() {
        let entry = position(entry);
        if tls.hosts.is_empty() {
            let of_rules = found.values_mut().filter(|parts| !parts.rules.is_empty());
            of_rules.for_each(|parts| parts.tls.push(TlsMention { entry, host: None }));
            continue;
        }
        for (at, host) in tls_hosts(tls) {
            let mentions = &mut found.entry(host).or_default().tls;
            if mentions.last().is_none_or(|last| last.entry != entry) {
                mentions.push(TlsMention { entry, host: Some(position(at)) });
            }
        }
    }
    if is_catch_all(ingress) {
        found.entry(HostPattern::Any).or_default();
    }
    for host in added.aliases {
        let parts = found.entry(host.clone()).or_default();
        if parts.rules.is_empty() {
            parts.rules = readable_rules(ingress).map(|(at, _)| position(at)).collect();
        }
        if parts.tls.is_empty() {
            parts.tls = all_tls(ingress);
        }
    }
    for host in added.www(ingress) {
        let parts = found.entry(host).or_default();
        if parts.tls.is_empty() {
            parts.tls = all_tls(ingress);
        }
    }
    found
}

/// Where TLS entries name a host that stands in no list.
fn all_tls(ingress: &Ingress) -> Vec<TlsMention> {
    (0..ingress.tls.len()).map(|entry| TlsMention { entry: position(entry), host: None }).collect()
}

impl Added<'_> {
    /// The hosts of rules with or without `www.` in front, where that is asked for.
    fn www(self, ingress: &Ingress) -> impl Iterator<Item = HostPattern> {
        let rules = if self.with_www { &*ingress.rules } else { &[] };
        rules.iter().filter_map(|rule| host_of(rule)?.with_other_www())
    }
}

/// The hosts that rules name.
pub(super) fn named_by_rules(ingress: &Ingress) -> Vec<HostPattern> {
    readable_rules(ingress).map(|(_, host)| host).collect()
}

/// All hosts that the Ingress claims.
pub(super) fn hosts(ingress: &Ingress, added: Added<'_>) -> Vec<HostPattern> {
    let mut hosts = hosts_of_rules(ingress, added);
    hosts.extend(ingress.tls.iter().flat_map(tls_hosts).map(|(_, host)| host));
    hosts
}

/// The wildcards that the Ingress has rules for.
pub(super) fn wildcards<'a>(ingress: &'a Ingress, added: Added<'a>) -> impl Iterator<Item = HostPattern> + 'a {
    let written = ingress.rules.iter().filter(|rule| rule.host.starts_with('*'));
    let of_rules = written.filter_map(|rule| HostPattern::parse(&rule.host).ok());
    of_rules.chain(added.aliases.iter().filter(|host| matches!(host, HostPattern::Wildcard { .. })).cloned())
}

/// The first host that rules, the default backend or TLS entries claim.
pub(super) fn first_host(ingress: &Ingress) -> Option<HostPattern> {
    let of_rules = readable_rules(ingress).map(|(_, host)| host);
    let catch_all = is_catch_all(ingress).then_some(HostPattern::Any);
    of_rules.chain(catch_all).chain(ingress.tls.iter().flat_map(tls_hosts).map(|(_, host)| host)).next()
}

/// The hosts that are to be translated again when an object changes that rules, the default backend or TLS entries name.
pub(super) fn hosts_using(ingress: &Ingress, added: Added<'_>, used: &ObjectRef) -> Vec<HostPattern> {
    if used.name.namespace != ingress.name.namespace {
        return Vec::new();
    }
    match used.kind {
        ObjectKind::Service => hosts_with_service(ingress, added, &used.name.name),
        ObjectKind::Secret => hosts_with_secret(ingress, added, &used.name.name),
        ObjectKind::Ingress
        | ObjectKind::IngressClass
        | ObjectKind::EndpointSlice
        | ObjectKind::ConfigMap
        | ObjectKind::File => Vec::new(),
    }
}

fn hosts_with_service(ingress: &Ingress, added: Added<'_>, service: &str) -> Vec<HostPattern> {
    if ingress.default_backend.as_ref().is_some_and(|backend| names_service(backend, service)) {
        return hosts_of_rules(ingress, added);
    }
    let uses = |rule: &&Rule| rule.paths.iter().flatten().any(|path| names_service(&path.backend, service));
    let mut hosts: Vec<_> = ingress.rules.iter().filter(uses).filter_map(host_of).collect();
    if !hosts.is_empty() {
        hosts.extend_from_slice(added.aliases);
    }
    hosts
}

fn hosts_with_secret(ingress: &Ingress, added: Added<'_>, secret: &str) -> Vec<HostPattern> {
    let mut hosts = Vec::new();
    for tls in ingress.tls.iter().filter(|tls| tls.secret.as_deref() == Some(secret)) {
        hosts.extend_from_slice(added.aliases);
        hosts.extend(added.www(ingress));
        if tls.hosts.is_empty() {
            hosts.extend(readable_rules(ingress).map(|(_, host)| host));
        } else {
            hosts.extend(tls_hosts(tls).map(|(_, host)| host));
        }
    }
    hosts
}

/// The Services and Secrets that the Ingress names, all of its own namespace, in order and each once.
pub(super) fn references(ingress: &Ingress) -> Vec<ObjectRef> {
    let mut named = Vec::new();
    for path in ingress.rules.iter().flat_map(|rule| rule.paths.iter().flatten()) {
        let service = service_of(&path.backend).map(|service| (ObjectKind::Service, service));
        // Paths that stand together mostly have one backend.
        if service.as_ref() != named.last() {
            named.extend(service);
        }
    }
    let default = ingress.default_backend.as_ref().and_then(service_of);
    named.extend(default.map(|service| (ObjectKind::Service, service)));
    named.extend(ingress.tls.iter().filter_map(|tls| Some((ObjectKind::Secret, tls.secret.as_ref()?))));
    named.sort_unstable();
    named.dedup();
    let namespace = &ingress.name.namespace;
    let reference =
        |(kind, name): (_, &Arc<str>)| ObjectRef::new(kind, ObjectName::new(namespace.clone(), name.clone()));
    named.into_iter().map(reference).collect()
}

/// The routes that the Ingress asks for at the host of a claim of its own.
pub(super) fn each_route<'a>(ingress: &'a Ingress, claim: &'a Claim, each: &mut dyn FnMut(RouteClaim<'a>)) {
    for &rule in claim.rules.as_slice() {
        for (at, path) in (0..).zip(ingress.rules[rule as usize].paths.iter().flatten()) {
            let bid = bid(ingress, &claim.by, &path.backend, Field::Path { rule, at });
            each(RouteClaim { bid, path, matched: path::matched(path) });
        }
    }
}

/// The default backend of the Ingress.
pub(super) fn default_backend<'a>(ingress: &'a Ingress, by: &'a Lowered) -> Option<Bid<'a>> {
    ingress.default_backend.as_ref().map(|backend| bid(ingress, by, backend, Field::DefaultBackend))
}

/// The default backend has a say where the Ingress has rules for the host or, for all other hosts, where it has hostless rules
/// or no rules at all.
pub(super) fn has_say_in_fallback(claim: &Claim, host: &HostPattern) -> bool {
    !claim.rules.is_empty() || *host == HostPattern::Any
}

/// The certificate of a TLS entry; `None` where the entry names no Secret.
pub(super) fn certificate(ingress: &Ingress, mention: TlsMention) -> Option<TlsClaim> {
    let TlsMention { entry, host: _ } = mention;
    let secret = ingress.tls[entry as usize].secret.clone()?;
    Some(TlsClaim {
        secret: ObjectName::new(ingress.name.namespace.clone(), secret),
        field: Field::TlsSecret { entry },
        of_host: mention.field(),
    })
}

fn bid<'a>(ingress: &'a Ingress, by: &'a Lowered, backend: &'a Backend, field: Field) -> Bid<'a> {
    Bid { by, backend: BackendRef { namespace: &ingress.name.namespace, backend }, field }
}

/// Whether the Ingress is nothing but a default backend, and so takes all hosts.
fn is_catch_all(ingress: &Ingress) -> bool {
    ingress.rules.is_empty() && ingress.default_backend.is_some()
}

/// The host of a rule, if it can be read.
fn host_of(rule: &Rule) -> Option<HostPattern> {
    HostPattern::parse_shared(&rule.host).ok()
}

/// The rules with a host that can be read, with their positions.
fn readable_rules(ingress: &Ingress) -> impl Iterator<Item = (usize, HostPattern)> {
    ingress.rules.iter().enumerate().filter_map(|(at, rule)| Some((at, host_of(rule)?)))
}

/// The hosts at which the Ingress has a say in what no route takes.
fn hosts_of_rules(ingress: &Ingress, added: Added<'_>) -> Vec<HostPattern> {
    let of_rules = ingress.rules.iter().filter_map(host_of);
    let catch_all = is_catch_all(ingress).then_some(HostPattern::Any);
    of_rules.chain(catch_all).chain(added.aliases.iter().cloned()).chain(added.www(ingress)).collect()
}

/// The valid hosts of a TLS entry with their positions. Unlike in rules, an empty one means nothing.
fn tls_hosts(tls: &TlsEntry) -> impl Iterator<Item = (usize, HostPattern)> {
    let named = tls.hosts.iter().enumerate().filter(|(_, host)| !host.is_empty());
    named.filter_map(|(at, host)| HostPattern::parse_shared(host).ok().map(|host| (at, host)))
}

fn names_service(backend: &Backend, service: &str) -> bool {
    service_of(backend).is_some_and(|name| **name == *service)
}

fn service_of(backend: &Backend) -> Option<&Arc<str>> {
    match backend {
        Backend::Service { name, port: _ } => Some(name),
        Backend::Resource(_) | Backend::Invalid => None,
    }
}
