//! Secrets and ConfigMaps one by one: a watch for each that is wanted, within bounds.
//!
//! Authors of Ingresses can write any name. Where objects are read by name only, the list of the operator is what bounds the
//! number of watches. Elsewhere those come one by one that annotations name: some, and no more. Of Secrets there is a list of
//! certificates beside them; ConfigMaps come in no other way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};
use crate::source::kinds::{self, Kind};

use super::scope::{Scope, Which};
use super::{ConfigMapAccess, Follower, SecretAccess};

/// Most objects of a kind that are followed because annotations name them. Each takes a connection to the API server.
const MOST: usize = 1000;

/// The watches of single objects of a kind.
pub(super) struct Named {
    kind: &'static Kind,
    bound: Bound,
    /// Those that may be followed whatever the bound says.
    besides: BTreeSet<ObjectName>,
    wanted: BTreeSet<ObjectName>,
    running: BTreeMap<ObjectName, Single>,
    /// The object that the finding about too many is of.
    told: Option<ObjectRef>,
}

/// Which objects may be followed one by one.
#[derive(Debug)]
enum Bound {
    /// These.
    Listed(BTreeSet<ObjectName>),
    /// Those of these namespaces, or of all, that no list has; `MOST` of them.
    Namespaces(Option<BTreeSet<Arc<str>>>),
}

#[derive(Debug)]
struct Single {
    id: u64,
    /// It was stopped and is taking back what it sent. If it is wanted again, that must end first.
    is_ending: bool,
}

impl Named {
    /// No Secret is wanted yet.
    pub(super) fn secrets(access: SecretAccess, besides: Option<ObjectName>) -> Self {
        let bound = match access {
            SecretAccess::Names(listed) => Bound::Listed(listed),
            SecretAccess::Cluster => Bound::Namespaces(None),
            SecretAccess::Namespaces(namespaces) => Bound::Namespaces(Some(namespaces.into_iter().collect())),
        };
        Self { besides: besides.into_iter().collect(), ..Self::new(&kinds::SECRET, bound) }
    }

    /// No ConfigMap is wanted yet.
    pub(super) fn config_maps(access: ConfigMapAccess, besides: BTreeSet<ObjectName>) -> Self {
        let bound = match access {
            ConfigMapAccess::Names(listed) => Bound::Listed(listed),
            ConfigMapAccess::Cluster => Bound::Namespaces(None),
            ConfigMapAccess::Namespaces(namespaces) => Bound::Namespaces(Some(namespaces.into_iter().collect())),
        };
        Self { besides, ..Self::new(&kinds::CONFIG_MAP, bound) }
    }

    fn new(kind: &'static Kind, bound: Bound) -> Self {
        Self { kind, bound, besides: BTreeSet::new(), wanted: BTreeSet::new(), running: BTreeMap::new(), told: None }
    }

    /// Starts what is wanted now and stops what is not.
    pub(super) fn reconcile(&mut self, wanted: &BTreeSet<ObjectRef>, follower: &mut Follower) {
        let of_kind = wanted.iter().filter(|object| object.kind == self.kind.object).map(|object| &object.name);
        let may = |name: &&ObjectName| self.bound.allows(name) || self.besides.contains(*name);
        self.wanted = of_kind.filter(may).cloned().collect();
        for (name, single) in &mut self.running {
            if !single.is_ending && !self.wanted.contains(name) {
                single.is_ending = true;
                follower.stop(single.id);
            }
        }
        self.start(follower);
    }

    /// A watch has taken back what it sent.
    pub(super) fn ended(&mut self, id: u64, follower: &mut Follower) {
        let Some(name) = self.running.iter().find(|(_, single)| single.id == id).map(|(name, _)| name.clone()) else {
            return;
        };
        follower.shared.remove(&ObjectRef::new(self.kind.object, name.clone()));
        self.running.remove(&name);
        self.start(follower);
    }

    /// Starts what is wanted and does not run, as far as there is room. Those that run keep their places.
    fn start(&mut self, follower: &mut Follower) {
        let Self { kind, bound, besides, wanted, running, told } = self;
        let waiting: Vec<_> = wanted.iter().filter(|name| !running.contains_key(*name)).collect();
        let (now, never) =
            waiting.split_at(waiting.len().min((bound.most() + besides.len()).saturating_sub(running.len())));
        for &name in now {
            let scope = if bound.allows(name) { bound.scope(kind, name) } else { Scope::named(kind, name) };
            match scope.which {
                Which::LeftOut(_) => follower.shared.insert(ObjectRef::new(kind.object, name.clone())),
                Which::Named(_) | Which::Selected | Which::OfService(_) => {}
            }
            let id = follower.start(scope);
            running.insert(name.clone(), Single { id, is_ending: false });
        }
        if let Some(object) = told.take() {
            follower.problems.remove(&object);
            follower.has_new_problems = true;
        }
        if let [first, others @ ..] = never {
            let object = ObjectRef::new(kind.object, ObjectName::clone(first));
            follower.problems.insert(object.clone(), too_many(object.clone(), others.len()));
            follower.has_new_problems = true;
            *told = Some(object);
        }
    }
}

impl Bound {
    fn allows(&self, name: &ObjectName) -> bool {
        match self {
            Self::Listed(listed) => listed.contains(name),
            Self::Namespaces(namespaces) => {
                is_name(&name.name) && namespaces.as_ref().is_none_or(|all| all.contains(&name.namespace))
            }
        }
    }

    fn most(&self) -> usize {
        match self {
            Self::Listed(listed) => listed.len(),
            Self::Namespaces(_) => MOST,
        }
    }

    fn scope(&self, kind: &'static Kind, name: &ObjectName) -> Scope {
        let ObjectName { namespace, name } = name.clone();
        let which = match self {
            // Where there is a list, it has those that its selector picks out.
            Self::Namespaces(_) if kind.field_selector.is_some() => Which::LeftOut(name),
            Self::Namespaces(_) | Self::Listed(_) => Which::Named(name),
        };
        Scope { kind, namespace: Some(namespace), which }
    }
}

/// Whether nothing in it means something else in a selector.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=253).contains(&name.len()) && name.bytes().all(is_part)
}

/// The finding about objects for which there is no room.
fn too_many(object: ObjectRef, others: usize) -> Problem {
    let kind = object.kind;
    Problem {
        object,
        field: String::new(),
        code: if kind == ObjectKind::ConfigMap { ProblemCode::TooManyConfigMaps } else { ProblemCode::TooManySecrets },
        severity: Severity::Error,
        message: format!(
            "annotations name more than {MOST} {kind}s, so this one and {others} others are not followed, and count as missing",
            kind = kind.as_str()
        ),
        remedy: format!("Share {}s between Ingresses of a namespace", kind.as_str()),
    }
}
