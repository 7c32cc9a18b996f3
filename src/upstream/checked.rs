//! Upstreams whose endpoints are checked, as routes ask for it. Somebody else does it: here is what there is to check.
//!
//! Routes that ask for the same checks of one upstream share them. Those that ask for others have others: an endpoint is up when
//! all say so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use super::living::Upstream;
use crate::model::{Checks, UpstreamKey};
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
}

/// All checks that are asked for, and those that nobody makes yet.
#[derive(Debug, Default)]
pub struct AllChecks {
    known: Mutex<Known>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Known {
    by_upstream: HashMap<UpstreamKey, Vec<Weak<Checked>>>,
    new: Vec<Weak<Checked>>,
}

impl AllChecks {
    /// Those of an upstream that are like these.
    pub(super) fn of(
        &self,
        upstream: &Arc<Upstream>,
        metrics: &Arc<UpstreamMetrics>,
        checks: &Arc<Checks>,
    ) -> Arc<Checked> {
        let mut known = self.lock();
        let list = known.by_upstream.entry(upstream.key().clone()).or_default();
        list.retain(|checked| checked.strong_count() > 0);
        let is_it = |checked: &Arc<Checked>| {
            checked.checks == *checks && std::ptr::eq(checked.upstream.as_ptr(), Arc::as_ptr(upstream))
        };
        if let Some(living) = list.iter().filter_map(Weak::upgrade).find(is_it) {
            return living;
        }
        let (checks, metrics) = (Arc::clone(checks), Arc::clone(metrics));
        let made = Arc::new(Checked { upstream: Arc::downgrade(upstream), checks, metrics });
        list.push(Arc::downgrade(&made));
        known.new.push(Arc::downgrade(&made));
        drop(known);
        self.added.notify_one();
        made
    }

    /// Forgets those that nobody asks for any more.
    pub(super) fn prune(&self) {
        self.lock().by_upstream.retain(|_, list| list.iter().any(|checked| checked.strong_count() > 0));
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
