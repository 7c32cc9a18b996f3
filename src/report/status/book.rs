//! Which statuses must be written, and when: plain state, without a clock or an API.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::ObjectName;
use crate::report::Standing;
use crate::report::address::{Addresses, sorted};
use crate::source::objects::{Address, Ingress};

/// First pause after a write that did not hold, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two writes of one status.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// These addresses, if it still asks for the class that this Ingress asks for.
    Write(Arc<Ingress>, Arc<[Address]>),
    /// Nothing any more: it has left us.
    Clear,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It stands there.
    Good,
    /// To be tried again, later and later.
    Bad,
}

/// Every Ingress of ours, and those that have just left.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: HashMap<ObjectName, Entry>,
    due: BTreeSet<(Instant, ObjectName)>,
    addresses: Addresses,
}

#[derive(Debug)]
struct Entry {
    side: Side,
    /// The addresses it has: as last told, or as last written.
    known: Arc<[Address]>,
    /// Whether the addresses it has, or some of them, can be ours.
    is_marked: bool,
    is_busy: bool,
    due: Option<Instant>,
    not_before: Instant,
    /// Writes since the addresses to publish changed last.
    writes: u32,
}

#[derive(Debug)]
enum Side {
    Ours(Arc<Ingress>),
    Leaving,
}

impl Book {
    /// News of an Ingress.
    pub(super) fn note(&mut self, name: ObjectName, standing: Standing, now: Instant) {
        match standing {
            Standing::Ours(ingress) => {
                let known = sorted(ingress.addresses.to_vec());
                // One list for all, once they are as they should be.
                let known = self.addresses.clone().filter(|wanted| *wanted == known).unwrap_or(known);
                let entry = self.entries.entry(name.clone()).or_insert_with(|| Entry {
                    side: Side::Leaving,
                    known: Arc::clone(&known),
                    is_marked: false,
                    is_busy: false,
                    due: None,
                    not_before: now,
                    writes: 0,
                });
                entry.is_marked |= !known.is_empty();
                entry.known = known;
                entry.side = Side::Ours(ingress);
                self.reconsider(&name, now);
            }
            Standing::NotOurs(ingress) => {
                let Some(entry) = self.entries.get_mut(&name) else { return };
                let is_empty = ingress.addresses.is_empty();
                let has_left = matches!(entry.side, Side::Ours(_));
                if has_left && (entry.is_marked || entry.is_busy) {
                    entry.side = Side::Leaving;
                    entry.not_before = now;
                    entry.writes = 0;
                    self.reconsider(&name, now);
                } else if has_left || is_empty && !entry.is_busy {
                    self.forget(&name);
                }
            }
            Standing::Gone => self.forget(&name),
        }
    }

    /// The addresses to publish are others now.
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

    /// What is to be written now. It is under way until `done` is told.
    pub(super) fn next(&mut self, now: Instant) -> Option<(ObjectName, Work)> {
        while self.next_due().is_some_and(|at| at <= now) {
            let (_, name) = self.due.pop_first()?;
            let Some(entry) = self.entries.get_mut(&name) else { continue };
            entry.due = None;
            let work = match (&entry.side, &self.addresses) {
                (Side::Ours(ingress), Some(addresses)) => Work::Write(Arc::clone(ingress), Arc::clone(addresses)),
                (Side::Ours(_), None) => continue,
                (Side::Leaving, _) => Work::Clear,
            };
            entry.is_busy = true;
            entry.is_marked = true;
            return Some((name, work));
        }
        None
    }

    /// When there is something to write next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What became of it.
    pub(super) fn done(&mut self, name: &ObjectName, work: &Work, done: Done, now: Instant) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.is_busy = false;
        // A status that others change back must not become a race of writes.
        entry.not_before = now + FIRST_PAUSE.saturating_mul(1 << entry.writes.min(16)).min(LONGEST_PAUSE);
        entry.writes = entry.writes.saturating_add(1);
        match (done, work) {
            (Done::Bad, _) => {}
            (Done::Good, Work::Write(_, addresses)) => entry.known = Arc::clone(addresses),
            (Done::Good, Work::Clear) => {
                if matches!(entry.side, Side::Leaving) {
                    self.forget(name);
                    return;
                }
                entry.known = Arc::default();
            }
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
                (Side::Ours(_), Some(addresses)) => entry.known != *addresses,
                (Side::Ours(_), None) => false,
                (Side::Leaving, _) => true,
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
