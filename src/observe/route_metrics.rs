//! What is counted for each Service that an Ingress routes to. Handles are resolved when a table is built, so that a
//! request costs five relaxed additions and no look-up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::durations::Durations;
use super::exposition::Exposition;
use super::families::{REQUEST_BYTES, REQUEST_DURATION, REQUESTS, RESPONSE_BYTES};

const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted of one route's requests. The counters are made with the first of them: of ten thousand Ingresses most
/// are idle, or busy on another replica.
#[derive(Debug, Default)]
pub struct RouteMetrics(OnceLock<Box<Counters>>);

#[derive(Debug, Default)]
struct Counters {
    classes: [AtomicU64; CLASSES.len()],
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    durations: Durations,
}

impl RouteMetrics {
    /// Records a finished request: the status it was answered with (0 when the client left before an answer), the time
    /// from the first byte of its head to the last of its answer, and bytes received and sent.
    pub fn record(&self, status: u16, duration: Duration, request_bytes: u64, response_bytes: u64) {
        let class = match status {
            100..=599 => usize::from(status / 100),
            _ => 0,
        };
        let counters = self.0.get_or_init(Box::default);
        counters.classes[class].fetch_add(1, Ordering::Relaxed);
        counters.request_bytes.fetch_add(request_bytes, Ordering::Relaxed);
        counters.response_bytes.fetch_add(response_bytes, Ordering::Relaxed);
        counters.durations.record(duration);
    }

    /// Requests recorded so far, of every class.
    pub fn requests(&self) -> u64 {
        self.0.get().map_or(0, |counters| counters.classes.iter().map(|class| class.load(Ordering::Relaxed)).sum())
    }
}

/// Writes the families of routes. A route's series appear with its first request: most of ten thousand Ingresses are
/// idle, and their zeros would be most of the text.
pub(crate) fn write(out: &mut Exposition, rows: &[(String, Arc<RouteMetrics>)]) {
    let rows: Vec<_> = rows.iter().filter_map(|(labels, route)| Some((labels, route.0.get()?))).collect();
    out.family(&REQUESTS);
    for (labels, route) in &rows {
        for (class, requests) in CLASSES.iter().zip(&route.classes) {
            let requests = requests.load(Ordering::Relaxed);
            // The common classes start at zero, so that the first error is an increase and not a new series.
            if requests > 0 || !matches!(*class, "none" | "1xx") {
                out.integer_with(REQUESTS.name, "", labels, ("code", class), requests);
            }
        }
    }
    out.family(&REQUEST_DURATION);
    for (labels, route) in &rows {
        route.durations.write(out, REQUEST_DURATION.name, labels);
    }
    out.family(&REQUEST_BYTES);
    for (labels, route) in &rows {
        out.integer(REQUEST_BYTES.name, "", labels, route.request_bytes.load(Ordering::Relaxed));
    }
    out.family(&RESPONSE_BYTES);
    for (labels, route) in &rows {
        out.integer(RESPONSE_BYTES.name, "", labels, route.response_bytes.load(Ordering::Relaxed));
    }
}
