//! All metrics of the process: handles for those who count, text for those who scrape.

mod nginx;
mod watches;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder};
use tokio::time::Instant;
use watches::WatchMetrics;

use crate::model::{FilterKind, ListenerKey, ObjectName, PasswordAnswer, Problem, ProblemCode, Severity};
use crate::observe::config_metrics::ConfigMetrics;
use crate::observe::dns_metrics::DnsMetrics;
use crate::observe::durations;
use crate::observe::exposition::{Exposition, label};
use crate::observe::families::{self, Family};
use crate::observe::http2_metrics::{Http2Limit, Http2Metrics, Http2Side};
use crate::observe::labels::{Handshake, Listener, Mirrored, ProxyHeader, Refusal, Scope, Shed};
use crate::observe::live::Live;
use crate::observe::memory_metrics::MemoryMetrics;
use crate::observe::nginx::Nginx;
use crate::observe::process;
use crate::observe::register::{opts, register, unix_seconds};
use crate::observe::report_metrics::{EventWrite, ReportMetrics, StatusWrite};
use crate::observe::route_metrics::{self, RouteMetrics};
use crate::observe::stream_metrics::{self, StreamMetrics};
use crate::observe::tally::ListenerTally;
use crate::observe::upstream_metrics::{self, UpstreamMetrics};

/// How many sets of series routes, and upstreams, may have: a bound on memory, far above what one pod serves.
const SERIES_LIMIT: usize = 50_000;

/// The metrics of the process. One for the whole process, shared.
pub struct Metrics {
    registry: Registry,
    routes: Live<RouteMetrics>,
    unrouted: Arc<RouteMetrics>,
    upstreams: Live<UpstreamMetrics>,
    streams: Live<StreamMetrics, 2>,
    ports: [IntGauge; 2],
    refused: [IntCounter; Refusal::ALL.len()],
    answered: [IntCounter; FilterKind::ALL.len()],
    mirrored: [IntCounter; Mirrored::ALL.len()],
    clients_forgotten: IntCounter,
    shed: [IntCounter; Shed::ALL.len()],
    passwords: [IntCounter; PasswordAnswer::ALL.len()],
    listeners: [ListenerMetrics; Listener::ALL.len()],
    http2: Http2Metrics,
    handshakes: [IntCounter; Handshake::ALL.len()],
    handshake_duration: Histogram,
    idle_upstream_connections: IntGauge,
    builds: [IntCounter; Scope::ALL.len()],
    build_duration: Histogram,
    table: TableGauges,
    problems: Mutex<BTreeMap<(ProblemCode, Severity), u64>>,
    certificates: Mutex<BTreeMap<ObjectName, u64>>,
    panics: IntCounter,
    report: ReportMetrics,
    access_log_lines: IntCounter,
    access_log_dropped: IntCounter,
    watches: WatchMetrics,
    configuration: ConfigMetrics,
    dns: DnsMetrics,
    memory: MemoryMetrics,
    /// Where it is asked for.
    nginx: Option<Box<Nginx>>,
}

struct TableGauges {
    hosts: IntGauge,
    routes: IntGauge,
    upstreams: IntGauge,
    changed: IntGauge,
}

/// The size of a routing table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    /// Hosts, wildcards included.
    pub hosts: usize,
    /// Routes of all hosts.
    pub routes: usize,
    /// Upstreams that routes forward to.
    pub upstreams: usize,
}

/// The connections of one listener.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    open: IntGauge,
    total: IntCounter,
    headers: [IntCounter; ProxyHeader::ALL.len()],
    /// Where it is asked for.
    tally: Option<Arc<ListenerTally>>,
}

impl ListenerMetrics {
    /// Counts a connection that was accepted. It is open until the guard is dropped.
    pub fn accepted(&self) -> OpenConnection {
        self.total.inc();
        self.open.inc();
        if let Some(tally) = &self.tally {
            tally.connected(u32::try_from(self.open.get()).unwrap_or(0), Instant::now());
        }
        OpenConnection(self.open.clone())
    }

    /// Connections that are open.
    pub fn open(&self) -> u64 {
        u64::try_from(self.open.get()).unwrap_or(0)
    }

    /// What is counted in the manner of HAProxy, where that is asked for.
    #[inline]
    pub fn tally(&self) -> Option<&ListenerTally> {
        self.tally.as_deref()
    }
}

/// An open connection, in the gauge until dropped.
#[derive(Debug)]
#[must_use = "the connection counts as open for as long as this lives"]
pub struct OpenConnection(IntGauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that all stand at zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |family: &Family| register(&registry, IntCounter::with_opts(opts(family)));
        let gauge = |family: &Family| register(&registry, IntGauge::with_opts(opts(family)));
        let counters = |family: &Family| register(&registry, IntCounterVec::new(opts(family), family.labels));
        let gauges = |family: &Family| register(&registry, IntGaugeVec::new(opts(family), family.labels));
        let histogram = |family: &Family| {
            let opts = HistogramOpts::new(family.name, family.meaning).buckets(durations::bounds());
            register(&registry, Histogram::with_opts(opts))
        };

        gauges(&families::BUILD).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let refused = counters(&families::REQUESTS_REFUSED);
        let answered = counters(&families::FILTER_ANSWERS);
        let mirrored = counters(&families::MIRRORED);
        let shed = counters(&families::CONNECTIONS_SHED);
        let passwords = counters(&families::PASSWORDS);
        let (open, total) = (gauges(&families::CONNECTIONS_OPEN), counters(&families::CONNECTIONS));
        let headers = counters(&families::PROXY_PROTOCOL);
        let handshakes = counters(&families::TLS_HANDSHAKES);
        let builds = counters(&families::TABLE_BUILDS);
        let ports = gauges(&families::STREAM_PORTS);
        let (status, events) = (counters(&families::STATUS_WRITES), counters(&families::EVENTS_WRITTEN));
        Self {
            routes: Live::new(&["namespace", "ingress", "service"], SERIES_LIMIT),
            unrouted: Arc::default(),
            upstreams: Live::new(&["namespace", "service", "port"], SERIES_LIMIT),
            streams: Live::new(&["transport", "port"], SERIES_LIMIT),
            ports: ["open", "unavailable"].map(|state| ports.with_label_values(&[state])),
            refused: Refusal::ALL.map(|reason| refused.with_label_values(&[reason.as_str()])),
            answered: FilterKind::ALL.map(|filter| answered.with_label_values(&[filter.as_str()])),
            mirrored: Mirrored::ALL.map(|result| mirrored.with_label_values(&[result.as_str()])),
            clients_forgotten: counter(&families::CLIENTS_FORGOTTEN),
            passwords: PasswordAnswer::ALL.map(|answer| passwords.with_label_values(&[answer.as_str()])),
            shed: Shed::ALL.map(|reason| shed.with_label_values(&[reason.as_str()])),
            listeners: Listener::ALL.map(|listener| ListenerMetrics {
                open: open.with_label_values(&[listener.as_str()]),
                total: total.with_label_values(&[listener.as_str()]),
                headers: ProxyHeader::ALL
                    .map(|header| headers.with_label_values(&[listener.as_str(), header.as_str()])),
                tally: None,
            }),
            http2: Http2Metrics::new(&counters(&families::HTTP2_LIMITS)),
            handshakes: Handshake::ALL.map(|handshake| handshakes.with_label_values(&handshake.labels())),
            handshake_duration: histogram(&families::TLS_HANDSHAKE_DURATION),
            idle_upstream_connections: gauge(&families::UPSTREAM_IDLE),
            builds: Scope::ALL.map(|scope| builds.with_label_values(&[scope.as_str()])),
            build_duration: histogram(&families::TABLE_BUILD_DURATION),
            table: TableGauges {
                hosts: gauge(&families::TABLE_HOSTS),
                routes: gauge(&families::TABLE_ROUTES),
                upstreams: gauge(&families::TABLE_UPSTREAMS),
                changed: gauge(&families::CONFIG_CHANGED),
            },
            problems: Mutex::default(),
            certificates: Mutex::default(),
            panics: counter(&families::PANICS),
            report: ReportMetrics {
                leader: gauge(&families::LEADER),
                status: StatusWrite::ALL.map(|result| status.with_label_values(&[result.as_str()])),
                events: EventWrite::ALL.map(|result| events.with_label_values(&[result.as_str()])),
            },
            access_log_lines: counter(&families::ACCESS_LOG_LINES),
            access_log_dropped: counter(&families::ACCESS_LOG_DROPPED),
            watches: WatchMetrics {
                connected: gauges(&families::WATCH_CONNECTED),
                events: counters(&families::WATCH_EVENTS),
                errors: counters(&families::WATCH_ERRORS),
                relists: counters(&families::WATCH_RELISTS),
            },
            configuration: ConfigMetrics::new(&registry),
            dns: DnsMetrics::new(&registry),
            memory: MemoryMetrics::new(&registry),
            nginx: None,
            registry,
        }
    }

    /// Counts in the manner of HAProxy too: each listener, upstream and endpoint has a tally.
    pub fn with_tallies(mut self) -> Self {
        for listener in &mut self.listeners {
            listener.tally = Some(Arc::new(ListenerTally::new(Instant::now())));
        }
        self
    }

    /// Whether tallies are kept.
    pub fn keeps_tallies(&self) -> bool {
        self.listeners.iter().any(|listener| listener.tally.is_some())
    }

    /// The counters of what an Ingress sends to a Service (empty for routes that answer themselves). The same labels
    /// give the same handle for as long as anyone holds it; its series vanish with it.
    pub fn route(&self, ingress: &ObjectName, service: impl Into<Arc<str>>) -> Arc<RouteMetrics> {
        self.routes.get_or_create([ingress.namespace.clone(), ingress.name.clone(), service.into()])
    }

    /// The counters of requests that no route took.
    pub fn unrouted(&self) -> &Arc<RouteMetrics> {
        &self.unrouted
    }

    /// The counters of an upstream: a port of a Service. Lives as [`Self::route`]'s do.
    pub fn upstream(&self, service: &ObjectName, port: impl Into<Arc<str>>) -> Arc<UpstreamMetrics> {
        self.upstreams.get_or_create([service.namespace.clone(), service.name.clone(), port.into()])
    }

    /// The counters of a port of streams. Lives as [`Self::route`]'s do.
    pub fn stream(&self, listener: ListenerKey) -> Arc<StreamMetrics> {
        self.streams.get_or_create([listener.transport.as_str().into(), listener.port.to_string().into()])
    }

    /// So many ports of streams are open, and so many are not given by the system.
    pub fn set_stream_ports(&self, open: usize, unavailable: usize) {
        for (gauge, count) in self.ports.iter().zip([open, unavailable]) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Forgets the handles that nobody holds any more. Scrapes do it too.
    pub fn prune(&self) {
        self.routes.prune();
        self.upstreams.prune();
        self.streams.prune();
    }

    /// The metrics of external names.
    pub fn dns(&self) -> &DnsMetrics {
        &self.dns
    }

    /// The metrics of memory against its limit.
    pub fn memory(&self) -> &MemoryMetrics {
        &self.memory
    }

    /// Counts a request that was refused before a route was looked up.
    pub fn refused(&self, reason: Refusal) {
        self.refused[reason as usize].inc();
    }

    /// Counts a request that a filter of its route answered.
    pub fn answered_by(&self, filter: FilterKind) {
        self.answered[filter as usize].inc();
    }

    /// Counts a copy of a request.
    pub fn mirrored(&self, result: Mirrored) {
        self.mirrored[result as usize].inc();
    }

    /// Counts a client whose requests were forgotten for those of another one, for want of room.
    pub fn client_forgotten(&self) {
        self.clients_forgotten.inc();
    }

    /// Counts connections of clients that were closed in favour of others.
    pub fn shed(&self, reason: Shed, count: usize) {
        self.shed[reason as usize].inc_by(count as u64);
    }

    /// Counts what was found out of a password.
    pub fn password(&self, answer: PasswordAnswer) {
        self.passwords[answer as usize].inc();
    }

    /// The connection counters of a listener.
    pub fn listener(&self, listener: Listener) -> &ListenerMetrics {
        &self.listeners[listener as usize]
    }

    /// Counts a connection by the PROXY protocol header that it began with, or not.
    pub fn proxy_header(&self, listener: Listener, header: ProxyHeader) {
        self.listeners[listener as usize].headers[header as usize].inc();
    }

    /// Counts an HTTP/2 peer that went beyond a limit or broke another rule.
    pub fn http2_limit(&self, side: Http2Side, limit: Http2Limit) {
        self.http2.count(side, limit);
    }

    /// Counts a TLS handshake with a client that ended after `duration`.
    pub fn handshake(&self, result: Handshake, duration: Duration) {
        self.handshakes[result as usize].inc();
        match result {
            Handshake::Tls12 | Handshake::Tls13 => self.handshake_duration.observe(duration.as_secs_f64()),
            Handshake::Failed | Handshake::TimedOut => {}
        }
    }

    /// Idle connections to endpoints, of all shards' pools together: each shard adds what has changed of its own.
    pub fn idle_upstream_connections(&self) -> &IntGauge {
        &self.idle_upstream_connections
    }

    /// Records that a table was published: what was built, how long it took and when, and what it holds now.
    pub fn table_published(&self, scope: Scope, duration: Duration, at: SystemTime, size: TableSize) {
        let gauge = |gauge: &IntGauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        self.builds[scope as usize].inc();
        self.build_duration.observe(duration.as_secs_f64());
        gauge(&self.table.hosts, size.hosts);
        gauge(&self.table.routes, size.routes);
        gauge(&self.table.upstreams, size.upstreams);
        self.table.changed.set(i64::try_from(unix_seconds(at)).unwrap_or(i64::MAX));
    }

    /// Findings have gone, and others have come: the difference to those that were counted before.
    pub fn problems_changed<'a>(
        &self,
        gone: impl IntoIterator<Item = &'a Problem> + Clone,
        come: impl IntoIterator<Item = &'a Problem> + Clone,
    ) {
        if let Some(nginx) = &self.nginx {
            nginx.problems_changed(gone.clone().into_iter(), come.clone().into_iter());
        }
        let mut counts = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        for problem in come {
            *counts.entry((problem.code, problem.severity)).or_default() += 1;
        }
        for problem in gone {
            if let Some(count) = counts.get_mut(&(problem.code, problem.severity)) {
                *count = count.saturating_sub(1);
            }
        }
        counts.retain(|_, count| *count > 0);
    }

    /// The certificates that are served now, all of them: Secret and end of validity.
    pub fn set_certificates(&self, certificates: impl IntoIterator<Item = (ObjectName, SystemTime)>) {
        let expiry = certificates.into_iter().map(|(secret, end)| (secret, unix_seconds(end))).collect();
        *self.certificates.lock().unwrap_or_else(PoisonError::into_inner) = expiry;
    }

    /// Counts a panic.
    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    /// The counters of what is written back to the Kubernetes API.
    pub fn report(&self) -> &ReportMetrics {
        &self.report
    }

    /// Access log lines written, and lost.
    pub fn access_log(&self) -> (&IntCounter, &IntCounter) {
        (&self.access_log_lines, &self.access_log_dropped)
    }

    /// Those of how the configuration follows the cluster.
    pub fn configuration(&self) -> &ConfigMetrics {
        &self.configuration
    }

    /// Everything in the text format of Prometheus, version 0.0.4. Milliseconds of work with thousands of routes.
    pub fn render(&self) -> String {
        self.prune();
        self.configuration.refresh();
        let mut text = String::with_capacity(64 * 1024);
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics registry could not be written");
            text.clear();
        }
        let mut out = Exposition::after(text);

        let mut rows = self.routes.rows();
        rows.push((r#"namespace="_none",ingress="_none",service="_none""#.to_owned(), self.unrouted.clone()));
        route_metrics::write(&mut out, &rows);
        upstream_metrics::write(&mut out, &self.upstreams.rows());
        stream_metrics::write(&mut out, &self.streams.rows());
        self.write_problems(&mut out);
        self.write_certificates(&mut out);
        process::write(&mut out);
        self.write_nginx(&mut out);
        out.finish()
    }

    fn write_problems(&self, out: &mut Exposition) {
        out.family(&families::PROBLEMS);
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        for ((code, severity), count) in problems.iter() {
            let mut labels = String::new();
            label(&mut labels, "code", code.as_str());
            label(&mut labels, "severity", severity.as_str());
            out.integer(families::PROBLEMS.name, "", &labels, *count);
        }
    }

    fn write_certificates(&self, out: &mut Exposition) {
        out.family(&families::CERTIFICATE_EXPIRY);
        let certificates = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        for (secret, end) in certificates.iter() {
            let mut labels = String::new();
            label(&mut labels, "namespace", &secret.namespace);
            label(&mut labels, "secret", &secret.name);
            out.integer(families::CERTIFICATE_EXPIRY.name, "", &labels, *end);
        }
    }
}

#[cfg(test)]
mod tests;
