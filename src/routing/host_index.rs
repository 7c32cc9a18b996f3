//! Finds the unit that answers for a host: exact name, else wildcard of one label, else wildcard of more labels with the
//! longest parent, else the rules without a host.

use std::mem;
use std::sync::Arc;

use super::compiled::CompiledHost;
use crate::model::{AskedOf, HostPattern, Hostname, Labels, PersistentMap, TlsSpec};

/// Compiled units by host pattern. A clone shares all of them.
#[derive(Debug)]
pub(super) struct HostIndex<T> {
    exact: PersistentMap<Hostname, Arc<CompiledHost<T>>>,
    /// Wildcards of one label, by their parent.
    one_label: PersistentMap<Hostname, Arc<CompiledHost<T>>>,
    /// Wildcards of one or more labels, by their parent.
    more_labels: PersistentMap<Hostname, Arc<CompiledHost<T>>>,
    any: Option<Arc<CompiledHost<T>>>,
    /// Routes of all units, fallbacks included.
    routes: usize,
    /// Wildcard units with a TLS entry. While there are none, the wildcard of an exact host is not looked up.
    wildcards_with_tls: usize,
    /// Units that ask clients for certificates.
    asking: usize,
}

/// Who answers for a host.
#[derive(Debug)]
pub(super) struct Owner<'t, T> {
    /// The unit whose rules apply.
    pub(super) unit: Option<&'t CompiledHost<T>>,
    /// What covers the host with TLS.
    pub(super) cover: Cover<'t, T>,
}

/// What covers a host with TLS. To tell whether anything does touches no memory but that of the unit.
#[derive(Debug)]
pub(super) enum Cover<'t, T> {
    /// Nothing.
    None,
    /// The TLS of this unit, which has one.
    Unit(&'t CompiledHost<T>),
    /// This.
    Spec(&'t TlsSpec),
}

impl<'t, T> Cover<'t, T> {
    /// Whether anything does.
    pub(super) fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// The TLS.
    pub(super) fn tls(&self) -> Option<&'t TlsSpec> {
        match self {
            Self::None => None,
            Self::Unit(unit) => unit.tls(),
            Self::Spec(tls) => Some(tls),
        }
    }
}

impl<T> Clone for HostIndex<T> {
    fn clone(&self) -> Self {
        let Self { exact, one_label, more_labels, any, routes, wildcards_with_tls, asking } = self;
        Self {
            exact: exact.clone(),
            one_label: one_label.clone(),
            more_labels: more_labels.clone(),
            any: any.clone(),
            routes: *routes,
            wildcards_with_tls: *wildcards_with_tls,
            asking: *asking,
        }
    }
}

impl<T> HostIndex<T> {
    pub(super) fn empty() -> Self {
        Self {
            exact: PersistentMap::default(),
            one_label: PersistentMap::default(),
            more_labels: PersistentMap::default(),
            any: None,
            routes: 0,
            wildcards_with_tls: 0,
            asking: 0,
        }
    }

    /// Sets or removes the unit of a pattern in place, copying what is shared.
    pub(super) fn set(&mut self, pattern: &HostPattern, unit: Option<Arc<CompiledHost<T>>>) {
        if let Some(new) = &unit {
            let (routes, wildcards_with_tls, asking) = counts(new);
            self.routes += routes;
            self.wildcards_with_tls += wildcards_with_tls;
            self.asking += asking;
        }
        let former = match pattern {
            HostPattern::Exact(name) => replace(&mut self.exact, name, unit),
            HostPattern::Wildcard { parent, labels } => replace(self.wildcards_of_mut(*labels), parent, unit),
            HostPattern::Any => mem::replace(&mut self.any, unit),
        };
        if let Some(former) = former {
            let (routes, wildcards_with_tls, asking) = counts(&former);
            self.routes -= routes;
            self.wildcards_with_tls -= wildcards_with_tls;
            self.asking -= asking;
        }
    }

    fn wildcards_of_mut(&mut self, labels: Labels) -> &mut PersistentMap<Hostname, Arc<CompiledHost<T>>> {
        match labels {
            Labels::One => &mut self.one_label,
            Labels::OneOrMore => &mut self.more_labels,
        }
    }

    /// The unit of exactly this pattern.
    pub(super) fn get(&self, pattern: &HostPattern) -> Option<&CompiledHost<T>> {
        match pattern {
            HostPattern::Exact(name) => self.exact.get(name).map(Arc::as_ref),
            HostPattern::Wildcard { parent, labels: Labels::One } => self.one_label.get(parent).map(Arc::as_ref),
            HostPattern::Wildcard { parent, labels: Labels::OneOrMore } => {
                self.more_labels.get(parent).map(Arc::as_ref)
            }
            HostPattern::Any => self.any(),
        }
    }

    /// The unit of the rules without a host.
    pub(super) fn any(&self) -> Option<&CompiledHost<T>> {
        self.any.as_deref()
    }

    /// Who answers for a host name in lower case. `None` is a host that only rules without a host can serve.
    #[inline]
    pub(super) fn owner(&self, host: Option<&str>) -> Owner<'_, T> {
        let exact = host.and_then(|host| self.exact.get(host)).map(Arc::as_ref);
        if let Some(unit) = exact
            && unit.takes_requests()
            && (unit.has_tls() || self.wildcards_with_tls == 0)
        {
            // An exact host has TLS entries that count for itself or none.
            return Owner { unit: exact, cover: if unit.has_tls() { Cover::Unit(unit) } else { Cover::None } };
        }
        self.owner_among_all(exact, host)
    }

    /// The same where the unit of the exact name does not answer alone.
    #[inline(never)]
    fn owner_among_all<'t>(&'t self, exact: Option<&'t CompiledHost<T>>, host: Option<&str>) -> Owner<'t, T> {
        let (mut owner, mut tls) = (None, None);
        for unit in exact.into_iter().chain(self.wildcards(host)) {
            if tls.is_none() && unit.has_tls() {
                tls = owner.map_or_else(|| unit.tls(), |owner| unit.tls_for(owner));
            }
            owner = owner.or(Some(unit).filter(|unit| unit.takes_requests()));
        }
        if owner.is_none() {
            owner = self.any();
            tls = tls.or(owner.and_then(CompiledHost::tls));
        }
        Owner { unit: owner, cover: tls.map_or(Cover::None, Cover::Spec) }
    }

    /// The unit that is asked after `unit` for a route for this host.
    pub(super) fn after(&self, host: Option<&str>, unit: &CompiledHost<T>) -> Option<&CompiledHost<T>> {
        let exact = host.and_then(|host| self.exact.get(host)).map(Arc::as_ref);
        let units = exact.into_iter().chain(self.wildcards(host)).chain(self.any());
        units.skip_while(|other| !std::ptr::eq(*other, unit)).skip(1).find(|unit| unit.takes_requests())
    }

    /// Whether any unit asks clients for certificates.
    pub(super) fn asks_for_certificates(&self) -> bool {
        self.asking > 0
    }

    /// Whose certificates the units that may take requests of this host ask clients for; `None`: none does.
    pub(super) fn asked_of(&self, host: Option<&str>) -> Option<AskedOf> {
        let (mut unit, mut asked_of) = (self.owner(host).unit, None::<AskedOf>);
        while let Some(asked) = unit {
            asked_of = asked_of.into_iter().chain(asked.asked_of()).reduce(AskedOf::and);
            unit = if asked.keeps_unmatched() { None } else { self.after(host, asked) };
        }
        asked_of
    }

    /// The wildcard units for a host, the most specific first.
    fn wildcards<'t>(&'t self, host: Option<&str>) -> impl Iterator<Item = &'t CompiledHost<T>> {
        let closest = host.and_then(parent);
        let one = closest.and_then(|parent| self.one_label.get(parent));
        let farthest = if self.more_labels.is_empty() { None } else { closest };
        let more = std::iter::successors(farthest, |name| parent(name)).filter_map(|name| self.more_labels.get(name));
        one.into_iter().chain(more).map(Arc::as_ref)
    }

    /// All units: exact hosts, wildcards, and that of the rules without a host; else in no particular order.
    pub(super) fn units(&self) -> impl Iterator<Item = &CompiledHost<T>> {
        let named = self.exact.iter().chain(self.one_label.iter()).chain(self.more_labels.iter());
        named.map(|(_, unit)| unit).chain(&self.any).map(Arc::as_ref)
    }

    pub(super) fn unit_count(&self) -> usize {
        self.exact.len() + self.one_label.len() + self.more_labels.len() + usize::from(self.any.is_some())
    }

    pub(super) fn route_count(&self) -> usize {
        self.routes
    }
}

/// Sets or removes a value. Returns the former one.
fn replace<V: Clone>(map: &mut PersistentMap<Hostname, V>, name: &Hostname, new: Option<V>) -> Option<V> {
    match new {
        Some(new) => map.insert(name.clone(), new),
        None => map.remove(name),
    }
}

/// What is behind the first label of a host.
fn parent(host: &str) -> Option<&str> {
    let dot = memchr::memchr(b'.', host.as_bytes())?;
    (dot > 0).then(|| &host[dot + 1..])
}

/// Routes, and whether it is a wildcard with a TLS entry and whether it asks clients for certificates, each as one or none.
fn counts<T>(unit: &CompiledHost<T>) -> (usize, usize, usize) {
    let is_wildcard = matches!(unit.pattern(), HostPattern::Wildcard { .. });
    (unit.route_count(), usize::from(is_wildcard && unit.has_tls()), usize::from(unit.asks_for_certificates()))
}
