//! What operators of HAProxy count of endpoints, upstreams and listeners, beside the metrics: sessions at once, rates of the last
//! second, means of times, highest values. Kept only where somebody asks for it, as each request then costs a few atomic additions.

mod flow;
mod spans;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use flow::{Flow, raise};
use spans::Spans;

pub use flow::FlowNumbers;
pub use spans::{Span, SpanNumbers};

/// What is only ever added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Bytes of requests: heads and bodies. HAProxy `bin`.
    BytesIn,
    /// Bytes of bodies of answers. HAProxy `bout`.
    BytesOut,
    /// Answers with a status below 200, and so on. HAProxy `hrsp_1xx`.
    Answers1xx,
    /// HAProxy `hrsp_2xx`.
    Answers2xx,
    /// HAProxy `hrsp_3xx`.
    Answers3xx,
    /// HAProxy `hrsp_4xx`.
    Answers4xx,
    /// HAProxy `hrsp_5xx`.
    Answers5xx,
    /// Requests without an answer. HAProxy `hrsp_other`.
    AnswersOther,
    /// Attempts without a connection. HAProxy `econ`.
    ConnectErrors,
    /// Attempts whose connection or answer failed. HAProxy `eresp`.
    ResponseErrors,
    /// Attempts that follow a failed one. HAProxy `wretr`.
    Retries,
    /// Those of them at another endpoint. HAProxy `wredis`.
    Redispatches,
    /// Requests whose client went before their end. HAProxy `cli_abrt`.
    ClientAborts,
    /// Answers that an endpoint cut. HAProxy `srv_abrt`.
    ServerAborts,
    /// Requests that a filter refused. HAProxy `dreq`.
    Denied,
    /// Requests that could not be read. HAProxy `ereq`.
    BadRequests,
}

/// As many as `Count` has.
const COUNTS: usize = Count::BadRequests as usize + 1;

/// What is counted of an endpoint, an upstream, or the requests of a listener.
#[derive(Debug)]
pub struct Tally {
    began: Instant,
    open: AtomicU32,
    sessions: Flow,
    counts: [AtomicU64; COUNTS],
    spans: Spans,
    /// The longest that its queue has been.
    queue: AtomicU32,
    /// When the last session began, in milliseconds and one more; 0: there was none.
    last: AtomicU64,
    /// When its state became another. Milliseconds.
    changed: AtomicU64,
}

/// What a tally has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TallyNumbers {
    /// Requests.
    pub sessions: FlowNumbers,
    counts: [u64; COUNTS],
    /// Times of requests.
    pub spans: SpanNumbers,
    /// The longest that its queue has been.
    pub longest_queue: u64,
    /// Since the last session began; `None`: there was none.
    pub last: Option<Duration>,
    /// Since its state is what it is.
    pub unchanged: Duration,
}

impl TallyNumbers {
    /// One of them.
    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize]
    }

    /// Sets one of them, for those who make numbers up.
    pub fn set(&mut self, count: Count, value: u64) {
        self.counts[count as usize] = value;
    }
}

/// How much is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// Highest values alone.
    Highest,
    /// All that was counted.
    All,
}

impl Tally {
    /// One that stands at zero.
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            open: AtomicU32::new(0),
            sessions: Flow::default(),
            counts: Default::default(),
            spans: Spans::default(),
            queue: AtomicU32::new(0),
            last: AtomicU64::new(0),
            changed: AtomicU64::new(0),
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    /// A session begins. Whoever says so says that it ends.
    pub fn begins(&self, now: Instant) {
        let open = self.open.fetch_add(1, Relaxed).saturating_add(1);
        let millis = self.millis(now);
        self.sessions.comes(open, millis);
        self.last.store(millis + 1, Relaxed);
    }

    /// A session ends.
    pub fn ends(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    /// One more.
    pub fn count(&self, count: Count) {
        self.add(count, 1);
    }

    /// More.
    pub fn add(&self, count: Count, more: u64) {
        if more > 0 {
            self.counts[count as usize].fetch_add(more, Relaxed);
        }
    }

    /// An answer with this status; 0: there is none.
    pub fn answered(&self, status: u16) {
        self.count(match status / 100 {
            1 => Count::Answers1xx,
            2 => Count::Answers2xx,
            3 => Count::Answers3xx,
            4 => Count::Answers4xx,
            5 => Count::Answers5xx,
            _ => Count::AnswersOther,
        });
    }

    /// How long the parts of a request took: waiting, connecting, to the head of the answer, and in all.
    pub fn took(&self, times: [Duration; 4]) {
        self.spans.record(times);
    }

    /// So many requests wait now.
    pub fn waiting(&self, count: u32) {
        raise(&self.queue, count);
    }

    /// Its state is another from now on.
    pub fn changed(&self, now: Instant) {
        self.changed.store(self.millis(now), Relaxed);
    }

    /// What was counted.
    pub fn numbers(&self, now: Instant) -> TallyNumbers {
        let millis = self.millis(now);
        let since = |then: u64| Duration::from_millis(millis.saturating_sub(then));
        TallyNumbers {
            sessions: self.sessions.numbers(self.open.load(Relaxed).into(), millis),
            counts: std::array::from_fn(|at| self.counts[at].load(Relaxed)),
            spans: self.spans.numbers(),
            longest_queue: self.queue.load(Relaxed).into(),
            last: self.last.load(Relaxed).checked_sub(1).map(since),
            unchanged: since(self.changed.load(Relaxed)),
        }
    }

    /// Forgets what was counted. Its state and the sessions that are open stay.
    pub fn forget(&self, what: Forgotten) {
        self.queue.store(0, Relaxed);
        self.spans.forget_highest();
        match what {
            Forgotten::Highest => self.sessions.forget_highest(),
            Forgotten::All => {
                self.sessions.forget();
                self.spans.forget();
                self.counts.iter().for_each(|count| count.store(0, Relaxed));
            }
        }
    }
}

/// What is counted of a listener.
#[derive(Debug)]
pub struct ListenerTally {
    connections: Flow,
    /// Its requests.
    pub requests: Tally,
}

impl ListenerTally {
    /// One that stands at zero.
    pub fn new(now: Instant) -> Self {
        Self { connections: Flow::default(), requests: Tally::new(now) }
    }

    /// A connection comes, with which so many are open.
    pub fn connected(&self, open: u32, now: Instant) {
        self.connections.comes(open, self.requests.millis(now));
    }

    /// What came of connections, of which so many are open.
    pub fn connections(&self, open: u64, now: Instant) -> FlowNumbers {
        self.connections.numbers(open, self.requests.millis(now))
    }

    /// Forgets what was counted.
    pub fn forget(&self, what: Forgotten) {
        self.requests.forget(what);
        match what {
            Forgotten::Highest => self.connections.forget_highest(),
            Forgotten::All => self.connections.forget(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_tells_what_it_was_told_and_forgets_what_it_is_told_to() {
        let began = Instant::now();
        let tally = Tally::new(began);
        assert_eq!(tally.numbers(began).last, None);
        let at = |millis| began + Duration::from_millis(millis);
        tally.begins(at(10));
        tally.begins(at(20));
        tally.ends();
        tally.answered(404);
        tally.answered(0);
        tally.add(Count::BytesIn, 7);
        tally.waiting(3);
        tally.changed(at(1000));
        let numbers = tally.numbers(at(3020));
        assert_eq!((numbers.sessions.now, numbers.sessions.most, numbers.sessions.total), (1, 2, 2));
        assert_eq!((numbers.get(Count::Answers4xx), numbers.get(Count::AnswersOther)), (1, 1));
        assert_eq!((numbers.get(Count::BytesIn), numbers.longest_queue), (7, 3));
        assert_eq!((numbers.last, numbers.unchanged), (Some(Duration::from_secs(3)), Duration::from_millis(2020)));
        tally.forget(Forgotten::Highest);
        let numbers = tally.numbers(at(3020));
        assert_eq!((numbers.sessions.most, numbers.sessions.total, numbers.longest_queue), (1, 2, 0));
        tally.forget(Forgotten::All);
        let numbers = tally.numbers(at(3020));
        assert_eq!((numbers.sessions.now, numbers.sessions.total, numbers.get(Count::BytesIn)), (1, 0, 0));
        assert_eq!(numbers.unchanged, Duration::from_millis(2020));
    }
}
