//! What is kept of a route by method and status.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Compat;
use super::methods::{self, METHODS};
use crate::observe::durations::Durations;
use crate::observe::route_metrics::{STATUSES, status_place};

/// How many pairs of method and status there may be, over all routes. One takes 0.6 KB of memory and 20 KB of the text of a
/// scrape; further ones share one that has no names.
const SERIES_LIMIT: usize = 5_000;

/// The names of a route, as ingress-nginx writes them. They come from the Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteNames {
    /// Namespace of the Ingress.
    pub namespace: Arc<str>,
    /// Name of the Ingress; empty for `--default-backend`.
    pub ingress: Arc<str>,
    /// Host of the rule; `_` for any.
    pub host: Arc<str>,
    /// Path of the rule.
    pub path: Arc<str>,
    /// Name of the Service that the rule names. Not that of a canary.
    pub service: Arc<str>,
    /// Its port, as the rule names it: by number or by name.
    pub port: Arc<str>,
    /// Where requests of the route go, as namespace, Service and port with hyphens between. Empty where they go nowhere.
    pub backend: Arc<str>,
}

impl RouteNames {
    /// `$proxy_upstream_name`: what the rule names, as namespace, Service and port with hyphens between.
    pub fn upstream(&self) -> String {
        if self.service.is_empty() {
            return "upstream-default-backend".to_owned();
        }
        format!("{}-{}-{}", self.namespace, self.service, self.port)
    }

    /// Those of requests that no route took.
    pub(super) fn unrouted() -> Self {
        Self { host: "_".into(), ..Self::default() }
    }

    /// Those that stand for all beyond a limit.
    pub(super) fn more() -> Self {
        let more: Arc<str> = "_more".into();
        Self { namespace: more.clone(), ingress: more.clone(), service: more.clone(), host: more, ..Self::default() }
    }
}

/// A request that is over. Times are `None` where there was no such thing.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// Method as sent.
    pub method: &'a [u8],
    /// Status answered with; 0 when there was none.
    pub status: u16,
    /// From the first byte of the head to the last of the answer.
    pub duration: Duration,
    /// Of the last attempt: from its start to when the connection had the request.
    pub connect: Option<Duration>,
    /// Of the last attempt: from its start to the head of the answer.
    pub head: Option<Duration>,
    /// Of the last attempt: from its start to the last byte of the answer.
    pub response: Option<Duration>,
    /// Bytes received: head and body.
    pub request_bytes: u64,
    /// Bytes sent: the body.
    pub response_bytes: u64,
    /// Whether a canary got it.
    pub is_canary: bool,
}

/// What is kept of a route.
#[derive(Debug)]
pub struct RouteDetail {
    names: Arc<RouteNames>,
    is_canary: AtomicBool,
    methods: [OnceLock<Box<ByStatus>>; METHODS.len()],
    shared: Arc<Shared>,
}

/// What all routes share.
#[derive(Debug)]
pub(super) struct Shared {
    wanted: Compat,
    /// Requests so far, of routes that are gone too.
    pub(super) requests: AtomicU64,
    /// Pairs of method and status that have series.
    series: AtomicUsize,
    /// Takes what is beyond the limit.
    pub(super) more: Series,
}

impl Shared {
    pub(super) fn new(wanted: Compat) -> Self {
        Self { wanted, requests: AtomicU64::new(0), series: AtomicUsize::new(0), more: Series::default() }
    }
}

#[derive(Debug)]
struct ByStatus([OnceLock<Box<Series>>; STATUSES]);

impl Default for ByStatus {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

/// What is counted of a route's requests of one method with one status.
#[derive(Debug, Default)]
pub(super) struct Series {
    pub(super) durations: Durations,
    pub(super) connects: Durations,
    pub(super) heads: Durations,
    pub(super) responses: Durations,
    pub(super) request_bytes: AtomicU64,
    pub(super) response_bytes: AtomicU64,
}

impl RouteDetail {
    pub(super) fn new(names: Arc<RouteNames>, shared: &Arc<Shared>) -> Self {
        let methods = std::array::from_fn(|_| OnceLock::new());
        Self { names, is_canary: AtomicBool::new(false), methods, shared: Arc::clone(shared) }
    }

    /// Its names.
    pub fn names(&self) -> &RouteNames {
        &self.names
    }

    /// Whether a canary got its requests.
    pub(super) fn is_canary(&self) -> bool {
        self.is_canary.load(Ordering::Relaxed)
    }

    /// Counts a request that is over, where it is shown.
    pub fn record(&self, served: &Served<'_>) {
        match self.shared.wanted {
            Compat::Names => return,
            Compat::Metrics => {}
        }
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        if served.is_canary {
            self.is_canary.store(true, Ordering::Relaxed);
        }
        self.series(served).record(served);
    }

    fn series(&self, served: &Served<'_>) -> &Series {
        let by_status = self.methods[methods::place(served.method)].get_or_init(Box::default);
        let place = &by_status.0[status_place(served.status)];
        if let Some(series) = place.get() {
            return series;
        }
        if self.shared.series.fetch_add(1, Ordering::Relaxed) >= SERIES_LIMIT {
            self.shared.series.fetch_sub(1, Ordering::Relaxed);
            return &self.shared.more;
        }
        let mut is_first = false;
        let series = place.get_or_init(|| {
            is_first = true;
            Box::default()
        });
        if !is_first {
            // Another shard was faster.
            self.shared.series.fetch_sub(1, Ordering::Relaxed);
        }
        series
    }

    /// Its series, each with method and the place of its status.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, usize, &Series)> {
        self.methods.iter().zip(METHODS).filter_map(|(by_status, method)| Some((by_status.get()?, method))).flat_map(
            |(by_status, method)| {
                let series = by_status.0.iter().enumerate();
                series.filter_map(move |(status, series)| Some((method, status, &**series.get()?)))
            },
        )
    }
}

/// Gives its series back.
impl Drop for RouteDetail {
    fn drop(&mut self) {
        self.shared.series.fetch_sub(self.all().count(), Ordering::Relaxed);
    }
}

impl Series {
    fn record(&self, served: &Served<'_>) {
        let Served { method: _, status: _, duration, connect, head, response, request_bytes, response_bytes, .. } =
            served;
        self.request_bytes.fetch_add(*request_bytes, Ordering::Relaxed);
        self.response_bytes.fetch_add(*response_bytes, Ordering::Relaxed);
        for (durations, time) in [(&self.connects, connect), (&self.heads, head), (&self.responses, response)] {
            if let Some(time) = time {
                durations.record(*time);
            }
        }
        self.durations.record(*duration);
    }
}
