//! Services that get an external name which is not resolved yet.
//!
//! DNS is asked for a name only when a route uses it, and answers some milliseconds later. So a Service that becomes an
//! ExternalName, or gets another name, stays what it was until DNS has answered, or `LONGEST_DEFERRAL` is over: its requests
//! would get 503 meanwhile. A Service without endpoints has nothing to keep, and does not wait.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ExternalName, ObjectKind, ObjectName, ObjectRef};
use crate::source::objects::{Change, Object};
use crate::translate::Input;
use crate::upstream::Registry;

use super::waiting::until;

/// How long a Service may stay what it was.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(1);

/// The Services that wait.
#[derive(Debug, Default)]
pub(super) struct DeferredServices(BTreeMap<ObjectName, Deferred>);

#[derive(Debug)]
struct Deferred {
    /// The latest version.
    wanted: Change,
    /// The name that it waits for.
    name: ExternalName,
    /// When a version was first deferred. Later versions do not start the time again.
    since: Instant,
}

impl DeferredServices {
    /// Gives a change back unless it has to wait. It takes the place of one of the same Service that waits.
    pub(super) fn defer(&mut self, input: &Input, registry: &Registry, change: Change) -> Option<Change> {
        let ObjectRef { kind: ObjectKind::Service, name } = change.object() else { return Some(change) };
        let since = self.0.remove(name).map_or_else(Instant::now, |deferred| deferred.since);
        let Some(Object::Service(wanted)) = change.current() else { return Some(change) };
        let Some(external) = input.external_name_of(wanted) else { return Some(change) };
        let is_known = input.resolution(&external).is_some() || input.external_name(name).as_ref() == Some(&external);
        let serves = || registry.of_service(name).iter().any(|upstream| !upstream.endpoints().is_empty());
        if is_known || since.elapsed() >= LONGEST_DEFERRAL || !serves() {
            return Some(change);
        }
        self.0.insert(name.clone(), Deferred { name: external, since, wanted: change });
        None
    }

    /// The changes that have waited for this name, each with the time since when. They wait no more.
    pub(super) fn waiting_for(&mut self, name: &ExternalName) -> Vec<(Change, Instant)> {
        self.take(|deferred| deferred.name == *name)
    }

    /// The changes that have waited for long enough, each with the time since when. They wait no more.
    pub(super) fn overdue(&mut self) -> Vec<(Change, Instant)> {
        self.take(|deferred| deferred.since.elapsed() >= LONGEST_DEFERRAL)
    }

    fn take(&mut self, which: impl Fn(&Deferred) -> bool) -> Vec<(Change, Instant)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.0).into_iter();
        let (taken, left): (BTreeMap<_, _>, _) = all.partition(|(_, deferred)| which(deferred));
        self.0 = left;
        taken.into_values().map(|deferred| (deferred.wanted, deferred.since)).collect()
    }

    /// The names that are waited for.
    pub(super) fn names(&self) -> impl Iterator<Item = &ExternalName> {
        self.0.values().map(|deferred| &deferred.name)
    }

    /// Waits until the first of them has waited long enough; for ever when there is none.
    pub(super) fn first_overdue(&self) -> impl Future<Output = ()> + use<> {
        let first = self.0.values().map(|deferred| deferred.since).min();
        until(first.map(|since| since + LONGEST_DEFERRAL))
    }
}
