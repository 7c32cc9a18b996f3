//! Finds the unit that answers for a host: exact name, else wildcard of one label, else the rules without a host.

use std::sync::Arc;

use super::compiled::CompiledHost;
use crate::model::{Buckets, HostPattern, Hostname, TlsSpec};

/// Compiled units by host pattern. A clone shares all of them.
#[derive(Debug)]
pub(super) struct HostIndex<T> {
    exact: Buckets<Hostname, Arc<CompiledHost<T>>>,
    /// By what follows `*.`.
    wildcard: Buckets<Hostname, Arc<CompiledHost<T>>>,
    any: Option<Arc<CompiledHost<T>>>,
    /// Routes of all units, fallbacks included.
    routes: usize,
    /// Wildcard units with a TLS entry: while there are none, an exact host has no need to ask for its wildcard.
    wildcards_with_tls: usize,
}

/// Who answers for a host.
#[derive(Debug)]
pub(super) struct Owner<'t, T> {
    /// The unit whose rules apply.
    pub(super) unit: Option<&'t CompiledHost<T>>,
    /// Of the TLS entry that covers the host.
    pub(super) tls: Option<&'t TlsSpec>,
}

impl<T> Clone for HostIndex<T> {
    fn clone(&self) -> Self {
        let Self { exact, wildcard, any, routes, wildcards_with_tls } = self;
        Self {
            exact: exact.clone(),
            wildcard: wildcard.clone(),
            any: any.clone(),
            routes: *routes,
            wildcards_with_tls: *wildcards_with_tls,
        }
    }
}

impl<T> HostIndex<T> {
    pub(super) fn empty() -> Self {
        Self { exact: Buckets::default(), wildcard: Buckets::default(), any: None, routes: 0, wildcards_with_tls: 0 }
    }

    /// Sets or removes the unit of a pattern in place, copying what is shared.
    pub(super) fn set(&mut self, pattern: &HostPattern, unit: Option<Arc<CompiledHost<T>>>) {
        if let Some(old) = self.get(pattern) {
            let (routes, wildcards_with_tls) = counts(old);
            self.routes -= routes;
            self.wildcards_with_tls -= wildcards_with_tls;
        }
        if let Some(new) = &unit {
            let (routes, wildcards_with_tls) = counts(new);
            self.routes += routes;
            self.wildcards_with_tls += wildcards_with_tls;
        }
        match (pattern, unit) {
            (HostPattern::Exact(name), Some(unit)) => self.exact.insert(name.clone(), unit),
            (HostPattern::Exact(name), None) => self.exact.remove(name),
            (HostPattern::Wildcard(parent), Some(unit)) => self.wildcard.insert(parent.clone(), unit),
            (HostPattern::Wildcard(parent), None) => self.wildcard.remove(parent),
            (HostPattern::Any, unit) => self.any = unit,
        }
    }

    /// The unit of exactly this pattern.
    pub(super) fn get(&self, pattern: &HostPattern) -> Option<&CompiledHost<T>> {
        match pattern {
            HostPattern::Exact(name) => self.exact.get(name).map(Arc::as_ref),
            HostPattern::Wildcard(parent) => self.wildcard.get(parent).map(Arc::as_ref),
            HostPattern::Any => self.any(),
        }
    }

    /// The unit of the rules without a host.
    pub(super) fn any(&self) -> Option<&CompiledHost<T>> {
        self.any.as_deref()
    }

    /// Who answers for a host name in lower case. `None` is a host that only rules without a host can serve.
    pub(super) fn owner(&self, host: Option<&str>) -> Owner<'_, T> {
        let exact = host.and_then(|host| self.exact.get(host)).map(Arc::as_ref);
        let exact_tls = exact.and_then(CompiledHost::tls);
        let exact = exact.filter(|unit| unit.has_rules());
        if let Some(unit) = exact
            && (exact_tls.is_some() || self.wildcards_with_tls == 0)
        {
            return Owner { unit: Some(unit), tls: exact_tls };
        }
        let wildcard = host.and_then(parent).and_then(|parent| self.wildcard.get(parent)).map(Arc::as_ref);
        let tls = exact_tls.or(wildcard.and_then(CompiledHost::tls));
        match exact.or(wildcard.filter(|unit| unit.has_rules())) {
            Some(unit) => Owner { unit: Some(unit), tls },
            None => Owner { unit: self.any(), tls: tls.or(self.any().and_then(CompiledHost::tls)) },
        }
    }

    /// All units: exact hosts, wildcards, and that of the rules without a host; else in no particular order.
    pub(super) fn units(&self) -> impl Iterator<Item = &CompiledHost<T>> {
        self.exact.iter().chain(self.wildcard.iter()).map(|(_, unit)| unit).chain(&self.any).map(Arc::as_ref)
    }

    pub(super) fn unit_count(&self) -> usize {
        self.exact.len() + self.wildcard.len() + usize::from(self.any.is_some())
    }

    pub(super) fn route_count(&self) -> usize {
        self.routes
    }
}

/// What a one-label wildcard shares with the host.
fn parent(host: &str) -> Option<&str> {
    let dot = memchr::memchr(b'.', host.as_bytes())?;
    (dot > 0).then(|| &host[dot + 1..])
}

fn counts<T>(unit: &CompiledHost<T>) -> (usize, usize) {
    let is_wildcard = matches!(unit.pattern(), HostPattern::Wildcard(_));
    (unit.route_count(), usize::from(is_wildcard && unit.tls().is_some()))
}
