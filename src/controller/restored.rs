//! What is in force because a snapshot file says so, until the source has told what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectName, ObjectRef};
use crate::source::objects::{Change, Objects};

/// How long what the source tells may wait for its lists to be complete. If a kind cannot be listed for longer than this,
/// what has come of the others is taken in: a part that is current is better than none.
const PATIENCE: Duration = Duration::from_secs(10);

/// The objects of a snapshot that the source has not spoken of yet, and what it has told in the meantime.
#[derive(Debug, Default)]
pub(super) struct Restored {
    objects: BTreeSet<ObjectRef>,
    /// What has changed waits until all lists are complete: an Ingress that has another Service now must not come
    /// before that Service. `None`: nothing waits any more.
    waiting: Option<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    since: Option<Instant>,
    /// The last change of each object.
    changes: BTreeMap<ObjectRef, Change>,
}

impl Restored {
    /// All of these.
    pub(super) fn new<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        Self {
            objects: changes.into_iter().map(|change| change.object().clone()).collect(),
            waiting: Some(Waiting::default()),
        }
    }

    /// Keeps a change that must wait; gives it back when it need not. One that is in force already only confirms that:
    /// most are, and all objects would be held twice.
    pub(super) fn keep(&mut self, change: Change, in_force: &Objects) -> Option<Change> {
        let Some(waiting) = &mut self.waiting else { return Some(change) };
        waiting.since.get_or_insert_with(Instant::now);
        if in_force.agree_with(&change) {
            waiting.changes.remove(change.object());
            self.objects.remove(change.object());
        } else {
            waiting.changes.insert(change.object().clone(), change);
        }
        None
    }

    /// What has waited: nothing waits from now on.
    pub(super) fn release(&mut self) -> impl Iterator<Item = Change> + use<> {
        self.waiting.take().into_iter().flat_map(|waiting| waiting.changes.into_values())
    }

    /// Whether changes have waited for too long.
    pub(super) fn is_late(&self) -> bool {
        let since = self.waiting.as_ref().and_then(|waiting| waiting.since);
        since.is_some_and(|since| since.elapsed() >= PATIENCE)
    }

    /// The source has told of this object, be it that it has gone.
    pub(super) fn confirm(&mut self, object: &ObjectRef) {
        if !self.objects.is_empty() {
            self.objects.remove(object);
        }
    }

    /// Takes out those that must have gone, because the source has listed all but Secrets.
    pub(super) fn unlisted(&mut self) -> Vec<Change> {
        let is_secret = |object: &ObjectRef| object.kind == ObjectKind::Secret;
        let (secrets, others) = std::mem::take(&mut self.objects).into_iter().partition(is_secret);
        self.objects = secrets;
        gone(others)
    }

    /// Takes out the Secrets that are not followed by name: the source will tell of each that is, be it that it has gone.
    pub(super) fn unfollowed(&mut self, is_followed: impl Fn(&ObjectName) -> bool) -> Vec<Change> {
        let is_left = |object: &ObjectRef| object.kind != ObjectKind::Secret || is_followed(&object.name);
        let (left, gone_ones) = std::mem::take(&mut self.objects).into_iter().partition(is_left);
        self.objects = left;
        gone(gone_ones)
    }

    /// Takes out those that must have gone, because the source has listed everything.
    pub(super) fn all(&mut self) -> Vec<Change> {
        gone(std::mem::take(&mut self.objects))
    }
}

fn gone(objects: BTreeSet<ObjectRef>) -> Vec<Change> {
    objects.into_iter().map(Change::removal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::objects::IngressClass;

    fn class(name: &str, controller: &str) -> Change {
        Change::arrival(IngressClass {
            name: name.into(),
            controller: controller.into(),
            parameters: None,
            is_default: false,
        })
    }

    #[tokio::test]
    async fn what_is_as_the_snapshot_has_it_does_not_wait() {
        let saved = [class("a", "x"), class("b", "x"), class("c", "x")];
        let mut in_force = Objects::default();
        saved.iter().cloned().for_each(|change| drop(in_force.apply(change)));
        let mut restored = Restored::new(&saved);
        // The second changes and changes back, the third is not told of, a fourth comes and goes.
        let gone =
            |name: &str| Change::removal(ObjectRef { kind: ObjectKind::IngressClass, name: ObjectName::new("", name) });
        let told = [class("a", "x"), class("b", "y"), class("b", "x"), class("d", "x")];
        for change in told.into_iter().chain([gone("d")]) {
            assert_eq!(restored.keep(change, &in_force), None);
        }
        assert_eq!(restored.release().count(), 0);
        assert_eq!(restored.unlisted(), [gone("c")]);
        assert_eq!(restored.keep(class("a", "x"), &in_force), Some(class("a", "x")), "nothing waits any more");
    }
}
