//! Objects that are in force only because they were saved, and the changes that wait for the lists of the source.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectRef};
use crate::source::Connection;
use crate::source::objects::{Change, Objects};

/// How long changes wait for the lists of the source. If a kind cannot be listed for longer than this, the changes of the
/// others are taken in: it is better to serve some current objects than none.
const LONGEST_WAIT_FOR_LISTS: Duration = Duration::from_secs(10);

/// Saved objects that the source has not told anything about yet.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed {
    objects: BTreeSet<ObjectRef>,
    /// Whether Secrets are followed, once the source has told.
    pub(super) secrets: Option<Connection>,
}

impl Unconfirmed {
    /// All of these.
    pub(super) fn new(objects: impl IntoIterator<Item = ObjectRef>) -> Self {
        Self { objects: objects.into_iter().collect(), secrets: None }
    }

    /// The source has told of this object: how it is now, or that it was deleted.
    pub(super) fn confirm(&mut self, object: &ObjectRef) {
        if !self.objects.is_empty() {
            self.objects.remove(object);
        }
    }

    /// Takes out everything but Secrets and ConfigMaps, which are followed one by one.
    pub(super) fn take_all_but_named(&mut self) -> Vec<ObjectRef> {
        self.take(|object| !matches!(object.kind, ObjectKind::Secret | ObjectKind::ConfigMap))
    }

    /// Takes out the objects of this kind that are not excepted.
    pub(super) fn take_unless(&mut self, kind: ObjectKind, is_excepted: impl Fn(&ObjectRef) -> bool) -> Vec<ObjectRef> {
        self.take(|object| object.kind == kind && !is_excepted(object))
    }

    fn take(&mut self, which: impl Fn(&ObjectRef) -> bool) -> Vec<ObjectRef> {
        let (taken, left): (BTreeSet<_>, _) = std::mem::take(&mut self.objects).into_iter().partition(which);
        self.objects = left;
        taken.into_iter().collect()
    }
}

/// Changes that wait.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Since when the first of them has waited.
    since: Option<Instant>,
    /// The last change of each object.
    changes: BTreeMap<ObjectRef, Change>,
}

impl Held {
    /// Makes a change wait. A change that is in force already only confirms its object: most changes do at a start, and
    /// otherwise all objects would be in memory twice.
    pub(super) fn hold(&mut self, change: Change, in_force: &Objects, unconfirmed: &mut Unconfirmed) {
        self.since.get_or_insert_with(Instant::now);
        if in_force.agree_with(&change) {
            self.changes.remove(change.object());
            unconfirmed.confirm(change.object());
        } else {
            self.changes.insert(change.object().clone(), change);
        }
    }

    /// Whether the changes have waited for too long.
    pub(super) fn is_overdue(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= LONGEST_WAIT_FOR_LISTS)
    }

    /// All of them, by object.
    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes.into_values().collect()
    }
}
