//! From hosts and from other objects to the objects that name them.
//!
//! It holds every object that claims hosts, served or not, so that a class that appears needs no other source. Keeping it up to
//! date costs what the changed object holds, however many others are loaded.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;

use crate::model::{HostPattern, ObjectKind, ObjectName, ObjectRef};

use super::annotations::Parsed;
use super::lower::{Claim, Lowered, Named, RoutingObject};
use super::settings::Settings;

/// The index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// By host, oldest object first.
    hosts: HashMap<HostPattern, Vec<Claim>>,
    /// The objects that refer to an object, by its kind and name.
    users: BTreeMap<ObjectKind, HashMap<ObjectName, Users>>,
    /// Annotations of Services. Nearly no Service has any.
    services: HashMap<ObjectName, Parsed>,
    /// The Services whose annotations name an object.
    naming: BTreeMap<ObjectRef, Vec<ObjectName>>,
}

/// The objects that refer to one, in no particular order. Nearly always there is one, which takes no memory of its own.
#[derive(Clone, Debug)]
enum Users {
    One(Lowered),
    Many(Vec<Lowered>),
}

impl Index {
    /// All hosts that an object names, served or not.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &HostPattern> {
        self.hosts.keys()
    }

    /// The exact hosts that are claimed and that one of these wildcards covers. Looks at all hosts.
    pub(crate) fn below(&self, wildcards: &BTreeSet<HostPattern>) -> Vec<HostPattern> {
        if wildcards.is_empty() {
            return Vec::new();
        }
        let is_below = |host: &&HostPattern| host.wildcard_above().is_some_and(|above| wildcards.contains(&above));
        self.hosts.keys().filter(is_below).cloned().collect()
    }

    /// What is claimed of this host, by the oldest object first.
    pub(crate) fn claims(&self, host: &HostPattern) -> &[Claim] {
        self.hosts.get(host).map_or(&[], Vec::as_slice)
    }

    /// These hosts, and those that are other names of them: when the former change, the latter do.
    pub(crate) fn with_aliases(&self, mut hosts: Vec<HostPattern>) -> Vec<HostPattern> {
        for at in 0..hosts.len() {
            let claims = self.claims(&hosts[at]).iter().filter(|claim| claim.by.adds_hosts());
            hosts.extend(claims.flat_map(|claim| claim.by.annotations().hosts()).cloned());
        }
        hosts
    }

    /// The objects that refer to this one.
    pub(crate) fn users(&self, kind: ObjectKind, name: &ObjectName) -> &[Lowered] {
        self.users.get(&kind).and_then(|users| users.get(name)).map_or(&[], Users::as_slice)
    }

    /// The annotations of a Service; `None`: it has none that a dialect in force reads.
    pub(crate) fn annotations_of(&self, service: &ObjectName) -> Option<&Parsed> {
        self.services.get(service)
    }

    /// Whether no Service has annotations that are read.
    pub(crate) fn has_no_annotated_service(&self) -> bool {
        self.services.is_empty()
    }

    /// All Services that have annotations that are read.
    pub(crate) fn annotated_services(&self) -> impl Iterator<Item = &ObjectName> {
        self.services.keys()
    }

    /// Keeps the annotations of a Service in the place of its former ones.
    /// Returns the objects that either name.
    pub(crate) fn annotate(&mut self, service: &ObjectName, annotations: Parsed) -> Vec<ObjectRef> {
        let mut named = annotations.references().to_vec();
        for object in &named {
            self.naming.entry(object.clone()).or_default().push(service.clone());
        }
        let former = match annotations.is_empty() {
            true => self.services.remove(service),
            false => self.services.insert(service.clone(), annotations),
        };
        for object in former.iter().flat_map(Parsed::references) {
            if let Some(services) = self.naming.get_mut(object) {
                services.iter().position(|other| other == service).map(|at| services.swap_remove(at));
                if services.is_empty() {
                    self.naming.remove(object);
                }
            }
            named.push(object.clone());
        }
        named
    }

    /// The Services whose annotations name this object.
    pub(crate) fn services_naming(&self, object: &ObjectRef) -> &[ObjectName] {
        self.naming.get(object).map_or(&[], Vec::as_slice)
    }

    /// All objects that annotations of Services name.
    pub(crate) fn named_by_services(&self) -> impl Iterator<Item = &ObjectRef> {
        self.naming.keys()
    }

    /// All objects of a kind that are referred to, whether or not they exist.
    pub(crate) fn used(&self, kind: ObjectKind) -> impl Iterator<Item = &ObjectName> {
        self.users.get(&kind).into_iter().flat_map(HashMap::keys)
    }

    /// An object that was taken in, with its annotations as they were read then: any of its claims has them. Those of an object
    /// whose fields claim no host, which serves next to nothing, are read again.
    pub(crate) fn lowered(&self, object: RoutingObject, settings: &Settings) -> Lowered {
        let host = object.first_host();
        let claims = host.as_ref().and_then(|host| self.hosts.get(host));
        match claims.and_then(|claims| claims.get(position(claims, &object).ok()?)) {
            Some(claim) => claim.by.clone(),
            None => object.lower(None, settings),
        }
    }

    /// Takes in an object that was created or changed, and takes out its former version, the very one that was taken in.
    /// Returns what the two name.
    pub(crate) fn replace(&mut self, former: Option<&Lowered>, new: Option<&Lowered>) -> Named {
        Named { hosts: self.replace_claims(former, new), references: self.replace_references(former, new) }
    }

    fn replace_claims(&mut self, former: Option<&Lowered>, new: Option<&Lowered>) -> Vec<HostPattern> {
        let mut hosts = Vec::new();
        for (host, claim) in new.into_iter().flat_map(Lowered::claims) {
            // A list that grows by itself begins with four, and nearly every host is named by one object.
            let claims = self.hosts.entry(host.clone()).or_insert_with(|| Vec::with_capacity(1));
            former.iter().for_each(|former| forget(claims, former));
            let at = position(claims, claim.by.object()).unwrap_or_else(|at| at);
            claims.insert(at, claim);
            hosts.push(host);
        }
        let named_by_new = hosts.len();
        for host in former.into_iter().flat_map(Lowered::hosts) {
            if hosts[..named_by_new].binary_search(&host).is_ok() {
                continue;
            }
            if let Some(claims) = self.hosts.get_mut(&host) {
                former.iter().for_each(|former| forget(claims, former));
                if claims.is_empty() {
                    self.hosts.remove(&host);
                }
            }
            hosts.push(host);
        }
        hosts
    }

    fn replace_references(&mut self, former: Option<&Lowered>, new: Option<&Lowered>) -> Vec<ObjectRef> {
        let mut references = Vec::new();
        if let Some(new) = new {
            references = new.references();
            for ObjectRef { kind, name } in &references {
                match self.users.entry(*kind).or_default().entry(name.clone()) {
                    Entry::Occupied(users) => users.into_mut().replace(former, new),
                    Entry::Vacant(place) => _ = place.insert(Users::One(new.clone())),
                }
            }
        }
        let named_by_new = references.len();
        for reference in former.into_iter().flat_map(Lowered::references) {
            if references[..named_by_new].binary_search(&reference).is_ok() {
                continue;
            }
            let ObjectRef { kind, name } = &reference;
            if let Some(users) = self.users.get_mut(kind)
                && let Some(of_one) = users.get_mut(name)
                && former.is_some_and(|former| of_one.remove(former) == Left::None)
            {
                users.remove(name);
            }
            references.push(reference);
        }
        references
    }
}

/// Takes the claim of an object out of those of a host.
fn forget(claims: &mut Vec<Claim>, object: &Lowered) {
    if let Ok(at) = position(claims, object.object()) {
        claims.remove(at);
    }
}

/// Where the claim of an object stands among those of a host, or where it belongs.
fn position(claims: &[Claim], object: &RoutingObject) -> Result<usize, usize> {
    claims.binary_search_by(|claim| claim.by.object().seniority().cmp(&object.seniority()))
}

/// Whether there are users left.
#[derive(PartialEq, Eq)]
enum Left {
    Some,
    None,
}

impl Users {
    fn as_slice(&self) -> &[Lowered] {
        match self {
            Self::One(user) => std::slice::from_ref(user),
            Self::Many(users) => users,
        }
    }

    /// Puts a user in the place of its former version, or adds it.
    fn replace(&mut self, former: Option<&Lowered>, new: &Lowered) {
        let is_former = |user: &Lowered| former.is_some_and(|former| user.is(former.object()));
        match self {
            Self::One(only) if is_former(only) => *only = new.clone(),
            Self::One(first) => *self = Self::Many(vec![first.clone(), new.clone()]),
            Self::Many(users) => match users.iter_mut().find(|user| is_former(user)) {
                Some(user) => *user = new.clone(),
                None => users.push(new.clone()),
            },
        }
    }

    fn remove(&mut self, user: &Lowered) -> Left {
        match self {
            Self::One(only) if only.is(user.object()) => Left::None,
            Self::One(_) => Left::Some,
            Self::Many(users) => {
                if let Some(at) = users.iter().position(|other| other.is(user.object())) {
                    users.swap_remove(at);
                }
                if users.is_empty() { Left::None } else { Left::Some }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_takes_no_memory_of_its_own() {
        assert_eq!(size_of::<Users>(), size_of::<Vec<Lowered>>());
    }
}
