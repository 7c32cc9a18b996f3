//! A path that changes hands: from a Service with endpoints to one that has none yet.
//!
//! The watches of an API server are not in step, and the first EndpointSlices of a Service are made by a controller of
//! their own, some hundred milliseconds after it. So an Ingress that is switched to a Service made in the same moment tends
//! to come before that Service can be used. Then such a path, and nothing else of the Ingress, keeps its former Service
//! until the new one has endpoints, the former has none any more, or `PATIENCE` is over. New hosts and paths, TLS, class and
//! annotations never wait, and neither does the removal of anything.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectName, ObjectRef};
use crate::source::objects::{Backend, Change, Ingress, Object, Path};
use crate::translate::{self, Backing, Input};

/// How long an Ingress may differ from what its author wants.
const PATIENCE: Duration = Duration::from_secs(1);

/// The Ingresses of which a path keeps its former Service.
#[derive(Debug, Default)]
pub(super) struct Handovers(BTreeMap<ObjectName, Handover>);

#[derive(Debug)]
struct Handover {
    /// As its author wants it: the latest version.
    wanted: Arc<Ingress>,
    /// When it first was not taken in as it is. Later versions do not begin anew.
    since: Instant,
    /// The Services of its paths that change hands, former and new.
    services: BTreeSet<ObjectName>,
}

impl Handovers {
    /// What is to be taken in instead of this change: of the Ingress as it stands, the paths that change hands.
    pub(super) fn soften(&mut self, input: &Input, change: Change) -> Change {
        let ObjectRef { kind: ObjectKind::Ingress, name } = change.object() else { return change };
        let since = self.0.remove(name).map_or_else(Instant::now, |handover| handover.since);
        let Some(Object::Ingress(wanted)) = change.current() else { return change };
        if since.elapsed() >= PATIENCE {
            return change;
        }
        let Some((between, services)) = between(input, wanted) else { return change };
        self.0.insert(name.clone(), Handover { wanted: Arc::clone(wanted), since, services });
        Change::arrival(between)
    }

    /// The Ingresses to take in again, each with the time since when it waits: those that have waited long enough, and
    /// those for which these Services matter, be it that they still wait afterwards.
    pub(super) fn due(&self, changed: &BTreeSet<ObjectName>) -> Vec<(Change, Instant)> {
        let is_due = |handover: &Handover| {
            handover.since.elapsed() >= PATIENCE || handover.services.iter().any(|service| changed.contains(service))
        };
        let due = self.0.iter().filter(|(_, handover)| is_due(handover));
        due.map(|(_, of)| (Change::arrival(Object::Ingress(Arc::clone(&of.wanted))), of.since)).collect()
    }

    /// Waits until the first of them has waited long enough; for ever when there is none.
    pub(super) fn patience(&self) -> impl Future<Output = ()> + use<> {
        let first = self.0.values().map(|handover| handover.since).min();
        async move {
            match first {
                Some(since) => tokio::time::sleep_until(since + PATIENCE).await,
                None => std::future::pending().await,
            }
        }
    }
}

/// The Ingress with the former backend on each path that changes hands, and the Services of these paths; `None` when there
/// is no such path.
fn between(input: &Input, wanted: &Ingress) -> Option<(Ingress, BTreeSet<ObjectName>)> {
    let former = input.objects().ingress(&wanted.name)?;
    let is_same = former.rules == wanted.rules && former.default_backend == wanted.default_backend;
    if is_same || !translate::is_ours(input, former) || !translate::is_ours(input, wanted) {
        return None;
    }
    let mut services = BTreeSet::new();
    let mut changes_hands = |from: &Backend, to: &Backend| {
        let (Backend::Service { name: old, .. }, Backend::Service { name: new, .. }) = (from, to) else { return false };
        let backing = |backend| translate::backing(input, &wanted.name.namespace, backend);
        let does = from != to && backing(to) == Backing::NotYet && backing(from) == Backing::Endpoints;
        if does {
            let service = |name: &Arc<str>| ObjectName::new(wanted.name.namespace.clone(), name.clone());
            services.extend([service(old), service(new)]);
        }
        does
    };
    let mut between = wanted.clone();
    if let (Some(from), Some(to)) = (&former.default_backend, &mut between.default_backend)
        && changes_hands(from, to)
    {
        *to = from.clone();
    }
    let mut backends = HashMap::new();
    for rule in &former.rules {
        for Path { path, kind, backend } in rule.paths.iter().flatten() {
            backends.entry((&rule.host, path, kind)).or_insert(backend);
        }
    }
    for rule in &mut between.rules {
        for Path { path, kind, backend } in rule.paths.iter_mut().flatten() {
            if let Some(from) = backends.get(&(&rule.host, &*path, &*kind))
                && changes_hands(from, backend)
            {
                *backend = (*from).clone();
            }
        }
    }
    (!services.is_empty()).then_some((between, services))
}
