//! Metrics under the names of ingress-nginx, on request (`--metrics-compat ingress-nginx`), so that dashboards and alerts made
//! for it go on; and the names of routes as ingress-nginx writes them, for log formats too.
//!
//! While neither is asked for, no route has a [`RouteDetail`] and nothing here is kept. Labels hold names of configured objects
//! or members of closed sets; methods that nobody knows are one of these. Both are bounded, so clients cannot make series
//! without end.

mod detail;
mod families;
mod methods;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use prometheus::IntGauge;

use crate::model::{ObjectName, Problem, ProblemCode};
use crate::observe::register::unix_seconds;
use detail::Shared;

pub use detail::{RouteDetail, RouteNames, Served};
pub(super) use families::FAMILIES;
pub(super) use write::{Whole, write};

/// How many sets of names there may be: a bound on memory, far above what one pod serves.
const NAMES_LIMIT: usize = 50_000;

/// What is wanted in the manner of ingress-nginx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compat {
    /// The names of routes, for the access log.
    Names,
    /// The metrics too.
    Metrics,
}

/// What ingress-nginx says about itself with each series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControllerNames {
    /// `controller_class`: the value of IngressClasses' `spec.controller`.
    pub class: String,
    /// `controller_namespace`: that of the pod; empty where it is not known.
    pub namespace: String,
    /// `controller_pod`: the name of the pod, or of the host.
    pub pod: String,
    /// The name of the Lease; `None` where nobody is elected.
    pub election: Option<String>,
}

/// A certificate that is served for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCertificate {
    /// The host as TLS entries name it; `_` for the default certificate.
    pub host: Arc<str>,
    /// Where it comes from.
    pub secret: ObjectName,
    /// End of its validity.
    pub end: SystemTime,
}

/// What clients' connections do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStates {
    /// A TLS handshake is under way.
    pub reading: i64,
    /// They wait for a request.
    pub waiting: i64,
}

/// By host and Secret, ends of validity in seconds since 1970.
type EndsByHost = BTreeMap<(Arc<str>, Arc<str>), u64>;

/// All that is kept for it.
pub(crate) struct Nginx {
    wanted: Compat,
    controller: ControllerNames,
    shared: Arc<Shared>,
    routes: Mutex<HashMap<Arc<RouteNames>, Weak<RouteDetail>, foldhash::fast::RandomState>>,
    /// Stands for those beyond the limit.
    more: Arc<RouteDetail>,
    /// Of requests that no route took.
    unrouted: Arc<RouteDetail>,
    certificates: Mutex<EndsByHost>,
    orphans: Mutex<BTreeMap<(ObjectName, Orphan), u64>>,
    reading: IntGauge,
    waiting: IntGauge,
}

/// Why an Ingress has nowhere to send requests to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Orphan {
    NoService,
    NoEndpoint,
}

impl Orphan {
    const ALL: [Self; 2] = [Self::NoService, Self::NoEndpoint];

    fn of(code: ProblemCode) -> Option<Self> {
        match code {
            ProblemCode::ServiceNotFound => Some(Self::NoService),
            ProblemCode::NoEndpoints => Some(Self::NoEndpoint),
            _ => None,
        }
    }

    /// The value of the label `type`.
    fn as_str(self) -> &'static str {
        match self {
            Self::NoService => "no-service",
            Self::NoEndpoint => "no-endpoint",
        }
    }
}

impl Nginx {
    pub(super) fn new(wanted: Compat, controller: ControllerNames) -> Self {
        let shared = Arc::new(Shared::new(wanted));
        let gauge = || IntGauge::new("state", "connections in a state").expect("a valid name");
        Self {
            wanted,
            controller,
            routes: Mutex::default(),
            more: Arc::new(RouteDetail::new(Arc::new(RouteNames::more()), &shared)),
            unrouted: Arc::new(RouteDetail::new(Arc::new(RouteNames::unrouted()), &shared)),
            shared,
            certificates: Mutex::default(),
            orphans: Mutex::default(),
            reading: gauge(),
            waiting: gauge(),
        }
    }

    /// What is kept of the route with these names, for as long as someone holds it.
    pub(super) fn route(&self, names: RouteNames) -> Arc<RouteDetail> {
        let mut routes = lock(&self.routes);
        if let Some(detail) = routes.get(&names).and_then(Weak::upgrade) {
            return detail;
        }
        if routes.len() >= NAMES_LIMIT {
            routes.retain(|_, detail| detail.strong_count() > 0);
            if routes.len() >= NAMES_LIMIT {
                return Arc::clone(&self.more);
            }
        }
        let names = Arc::new(names);
        let detail = Arc::new(RouteDetail::new(Arc::clone(&names), &self.shared));
        routes.insert(names, Arc::downgrade(&detail));
        detail
    }

    /// Those in use, in order of their names, and the two that are always there.
    fn details(&self) -> Vec<Arc<RouteDetail>> {
        let mut details: Vec<_> = {
            let mut routes = lock(&self.routes);
            routes.retain(|_, detail| detail.strong_count() > 0);
            routes.values().filter_map(Weak::upgrade).collect()
        };
        details.sort_unstable_by(|a, b| a.names().cmp(b.names()));
        details.extend([Arc::clone(&self.unrouted), Arc::clone(&self.more)]);
        details
    }

    /// What is kept of requests that no route took.
    pub(super) fn unrouted(&self) -> &Arc<RouteDetail> {
        &self.unrouted
    }

    /// Whether all of it is shown, and not names only.
    pub(super) fn shows_metrics(&self) -> bool {
        self.wanted == Compat::Metrics
    }

    /// The certificates that are served now.
    pub(super) fn set_certificates(&self, certificates: Vec<HostCertificate>) {
        let ends = certificates.into_iter().map(|HostCertificate { host, secret, end }| {
            let secret = format!("{}/{}", secret.namespace, secret.name);
            ((host, Arc::from(secret)), unix_seconds(end))
        });
        *lock(&self.certificates) = ends.collect();
    }

    /// The connections of a shard do something else than it told before.
    pub(super) fn states_changed(&self, before: ConnectionStates, now: ConnectionStates) {
        self.reading.add(now.reading - before.reading);
        self.waiting.add(now.waiting - before.waiting);
    }

    /// Findings have gone, and others have come.
    pub(super) fn problems_changed<'a>(
        &self,
        gone: impl Iterator<Item = &'a Problem>,
        come: impl Iterator<Item = &'a Problem>,
    ) {
        let key = |problem: &Problem| Some((problem.object.name.clone(), Orphan::of(problem.code)?));
        let mut orphans = lock(&self.orphans);
        come.filter_map(key).for_each(|key| *orphans.entry(key).or_default() += 1);
        for key in gone.filter_map(key) {
            if let Some(count) = orphans.get_mut(&key) {
                *count = count.saturating_sub(1);
            }
        }
        orphans.retain(|_, count| *count > 0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
