//! Secrets one by one: a watch for each that is both wanted and listed by the operator.
//!
//! Authors of Ingresses can write any name, so the list of the operator is what bounds the number of watches.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ObjectName;
use crate::source::kinds;

use super::Follower;
use super::scope::Scope;

/// The watches of single Secrets.
#[derive(Debug)]
pub(super) struct Named {
    listed: BTreeSet<ObjectName>,
    /// Those of them that are wanted.
    wanted: BTreeSet<ObjectName>,
    running: BTreeMap<ObjectName, Single>,
}

#[derive(Debug)]
struct Single {
    id: u64,
    /// It was stopped and is taking back what it sent. If it is wanted again, that must end first.
    is_ending: bool,
}

impl Named {
    /// Nothing is wanted yet. Only these will ever be watched.
    pub(super) fn new(listed: BTreeSet<ObjectName>) -> Self {
        Self { listed, wanted: BTreeSet::new(), running: BTreeMap::new() }
    }

    /// Starts what is wanted now and stops what is not.
    pub(super) fn reconcile(&mut self, wanted: &BTreeSet<ObjectName>, follower: &mut Follower) {
        self.wanted = self.listed.iter().filter(|name| wanted.contains(*name)).cloned().collect();
        for (name, single) in &mut self.running {
            if !single.is_ending && !self.wanted.contains(name) {
                single.is_ending = true;
                follower.stop(single.id);
            }
        }
        for name in &self.wanted {
            if !self.running.contains_key(name) {
                self.running.insert(name.clone(), start(name, follower));
            }
        }
    }

    /// A watch has taken back what it sent.
    pub(super) fn ended(&mut self, id: u64, follower: &mut Follower) {
        let Some(name) = self.running.iter().find(|(_, single)| single.id == id).map(|(name, _)| name.clone()) else {
            return;
        };
        self.running.remove(&name);
        if self.wanted.contains(&name) {
            let single = start(&name, follower);
            self.running.insert(name, single);
        }
    }
}

fn start(name: &ObjectName, follower: &mut Follower) -> Single {
    let ObjectName { namespace, name } = name.clone();
    let id = follower.start(Scope { kind: &kinds::SECRET, namespace: Some(namespace), name: Some(name) });
    Single { id, is_ending: false }
}
