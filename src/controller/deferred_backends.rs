//! Paths that are switched from a Service with endpoints to a Service that has none yet.
//!
//! The watches of an API server are not in step, and a controller of its own makes the first EndpointSlices of a Service,
//! some hundred milliseconds after it. So an Ingress that is switched to a Service of the same moment often arrives before
//! that Service can be used. Then such a path keeps its former Service until the new one has endpoints, the former has none
//! left, or `LONGEST_DEFERRAL` is over. With it wait the annotations that say how pods are spoken to, as they are for the new
//! pods. Nothing else of the Ingress waits: not new hosts and paths, TLS, class and other annotations, nor the removal of
//! anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;
use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectName, ObjectRef};
use crate::source::objects::{Annotations, Backend, Change, Ingress, Object, Path, Rule};
use crate::translate::{self, BackendReadiness, Input, annotations};

use super::waiting::until;

/// How long a path may keep its former backend.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(1);

/// The Ingresses of which a path keeps its former backend.
#[derive(Debug, Default)]
pub(super) struct DeferredBackends(BTreeMap<ObjectName, Deferred>);

#[derive(Debug)]
struct Deferred {
    /// The latest version, as its author wrote it.
    wanted: Arc<Ingress>,
    /// When a version was first deferred. Later versions do not start the time again.
    since: Instant,
    /// The Services of the deferred paths, former and new.
    services: BTreeSet<ObjectName>,
}

impl DeferredBackends {
    /// What to take in instead of this change: the new Ingress, with the former backend on each path that has to wait.
    pub(super) fn defer(&mut self, input: &Input, change: Change) -> Change {
        let ObjectRef { kind: ObjectKind::Ingress, name } = change.object() else { return change };
        let since = self.0.remove(name).map_or_else(Instant::now, |deferred| deferred.since);
        let Some(Object::Ingress(wanted)) = change.current() else { return change };
        if since.elapsed() >= LONGEST_DEFERRAL {
            return change;
        }
        let Some((between, services)) = between(input, wanted) else { return change };
        self.0.insert(name.clone(), Deferred { wanted: Arc::clone(wanted), since, services });
        Change::arrival(between)
    }

    /// The Ingresses to take in again, each with the time since when it waits: those that have waited long enough, and
    /// those for which these Services matter. The latter may be deferred once more.
    pub(super) fn due(&self, changed: &BTreeSet<ObjectName>) -> Vec<(Change, Instant)> {
        let is_due = |deferred: &Deferred| {
            deferred.since.elapsed() >= LONGEST_DEFERRAL
                || deferred.services.iter().any(|service| changed.contains(service))
        };
        let due = self.0.iter().filter(|(_, deferred)| is_due(deferred));
        due.map(|(_, of)| (Change::arrival(Object::Ingress(Arc::clone(&of.wanted))), of.since)).collect()
    }

    /// The Services that deferred paths have to do with, former and new.
    pub(super) fn services(&self) -> impl Iterator<Item = &ObjectName> {
        self.0.values().flat_map(|deferred| &deferred.services)
    }

    /// Waits until the first of them has waited long enough; for ever when there is none.
    pub(super) fn first_overdue(&self) -> impl Future<Output = ()> + use<> {
        let first = self.0.values().map(|deferred| deferred.since).min();
        until(first.map(|since| since + LONGEST_DEFERRAL))
    }
}

/// The Ingress with the former backend on each path that has to wait, and the Services of these paths; `None` when no path
/// has to wait.
fn between(input: &Input, wanted: &Ingress) -> Option<(Ingress, BTreeSet<ObjectName>)> {
    let former = input.objects().ingress(&wanted.name)?;
    let is_same = former.rules == wanted.rules && former.default_backend == wanted.default_backend;
    let is_ours = |version| translate::is_ours(input, version);
    if is_same || name_one_backend(former, wanted) || !is_ours(former) || !is_ours(wanted) {
        return None;
    }
    let mut services = BTreeSet::new();
    let mut has_to_wait = |from: &Backend, to: &Backend| {
        let (Backend::Service { name: old, .. }, Backend::Service { name: new, .. }) = (from, to) else { return false };
        let readiness = |backend| translate::backend_readiness(input, &wanted.name.namespace, backend);
        let waits =
            from != to && readiness(to) == BackendReadiness::NotYet && readiness(from) == BackendReadiness::Ready;
        if waits {
            let service = |name: &Arc<str>| ObjectName::new(wanted.name.namespace.clone(), name.clone());
            services.extend([service(old), service(new)]);
        }
        waits
    };
    let of_default = former.default_backend.as_ref().zip(wanted.default_backend.as_ref());
    let default = of_default.filter(|(from, to)| has_to_wait(from, to)).map(|(from, _)| from);
    let mut backends = HashMap::default();
    for (rule, Path { path, kind, backend }) in paths(former) {
        backends.entry((&rule.host, path, kind)).or_insert(backend);
    }
    // Of all paths, in order.
    let of_paths: Vec<_> = paths(wanted)
        .map(|(rule, Path { path, kind, backend: to })| {
            backends.get(&(&rule.host, path, kind)).copied().filter(|from| has_to_wait(from, to))
        })
        .collect();
    if services.is_empty() {
        return None;
    }
    let mut between = wanted.clone();
    between.annotations = annotations_between(former, wanted);
    if let Some(from) = default {
        between.default_backend = Some(from.clone());
    }
    let paths = between.rules.iter_mut().flat_map(|rule| rule.paths.iter_mut().flatten());
    for (path, from) in paths.zip(of_paths) {
        if let Some(from) = from {
            path.backend = from.clone();
        }
    }
    Some((between, services))
}

/// The new annotations, with the former ones in place of those that say how pods are spoken to.
fn annotations_between(former: &Ingress, wanted: &Ingress) -> Annotations {
    let concerns_pods = |(key, _): &&(Arc<str>, Arc<str>)| annotations::concerns_pods(key);
    let of_former = former.annotations.iter().filter(concerns_pods);
    wanted.annotations.iter().filter(|pair| !concerns_pods(pair)).chain(of_former).cloned().collect()
}

/// Whether all backends that the two versions name are the same one. Most changes leave it alone, and then no path waits.
fn name_one_backend(former: &Ingress, wanted: &Ingress) -> bool {
    let mut backends = backends(former).chain(backends(wanted));
    backends.next().is_none_or(|first| backends.all(|other| other == first))
}

fn paths(ingress: &Ingress) -> impl Iterator<Item = (&Rule, &Path)> {
    ingress.rules.iter().flat_map(|rule| rule.paths.iter().flatten().map(move |path| (rule, path)))
}

fn backends(ingress: &Ingress) -> impl Iterator<Item = &Backend> {
    paths(ingress).map(|(_, path)| &path.backend).chain(&ingress.default_backend)
}
