//! What concerns the replicas of this installation: which there are, and the keys that they share. Others are told when it changes.

use tokio::sync::watch;

use crate::model::{ObjectKind, ObjectRef, Replicas, SharedKeys};
use crate::translate;

use super::Controller;

/// Who is told.
pub(super) struct Told {
    /// The replicas that are ready.
    replicas: watch::Sender<Replicas>,
    /// Who uses the keys that replicas share.
    keys: Box<dyn Fn(&SharedKeys) + Send>,
}

impl Default for Told {
    fn default() -> Self {
        Self { replicas: watch::Sender::new(Replicas::default()), keys: Box::new(|_| {}) }
    }
}

impl Controller {
    /// The replicas of this installation that are ready, as they are at any time.
    pub fn replicas(&self) -> watch::Receiver<Replicas> {
        self.told.replicas.subscribe()
    }

    /// From now on gives the keys that replicas share to these users, whenever they change.
    pub fn share_keys(&mut self, users: impl Fn(&SharedKeys) + Send + 'static) {
        if let Some(keys) = translate::shared_keys(&self.input).filter(|keys| !keys.is_empty()) {
            // Those of saved objects.
            users(&keys);
        }
        self.told.keys = Box::new(users);
    }

    /// Whether an object has keys that replicas share.
    pub(super) fn has_keys(&self, object: &ObjectRef) -> bool {
        object.kind == ObjectKind::Secret && self.input.settings().shared_keys.as_ref() == Some(&object.name)
    }

    /// The keys may have changed. Of a Secret that cannot be used those of before stay in use.
    pub(super) fn tell_keys(&self) {
        let Some(keys) = translate::shared_keys(&self.input) else { return };
        if keys.is_empty() {
            tracing::info!("there are no keys that replicas share: this process uses keys of its own");
        } else {
            tracing::info!(keys = keys.len(), "the keys that replicas share are read");
        }
        (self.told.keys)(&keys);
    }

    /// The replicas may have changed.
    pub(super) fn tell_replicas(&self) {
        let is_news = self.told.replicas.send_if_modified(|known| {
            let differs = known != self.input.replicas();
            if differs {
                known.clone_from(self.input.replicas());
            }
            differs
        });
        if is_news {
            let count = self.input.replicas().len();
            self.metrics.configuration().replicas(count);
            tracing::info!(count, "the replicas that are ready have changed");
        }
    }
}
