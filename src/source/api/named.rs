//! Secrets one by one: a watch for each that is wanted, within bounds.
//!
//! Authors of Ingresses can write any name. Where Secrets are read by name only, the list of the operator is what bounds the
//! number of watches. Elsewhere there is a list of certificates, and one by one come those that annotations name: some, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};
use crate::source::kinds;

use super::scope::{Scope, Which};
use super::{Follower, SecretAccess};

/// Most Secrets that are followed because annotations name them. Each takes a connection to the API server.
const MOST: usize = 1000;

/// The watches of single Secrets.
#[derive(Debug)]
pub(super) struct Named {
    bound: Bound,
    wanted: BTreeSet<ObjectName>,
    running: BTreeMap<ObjectName, Single>,
    /// The Secret that the finding about too many is of.
    told: Option<ObjectRef>,
}

/// Which Secrets may be followed one by one.
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
    /// Nothing is wanted yet.
    pub(super) fn new(access: SecretAccess) -> Self {
        let bound = match access {
            SecretAccess::Names(listed) => Bound::Listed(listed),
            SecretAccess::Cluster => Bound::Namespaces(None),
            SecretAccess::Namespaces(namespaces) => Bound::Namespaces(Some(namespaces.into_iter().collect())),
        };
        Self { bound, wanted: BTreeSet::new(), running: BTreeMap::new(), told: None }
    }

    /// Starts what is wanted now and stops what is not.
    pub(super) fn reconcile(&mut self, wanted: &BTreeSet<ObjectName>, follower: &mut Follower) {
        self.wanted = wanted.iter().filter(|name| self.bound.allows(name)).cloned().collect();
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
        self.running.remove(&name);
        self.start(follower);
    }

    /// Starts what is wanted and does not run, as far as there is room. Those that run keep their places.
    fn start(&mut self, follower: &mut Follower) {
        let Self { bound, wanted, running, told } = self;
        let waiting: Vec<_> = wanted.iter().filter(|name| !running.contains_key(*name)).collect();
        let (now, never) = waiting.split_at(waiting.len().min(bound.most().saturating_sub(running.len())));
        for &name in now {
            let id = follower.start(bound.scope(name));
            running.insert(name.clone(), Single { id, is_ending: false });
        }
        if let Some(object) = told.take() {
            follower.problems.remove(&object);
            follower.has_new_problems = true;
        }
        if let [first, others @ ..] = never {
            let object = ObjectRef::new(ObjectKind::Secret, ObjectName::clone(first));
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

    fn scope(&self, name: &ObjectName) -> Scope {
        let ObjectName { namespace, name } = name.clone();
        let which = match self {
            Self::Listed(_) => Which::Named(name),
            Self::Namespaces(_) => Which::LeftOut(name),
        };
        Scope { kind: &kinds::SECRET, namespace: Some(namespace), which }
    }
}

/// Whether nothing in it means something else in a selector.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=253).contains(&name.len()) && name.bytes().all(is_part)
}

/// The finding about Secrets for which there is no room.
fn too_many(object: ObjectRef, others: usize) -> Problem {
    Problem {
        object,
        field: String::new(),
        code: ProblemCode::TooManySecrets,
        severity: Severity::Error,
        message: format!(
            "annotations name more than {MOST} Secrets, so this one and {others} others are not followed, and count as missing"
        ),
        remedy: "Share Secrets between Ingresses of a namespace".into(),
    }
}
