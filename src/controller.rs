//! The control loop: waits for changes, translates what they touch, compiles it, fills upstreams and publishes.
//!
//! No timer delays anything: the first change is built at once, and what arrives meanwhile is the next batch. One
//! exception, bounded and for single paths, is in `handover`.

mod endpoints;
mod handover;
mod inquiry;
mod problems;
mod propagation;
mod restored;
mod unserved;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::lifecycle::ReadinessGuard;
use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, Severity, Snapshot, UnitKey};
use crate::observe::{Metrics, Scope, TableSize};
use crate::report::{Inbox, Standing};
use crate::routing::{RouteTable, TableCell};
use crate::source::objects::Change;
use crate::source::saved::{Recorder, Saved};
use crate::source::{Connection, Event};
use crate::translate::{self, Input, Settings, Touched, Value, VisibleSecrets};
use crate::upstream::{Registry, Target};

use endpoints::{Refilled, empty, refill, resolve};
use handover::Handovers;
use inquiry::Inquiries;
pub use inquiry::{Inquirer, NoAnswer};
pub use problems::Problems;
use propagation::Propagation;
use restored::Restored;
use unserved::Unserved;

/// Changes taken into one batch at the most.
const BATCH: usize = 4096;
/// How often slow-moving things are looked at: certificates that expire, gauges of what is served.
const TICK: Duration = Duration::from_secs(10);

/// The loop and what it works on.
pub struct Controller {
    input: Input,
    snapshot: Snapshot,
    problems: Problems,
    table: Arc<TableCell<Target>>,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    /// Dropped with the first published table: what readiness waits for.
    waiting: Option<ReadinessGuard>,
    has_new_certificates: bool,
    /// Whether it is known which Secrets are wanted.
    has_listed: bool,
    /// Secrets that certificates are wanted from, for a source that reads them by name.
    wanted_secrets: watch::Sender<BTreeSet<ObjectName>>,
    inquiries: Inquiries,
    /// Whether the source has told everything once: only then changes are changes.
    is_synced: bool,
    restored: Restored,
    unserved: Unserved,
    handovers: Handovers,
    /// Whether Secrets are followed.
    secrets: Connection,
    recorder: Option<Recorder>,
    /// Where to tell what is to be written back; `None` when nothing is.
    inbox: Option<Inbox>,
}

impl Controller {
    /// A controller that has seen nothing yet.
    pub fn new(
        settings: Settings,
        table: Arc<TableCell<Target>>,
        registry: Arc<Registry>,
        metrics: Arc<Metrics>,
        waiting: ReadinessGuard,
    ) -> Self {
        Self {
            input: Input::new(settings),
            snapshot: Snapshot::default(),
            problems: Problems::default(),
            table,
            registry,
            metrics,
            waiting: Some(waiting),
            has_new_certificates: false,
            has_listed: false,
            wanted_secrets: watch::Sender::new(BTreeSet::new()),
            inquiries: Inquiries::default(),
            is_synced: false,
            restored: Restored::default(),
            unserved: Unserved::default(),
            handovers: Handovers::default(),
            secrets: Connection::Down(Instant::now()),
            recorder: None,
            inbox: None,
        }
    }

    /// From now on tells this inbox what is published and found.
    pub fn report_to(&mut self, inbox: Inbox) {
        self.inbox = Some(inbox);
    }

    /// Tells every change to the writer of the snapshot file.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Serves what a snapshot file held until the source has told what there is. Each object stays in force until the
    /// source speaks of it, or has listed everything without it.
    pub fn restore(&mut self, saved: Saved) {
        let started = Instant::now();
        let Saved { mut changes, at, left_out, bytes } = saved;
        // The list may have become shorter since.
        changes.retain(|change| {
            let ObjectRef { kind, name } = change.object();
            *kind != ObjectKind::Secret || self.input.may_see(name)
        });
        self.metrics.configuration().snapshot_read(bytes);
        self.metrics.configuration().currency().set_snapshot(at);
        self.restored = Restored::new(&changes);
        let objects = changes.len();
        for change in changes {
            self.apply(change);
        }
        self.publish_everything(started);
        let age = SystemTime::now().duration_since(at).unwrap_or(Duration::ZERO);
        tracing::warn!(objects, left_out, ?age, "serving from the snapshot file until the API server is reached");
    }

    /// The findings, as they will stand at any time.
    pub fn problems(&self) -> Problems {
        self.problems.clone()
    }

    /// The Secrets that certificates are wanted from: set with `Event::Listed`, and whenever it changes later.
    pub fn wanted_secrets(&self) -> watch::Receiver<BTreeSet<ObjectName>> {
        self.wanted_secrets.subscribe()
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
                () = self.handovers.patience() => self.take([]),
                Some(inquiry) = self.inquiries.next() => self.answer(inquiry),
            }
        }
    }

    /// Takes a batch in: what it touches is translated once and published with one swap.
    pub fn take(&mut self, events: impl IntoIterator<Item = Event>) {
        let started = Instant::now();
        let mut touched = Touched::default();
        let mut propagation = Propagation::default();
        for event in events {
            match event {
                Event::Change(change, seen) => {
                    let object = change.object().clone();
                    let Some(change) = self.restored.keep(change, self.input.objects()) else { continue };
                    self.restored.confirm(&object);
                    let concerned = self.apply(change);
                    self.metrics.configuration().changed(object.kind);
                    if self.is_synced {
                        propagation.begin(object.kind, seen, &concerned);
                    }
                    if self.waiting.is_none() {
                        touched.extend(concerned);
                    }
                }
                Event::Problems(problems) => self.set_source_problems(problems),
                Event::Listed => {
                    touched.extend(self.release());
                    let gone = self.restored.unlisted();
                    touched.extend(self.remove(gone));
                    self.has_listed = true;
                    self.wanted_secrets.send_replace(self.input.wanted_secrets());
                }
                Event::Synced => {
                    touched.extend(self.release());
                    let gone = self.restored.unlisted();
                    touched.extend(self.remove(gone));
                    touched.extend(self.forget_secrets());
                    self.synced();
                }
                Event::Connected(kind, connection) => {
                    let currency = self.metrics.configuration().currency();
                    match connection {
                        Connection::Up => currency.found(kind),
                        Connection::Down(since) => currency.lost(kind, since),
                    }
                    self.tell_currency();
                    if kind == ObjectKind::Secret {
                        self.secrets = connection;
                        touched.extend(self.forget_secrets());
                    }
                }
            }
        }
        if self.waiting.is_some() {
            if self.is_synced {
                self.publish_everything(started);
            }
            return;
        }
        self.publish_touched(touched, propagation, started);
    }

    /// What serves already is brought to what these changes make of it, and then it is told.
    fn publish_touched(&mut self, mut touched: Touched, mut propagation: Propagation, started: Instant) {
        for (change, since) in self.handovers.due(&touched.services) {
            let concerned = self.take_in(change);
            if self.is_synced {
                propagation.begin(ObjectKind::Ingress, since, &concerned);
            }
            touched.extend(concerned);
        }
        let Refilled { changed, to_empty } = refill(&self.input, &self.registry, &touched.services);
        propagation.filled(changed);
        let units = self.publish(&touched.units, started);
        propagation.filled(empty(to_empty));
        propagation.end(&units, &self.metrics);
        let ingresses = touched.units.iter().filter_map(|key| match key {
            UnitKey::Object(ObjectRef { kind: ObjectKind::Ingress, name }) => Some(name),
            UnitKey::Object(_) | UnitKey::Host(_) | UnitKey::DefaultCertificate => None,
        });
        self.report_ingresses(ingresses.chain(&touched.statuses));
    }

    fn apply(&mut self, change: Change) -> Touched {
        if let Some(recorder) = &self.recorder {
            recorder.note(change.clone());
        }
        self.take_in(change)
    }

    fn take_in(&mut self, change: Change) -> Touched {
        // Before the first table there is nothing that could go on.
        let change = if self.waiting.is_none() { self.handovers.soften(&self.input, change) } else { change };
        let concerned = self.input.apply(change);
        if self.has_listed {
            self.want(&concerned.secrets);
        }
        concerned
    }

    /// Takes in what has waited for the lists to be complete.
    fn release(&mut self) -> Touched {
        let mut touched = Touched::default();
        for change in self.restored.release() {
            self.restored.confirm(change.object());
            touched.extend(self.apply(change));
        }
        touched
    }

    /// Secrets that only the snapshot knows go when everything was read, and not if they cannot be read: no permission, as
    /// for a moment at the start of an API server, takes nobody's certificate away. Those that are followed by name stand for
    /// themselves: the source tells of each that it has gone, so that one that may not be read keeps no other in force.
    fn forget_secrets(&mut self) -> Touched {
        if !self.has_listed {
            return Touched::default();
        }
        let gone = match (&self.input.settings().secrets, self.secrets) {
            (VisibleSecrets::Listed(_), _) => self.restored.unfollowed(|name| self.input.wants(name)),
            (VisibleSecrets::All | VisibleSecrets::Allowed, Connection::Up) => self.restored.all(),
            (VisibleSecrets::All | VisibleSecrets::Allowed, Connection::Down(_)) => Vec::new(),
        };
        self.remove(gone)
    }

    /// Objects of the snapshot that are no more.
    fn remove(&mut self, gone: Vec<Change>) -> Touched {
        if !gone.is_empty() {
            tracing::info!(objects = gone.len(), "objects of the snapshot file are no more");
        }
        let mut touched = Touched::default();
        for change in gone {
            touched.extend(self.apply(change));
        }
        touched
    }

    /// The source has told everything: from now on there is nothing that only the snapshot says.
    fn synced(&mut self) {
        self.is_synced = true;
        if let Some(inbox) = &self.inbox {
            // Not before: what is wrong in the snapshot may have been corrected long ago.
            inbox.problems([], &self.problems.all());
        }
        self.metrics.configuration().currency().end_snapshot();
        if let Some(recorder) = &self.recorder {
            recorder.set_complete();
        }
        self.tell_currency();
    }

    fn tell_currency(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.set_current(self.metrics.configuration().currency().is_current());
        }
    }

    /// Looks again at these Secrets.
    fn want(&self, secrets: &BTreeSet<ObjectName>) {
        for name in secrets {
            let is_wanted = self.input.wants(name);
            self.wanted_secrets
                .send_if_modified(|wanted| if is_wanted { wanted.insert(name.clone()) } else { wanted.remove(name) });
        }
    }

    /// The first table: everything at once.
    fn publish_everything(&mut self, started: Instant) {
        let (snapshot, findings) = translate::snapshot(&self.input);
        findings.values().flatten().for_each(log);
        self.problems_changed([], findings.values().flatten());
        self.problems.lock().units = findings;
        let table =
            RouteTable::compile(&snapshot, &mut |spec| resolve(&self.input, &self.registry, &self.metrics, spec));
        self.snapshot = snapshot;
        self.swap(table, Scope::Full, started);
        self.has_new_certificates = true;
        self.tick();
        self.waiting = None;
        self.report_ingresses(self.input.objects().ingresses().map(|ingress| &ingress.name));
    }

    /// Tells how these Ingresses stand now that the table is published.
    fn report_ingresses<'a>(&self, names: impl Iterator<Item = &'a ObjectName>) {
        let Some(inbox) = &self.inbox else { return };
        inbox.ingresses(names.map(|name| {
            let standing = match self.input.objects().ingress(name) {
                Some(ingress) if translate::is_ours(&self.input, ingress) => Standing::Ours(Arc::clone(ingress)),
                Some(ingress) => Standing::NotOurs(Arc::clone(ingress)),
                None => Standing::Gone,
            };
            (name.clone(), standing)
        }));
    }

    fn problems_changed<'a>(
        &self,
        gone: impl IntoIterator<Item = &'a Problem> + Clone,
        come: impl IntoIterator<Item = &'a Problem> + Clone,
    ) {
        if let (Some(inbox), true) = (&self.inbox, self.is_synced) {
            inbox.problems(gone.clone(), come.clone());
        }
        self.metrics.problems_changed(gone, come);
    }

    /// Translates and compiles these units, and swaps the table if any of them differs. Returns those that do.
    fn publish(&mut self, units: &BTreeSet<UnitKey>, started: Instant) -> BTreeSet<UnitKey> {
        let mut differing = BTreeSet::new();
        let mut next: Option<RouteTable<Target>> = None;
        for key in units {
            let translated = translate::unit(&self.input, key);
            self.note_problems(key, &translated.problems);
            let value = translated.value.clone();
            let mut problems = self.problems.lock();
            let differs = translate::merge(&mut self.snapshot, &mut problems.units, key, translated);
            drop(problems);
            if !differs {
                continue;
            }
            differing.insert(key.clone());
            let table = self.table.load();
            let base = next.as_ref().unwrap_or(&table);
            next = match (key, value) {
                (UnitKey::Host(pattern), Value::Host(spec)) => {
                    self.has_new_certificates |= spec.as_ref().is_some_and(|spec| spec.tls.is_some())
                        || base.host(pattern).is_some_and(|host| host.tls().is_some());
                    Some(base.with_host(pattern, spec.as_deref(), &mut |spec| {
                        resolve(&self.input, &self.registry, &self.metrics, spec)
                    }))
                }
                (_, Value::DefaultCertificate(certificate)) => {
                    self.has_new_certificates = true;
                    Some(base.with_default_certificate(certificate))
                }
                (_, Value::Host(_) | Value::Nothing) => continue,
            };
        }
        if let Some(table) = next {
            self.swap(table, Scope::Units, started);
        }
        differing
    }

    fn swap(&self, table: RouteTable<Target>, scope: Scope, started: Instant) {
        let size = TableSize { hosts: table.host_count(), routes: table.route_count(), upstreams: self.registry.len() };
        let former = self.table.publish(Arc::new(table));
        drop(former);
        self.registry.prune();
        let took = started.elapsed();
        self.metrics.table_published(scope, took, SystemTime::now(), size);
        let TableSize { hosts, routes, upstreams } = size;
        tracing::info!(scope = scope.as_str(), hosts, routes, upstreams, ?took, "a table is published");
    }

    fn set_source_problems(&self, new: Vec<Problem>) {
        let mut found = self.problems.lock();
        self.replace_problems(&mut found.source, new);
    }

    fn set_unserved(&mut self) {
        let without = self.registry.without_endpoints();
        let new = self.unserved.problems(&self.input, &without, Instant::now());
        let mut found = self.problems.lock();
        if found.unserved != new {
            self.replace_problems(&mut found.unserved, new);
        }
    }

    fn replace_problems(&self, old: &mut Vec<Problem>, new: Vec<Problem>) {
        new.iter().filter(|problem| !old.contains(problem)).for_each(log);
        self.problems_changed(&*old, &new);
        *old = new;
    }

    /// Logs and counts the findings that a unit did not have before, and counts those off that it has no more.
    fn note_problems(&self, key: &UnitKey, new: &[Problem]) {
        let problems = self.problems.lock();
        let old = problems.units.get(key).map_or(&[][..], Vec::as_slice);
        new.iter().filter(|problem| !old.contains(problem)).for_each(log);
        self.problems_changed(old, new);
    }

    /// What need not be done with every change.
    fn tick(&mut self) {
        if self.waiting.is_none() {
            let started = Instant::now();
            if self.restored.is_late() {
                tracing::warn!("not everything can be listed: what has been read is taken in beside the snapshot");
                let touched = self.release();
                self.publish_touched(touched, Propagation::default(), started);
            }
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let touched = self.input.advance(i64::try_from(now).unwrap_or(i64::MAX));
            if !touched.is_empty() {
                self.publish(&touched.units, started);
            }
            self.set_unserved();
        }
        if std::mem::take(&mut self.has_new_certificates) {
            self.metrics.set_certificates(translate::certificates(&self.input).into_iter().map(|(name, end)| {
                (name, SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(end).unwrap_or(0)))
            }));
        }
    }
}

fn log(problem: &Problem) {
    let Problem { object, field, code, severity, message, remedy } = problem;
    let code = code.as_str();
    match severity {
        Severity::Error => tracing::warn!(%object, field, code, severity = "error", remedy, "{message}"),
        Severity::Warning => tracing::info!(%object, field, code, severity = "warning", remedy, "{message}"),
    }
}

#[cfg(test)]
mod tests;
