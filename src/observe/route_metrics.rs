//! What is counted for each Service that an Ingress routes to. Handles are resolved when a table is built, so that a
//! request costs five relaxed additions and no look-up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::durations::Durations;
use super::exposition::Exposition;
use super::families::{REQUEST_BYTES, REQUEST_DURATION, REQUESTS, RESPONSE_BYTES};

/// Status codes that are told exactly: all of our own answers, and what applications mean something particular by. A
/// fixed set, so that no pod can make series.
const CODES: [u16; 38] = [
    101, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 414,
    415, 416, 417, 421, 422, 426, 429, 431, 499, 500, 501, 502, 503, 504, 505,
];
/// What all others are counted under, by their first digit. The first is for no answer.
const OTHERS: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
/// These begin at zero, so that the first error is an increase and not a new series.
const FROM_ZERO: [u16; 5] = [200, 404, 502, 503, 504];
/// The counter of each status code from 100 on.
static PLACES: [u8; 500] = {
    let mut places = [0; 500];
    let mut index = 0;
    while index < places.len() {
        places[index] = (CODES.len() + 1 + index / 100) as u8;
        index += 1;
    }
    let mut index = 0;
    while index < CODES.len() {
        places[CODES[index] as usize - 100] = index as u8;
        index += 1;
    }
    places
};

/// How many places statuses have.
pub(super) const STATUSES: usize = CODES.len() + OTHERS.len();

/// The place of a status: for each of [`CODES`], then for each of [`OTHERS`].
pub(super) fn status_place(status: u16) -> usize {
    let place = usize::from(status).checked_sub(100).and_then(|index| PLACES.get(index));
    place.map_or(CODES.len(), |place| usize::from(*place))
}

/// The status of a place as nginx writes it: `404`, `4xx` for all that are not told exactly, `000` for none.
pub(super) fn status_text(place: usize) -> &'static str {
    /// In the order of `CODES`.
    const TEXTS: [&str; CODES.len()] = [
        "101", "200", "201", "202", "204", "206", "301", "302", "303", "304", "307", "308", "400", "401", "403", "404",
        "405", "408", "409", "410", "412", "413", "414", "415", "416", "417", "421", "422", "426", "429", "431", "499",
        "500", "501", "502", "503", "504", "505",
    ];
    match (TEXTS.get(place), OTHERS.get(place.wrapping_sub(TEXTS.len()))) {
        (Some(text), _) => text,
        (None, None | Some(&"none")) => "000",
        (None, Some(class)) => class,
    }
}

/// What is counted of one route's requests. The counters are made with the first of them: of ten thousand Ingresses most
/// are idle, or busy on another replica.
#[derive(Debug, Default)]
pub struct RouteMetrics(OnceLock<Box<Counters>>);

#[derive(Debug, Default)]
struct Counters {
    answers: Answers,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    durations: Durations,
}

/// For each of [`CODES`], then for each of [`OTHERS`].
#[derive(Debug)]
struct Answers([AtomicU64; STATUSES]);

impl Default for Answers {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Answers {
    fn of(&self, status: u16) -> &AtomicU64 {
        &self.0[status_place(status)]
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|answers| answers.load(Ordering::Relaxed)).sum()
    }

    fn write(&self, out: &mut Exposition, labels: &str) {
        let (exact, others) = self.0.split_at(CODES.len());
        let mut write = |code: &str, answers: u64| out.integer_with(REQUESTS.name, "", labels, ("code", code), answers);
        for (code, answers) in CODES.iter().zip(exact) {
            let answers = answers.load(Ordering::Relaxed);
            if answers > 0 || FROM_ZERO.contains(code) {
                write(itoa::Buffer::new().format(*code), answers);
            }
        }
        for (class, answers) in OTHERS.iter().zip(others) {
            let answers = answers.load(Ordering::Relaxed);
            if answers > 0 {
                write(class, answers);
            }
        }
    }
}

impl RouteMetrics {
    /// Records a finished request: the status it was answered with (499 when the client left before an answer, 0 when
    /// there was none otherwise), the time from the first byte of its head to the last of its answer, and bytes received
    /// and sent.
    pub fn record(&self, status: u16, duration: Duration, request_bytes: u64, response_bytes: u64) {
        let counters = self.0.get_or_init(Box::default);
        counters.answers.of(status).fetch_add(1, Ordering::Relaxed);
        counters.request_bytes.fetch_add(request_bytes, Ordering::Relaxed);
        counters.response_bytes.fetch_add(response_bytes, Ordering::Relaxed);
        counters.durations.record(duration);
    }

    /// Requests recorded so far, however answered.
    pub fn requests(&self) -> u64 {
        self.0.get().map_or(0, |counters| counters.answers.sum())
    }
}

/// Writes the families of routes. A route's series appear with its first request: most of ten thousand Ingresses are
/// idle, and their zeros would be most of the text.
pub(crate) fn write(out: &mut Exposition, rows: &[(String, Arc<RouteMetrics>)]) {
    let rows: Vec<_> = rows.iter().filter_map(|(labels, route)| Some((labels, route.0.get()?))).collect();
    out.family(&REQUESTS);
    for (labels, route) in &rows {
        route.answers.write(out, labels);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_exactly_or_by_class_and_those_that_matter_from_zero() {
        let route = Arc::new(RouteMetrics::default());
        let rows = [("route=\"a\"".to_owned(), Arc::clone(&route))];
        let text = |rows: &[_]| {
            let mut out = Exposition::after(String::new());
            write(&mut out, rows);
            out.finish()
        };
        assert!(!text(&rows).contains("route="), "{}", text(&rows));
        for status in [0, 99, 600, 65_535, 101, 200, 200, 299, 418, 499, 503, 503, 511, 599] {
            route.record(status, Duration::ZERO, 0, 0);
        }
        let text = text(&rows);
        let samples = text.lines().filter_map(|line| line.strip_prefix("tidegate_requests_total{route=\"a\",code="));
        let expected = [
            "\"101\"} 1",
            "\"200\"} 2",
            "\"404\"} 0",
            "\"499\"} 1",
            "\"502\"} 0",
            "\"503\"} 2",
            "\"504\"} 0",
            "\"none\"} 4",
            "\"2xx\"} 1",
            "\"4xx\"} 1",
            "\"5xx\"} 2",
        ];
        assert_eq!(samples.collect::<Vec<_>>(), expected);
        assert_eq!(route.requests(), 14);
    }

    #[test]
    fn places_are_shown_by_their_status() {
        for code in CODES {
            assert_eq!(status_text(status_place(code)), code.to_string());
        }
        for (status, shown) in [(0, "000"), (418, "4xx"), (599, "5xx"), (299, "2xx"), (99, "000"), (600, "000")] {
            assert_eq!(status_text(status_place(status)), shown);
        }
    }

    #[test]
    fn every_status_has_one_counter_and_every_exact_code_its_own() {
        assert!(CODES.is_sorted_by(|one, next| one < next) && FROM_ZERO.iter().all(|code| CODES.contains(code)));
        let answers = Answers::default();
        for status in 0..=u16::MAX {
            answers.of(status).fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(answers.sum(), 1 << 16);
        let (exact, others) = answers.0.split_at(CODES.len());
        assert!(exact.iter().all(|answers| answers.load(Ordering::Relaxed) == 1));
        let of_class = |first| 100 - CODES.iter().filter(|code| **code / 100 == first).count() as u64;
        let expected = [65_536 - 500, of_class(1), of_class(2), of_class(3), of_class(4), of_class(5)];
        assert!(others.iter().map(|answers| answers.load(Ordering::Relaxed)).eq(expected));
    }
}
