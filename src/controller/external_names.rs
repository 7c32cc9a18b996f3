//! External names: which are wanted, what is heard of them, and the wait for the first answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::model::{ExternalName, ObjectKind, Resolution};
use crate::source::objects::Change;
use crate::translate::Invalidated;

use super::Controller;
use super::propagation::Propagation;
use super::waiting::until;

/// How long the first table waits for the first answers of DNS. A name that takes longer is answered with 503 until then.
const LONGEST_WAIT_FOR_ANSWERS: Duration = Duration::from_secs(2);

/// The names that are wanted, for who resolves them.
#[derive(Default)]
pub(super) struct ExternalNames {
    wanted: watch::Sender<BTreeMap<ExternalName, u64>>,
    /// The number of the last name that was wanted anew.
    last: u64,
    /// Since when the first table waits.
    waiting_since: Option<Instant>,
}

impl ExternalNames {
    fn wants(&self, name: &ExternalName) -> bool {
        self.wanted.borrow().contains_key(name)
    }

    fn want(&mut self, name: &ExternalName) {
        self.last += 1;
        self.wanted.send_modify(|wanted| _ = wanted.insert(name.clone(), self.last));
    }

    fn drop(&self, name: &ExternalName) {
        self.wanted.send_modify(|wanted| _ = wanted.remove(name));
    }

    /// Waits until the first table has waited for long enough; for ever when it does not wait.
    pub(super) fn overdue(&self) -> impl Future<Output = ()> + use<> {
        until(self.waiting_since.map(|since| since + LONGEST_WAIT_FOR_ANSWERS))
    }
}

impl Controller {
    /// The external names that are wanted, each with a number. A name that comes with a new number has to be told of again,
    /// even if nothing has changed.
    pub fn wanted_names(&self) -> watch::Receiver<BTreeMap<ExternalName, u64>> {
        self.external_names.wanted.subscribe()
    }

    /// Checks for all names whether they are wanted.
    pub(super) fn want_all_names(&mut self) {
        self.want_names(&self.input.wanted_names());
    }

    /// Checks again whether these names are wanted.
    pub(super) fn want_names(&mut self, names: &BTreeSet<ExternalName>) {
        if names.is_empty() {
            return;
        }
        let deferred = self.deferred_names();
        for name in names {
            let is_wanted = deferred.contains(name) || self.input.wants_name(name);
            match (self.external_names.wants(name), is_wanted) {
                (false, true) => self.external_names.want(name),
                (true, false) => {
                    self.external_names.drop(name);
                    self.input.forget_name(name);
                }
                (true, true) | (false, false) => {}
            }
        }
    }

    /// The names that a path or a Service waits for.
    pub(super) fn deferred_names(&self) -> BTreeSet<ExternalName> {
        let of_backends = self.deferred_backends.services().filter_map(|service| self.input.external_name(service));
        of_backends.chain(self.deferred_services.names().cloned()).collect()
    }

    /// DNS has said something about a name.
    pub(super) fn resolved(
        &mut self,
        name: &ExternalName,
        resolution: Resolution,
        propagation: &mut Propagation,
    ) -> Invalidated {
        if !self.external_names.wants(name) {
            return Invalidated::default();
        }
        let waiting = self.deferred_services.waiting_for(name);
        let mut invalidated = self.take_deferred_services(waiting, propagation);
        invalidated.extend(self.input.resolved(name, resolution));
        invalidated
    }

    /// Takes in changes of Services that wait no more, and may not wait again.
    pub(super) fn take_deferred_services(
        &mut self,
        changes: Vec<(Change, Instant)>,
        propagation: &mut Propagation,
    ) -> Invalidated {
        let mut invalidated = Invalidated::default();
        for (change, since) in changes {
            let of_change = self.input.take_in(change);
            self.want_names(&of_change.names);
            if self.stage.is_synced() {
                propagation.begin(ObjectKind::Service, since, &of_change);
            }
            invalidated.extend(of_change);
        }
        invalidated
    }

    /// Whether the first table should wait: somebody resolves names, and will soon tell of one.
    pub(super) fn waits_for_names(&mut self) -> bool {
        let wanted = self.external_names.wanted.borrow();
        let waits = self.external_names.wanted.receiver_count() > 0
            && wanted.keys().any(|name| self.input.resolution(name).is_none());
        drop(wanted);
        let since = *self.external_names.waiting_since.get_or_insert_with(Instant::now);
        if waits && since.elapsed() < LONGEST_WAIT_FOR_ANSWERS {
            return true;
        }
        self.external_names.waiting_since = None;
        false
    }
}
