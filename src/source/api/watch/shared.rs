//! Objects that two watches look for, by selectors of which only one can hold. One that is deleted and made anew, so that it is the
//! other's, goes by one watch and comes by the other, in any order. So who tells that such a one went looks whether it is there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;

use super::super::lenient;
use super::Watch;
use crate::model::{ObjectName, ObjectRef};

/// The objects. A clone has the same.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Shared(Arc<Mutex<BTreeSet<ObjectRef>>>);

impl Shared {
    pub(in super::super) fn insert(&self, object: ObjectRef) {
        self.lock().insert(object);
    }

    pub(in super::super) fn remove(&self, object: &ObjectRef) {
        self.lock().remove(object);
    }

    fn has(&self, object: &ObjectRef) -> bool {
        self.lock().contains(object)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<ObjectRef>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Whether an object that has gone from here is there nevertheless: then another watch tells of it, or this one soon.
    pub(super) async fn is_elsewhere(&self, name: &ObjectName) -> bool {
        if !self.shared.has(&self.scope.object(name.clone())) {
            return false;
        }
        let in_namespace = self.scope.within(name.namespace.clone());
        let Ok(request) = in_namespace.get(&name.name) else { return false };
        // Without an answer what was told counts.
        let Ok(body) = self.access.get(request).await else { return false };
        let Ok(raw) = serde_json::from_slice::<&RawValue>(&body) else { return false };
        lenient::item(self.scope.kind, raw, self.signature.as_ref()).name.as_ref() == Some(name)
    }
}
