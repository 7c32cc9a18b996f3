//! Objects from a Kubernetes API: one list and watch for each kind, namespace, or Secret or ConfigMap that is wanted by name.
//!
//! Only names are kept of the API's state. What was read stays in force while the API is away, because then only `Connected` is
//! sent. Objects are parsed to the plain view when they arrive.

mod client;
mod connect;
mod failure;
mod lenient;
mod lines;
mod list;
mod named;
mod scope;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot, watch as cell};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem};
use crate::observe::Metrics;

use super::changes::{Connection, Event};
use super::kinds::{self, Kind, Watched};
use super::objects::Signature;
use named::Named;
use scope::{Scope, Which};
use watch::{Report, Shared, Watch, forbidden};

pub use client::{Access, AccessError};
pub use list::{Listing, Unlisted, list};

/// Reports of watches that may wait.
const REPORTS: usize = 256;

/// Refusals after which Secrets count as forbidden. The second one comes within half a second.
const REFUSALS: u32 = 2;

/// Most single objects that are read at once. Each is watched over a connection of its own.
const TURNS: usize = 16;

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Namespaces of Ingresses, Services and EndpointSlices; empty for all. `--watch-namespace`.
    pub namespaces: Vec<Arc<str>>,
    /// Whether and how IngressClasses are read. `--ingress-class-lookup`.
    pub classes: ClassAccess,
    /// How Secrets are read. `--secret-access`.
    pub secrets: SecretAccess,
    /// How ConfigMaps are read. `--config-map-access`.
    pub config_maps: ConfigMapAccess,
    /// A Secret that is read besides. `--shared-keys`.
    pub shared_keys: Option<ObjectName>,
    /// A Service whose EndpointSlices are read whatever `namespaces` says. `--self-service`.
    pub self_service: Option<ObjectName>,
    /// ConfigMaps that are read besides. `--nginx-configmap`, `--haproxy-configmap`, `--tcp-services-configmap`,
    /// `--udp-services-configmap`.
    pub config_maps_of_options: BTreeSet<ObjectName>,
    /// The signature of the statuses that this installation writes; `None` when it writes none.
    pub signature: Option<Signature>,
}

/// Whether IngressClasses are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassAccess {
    /// They are listed and watched.
    Listed,
    /// They are not, because a namespaced role cannot grant it.
    None,
}

/// How Secrets are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretAccess {
    /// Those of type `kubernetes.io/tls` of all namespaces, and one by one those that annotations name.
    Cluster,
    /// The same of these namespaces.
    Namespaces(Vec<Arc<str>>),
    /// Those of these that are wanted, one by one, without a list.
    Names(BTreeSet<ObjectName>),
}

/// How ConfigMaps are read: those that options and annotations name, one by one, of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigMapAccess {
    /// All.
    Cluster,
    /// Those of these namespaces.
    Namespaces(Vec<Arc<str>>),
    /// These.
    Names(BTreeSet<ObjectName>),
}

/// Sends what the API holds, then every change of it, until the receiver is dropped.
///
/// `wanted` are the Secrets and ConfigMaps to read one by one: of Secrets with `SecretAccess::Names` all that are wanted, else
/// those that annotations name. It must be set after `Event::Listed`, and whenever it changes. The absence of the API server never ends this, so `Event::Synced` may never come.
pub async fn follow(
    settings: Settings,
    access: Arc<Access>,
    metrics: Arc<Metrics>,
    events: mpsc::Sender<Event>,
    mut wanted: cell::Receiver<BTreeSet<ObjectRef>>,
) {
    let (reports, mut incoming) = mpsc::channel(REPORTS);
    let mut follower = Follower {
        access,
        signature: settings.signature.clone(),
        metrics,
        events: events.clone(),
        reports,
        tasks: JoinSet::new(),
        watches: HashMap::new(),
        next_id: 0,
        pending: HashSet::new(),
        connected: BTreeSet::new(),
        problems: BTreeMap::new(),
        has_new_problems: false,
        turns: Arc::new(Semaphore::new(TURNS)),
        shared: Shared::default(),
    };
    for scope in scopes(&settings) {
        follower.start(scope);
    }
    let mut named = [
        Named::secrets(settings.secrets, settings.shared_keys),
        Named::config_maps(settings.config_maps, settings.config_maps_of_options),
    ];
    let mut progress = Progress::Listing;
    loop {
        let step = tokio::select! {
            report = incoming.recv() => report.map(Step::Report),
            changed = wanted.changed(), if progress != Progress::Listing => changed.ok().map(|()| Step::Wanted),
            Some(ended) = follower.tasks.join_next() => ended.err().map_or(Some(Step::Nothing), |error| {
                tracing::error!(%error, "a watch ended");
                None
            }),
            () = events.closed() => None,
        };
        let outcome = match step {
            None => return,
            Some(Step::Nothing) => Ok(()),
            Some(Step::Wanted) => {
                let wanted = wanted.borrow_and_update().clone();
                named.iter_mut().for_each(|named| named.reconcile(&wanted, &mut follower));
                if progress == Progress::Listed {
                    progress = Progress::Wanting;
                }
                follower.take(Vec::new(), &mut named).await
            }
            Some(Step::Report((id, report))) => {
                let mut reports = vec![(id, report)];
                while let Ok(report) = incoming.try_recv() {
                    reports.push(report);
                }
                follower.take(reports, &mut named).await
            }
        };
        let outcome = match outcome {
            Ok(()) => follower.advance(&mut progress).await,
            Err(Unheard) => Err(Unheard),
        };
        if outcome.is_err() {
            return;
        }
    }
}

enum Step {
    Report((u64, Report)),
    Wanted,
    Nothing,
}

/// How far the start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Lists are under way.
    Listing,
    /// They are complete; it is not known yet which objects are wanted by name.
    Listed,
    /// It is known, and they are being read.
    Wanting,
    /// Everything was read once.
    Synced,
}

/// The receiver was dropped.
struct Unheard;

/// What is watched from the start.
fn scopes(settings: &Settings) -> Vec<Scope> {
    let Settings { namespaces, classes, secrets, self_service, .. } = settings;
    let in_namespaces = |kind: &'static Kind, namespaces: &[Arc<str>]| -> Vec<Scope> {
        if namespaces.is_empty() {
            return vec![Scope { kind, namespace: None, which: Which::Selected }];
        }
        let of = |namespace: &Arc<str>| Scope { kind, namespace: Some(namespace.clone()), which: Which::Selected };
        namespaces.iter().map(of).collect()
    };
    let scopes_of = |kind: &'static Kind| match kind.watched {
        Watched::Namespaces => in_namespaces(kind, namespaces),
        Watched::Classes => match classes {
            ClassAccess::Listed => in_namespaces(kind, &[]),
            ClassAccess::None => Vec::new(),
        },
        Watched::Secrets => match secrets {
            SecretAccess::Cluster => in_namespaces(kind, &[]),
            SecretAccess::Namespaces(namespaces) if namespaces.is_empty() => Vec::new(),
            SecretAccess::Namespaces(namespaces) => in_namespaces(kind, namespaces),
            SecretAccess::Names(_) => Vec::new(),
        },
        Watched::ConfigMaps => Vec::new(),
    };
    let is_left_out = |service: &&ObjectName| !namespaces.is_empty() && !namespaces.contains(&service.namespace);
    let own = self_service.iter().filter(is_left_out).map(|service| Scope {
        kind: &kinds::ENDPOINT_SLICE,
        namespace: Some(service.namespace.clone()),
        which: Which::OfService(service.name.clone()),
    });
    kinds::ALL.into_iter().flat_map(scopes_of).chain(own).collect()
}

/// All watches and what is known of them.
struct Follower {
    access: Arc<Access>,
    signature: Option<Signature>,
    metrics: Arc<Metrics>,
    events: mpsc::Sender<Event>,
    reports: mpsc::Sender<(u64, Report)>,
    tasks: JoinSet<()>,
    /// Kind of each watch, whether it is up, and how to stop it.
    watches: HashMap<u64, Running>,
    next_id: u64,
    /// Watches that have not listed yet.
    pending: HashSet<u64>,
    /// Kinds that were last reported as connected.
    connected: BTreeSet<ObjectKind>,
    problems: BTreeMap<ObjectRef, Problem>,
    has_new_problems: bool,
    turns: Arc<Semaphore>,
    /// Objects that two watches look for.
    shared: Shared,
}

struct Running {
    kind: &'static Kind,
    /// `None` before it was up for the first time.
    connection: Option<Connection>,
    stop: Option<oneshot::Sender<()>>,
    /// How often it was refused since everything but Secrets was listed, or since it was last up.
    refusals: u32,
    /// What it watches, if it is one object.
    object: Option<ObjectRef>,
    /// Whether the start goes on without what it watches.
    is_optional: bool,
}

impl Running {
    /// Whether it watches one object and our role does not allow it. That is a problem with this object only: the others of
    /// its kind are followed.
    fn is_refused(&self) -> bool {
        self.object.is_some() && self.refusals >= REFUSALS
    }
}

impl Follower {
    fn start(&mut self, scope: Scope) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let (stop, stopped) = oneshot::channel();
        let kind = scope.kind;
        let named = |name: &Arc<str>| ObjectName::new(scope.namespace.clone().unwrap_or_default(), name.clone());
        let object = match &scope.which {
            Which::Named(name) => Some(scope.object(named(name))),
            Which::OfService(name) => Some(ObjectRef::new(ObjectKind::Service, named(name))),
            Which::Selected | Which::LeftOut(_) => None,
        };
        let is_optional = kind.is_optional || matches!(scope.which, Which::OfService(_));
        let running = Running { kind, connection: None, stop: Some(stop), refusals: 0, object, is_optional };
        self.watches.insert(id, running);
        self.pending.insert(id);
        self.metrics.watch_connected(scope.kind_name(), self.connected.contains(&kind.object));
        let watch = Watch {
            id,
            scope,
            signature: self.signature.clone(),
            access: Arc::clone(&self.access),
            events: self.events.clone(),
            reports: self.reports.clone(),
            metrics: Arc::clone(&self.metrics),
            turns: Arc::clone(&self.turns),
            shared: self.shared.clone(),
        };
        self.tasks.spawn(watch.run(stopped));
        id
    }

    /// Stops a watch. It reports when it has taken back what it sent.
    fn stop(&mut self, id: u64) {
        if let Some(stop) = self.watches.get_mut(&id).and_then(|running| running.stop.take()) {
            // A watch ends by itself only when the receiver was dropped.
            let _ = stop.send(());
        }
    }

    async fn take(&mut self, reports: Vec<(u64, Report)>, named: &mut [Named]) -> Result<(), Unheard> {
        for (id, report) in reports {
            match report {
                Report::Listed => {
                    self.pending.remove(&id);
                }
                Report::Forbidden => self.refused(id).await?,
                Report::Up => {
                    self.accepted(id);
                    self.set_connection(id, Connection::Up).await?;
                }
                Report::Down(since) => self.set_connection(id, Connection::Down(since)).await?,
                Report::Problem(object, problem) => {
                    self.has_new_problems = true;
                    match problem {
                        Some(problem) => self.problems.insert(object, problem),
                        None => self.problems.remove(&object),
                    };
                }
                Report::Ended => {
                    self.pending.remove(&id);
                    self.accepted(id);
                    let kind = self.watches.remove(&id).map(|running| running.kind.object);
                    named.iter_mut().for_each(|named| named.ended(id, self));
                    if let Some(kind) = kind {
                        self.tell_connection(kind).await?;
                    }
                }
            }
        }
        if std::mem::take(&mut self.has_new_problems) {
            self.send(Event::Problems(self.problems.values().cloned().collect())).await?;
        }
        Ok(())
    }

    /// A watch may not read. The start can go on without Secrets, but without no other kind. An API server that has just
    /// started refuses everything for a moment, so a refusal counts only when everything else was listed.
    async fn refused(&mut self, id: u64) -> Result<(), Unheard> {
        let is_optional = |id: &u64| self.watches.get(id).is_some_and(|running| running.is_optional);
        if !self.pending.iter().all(is_optional) {
            return Ok(());
        }
        let Some(running) = self.watches.get_mut(&id).filter(|running| running.is_optional) else {
            return Ok(());
        };
        running.refusals = running.refusals.saturating_add(1);
        if running.refusals < REFUSALS {
            return Ok(());
        }
        self.pending.remove(&id);
        let Running { kind, refusals, object, .. } = running;
        match object {
            Some(object) if *refusals == REFUSALS => {
                self.has_new_problems = true;
                self.problems.insert(object.clone(), forbidden(object.clone()));
                let kind = kind.object;
                self.tell_connection(kind).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A watch may read (again), or has ended.
    fn accepted(&mut self, id: u64) {
        let Some(running) = self.watches.get_mut(&id) else { return };
        if running.is_refused() {
            self.has_new_problems |= running.object.as_ref().and_then(|object| self.problems.remove(object)).is_some();
        }
        running.refusals = 0;
    }

    async fn set_connection(&mut self, id: u64, connection: Connection) -> Result<(), Unheard> {
        let Some(running) = self.watches.get_mut(&id) else { return Ok(()) };
        running.connection = Some(connection);
        let kind = running.kind.object;
        self.tell_connection(kind).await
    }

    /// A kind is connected when all of its watches are. A watch that has just begun does not count yet. A watch of a single
    /// object that is refused does not count at all.
    async fn tell_connection(&mut self, kind: ObjectKind) -> Result<(), Unheard> {
        let at_first = if self.connected.contains(&kind) { Connection::Up } else { Connection::Down(Instant::now()) };
        let watches = self.watches.values().filter(|running| running.kind.object == kind && !running.is_refused());
        let down = watches.filter_map(|running| match running.connection.unwrap_or(at_first) {
            Connection::Up => None,
            Connection::Down(since) => Some(since),
        });
        let connection = down.min().map_or(Connection::Up, Connection::Down);
        let is_up = connection == Connection::Up;
        let differs = if is_up { self.connected.insert(kind) } else { self.connected.remove(&kind) };
        if !differs {
            return Ok(());
        }
        self.metrics.watch_connected(kind.as_str(), is_up);
        self.send(Event::Connected(kind, connection)).await
    }

    /// Sends how far the start has come. Reports come after the changes that they are about, so that is true when it is sent.
    async fn advance(&mut self, progress: &mut Progress) -> Result<(), Unheard> {
        if *progress == Progress::Listing && self.pending.is_empty() {
            self.send(Event::Listed).await?;
            *progress = Progress::Listed;
        }
        if *progress == Progress::Wanting && self.pending.is_empty() {
            self.send(Event::Synced).await?;
            *progress = Progress::Synced;
        }
        Ok(())
    }

    async fn send(&self, event: Event) -> Result<(), Unheard> {
        self.events.send(event).await.map_err(|_| Unheard)
    }
}
