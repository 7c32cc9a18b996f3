//! Who has rules for a host, among the objects that are served.

use std::sync::Arc;

use crate::model::{HostPattern, ObjectName};
use crate::source::objects::Objects;

use super::index::Index;
use super::lower::Claim;
use super::settings::{HostOwnership, Settings};

/// What it takes to tell who has rules for a host.
#[derive(Clone, Copy)]
pub(crate) struct Rulers<'a> {
    pub(super) index: &'a Index,
    pub(super) objects: &'a Objects,
    pub(super) settings: &'a Settings,
}

/// What decides about the exact hosts below a wildcard: age and name of the oldest object that has rules for it, and the
/// namespaces of all of these.
pub(crate) type Above = Option<(i64, ObjectName, Vec<Arc<str>>)>;

impl<'a> Rulers<'a> {
    /// What objects of ours claim of a host, oldest first.
    pub(crate) fn ours(self, host: &HostPattern) -> impl Iterator<Item = &'a Claim> + use<'a> {
        let Self { index, objects, settings } = self;
        index.claims(host).iter().filter(move |claim| claim.by.is_ours(objects, settings))
    }

    /// What decides about the exact hosts below this wildcard.
    pub(crate) fn above(self, wildcard: &HostPattern) -> Above {
        let claims = || self.ours(wildcard).filter(|claim| has_rules(claim, wildcard));
        let oldest = claims().next()?;
        Some((oldest.by.created(), oldest.by.name().clone(), namespaces(claims()).into_iter().cloned().collect()))
    }

    /// Whether a host below a wildcard has to be translated again when other namespaces have rules for the wildcard.
    pub(crate) fn depend_on_wildcard(self, host: &HostPattern) -> bool {
        match self.settings.host_ownership {
            HostOwnership::Namespace { .. } => true,
            HostOwnership::Shared => self.ours(host).all(|claim| !has_rules(claim, host)),
        }
    }
}

/// Whether the claim is one on requests, not on TLS alone.
pub(crate) fn has_rules(claim: &Claim, host: &HostPattern) -> bool {
    !claim.rules.is_empty() || claim.fallback(host).is_some()
}

/// The namespaces of claims with rules, each once.
pub(crate) fn namespaces<'a>(claims: impl Iterator<Item = &'a Claim>) -> Vec<&'a Arc<str>> {
    let mut namespaces: Vec<&Arc<str>> = Vec::new();
    for claim in claims.filter(|claim| !claim.rules.is_empty()) {
        let namespace = &claim.by.name().namespace;
        if !namespaces.contains(&namespace) {
            namespaces.push(namespace);
        }
    }
    namespaces
}
