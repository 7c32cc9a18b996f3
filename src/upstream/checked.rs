//! Upstreams whose endpoints are checked, as routes ask for it. Somebody else does it: here is what there is to check.
//!
//! Routes that ask for the same checks of one upstream share them. Those that ask for others have others: an endpoint is up when
//! all say so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use super::living::Upstream;
use crate::model::{Checks, ObjectRef, UpstreamKey};
use crate::observe::UpstreamMetrics;

/// Checks of an upstream, for as long as a route holds it.
#[derive(Debug)]
pub struct Checked {
    /// The upstream.
    pub upstream: Weak<Upstream>,
    /// How it is checked.
    pub checks: Arc<Checks>,
    /// What the checks are counted in.
    pub metrics: Arc<UpstreamMetrics>,
    /// Whether nobody asks for them any more. Requests under way may hold the route of one who did.
    is_over: AtomicBool,
}

impl Checked {
    /// Whether nobody asks for them any more.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }
}

/// The object whose routes ask for checks; `None`: the routes of an option. An Ingress and a Service may have one name.
pub(super) type Asker = Option<ObjectRef>;

/// All checks that are asked for, and those that nobody makes yet.
#[derive(Debug, Default)]
pub struct AllChecks {
    known: Mutex<Known>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Known {
    by_upstream: HashMap<UpstreamKey, Vec<(Asker, Weak<Checked>)>>,
    new: Vec<Weak<Checked>>,
}

impl AllChecks {
    /// Those of an upstream that are like these, asked for by the routes of an object. What they have asked for before is over.
    pub(super) fn of(
        &self,
        by: &Asker,
        upstream: &Arc<Upstream>,
        metrics: &Arc<UpstreamMetrics>,
        checks: &Arc<Checks>,
    ) -> Arc<Checked> {
        let mut known = self.lock();
        let list = known.by_upstream.entry(upstream.key().clone()).or_default();
        let is_it = |checked: &Arc<Checked>| {
            let is_of_upstream = std::ptr::eq(checked.upstream.as_ptr(), Arc::as_ptr(upstream));
            checked.checks == *checks && is_of_upstream && !checked.is_over()
        };
        let living = list.iter().filter_map(|(_, checked)| checked.upgrade()).find(is_it);
        let is_new = living.is_none();
        let checked = living.unwrap_or_else(|| {
            let (checks, metrics) = (Arc::clone(checks), Arc::clone(metrics));
            let is_over = AtomicBool::new(false);
            Arc::new(Checked { upstream: Arc::downgrade(upstream), checks, metrics, is_over })
        });
        list.push((by.clone(), Arc::downgrade(&checked)));
        let place = list.len() - 1;
        end_former(list, by, place);
        if is_new {
            known.new.push(Arc::downgrade(&checked));
        }
        drop(known);
        self.added.notify_one();
        checked
    }

    /// The routes of an object ask for no checks of an upstream.
    pub(super) fn none_of(&self, by: &Asker, upstream: &Upstream) {
        let mut known = self.lock();
        if known.by_upstream.is_empty() {
            return;
        }
        if let Some(list) = known.by_upstream.get_mut(upstream.key()) {
            end_former(list, by, usize::MAX);
        }
    }

    /// Forgets those that nobody asks for any more.
    pub(super) fn prune(&self) {
        self.lock().by_upstream.retain(|_, list| list.iter().any(|(_, checked)| checked.strong_count() > 0));
    }

    /// Takes those that were added since the last time.
    pub fn take_new(&self) -> Vec<Weak<Checked>> {
        std::mem::take(&mut self.lock().new)
    }

    /// Waits until there may be one.
    pub async fn added(&self) {
        self.added.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out what an object has asked for before, but for the entry at `kept`, and what is gone. What nobody else asks for is over.
fn end_former(list: &mut Vec<(Asker, Weak<Checked>)>, by: &Asker, kept: usize) {
    let mut at = 0;
    let mut former = Vec::new();
    list.retain(|(of, checked)| {
        let stays = (of != by || at == kept) && checked.strong_count() > 0;
        at += 1;
        if !stays {
            former.extend(checked.upgrade());
        }
        stays
    });
    for checked in former {
        let is_asked_for = list.iter().any(|(_, other)| std::ptr::eq(other.as_ptr(), Arc::as_ptr(&checked)));
        checked.is_over.store(!is_asked_for, Relaxed);
    }
}
