//! The text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::detail::{RouteDetail, Series};
use super::{Nginx, Orphan, families, lock};
use crate::observe::durations::Durations;
use crate::observe::exposition::{Exposition, label};
use crate::observe::families::Family;
use crate::observe::process::Figures;
use crate::observe::route_metrics::status_text;

/// What is known of the process as a whole.
#[derive(Clone, Copy, Debug)]
pub(in crate::observe) struct Whole {
    /// Routing tables published.
    pub(in crate::observe) tables: u64,
    /// When the last of them was, in seconds since 1970.
    pub(in crate::observe) changed: i64,
    /// Whether it holds the Lease.
    pub(in crate::observe) is_leader: bool,
    /// Client connections that are open.
    pub(in crate::observe) open: i64,
    /// Client connections so far.
    pub(in crate::observe) accepted: u64,
}

/// Writes all families.
pub(in crate::observe) fn write(out: &mut Exposition, nginx: &Nginx, whole: &Whole) {
    let controller = controller_labels(nginx);
    let details = nginx.details();
    write_requests(out, nginx, &details, &controller);
    write_process(out, nginx, whole, &controller);
    write_configuration(out, whole, &controller);
    write_certificates(out, nginx);
    write_orphans(out, nginx, &details, &controller);
    write_identity(out, nginx, whole, &controller);
}

fn controller_labels(nginx: &Nginx) -> String {
    let mut labels = String::with_capacity(128);
    label(&mut labels, "controller_class", &nginx.controller.class);
    label(&mut labels, "controller_namespace", &nginx.controller.namespace);
    label(&mut labels, "controller_pod", &nginx.controller.pod);
    labels
}

/// The labels that all series of a route have.
fn route_labels(detail: &RouteDetail, controller: &str) -> String {
    let names = detail.names();
    let mut labels = String::with_capacity(256);
    labels.push_str(controller);
    label(&mut labels, "namespace", &names.namespace);
    label(&mut labels, "ingress", &names.ingress);
    label(&mut labels, "service", &names.service);
    label(&mut labels, "canary", if detail.is_canary() { &names.backend } else { "" });
    labels
}

fn write_requests(out: &mut Exposition, nginx: &Nginx, details: &[Arc<RouteDetail>], controller: &str) {
    let mut rows: Vec<(String, &Series)> = Vec::new();
    let mut latencies: BTreeMap<String, (Duration, u64)> = BTreeMap::new();
    for detail in details {
        let of_route = route_labels(detail, controller);
        for (method, status, series) in detail.all() {
            let latency = latencies.entry(of_route.clone()).or_default();
            *latency = (latency.0 + series.connects.sum(), latency.1 + series.connects.count());
            let mut labels = of_route.clone();
            label(&mut labels, "host", &detail.names().host);
            label(&mut labels, "path", &detail.names().path);
            label(&mut labels, "method", method);
            label(&mut labels, "status", status_text(status));
            rows.push((labels, series));
        }
    }
    if nginx.shared.more.durations.count() > 0 {
        let mut labels = controller.to_owned();
        for name in ["namespace", "ingress", "service", "canary", "host", "path", "method", "status"] {
            label(&mut labels, name, "_more");
        }
        rows.push((labels, &nginx.shared.more));
    }

    out.family(&families::REQUESTS);
    for (labels, series) in &rows {
        out.integer(families::REQUESTS.name, "", labels, series.durations.count());
    }
    for (family, of) in [
        (&families::REQUEST_DURATION, (|series| &series.durations) as fn(&Series) -> &Durations),
        (&families::RESPONSE_DURATION, |series| &series.responses),
        (&families::HEADER_DURATION, |series| &series.heads),
        (&families::CONNECT_DURATION, |series| &series.connects),
    ] {
        out.family(family);
        for (labels, series) in rows.iter().filter(|(_, series)| of(series).count() > 0) {
            of(series).write(out, family.name, labels);
        }
    }
    for (family, of) in [
        (&families::REQUEST_SIZE, (|series| &series.request_bytes) as fn(&Series) -> &AtomicU64),
        (&families::RESPONSE_SIZE, |series| &series.response_bytes),
        (&families::BYTES_SENT, |series| &series.response_bytes),
    ] {
        out.family(family);
        for (labels, series) in &rows {
            let (count, sum) = (series.durations.count(), of(series).load(Ordering::Relaxed));
            out.integer_with(family.name, "_bucket", labels, ("le", "+Inf"), count);
            out.integer(family.name, "_sum", labels, sum);
            out.integer(family.name, "_count", labels, count);
        }
    }
    out.family(&families::UPSTREAM_LATENCY);
    for (labels, (sum, _)) in &latencies {
        out.float(families::UPSTREAM_LATENCY.name, "", labels, sum.as_secs_f64());
    }
    out.family(&families::UPSTREAM_LATENCIES);
    for (labels, (_, count)) in &latencies {
        out.integer(families::UPSTREAM_LATENCIES.name, "", labels, *count);
    }
}

fn write_process(out: &mut Exposition, nginx: &Nginx, whole: &Whole, controller: &str) {
    let (reading, waiting) = (nginx.reading.get().max(0), nginx.waiting.get().max(0));
    out.family(&families::CONNECTIONS);
    for (state, count) in [
        ("active", whole.open),
        ("reading", reading),
        ("writing", (whole.open - reading - waiting).max(0)),
        ("waiting", waiting),
    ] {
        let count = u64::try_from(count).unwrap_or(0);
        out.integer_with(families::CONNECTIONS.name, "", controller, ("state", state), count);
    }
    out.family(&families::CONNECTIONS_TOTAL);
    for state in ["accepted", "handled"] {
        out.integer_with(families::CONNECTIONS_TOTAL.name, "", controller, ("state", state), whole.accepted);
    }
    integer(out, &families::REQUESTS_TOTAL, controller, nginx.shared.requests.load(Ordering::Relaxed));
    let figures = Figures::read();
    float(out, &families::CPU, controller, figures.cpu);
    for (family, bytes) in [(&families::RESIDENT, figures.resident), (&families::VIRTUAL, figures.virtual_memory)] {
        if let Some(bytes) = bytes {
            integer(out, family, controller, bytes);
        }
    }
    integer(out, &families::PROCESSES, controller, 1);
    float(out, &families::START, controller, figures.start);
}

fn write_configuration(out: &mut Exposition, whole: &Whole, controller: &str) {
    for (family, value) in [
        (&families::CONFIG_HASH, whole.tables),
        (&families::RELOAD_SUCCESSFUL, u64::from(whole.tables > 0)),
        (&families::RELOADED, u64::try_from(whole.changed).unwrap_or(0)),
        (&families::SUCCESS, whole.tables),
        (&families::ERRORS, 0),
    ] {
        integer(out, family, controller, value);
    }
}

fn write_certificates(out: &mut Exposition, nginx: &Nginx) {
    out.family(&families::SSL_EXPIRE);
    for ((host, secret), end) in lock(&nginx.certificates).iter() {
        let mut labels = String::with_capacity(128);
        label(&mut labels, "class", &nginx.controller.class);
        label(&mut labels, "namespace", &nginx.controller.namespace);
        label(&mut labels, "host", host);
        label(&mut labels, "secret_name", secret);
        out.integer(families::SSL_EXPIRE.name, "", &labels, *end);
    }
}

/// Of each Ingress that has a route or is an orphan.
fn write_orphans(out: &mut Exposition, nginx: &Nginx, details: &[Arc<RouteDetail>], controller: &str) {
    out.family(&families::ORPHAN);
    let orphans = lock(&nginx.orphans);
    let named = details.iter().map(|detail| detail.names()).filter(|names| !names.ingress.is_empty());
    let named = named.filter(|names| &*names.ingress != "_more").map(|names| (&*names.namespace, &*names.ingress));
    let found = orphans.keys().map(|(ingress, _)| (&*ingress.namespace, &*ingress.name));
    let ingresses: BTreeSet<_> = named.chain(found).collect();
    let found: BTreeSet<_> =
        orphans.keys().map(|(ingress, orphan)| (&*ingress.namespace, &*ingress.name, *orphan)).collect();
    for (namespace, ingress) in ingresses {
        for orphan in Orphan::ALL {
            let mut labels = controller.to_owned();
            label(&mut labels, "namespace", namespace);
            label(&mut labels, "ingress", ingress);
            let is_orphan = u64::from(found.contains(&(namespace, ingress, orphan)));
            out.integer_with(families::ORPHAN.name, "", &labels, ("type", orphan.as_str()), is_orphan);
        }
    }
}

fn write_identity(out: &mut Exposition, nginx: &Nginx, whole: &Whole, controller: &str) {
    let mut labels = controller.to_owned();
    let version = concat!("tidegate-", env!("CARGO_PKG_VERSION"));
    label(&mut labels, "release", version);
    label(&mut labels, "build", version);
    label(&mut labels, "repository", env!("CARGO_PKG_NAME"));
    integer(out, &families::BUILD, &labels, 1);
    if let Some(election) = &nginx.controller.election {
        let mut labels = controller.to_owned();
        label(&mut labels, "name", election);
        integer(out, &families::LEADER, &labels, u64::from(whole.is_leader));
    }
}

fn integer(out: &mut Exposition, family: &Family, labels: &str, value: u64) {
    out.family(family);
    out.integer(family.name, "", labels, value);
}

fn float(out: &mut Exposition, family: &Family, labels: &str, value: Option<f64>) {
    if let Some(value) = value {
        out.family(family);
        out.float(family.name, "", labels, value);
    }
}
