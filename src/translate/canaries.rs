//! Which canaries hang on which Services. In ingress-nginx a canary finds its main rule by host, path and type of path, and then
//! gets its share of all that goes to the Service and port of that rule, by whichever rule.
//!
//! What hangs where is kept, as the unit of one host asks for what rules of other hosts come to. `apply` keeps it up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashMap;

use crate::model::{CanaryRule, HostPattern, ObjectName, Origin, Reply, UpstreamSpec};
use crate::source::objects::{Backend, PortValue};

use super::lower::{BackendRef, Bid, Field, Lowered};

/// That a canary has found a main rule, and shares requests with its Service where no other one does before it.
#[derive(Clone, Debug)]
pub(crate) struct Hung {
    /// The canary.
    pub(crate) by: Lowered,
    /// Where it names the path.
    pub(crate) field: Field,
    /// The backend that stands there.
    pub(crate) asked: Backend,
    /// The host of that rule.
    pub(crate) host: HostPattern,
    /// Where the main rule comes from.
    pub(crate) main: Origin,
    /// The Service and port of the main rule.
    pub(crate) of: Target,
    /// Where the share goes.
    pub(crate) backend: Result<Arc<UpstreamSpec>, Reply>,
    /// Which requests it gets.
    pub(crate) rule: CanaryRule,
}

/// A Service and port, as rules name them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// The Service.
    pub(crate) service: ObjectName,
    /// Its port.
    pub(crate) port: Option<PortValue>,
}

/// The canaries of all hosts and Services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canaries {
    /// What rules of canaries at a host have found. Hosts where an object that is or was a canary has rules are there.
    hosts: HashMap<HostPattern, Vec<Arc<Hung>>>,
    /// By Service and port, in order of precedence.
    shared: HashMap<Target, BTreeMap<Precedence, Arc<Hung>>>,
    /// Hosts at which all that is to be looked for anew.
    stale: BTreeSet<HostPattern>,
}

/// The oldest object first, within an object the default backend and then the first path.
type Precedence = (i64, ObjectName, Option<(u32, u32)>);

impl Canaries {
    /// Whether there are no canaries.
    pub(crate) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// What rules of canaries at a host have found.
    #[cfg(test)]
    pub(crate) fn at(&self, host: &HostPattern) -> Option<&[Arc<Hung>]> {
        self.hosts.get(host).map(Vec::as_slice)
    }

    /// The canary that shares requests with a backend.
    pub(crate) fn of(&self, backend: BackendRef<'_>) -> Option<&Hung> {
        if self.shared.is_empty() {
            return None;
        }
        let all = self.shared.get(&Target::named(backend)?)?;
        all.values().next().map(Arc::as_ref)
    }

    /// Hosts that were set stale, which are so no longer.
    pub(super) fn take_stale(&mut self) -> BTreeSet<HostPattern> {
        std::mem::take(&mut self.stale)
    }

    /// Takes note that the unit of a host is stale, if rules of canaries may be there.
    pub(super) fn set_stale(&mut self, host: &HostPattern) {
        if self.hosts.contains_key(host) {
            self.stale.insert(host.clone());
        }
    }

    /// Takes note of the hosts of an object that has arrived, if it is a canary.
    pub(super) fn expect(&mut self, object: &Lowered) {
        if object.options().is_canary() {
            for host in object.hosts() {
                self.hosts.entry(host).or_default();
            }
        }
    }

    /// Takes in what rules of canaries at a host find now; `None`: no canary is there. Returns the Services of which that differs
    /// from before.
    pub(super) fn replace(&mut self, host: &HostPattern, new: Option<Vec<Hung>>) -> Vec<ObjectName> {
        let former = self.hosts.remove(host).unwrap_or_default();
        for hung in &former {
            self.forget(hung);
        }
        let mut concerned: Vec<ObjectName> = Vec::new();
        let new: Option<Vec<_>> = new.map(|new| new.into_iter().map(Arc::new).collect());
        if new.as_ref().map_or(&[][..], Vec::as_slice) != former {
            let all = former.iter().chain(new.iter().flatten());
            concerned.extend(all.map(|hung| hung.of.service.clone()));
            concerned.sort_unstable();
            concerned.dedup();
        }
        if let Some(new) = new {
            for hung in &new {
                let of_target = self.shared.entry(hung.of.clone()).or_default();
                of_target.insert(hung.precedence(), Arc::clone(hung));
            }
            self.hosts.insert(host.clone(), new);
        }
        concerned
    }

    fn forget(&mut self, hung: &Arc<Hung>) {
        let Some(of_target) = self.shared.get_mut(&hung.of) else { return };
        // The same place of the object may have another host by now, and be there for that.
        let key = hung.precedence();
        if of_target.get(&key).is_some_and(|kept| Arc::ptr_eq(kept, hung)) {
            of_target.remove(&key);
        }
        if of_target.is_empty() {
            self.shared.remove(&hung.of);
        }
    }
}

impl Target {
    /// What a backend names; `None` where it is no Service.
    pub(crate) fn named(backend: BackendRef<'_>) -> Option<Self> {
        match backend.backend {
            Backend::Service { name, port } => {
                let service = ObjectName::new(backend.namespace.clone(), name.clone());
                Some(Self { service, port: port.clone() })
            }
            Backend::Resource(_) | Backend::Invalid => None,
        }
    }
}

impl Hung {
    /// The path that it was found by, as a claim.
    pub(crate) fn bid(&self) -> Bid<'_> {
        let backend = BackendRef { namespace: &self.by.name().namespace, backend: &self.asked };
        Bid { by: &self.by, backend, field: self.field }
    }

    /// Whether it stands at this place.
    pub(crate) fn is(&self, bid: Bid<'_>) -> bool {
        self.by.is_same(bid.by) && self.field.order() == bid.field.order()
    }

    fn precedence(&self) -> Precedence {
        (self.by.created(), self.by.name().clone(), self.field.order())
    }
}

/// Objects are compared by name and age: other changes to them are of no account here.
impl PartialEq for Hung {
    fn eq(&self, other: &Self) -> bool {
        let Self { by: _, field: _, asked, host, main, of, backend, rule } = other;
        self.precedence() == other.precedence()
            && (&self.asked, &self.host, &self.main, &self.of) == (asked, host, main, of)
            && (&self.backend, &self.rule) == (backend, rule)
    }
}
