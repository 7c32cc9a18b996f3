//! The control loop: waits for changes, translates the units they affect, compiles them, fills upstreams and publishes.
//!
//! No timer delays a change: the first one is taken at once, and those that arrive meanwhile are the next batch. There are
//! two exceptions, bounded to a second: for single paths, in `deferred_backends`, and for Services with a new external name, in
//! `deferred_services`.

mod backend_states;
mod deferred_backends;
mod deferred_services;
mod endpoints;
mod external_names;
mod findings;
mod inquiry;
mod ports;
mod problems;
mod propagation;
mod publish;
mod replicas;
mod route_names;
mod services_without_endpoints;
mod stage;
mod unconfirmed;
mod waiting;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::lifecycle::ReadinessGuard;
use crate::model::{ObjectKind, ObjectRef, Snapshot};
use crate::observe::{Metrics, StateLog};
use crate::report::Inbox;
use crate::routing::{Believed, TableCell};
use crate::source::objects::Change;
use crate::source::saved::{Recorder, Saved};
use crate::source::{Connection, Event};
use crate::translate::{Input, Invalidated, Settings};
use crate::upstream::{Registry, Target};

use deferred_backends::DeferredBackends;
use deferred_services::DeferredServices;
use external_names::ExternalNames;
use inquiry::Inquiries;
pub use inquiry::{Inquirer, NoAnswer};
use ports::Ports;
pub use ports::Unavailable;
pub use problems::Problems;
use propagation::Propagation;
use services_without_endpoints::ServicesWithoutEndpoints;
use stage::{Listed, Stage};

/// Changes taken into one batch at the most.
const BATCH: usize = 4096;
/// How often things that change slowly are checked: certificates that expire, gauges of what is served.
const TICK: Duration = Duration::from_secs(10);

/// The loop and what it works on.
pub struct Controller {
    stage: Stage,
    input: Input,
    snapshot: Snapshot,
    table: Arc<TableCell<Target>>,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    problems: Problems,
    services_without_endpoints: ServicesWithoutEndpoints,
    deferred_backends: DeferredBackends,
    deferred_services: DeferredServices,
    /// Whether the gauges of certificates are older than the table.
    has_new_certificates: bool,
    /// Secrets and ConfigMaps that a source is to follow one by one.
    wanted: watch::Sender<BTreeSet<ObjectRef>>,
    external_names: ExternalNames,
    inquiries: Inquiries,
    recorder: Option<Recorder>,
    /// Whose forwarding fields the proxy believes.
    believed: Believed,
    /// Where to leave what is to be written back; `None` when nothing is.
    inbox: Option<Inbox>,
    /// Where it is told that backends get their first server, or lose the last one.
    states: StateLog,
    told: replicas::Told,
    ports: Ports,
}

impl Controller {
    /// A controller that has seen nothing yet.
    pub fn new(
        settings: Settings,
        table: Arc<TableCell<Target>>,
        registry: Arc<Registry>,
        metrics: Arc<Metrics>,
        guard: ReadinessGuard,
    ) -> Self {
        Self {
            stage: Stage::new(guard),
            input: Input::new(settings),
            snapshot: Snapshot::default(),
            table,
            registry,
            metrics,
            problems: Problems::default(),
            services_without_endpoints: ServicesWithoutEndpoints::default(),
            deferred_backends: DeferredBackends::default(),
            deferred_services: DeferredServices::default(),
            has_new_certificates: false,
            wanted: watch::Sender::new(BTreeSet::new()),
            external_names: ExternalNames::default(),
            inquiries: Inquiries::default(),
            recorder: None,
            believed: Believed::default(),
            inbox: None,
            states: StateLog::default(),
            told: replicas::Told::default(),
            ports: Ports::default(),
        }
    }

    /// From now on tells here that backends get their first server, or lose the last one.
    pub fn tell_states(&mut self, states: StateLog) {
        self.states = states;
    }

    /// From now on reports to this inbox what is published and found.
    pub fn report_to(&mut self, inbox: Inbox) {
        self.inbox = Some(inbox);
    }

    /// From now on tells the proxy here whose forwarding fields are believed.
    pub fn believe_in(&mut self, believed: Believed) {
        self.believed = believed;
    }

    /// From now on gives every change to the writer of saved objects.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Serves saved objects until the source has told what there is. Each object stays in force until the source tells of
    /// it, or has listed everything without it.
    pub fn restore(&mut self, saved: Saved) {
        let started = Instant::now();
        let Saved { mut changes, at, left_out, bytes } = saved;
        changes.iter_mut().for_each(|change| self.input.reduce(change));
        // The Secrets and ConfigMaps that may be read can be fewer than when the objects were saved.
        changes.retain(|change| {
            let ObjectRef { kind, name } = change.object();
            match kind {
                ObjectKind::Secret => self.input.may_see(name),
                ObjectKind::ConfigMap => self.input.may_see_config_map(name),
                ObjectKind::Ingress
                | ObjectKind::IngressClass
                | ObjectKind::Service
                | ObjectKind::EndpointSlice
                | ObjectKind::File => true,
            }
        });
        self.metrics.configuration().saved_objects_read(bytes);
        self.metrics.configuration().freshness().serve_saved_objects(at);
        let objects: Vec<_> = changes.iter().map(|change| change.object().clone()).collect();
        let count = objects.len();
        for change in changes {
            self.apply(change);
        }
        self.publish_everything(started);
        self.stage.serve_saved_objects(objects);
        self.want_all_names();
        let age = SystemTime::now().duration_since(at).unwrap_or(Duration::ZERO);
        tracing::warn!(objects = count, left_out, ?age, "serving saved objects until the API server is reached");
    }

    /// The findings, as they will stand at any time.
    pub fn problems(&self) -> Problems {
        self.problems.clone()
    }

    /// The Secrets and ConfigMaps that a source is to follow one by one: set with `Event::Listed`, and whenever it changes later.
    pub fn wanted(&self) -> watch::Receiver<BTreeSet<ObjectRef>> {
        self.wanted.subscribe()
    }

    /// Works until the source ends.
    pub async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        let mut batch = Vec::new();
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                count = events.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.take(batch.drain(..));
                }
                _ = tick.tick() => self.tick(),
                () = self.deferred_backends.first_overdue() => self.take([]),
                () = self.deferred_services.first_overdue() => self.take([]),
                () = self.external_names.overdue() => self.take([]),
                Some(inquiry) = self.inquiries.next() => self.answer(inquiry),
                () = self.ports.changed() => self.find_unavailable_ports(),
            }
        }
    }

    /// Takes a batch in: what it affects is translated once and published with one swap.
    pub fn take(&mut self, events: impl IntoIterator<Item = Event>) {
        let started = Instant::now();
        let mut invalidated = Invalidated::default();
        let mut propagation = Propagation::default();
        for event in events {
            match event {
                Event::Change(mut change, seen) => {
                    self.input.reduce(&mut change);
                    let kind = change.object().kind;
                    let Some(change) = self.stage.admit(change, self.input.objects()) else { continue };
                    let of_change = self.apply(change);
                    self.metrics.configuration().changed(kind);
                    if self.stage.is_synced() {
                        propagation.begin(kind, seen, &of_change);
                    }
                    if self.stage.has_table() {
                        invalidated.extend(of_change);
                    }
                }
                Event::Resolved(name, resolution) => {
                    let of_name = self.resolved(&name, resolution, &mut propagation);
                    if self.stage.has_table() {
                        invalidated.extend(of_name);
                    }
                }
                Event::Problems(problems) => self.set_source_problems(problems),
                Event::Listed => invalidated.extend(self.listed()),
                Event::Synced => {
                    // A directory does not tell that it is listed.
                    invalidated.extend(self.listed());
                    self.synced();
                    invalidated.extend(self.remove_deleted_secrets());
                }
                Event::Connected(kind, connection) => {
                    self.connected(kind, connection);
                    if kind == ObjectKind::Secret {
                        invalidated.extend(self.remove_deleted_secrets());
                    }
                }
            }
        }
        if self.stage.has_table() {
            self.publish_invalidated(invalidated, propagation, started);
        } else if self.stage.is_synced() && !self.waits_for_names() {
            self.publish_everything(started);
            self.stage.serve();
        }
    }

    fn apply(&mut self, change: Change) -> Invalidated {
        if let Some(recorder) = &self.recorder {
            recorder.note(change.clone());
        }
        self.take_in(change)
    }

    fn take_in(&mut self, change: Change) -> Invalidated {
        let mut names = self.deferred_names();
        let change = self.defer(change);
        let has_keys = change.as_ref().is_some_and(|change| self.has_keys(change.object()));
        let concerns_settings = change.as_ref().is_some_and(|change| change.object().kind == ObjectKind::ConfigMap);
        let invalidated = change.map(|change| self.input.take_in(change)).unwrap_or_default();
        if concerns_settings {
            self.believed.set(self.input.settings().believed.clone());
        }
        if has_keys {
            self.tell_keys();
        }
        self.tell_replicas();
        if self.stage.has_listed() {
            self.want(&invalidated.named);
        }
        if self.stage.has_listed() || self.stage.has_table() {
            names.extend(self.deferred_names());
            names.extend(invalidated.names.iter().cloned());
            self.want_names(&names);
        }
        invalidated
    }

    /// What to take in at present instead of this change; `None` if it has to wait as a whole.
    fn defer(&mut self, change: Change) -> Option<Change> {
        if !self.stage.has_table() {
            // There is no backend that could go on.
            return Some(change);
        }
        let change = self.deferred_backends.defer(&self.input, change);
        self.deferred_services.defer(&self.input, &self.registry, change)
    }

    fn take_all_in(&mut self, changes: Vec<Change>) -> Invalidated {
        let mut invalidated = Invalidated::default();
        for change in changes {
            invalidated.extend(self.apply(change));
        }
        invalidated
    }

    /// The source has listed everything but what is read by name.
    fn listed(&mut self) -> Invalidated {
        if self.stage.has_listed() {
            return Invalidated::default();
        }
        let Listed { held, deleted } = self.stage.listed();
        let mut invalidated = self.take_all_in(held);
        invalidated.extend(self.remove(deleted));
        self.wanted.send_replace(self.input.followed());
        self.want_all_names();
        invalidated
    }

    fn remove_deleted_secrets(&mut self) -> Invalidated {
        let input = &self.input;
        let deleted = self.stage.deleted_secrets(&input.settings().secrets, |object| input.follows(object));
        self.remove(deleted)
    }

    /// Removes saved objects that were deleted since.
    fn remove(&mut self, deleted: Vec<ObjectRef>) -> Invalidated {
        if !deleted.is_empty() {
            tracing::info!(objects = deleted.len(), "saved objects were deleted since and are removed");
        }
        self.take_all_in(deleted.into_iter().map(Change::removal).collect())
    }

    /// The source has told everything: from now on nothing is in force only because it was saved.
    fn synced(&mut self) {
        self.stage.synced();
        if let Some(inbox) = &self.inbox {
            // Not before: what was wrong with saved objects may have been corrected long ago.
            inbox.problems([], &self.problems.all());
        }
        self.metrics.configuration().freshness().end_saved_objects();
        if let Some(recorder) = &self.recorder {
            recorder.set_complete();
        }
        self.record_freshness();
    }

    /// The source follows objects of this kind from now on, or does not.
    fn connected(&mut self, kind: ObjectKind, connection: Connection) {
        let freshness = self.metrics.configuration().freshness();
        match connection {
            Connection::Up => freshness.found(kind),
            Connection::Down(since) => freshness.lost(kind, since),
        }
        self.record_freshness();
        if kind == ObjectKind::Secret {
            self.stage.set_secrets(connection);
        }
    }

    fn record_freshness(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.set_current(self.metrics.configuration().freshness().is_current());
        }
    }

    /// Checks again whether these Secrets and ConfigMaps are wanted.
    fn want(&self, named: &BTreeSet<ObjectRef>) {
        for object in named {
            let is_wanted = self.input.follows(object);
            self.wanted.send_if_modified(
                |wanted| {
                    if is_wanted { wanted.insert(object.clone()) } else { wanted.remove(object) }
                },
            );
        }
    }

    /// Does what need not be done with every change.
    fn tick(&mut self) {
        if self.stage.has_table() {
            let started = Instant::now();
            if let Some(held) = self.stage.overdue() {
                tracing::warn!("not everything can be listed: what has been read is served beside the saved objects");
                let invalidated = self.take_all_in(held);
                self.publish_invalidated(invalidated, Propagation::default(), started);
            }
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let invalidated = self.input.advance(i64::try_from(now).unwrap_or(i64::MAX));
            if !invalidated.is_empty() {
                self.publish(&invalidated.units, started);
            }
            self.find_services_without_endpoints();
        }
        self.refresh_certificates();
    }
}

#[cfg(test)]
mod tests;
