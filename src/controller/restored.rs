//! What is in force because a snapshot file says so, until the source has told what there is.

use std::collections::BTreeSet;

use crate::model::{ObjectKind, ObjectRef};
use crate::source::objects::Change;

/// The objects of a snapshot that the source has not spoken of yet.
#[derive(Debug, Default)]
pub(super) struct Restored(BTreeSet<ObjectRef>);

impl Restored {
    /// All of these.
    pub(super) fn new<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        Self(changes.into_iter().map(Change::object).collect())
    }

    /// The source has told of this object, be it that it has gone.
    pub(super) fn confirm(&mut self, object: &ObjectRef) {
        if !self.0.is_empty() {
            self.0.remove(object);
        }
    }

    /// Takes out those that must have gone, because the source has listed all but Secrets that are read by name.
    pub(super) fn unlisted(&mut self) -> Vec<Change> {
        let (secrets, others) = std::mem::take(&mut self.0).into_iter().partition(|o| o.kind == ObjectKind::Secret);
        self.0 = secrets;
        gone(others)
    }

    /// Takes out those that must have gone, because the source has listed everything.
    pub(super) fn all(&mut self) -> Vec<Change> {
        gone(std::mem::take(&mut self.0))
    }
}

fn gone(objects: BTreeSet<ObjectRef>) -> Vec<Change> {
    let change = |object: ObjectRef| {
        let ObjectRef { kind, name } = object;
        match kind {
            ObjectKind::Ingress => Some(Change::Ingress(name, None)),
            ObjectKind::IngressClass => Some(Change::IngressClass(name.name, None)),
            ObjectKind::Service => Some(Change::Service(name, None)),
            ObjectKind::EndpointSlice => Some(Change::EndpointSlice(name, None)),
            ObjectKind::Secret => Some(Change::Secret(name, None)),
            ObjectKind::File => None,
        }
    };
    objects.into_iter().filter_map(change).collect()
}
