//! Which Ingresses name a host, with which paths and certificates. Explanations need this; `host` decides what is served.

use std::sync::Arc;

use crate::model::{Certificate, HostPattern, ObjectName, PathMatch};
use crate::source::objects::{Ingress, Path};

use super::input::Input;
use super::lower::{Claim, Field, Positions, RoutingObject};
use super::path::PathReading;
use super::tenancy::Say;
use super::{classes, path, pattern_hosts, validity};

/// An Ingress that names a host.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// The Ingress.
    pub ingress: Arc<Ingress>,
    /// Whether we serve it.
    pub is_ours: bool,
    /// The class it asks for, by annotation or field.
    pub class: Option<Arc<str>>,
    /// Positions in `spec.rules` of the rules for the host.
    pub(crate) rules: Positions,
}

impl Claimant {
    /// The path entries for the host, each with its field.
    pub fn paths(&self) -> impl Iterator<Item = (String, &Path)> {
        self.rules.as_slice().iter().flat_map(|&rule| {
            let paths = self.ingress.rules[rule as usize].paths.iter().flatten();
            (0..).zip(paths).map(move |(at, path)| (Field::Path { rule, at }.to_string(), path))
        })
    }
}

/// The Ingresses that name a host in rules or TLS entries, served or not, oldest first.
pub fn claimants(input: &Input, host: &HostPattern) -> Vec<Claimant> {
    let claimants = input.index().claims(host).iter().map(|Claim { by, rules, tls: _ }| {
        let RoutingObject::Ingress(ingress) = by.object();
        Claimant {
            ingress: Arc::clone(ingress),
            is_ours: by.is_ours(input.objects(), input.settings()),
            class: classes::asked_class(ingress).map(Arc::from),
            rules: rules.clone(),
        }
    });
    claimants.collect()
}

/// The namespace that owns a host, where `--host-ownership` gives it to one.
pub fn host_owner(input: &Input, host: &HostPattern) -> Option<Arc<str>> {
    Say::at(input, host).owner().cloned()
}

/// The Ingresses of ours of which TLS entries name one of these hosts and do not count where the rules of `owner` apply, each
/// with the host that it names.
pub fn uncounted_tls(input: &Input, hosts: &[HostPattern], owner: &HostPattern) -> Vec<(ObjectName, HostPattern)> {
    let counting = Say::at(input, owner).counting();
    let mut uncounted = Vec::new();
    for host in hosts {
        let claims = input.index().claims(host).iter().filter(|claim| !claim.tls.is_empty());
        let ours = claims.filter(|claim| claim.by.is_ours(input.objects(), input.settings()));
        let theirs = ours.filter(|claim| !counting.takes(input, claim));
        uncounted.extend(theirs.map(|claim| (claim.by.name().clone(), host.clone())));
    }
    uncounted
}

/// How the paths of a host are read.
pub fn path_reading(input: &Input, host: &HostPattern) -> PathReading {
    pattern_hosts::reading(input, host)
}

/// What a path entry matches at a host whose paths are read like this; `None` where it is not valid.
pub fn path_match(path: &Path, reading: PathReading) -> Option<PathMatch> {
    path::matched_as(reading, path).ok().map(|matched| matched.path)
}

/// The Secret of which an Ingress of ours for this host, or the default, gives this certificate.
pub fn secret_of(input: &Input, hosts: &[HostPattern], certificate: &Arc<Certificate>) -> Option<ObjectName> {
    let gives = |name: &ObjectName| input.objects().secret(name).and_then(validity::usable) == Some(certificate);
    let claims = hosts.iter().flat_map(|host| input.index().claims(host));
    let ours = claims.filter(|claim| claim.by.is_ours(input.objects(), input.settings()));
    let named = ours.flat_map(|claim| claim.certificates().map(|tls| tls.secret));
    named.chain(input.settings().default_certificate.clone()).find(|name| gives(name))
}
