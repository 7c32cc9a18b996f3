//! Who names a host, and what of it is theirs: for those who explain. What comes of it is for `host` to say.

use std::sync::Arc;

use crate::model::{Certificate, HostPattern, ObjectName, PathMatch};
use crate::source::objects::{Ingress, Path};

use super::input::Input;
use super::{classes, path, validity};

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
    pub rules: Box<[usize]>,
}

impl Claimant {
    /// The path entries for the host, each with its field.
    pub fn paths(&self) -> impl Iterator<Item = (String, &Path)> {
        self.rules.iter().flat_map(|&rule| {
            let paths = self.ingress.rules[rule].paths.iter().flatten();
            paths.enumerate().map(move |(at, path)| (format!("spec.rules[{rule}].http.paths[{at}]"), path))
        })
    }
}

/// The Ingresses that name a host in rules or TLS entries, served or not, oldest first.
pub fn claimants(input: &Input, host: &HostPattern) -> Vec<Claimant> {
    let claims = input.index().claims(host).iter();
    let claimants = claims.map(|claim| Claimant {
        ingress: Arc::clone(&claim.ingress),
        is_ours: classes::is_ours(&claim.ingress, input.objects(), input.settings()),
        class: classes::asked_class(&claim.ingress).map(Arc::from),
        rules: claim.rules.clone(),
    });
    claimants.collect()
}

/// What a path entry matches; `None` where it is not valid.
pub fn path_match(path: &Path) -> Option<PathMatch> {
    path::matched(path).ok().map(|matched| matched.path)
}

/// The Secret of which an Ingress of ours for this host, or the default, gives this certificate.
pub fn secret_of(input: &Input, hosts: &[HostPattern], certificate: &Arc<Certificate>) -> Option<ObjectName> {
    let gives = |name: &ObjectName| input.objects().secret(name).and_then(validity::usable) == Some(certificate);
    let claims = hosts.iter().flat_map(|host| input.index().claims(host));
    let ours = claims.filter(|claim| classes::is_ours(&claim.ingress, input.objects(), input.settings()));
    let named = ours.flat_map(|claim| {
        let secrets = claim.tls.iter().filter_map(|mention| claim.ingress.tls[mention.entry].secret.clone());
        secrets.map(|secret| ObjectName::new(claim.ingress.name.namespace.clone(), secret))
    });
    named.chain(input.settings().default_certificate.clone()).find(|name| gives(name))
}
