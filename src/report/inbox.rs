//! What the controller leaves for the reporter. Leaving something never waits, and the inbox never holds more than there are
//! objects and problems.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::{ObjectName, Problem};
use crate::source::objects::Ingress;

/// How an Ingress stands, reported after the table with it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is served by us.
    Ours(Arc<Ingress>),
    /// It belongs to another class, or to none that exists.
    NotOurs(Arc<Ingress>),
    /// It was deleted.
    Gone,
}

/// The inbox: written by the controller, emptied by the reporter. It keeps the latest state of each object.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Boxes>);

#[derive(Debug, Default)]
struct Boxes {
    ingresses: Mailbox<BTreeMap<ObjectName, Standing>>,
    /// By how much the number of units that find a problem has changed.
    problems: Mailbox<BTreeMap<Problem, i64>>,
}

#[derive(Debug, Default)]
struct Mailbox<T> {
    letters: Mutex<T>,
    arrived: Notify,
}

impl<T: Default> Mailbox<T> {
    fn open(&self) -> MutexGuard<'_, T> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn empty(&self) -> T {
        self.arrived.notified().await;
        std::mem::take(&mut *self.open())
    }
}

impl Inbox {
    /// Leaves how Ingresses stand.
    pub fn ingresses(&self, standings: impl Iterator<Item = (ObjectName, Standing)>) {
        let mut letters = self.0.ingresses.open();
        letters.extend(standings);
        let is_empty = letters.is_empty();
        drop(letters);
        if !is_empty {
            self.0.ingresses.arrived.notify_one();
        }
    }

    /// Leaves the problems that have gone and those that have come. A problem that does both has not changed.
    pub fn problems<'a>(
        &self,
        gone: impl IntoIterator<Item = &'a Problem>,
        come: impl IntoIterator<Item = &'a Problem>,
    ) {
        let mut letters = self.0.problems.open();
        let changes = gone.into_iter().map(|problem| (problem, -1)).chain(come.into_iter().map(|problem| (problem, 1)));
        for (problem, change) in changes {
            match letters.get_mut(problem) {
                Some(sum) if *sum + change == 0 => drop(letters.remove(problem)),
                Some(sum) => *sum += change,
                None => drop(letters.insert(problem.clone(), change)),
            }
        }
        let is_empty = letters.is_empty();
        drop(letters);
        if !is_empty {
            self.0.problems.arrived.notify_one();
        }
    }

    /// Waits for news of Ingresses; cancel safe.
    pub(super) async fn next_ingresses(&self) -> BTreeMap<ObjectName, Standing> {
        self.0.ingresses.empty().await
    }

    /// Waits for news of problems; cancel safe.
    pub(super) async fn next_problems(&self) -> BTreeMap<Problem, i64> {
        self.0.problems.empty().await
    }
}
