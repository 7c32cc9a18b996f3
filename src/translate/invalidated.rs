//! What a change makes stale.

use std::collections::BTreeSet;

use crate::model::{ExternalName, HostPattern, ObjectName, ObjectRef, UnitKey};

/// What a change invalidates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalidated {
    /// Units to translate again.
    pub units: BTreeSet<UnitKey>,
    /// Services whose living upstreams need their endpoints computed again. New upstreams are not among them: who creates an
    /// upstream fills it.
    pub services: BTreeSet<ObjectName>,
    /// Secrets and ConfigMaps that may be wanted now and were not before, or the other way round (`Input::follows`).
    pub named: BTreeSet<ObjectRef>,
    /// External names that may be wanted now and were not before, or the other way round (`Input::wants_name`).
    pub names: BTreeSet<ExternalName>,
    /// Ingresses of which only the status has changed: there is nothing to translate, but the writer of statuses must know.
    pub statuses: BTreeSet<ObjectName>,
}

impl Invalidated {
    /// Whether nothing is invalidated.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.services.is_empty() && self.statuses.is_empty()
    }

    /// Adds what another change invalidates.
    pub fn extend(&mut self, other: Invalidated) {
        let Invalidated { units, services, named, names, statuses } = other;
        add(&mut self.units, units);
        add(&mut self.services, services);
        add(&mut self.named, named);
        add(&mut self.names, names);
        add(&mut self.statuses, statuses);
    }

    pub(crate) fn object(&mut self, object: ObjectRef) {
        self.units.insert(UnitKey::Object(object));
    }

    pub(crate) fn hosts(&mut self, hosts: impl IntoIterator<Item = HostPattern>) {
        self.units.extend(hosts.into_iter().map(|host| UnitKey::Host(host.into())));
    }
}

/// Adds to a set. Most often either is empty.
fn add<T: Ord>(all: &mut BTreeSet<T>, more: BTreeSet<T>) {
    if more.is_empty() {
        return;
    }
    if all.is_empty() {
        *all = more;
    } else {
        all.extend(more);
    }
}
