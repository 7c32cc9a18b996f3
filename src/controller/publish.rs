//! From the input to the table: which units are translated and compiled again, and in which order upstreams are filled,
//! the table is swapped and the news is reported.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectName, ObjectRef, UnitKey};
use crate::observe::{HostCertificate, Scope, TableSize};
use crate::report::Standing;
use crate::routing::RouteTable;
use crate::translate::{self, Invalidated, Value};
use crate::upstream::Target;

use super::Controller;
use super::endpoints::{Refilled, Targets, empty, refill};
use super::propagation::Propagation;

impl Controller {
    /// The first table: everything at once.
    pub(super) fn publish_everything(&mut self, started: Instant) {
        self.input.follow_canaries(&mut Invalidated::default());
        let (snapshot, findings) = translate::snapshot(&self.input);
        self.set_findings(findings);
        let table = {
            let mut targets = Targets::new(&self.input, &self.registry, &self.metrics);
            RouteTable::compile(&snapshot, &mut |spec| targets.of(spec))
        };
        self.snapshot = snapshot;
        self.swap(table, Scope::Full, started);
        self.streams_published();
        self.has_new_certificates = true;
        self.refresh_certificates();
        self.report_ingresses(self.input.objects().ingresses().map(|ingress| &ingress.name));
    }

    /// Publishes what these changes affect, and reports it.
    pub(super) fn publish_invalidated(
        &mut self,
        mut invalidated: Invalidated,
        mut propagation: Propagation,
        started: Instant,
    ) {
        let overdue = self.deferred_services.overdue();
        if !overdue.is_empty() {
            invalidated.extend(self.take_deferred_services(overdue, &mut propagation));
        }
        for (change, since) in self.deferred_backends.due(&invalidated.services) {
            let of_change = self.take_in(change);
            if self.stage.is_synced() {
                propagation.begin(ObjectKind::Ingress, since, &of_change);
            }
            invalidated.extend(of_change);
        }
        self.input.follow_canaries(&mut invalidated);
        let Refilled { changed, to_empty } = refill(&self.input, &self.registry, &invalidated.services, &self.states);
        propagation.filled(changed);
        let units = self.publish(&invalidated.units, started);
        propagation.filled(empty(to_empty, &self.states));
        propagation.end(&units, &self.metrics);
        let ingresses = invalidated.units.iter().filter_map(|key| match key {
            UnitKey::Object(ObjectRef { kind: ObjectKind::Ingress, name }) => Some(name),
            UnitKey::Object(_) | UnitKey::Host(_) | UnitKey::Stream(_) | UnitKey::DefaultCertificate => None,
        });
        self.report_ingresses(ingresses.chain(&invalidated.statuses));
    }

    /// Translates and compiles these units, and swaps the table if any of them differs. Returns those that do.
    pub(super) fn publish(&mut self, units: &BTreeSet<UnitKey>, started: Instant) -> BTreeSet<UnitKey> {
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
                (UnitKey::Host(key), Value::Host(spec)) => {
                    self.has_new_certificates |= spec.as_ref().is_some_and(|spec| spec.has_tls())
                        || base.host(&key.pattern).is_some_and(|host| host.has_tls());
                    let mut targets = Targets::new(&self.input, &self.registry, &self.metrics);
                    Some(base.with_host(key, spec.as_ref(), &mut |spec| targets.of(spec)))
                }
                (_, Value::DefaultCertificate(certificate)) => {
                    self.has_new_certificates = true;
                    Some(base.with_default_certificate(certificate))
                }
                (UnitKey::Stream(key), Value::Stream(spec)) => {
                    let mut targets = Targets::new(&self.input, &self.registry, &self.metrics);
                    Some(base.with_stream(*key, spec.as_ref(), &mut |spec| targets.of(spec)))
                }
                (_, Value::Host(_) | Value::Stream(_) | Value::Nothing) => continue,
            };
        }
        if let Some(table) = next {
            self.swap(table, Scope::Units, started);
        }
        if differing.iter().any(|key| matches!(key, UnitKey::Stream(_))) {
            self.streams_published();
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

    /// Reports how these Ingresses stand now that the table is published.
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

    /// Brings the gauges of certificates up to date.
    pub(super) fn refresh_certificates(&mut self) {
        if std::mem::take(&mut self.has_new_certificates) {
            self.metrics.set_certificates(
                translate::certificates(&self.input).into_iter().map(|(name, end)| (name, since_1970(end))),
            );
            self.metrics.set_host_certificates(|| {
                let certificates = translate::host_certificates(&self.input).into_iter();
                certificates.map(|(host, secret, end)| HostCertificate { host, secret, end: since_1970(end) }).collect()
            });
        }
    }
}

fn since_1970(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
