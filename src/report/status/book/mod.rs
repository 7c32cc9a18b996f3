//! Which statuses must be written, and when: plain state, without a clock or an API.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::ObjectName;
use crate::report::Standing;
use crate::report::address::{Addresses, sorted};
use crate::source::objects::{Address, Ingress};

/// First pause after a write that another writer changed back, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two writes of one status.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// These addresses, if it still asks for the class that this Ingress asks for.
    Write(Arc<Ingress>, Arc<[Address]>),
    /// No addresses any more: this version of it has left the class.
    Clear(Arc<Ingress>),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// The status is written.
    Good,
    /// It must be tried again, after growing pauses.
    Bad,
}

/// Every Ingress of ours, and those that have left the class and still have addresses of ours.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: HashMap<ObjectName, Entry>,
    due: BTreeSet<(Instant, ObjectName)>,
    addresses: Addresses,
}

#[derive(Debug)]
struct Entry {
    side: Side,
    /// The addresses it has: as last reported, or as last written.
    known: Arc<[Address]>,
    /// Whether this installation wrote them, perhaps as one of several writers.
    is_signed: bool,
    is_busy: bool,
    due: Option<Instant>,
    not_before: Instant,
    /// Writes since the addresses to publish changed last.
    writes: u32,
}

#[derive(Debug)]
enum Side {
    Ours(Arc<Ingress>),
    Leaving(Arc<Ingress>),
}

impl Book {
    /// News of an Ingress.
    pub(super) fn note(&mut self, name: ObjectName, standing: Standing, now: Instant) {
        let (side, ingress) = match standing {
            Standing::Ours(ingress) => (Side::Ours(Arc::clone(&ingress)), ingress),
            // The Ingress itself says whether it has addresses of ours, whichever replica wrote them and when. A write that
            // is under way at this moment will show in its next version.
            Standing::NotOurs(ingress) if ingress.is_status_ours => (Side::Leaving(Arc::clone(&ingress)), ingress),
            Standing::NotOurs(_) | Standing::Gone => return self.forget(&name),
        };
        let known = sorted(ingress.addresses.to_vec());
        // All Ingresses share one list when they are as they should be.
        let known = self.addresses.clone().filter(|wanted| *wanted == known).unwrap_or(known);
        let is_signed = ingress.is_status_ours;
        match self.entries.get_mut(&name) {
            Some(entry) => {
                if matches!(side, Side::Leaving(_)) && matches!(entry.side, Side::Ours(_)) {
                    entry.not_before = now;
                    entry.writes = 0;
                }
                (entry.side, entry.known, entry.is_signed) = (side, known, is_signed);
            }
            None => {
                let entry = Entry { side, known, is_signed, is_busy: false, due: None, not_before: now, writes: 0 };
                self.entries.insert(name.clone(), entry);
            }
        }
        self.reconsider(&name, now);
    }

    /// The addresses to publish have changed.
    pub(super) fn publish(&mut self, addresses: Addresses, now: Instant) {
        self.addresses = addresses;
        let names: Vec<_> = self.entries.keys().cloned().collect();
        for name in names {
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.not_before = now;
                entry.writes = 0;
            }
            self.reconsider(&name, now);
        }
    }

    /// What to write now. It is under way until `done`.
    pub(super) fn next(&mut self, now: Instant) -> Option<(ObjectName, Work)> {
        while self.next_due().is_some_and(|at| at <= now) {
            let (_, name) = self.due.pop_first()?;
            let Some(entry) = self.entries.get_mut(&name) else { continue };
            entry.due = None;
            let work = match (&entry.side, &self.addresses) {
                (Side::Ours(ingress), Some(addresses)) => Work::Write(Arc::clone(ingress), Arc::clone(addresses)),
                (Side::Ours(_), None) => continue,
                (Side::Leaving(ingress), _) => Work::Clear(Arc::clone(ingress)),
            };
            entry.is_busy = true;
            return Some((name, work));
        }
        None
    }

    /// When there is something to write next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// How a write ended.
    pub(super) fn done(&mut self, name: &ObjectName, work: &Work, done: Done, now: Instant) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.is_busy = false;
        // A status that another writer changes back must not lead to a race of writes.
        entry.not_before = now + FIRST_PAUSE.saturating_mul(1 << entry.writes.min(16)).min(LONGEST_PAUSE);
        entry.writes = entry.writes.saturating_add(1);
        match (done, work) {
            (Done::Bad, _) => {}
            // News that came meanwhile is more recent: the Ingress may have been created again under the same name.
            (Done::Good, Work::Write(written, addresses)) => match &entry.side {
                Side::Ours(ingress) if Arc::ptr_eq(ingress, written) => {
                    entry.known = Arc::clone(addresses);
                    entry.is_signed = true;
                }
                Side::Ours(_) | Side::Leaving(_) => {}
            },
            (Done::Good, Work::Clear(_)) => entry.is_signed = false,
        }
        if matches!(entry.side, Side::Leaving(_)) && !entry.is_signed {
            self.forget(name);
            return;
        }
        self.reconsider(name, now);
    }

    fn forget(&mut self, name: &ObjectName) {
        if let Some(due) = self.entries.remove(name).and_then(|entry| entry.due) {
            self.due.remove(&(due, name.clone()));
        }
    }

    fn reconsider(&mut self, name: &ObjectName, now: Instant) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let is_wanted = !entry.is_busy
            && match (&entry.side, &self.addresses) {
                // Addresses that another writer wrote are written as well if they are right, so that it may remove its own.
                (Side::Ours(_), Some(addresses)) => {
                    entry.known != *addresses || !entry.is_signed && !addresses.is_empty()
                }
                (Side::Ours(_), None) => false,
                (Side::Leaving(_), _) => true,
            };
        if let Some(due) = entry.due.take() {
            self.due.remove(&(due, name.clone()));
        }
        if is_wanted {
            let at = entry.not_before.max(now);
            entry.due = Some(at);
            self.due.insert((at, name.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
