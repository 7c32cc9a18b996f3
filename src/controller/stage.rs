//! How far the start has come, and what has to be remembered until it is over.
//!
//! Without saved objects the controller goes from `Reading` to `Serving`: it serves when the source has told everything.
//! With saved objects it goes through `FromSavedObjects`: it serves them at once, and what the source tells replaces them.

use crate::lifecycle::ReadinessGuard;
use crate::model::{ObjectKind, ObjectRef};
use crate::source::Connection;
use crate::source::objects::{Change, Objects};
use crate::translate::VisibleSecrets;

use super::unconfirmed::{Held, Unconfirmed};

/// The stage of the start.
pub(super) enum Stage {
    /// No table is published: the objects are being read for the first time.
    Reading {
        /// What readiness waits for. Dropped with the first table.
        _guard: ReadinessGuard,
        /// What the source has told so far.
        progress: Progress,
    },
    /// The saved objects are served until the source has told everything.
    FromSavedObjects {
        /// Objects that the source has not told anything about yet.
        unconfirmed: Unconfirmed,
        /// Whether changes wait for the lists of the source to be complete.
        lists: Lists,
    },
    /// The source has told everything once. What is served follows it.
    Serving {
        /// Saved Secrets that could not be read since; nothing else is left.
        unconfirmed: Unconfirmed,
    },
}

/// What the source has told before the first table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Some objects.
    Lists,
    /// All but Secrets that are read by name.
    Listed,
    /// Everything: the table is published when the batch is taken in.
    Synced,
}

/// What happens to the changes of the source while saved objects are served.
#[derive(Debug)]
pub(super) enum Lists {
    /// They wait until all lists are complete: an Ingress that names another Service must not come before that Service.
    Incomplete(Held),
    /// They are taken as they come, because a list took too long.
    Overdue,
    /// They are taken as they come: all lists are complete.
    Complete,
}

/// What has to change because the lists of the source are complete.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// Changes that have waited for this.
    pub(super) held: Vec<Change>,
    /// Saved objects that no list has.
    pub(super) deleted: Vec<ObjectRef>,
}

impl Stage {
    /// Nothing was read yet.
    pub(super) fn new(guard: ReadinessGuard) -> Self {
        Self::Reading { _guard: guard, progress: Progress::Lists }
    }

    /// Whether a table is published.
    pub(super) fn has_table(&self) -> bool {
        match self {
            Self::Reading { .. } => false,
            Self::FromSavedObjects { .. } | Self::Serving { .. } => true,
        }
    }

    /// Whether it is known which Secrets are wanted: the source has listed everything else.
    pub(super) fn has_listed(&self) -> bool {
        match self {
            Self::Reading { progress, .. } => *progress != Progress::Lists,
            Self::FromSavedObjects { lists, .. } => matches!(lists, Lists::Complete),
            Self::Serving { .. } => true,
        }
    }

    /// Whether the source has told everything once: from now on its changes are changes of the cluster.
    pub(super) fn is_synced(&self) -> bool {
        match self {
            Self::Reading { progress, .. } => *progress == Progress::Synced,
            Self::FromSavedObjects { .. } => false,
            Self::Serving { .. } => true,
        }
    }

    /// A table of these saved objects is published.
    pub(super) fn serve_saved_objects(&mut self, objects: impl IntoIterator<Item = ObjectRef>) {
        *self = Self::FromSavedObjects {
            unconfirmed: Unconfirmed::new(objects),
            lists: Lists::Incomplete(Held::default()),
        };
    }

    /// A table of everything is published.
    pub(super) fn serve(&mut self) {
        *self = Self::Serving { unconfirmed: Unconfirmed::default() };
    }

    /// Takes a change of the source. Gives it back unless it has to wait.
    pub(super) fn admit(&mut self, change: Change, in_force: &Objects) -> Option<Change> {
        match self {
            Self::Reading { .. } => Some(change),
            Self::FromSavedObjects { unconfirmed, lists: Lists::Incomplete(held) } => {
                held.hold(change, in_force, unconfirmed);
                None
            }
            Self::FromSavedObjects { unconfirmed, lists: Lists::Overdue | Lists::Complete }
            | Self::Serving { unconfirmed } => {
                unconfirmed.confirm(change.object());
                Some(change)
            }
        }
    }

    /// The source has listed everything but Secrets that are read by name.
    pub(super) fn listed(&mut self) -> Listed {
        match self {
            Self::Reading { progress: progress @ Progress::Lists, .. } => {
                *progress = Progress::Listed;
                Listed::default()
            }
            Self::FromSavedObjects { unconfirmed, lists } => {
                let held = std::mem::replace(lists, Lists::Complete).into_held(unconfirmed);
                Listed { held, deleted: unconfirmed.take_all_but_named() }
            }
            Self::Reading { progress: Progress::Listed | Progress::Synced, .. } | Self::Serving { .. } => {
                Listed::default()
            }
        }
    }

    /// The source has told everything.
    pub(super) fn synced(&mut self) {
        match self {
            Self::Reading { progress, .. } => *progress = Progress::Synced,
            Self::FromSavedObjects { unconfirmed, .. } => {
                *self = Self::Serving { unconfirmed: std::mem::take(unconfirmed) };
            }
            Self::Serving { .. } => {}
        }
    }

    /// The changes that wait, if they have waited for too long. None waits from then on.
    pub(super) fn overdue(&mut self) -> Option<Vec<Change>> {
        match self {
            Self::FromSavedObjects { unconfirmed, lists } if lists.are_overdue() => {
                Some(std::mem::replace(lists, Lists::Overdue).into_held(unconfirmed))
            }
            Self::Reading { .. } | Self::FromSavedObjects { .. } | Self::Serving { .. } => None,
        }
    }

    /// Secrets are followed from now on, or are not.
    pub(super) fn set_secrets(&mut self, connection: Connection) {
        match self {
            Self::Reading { .. } => {}
            Self::FromSavedObjects { unconfirmed, .. } | Self::Serving { unconfirmed } => {
                unconfirmed.secrets = Some(connection);
            }
        }
    }

    /// Takes out the saved Secrets and ConfigMaps that must have been deleted: everything else was listed, and these are followed.
    ///
    /// Secrets that may not be read stay. An API server refuses everything for a moment when it starts, and that must take
    /// away no certificate. The source tells of each Secret that it follows by name whether it is there, so one that may
    /// not be read keeps no other in force. Where there is a list, those that are followed one by one are told of before the
    /// source has told everything, and count until then.
    pub(super) fn deleted_secrets(
        &mut self,
        visible: &VisibleSecrets,
        is_followed: impl Fn(&ObjectRef) -> bool,
    ) -> Vec<ObjectRef> {
        let (unconfirmed, has_all) = match self {
            Self::FromSavedObjects { unconfirmed, lists: Lists::Complete } => (unconfirmed, false),
            Self::Serving { unconfirmed } => (unconfirmed, true),
            Self::FromSavedObjects { lists: Lists::Incomplete(_) | Lists::Overdue, .. } | Self::Reading { .. } => {
                return Vec::new();
            }
        };
        // Of ConfigMaps there is never a list.
        let config_maps = unconfirmed.take_unless(ObjectKind::ConfigMap, &is_followed);
        let secrets = match (visible, unconfirmed.secrets) {
            (VisibleSecrets::Listed(_), _) => unconfirmed.take_unless(ObjectKind::Secret, is_followed),
            (VisibleSecrets::All | VisibleSecrets::Allowed, Some(Connection::Up)) => {
                unconfirmed.take_unless(ObjectKind::Secret, |object| !has_all && is_followed(object))
            }
            (VisibleSecrets::All | VisibleSecrets::Allowed, Some(Connection::Down(_)) | None) => Vec::new(),
        };
        config_maps.into_iter().chain(secrets).collect()
    }
}

impl Lists {
    fn are_overdue(&self) -> bool {
        match self {
            Self::Incomplete(held) => held.is_overdue(),
            Self::Overdue | Self::Complete => false,
        }
    }

    /// The changes that wait. The source has told of their objects.
    fn into_held(self, unconfirmed: &mut Unconfirmed) -> Vec<Change> {
        match self {
            Self::Incomplete(held) => {
                let held = held.into_changes();
                held.iter().for_each(|change| unconfirmed.confirm(change.object()));
                held
            }
            Self::Overdue | Self::Complete => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Drain, Readiness};
    use crate::model::{ObjectKind, ObjectName};
    use crate::source::objects::IngressClass;

    fn class(name: &str, controller: &str) -> Change {
        Change::arrival(IngressClass::new(name, controller))
    }

    fn reference(name: &str) -> ObjectRef {
        ObjectRef::new(ObjectKind::IngressClass, ObjectName::new("", name))
    }

    fn from_saved_objects(names: &[&str]) -> (Stage, Objects, Readiness) {
        let readiness = Readiness::new(Drain::new().watch());
        let mut stage = Stage::new(readiness.guard("the first table"));
        let mut in_force = Objects::default();
        names.iter().for_each(|name| drop(in_force.apply(class(name, "x"))));
        stage.serve_saved_objects(names.iter().map(|name| reference(name)));
        (stage, in_force, readiness)
    }

    #[tokio::test]
    async fn the_first_table_ends_the_wait_for_readiness() {
        let readiness = Readiness::new(Drain::new().watch());
        let mut stage = Stage::new(readiness.guard("the first table"));
        assert!(!stage.has_listed() && !stage.is_synced() && !stage.has_table());
        assert_eq!(stage.listed(), Listed::default());
        assert!(stage.has_listed() && !stage.is_synced());
        stage.synced();
        assert!(stage.is_synced() && !stage.has_table());
        assert_eq!(readiness.pending().last(), Some(&"the first table"));
        stage.serve();
        assert!(stage.is_synced() && stage.has_table());
        assert_ne!(readiness.pending().last(), Some(&"the first table"));
    }

    #[tokio::test]
    async fn what_is_as_it_was_saved_does_not_wait() {
        let (mut stage, in_force, _) = from_saved_objects(&["a", "b", "c"]);
        // b changes and changes back, c is not told of, d is made and deleted.
        let told = [class("a", "x"), class("b", "y"), class("b", "x"), class("d", "x")];
        for change in told.into_iter().chain([Change::removal(reference("d"))]) {
            assert_eq!(stage.admit(change, &in_force), None);
        }
        assert_eq!(stage.listed(), Listed { held: Vec::new(), deleted: vec![reference("c")] });
        assert_eq!(stage.admit(class("a", "x"), &in_force), Some(class("a", "x")), "nothing waits any more");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_wait_for_the_lists_but_not_for_ever() {
        let (mut stage, in_force, _) = from_saved_objects(&["a", "b"]);
        assert_eq!(stage.admit(class("a", "y"), &in_force), None);
        assert_eq!(stage.overdue(), None);
        tokio::time::advance(tokio::time::Duration::from_secs(10)).await;
        assert_eq!(stage.overdue(), Some(vec![class("a", "y")]));
        assert_eq!(stage.overdue(), None);
        assert!(!stage.has_listed());
        assert_eq!(stage.admit(class("a", "z"), &in_force), Some(class("a", "z")));
        assert_eq!(stage.listed(), Listed { held: Vec::new(), deleted: vec![reference("b")] });
        assert!(stage.has_listed() && !stage.is_synced() && stage.has_table());
        stage.synced();
        assert!(stage.is_synced() && stage.has_listed());
    }
}
