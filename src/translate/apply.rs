//! Changes to what translation reads, with what follows from them for canaries.
//!
//! Which canary a Service and port has depends on who has the path of the canary, perhaps at a host where the Service has no
//! other route. So whatever makes the unit of a host stale where canaries have rules makes the canaries of this host be looked
//! for anew, and where they differ from before the hosts of the Services concerned are translated again.

use crate::model::{HostKey, ListenerSet, ObjectKind, ObjectRef, UnitKey};
use crate::source::objects::Change;

use super::canary;
use super::input::Input;
use super::invalidated::Invalidated;

impl Input {
    /// Takes one change in and tells what it invalidates. An object that is as before invalidates nothing.
    ///
    /// The cost follows what the object is used by, not what is loaded. Only a class may invalidate everything, and all hosts
    /// are looked at where other namespaces than before have rules for a wildcard.
    pub fn apply(&mut self, change: Change) -> Invalidated {
        let mut invalidated = self.take_in(change);
        self.follow_canaries(&mut invalidated);
        invalidated
    }

    /// Takes many changes in.
    pub fn apply_all(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.take_in(change);
        }
        self.follow_canaries(&mut Invalidated::default());
    }

    /// Takes one change of a batch in. Before anything is translated, `follow_canaries` is to be called, once for all: canaries
    /// cost as much to find as their hosts cost to translate.
    pub fn take_in(&mut self, change: Change) -> Invalidated {
        let invalidated = self.change(change);
        self.note_canaries(&invalidated);
        invalidated
    }

    /// Finds the main rules of canaries anew where the changes that were taken in may have moved them, and adds the hosts at which
    /// something else is shared than before.
    pub fn follow_canaries(&mut self, invalidated: &mut Invalidated) {
        for host in self.canaries_mut().take_stale() {
            let hung = canary::hung(self, &host);
            for service in self.canaries_mut().replace(&host, hung) {
                let service = ObjectRef::new(ObjectKind::Service, service);
                for user in self.index().users(ObjectKind::Service, &service.name) {
                    invalidated.hosts(self.index().with_aliases(user.hosts_using(&service)));
                }
            }
        }
    }

    /// Moves the time at which certificates are judged, and tells what that invalidates. Looks at every Secret that is in use,
    /// so it is not meant to be called often.
    pub fn advance(&mut self, now: i64) -> Invalidated {
        let mut invalidated = self.set_time(now);
        self.note_canaries(&invalidated);
        self.follow_canaries(&mut invalidated);
        invalidated
    }

    /// Takes note of the hosts with rules of canaries of which the units are stale.
    fn note_canaries(&mut self, invalidated: &Invalidated) {
        if self.canaries().is_empty() {
            return;
        }
        for unit in &invalidated.units {
            match unit {
                UnitKey::Host(HostKey { listeners: ListenerSet::Default, pattern }) => {
                    self.canaries_mut().set_stale(pattern);
                }
                // Ingress is served on the default listeners only.
                UnitKey::Host(HostKey { listeners: ListenerSet::Of(_), pattern: _ })
                | UnitKey::Stream(_)
                | UnitKey::DefaultCertificate
                | UnitKey::Object(_) => {}
            }
        }
    }
}
