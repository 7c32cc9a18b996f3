//! Active health checks: one thread for the process checks the endpoints of all upstreams whose routes ask for it.
//!
//! The thread starts with the first check that is asked for. Each endpoint has a task that sleeps, checks and gives its verdict to
//! the endpoint, which the balancer looks at. Readiness stays the base: only endpoints of EndpointSlices are checked, and while
//! all of a Service are down requests go to them all the same.

mod probe;
mod verdict;

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::lifecycle::{DrainWatch, Phase};
use crate::model::Checks;
use crate::observe::{Left, StateLog, UpstreamMetrics};
use crate::proxy::wire::buffers::BufferPool;
use crate::upstream::{AllChecks, CheckNote, Checked, Endpoint, EndpointSet, Upstream};
use probe::{Tools, probe};
use verdict::Verdict;

/// How often it is looked whether upstreams have other endpoints.
const LOOK: Duration = Duration::from_millis(100);
/// Checks at one time, and those of one upstream and kind: pods of one that say nothing keep no others from being checked.
const AT_ONCE: usize = 512;
const AT_ONCE_OF_ONE: usize = 32;
/// The first check of an endpoint comes within this time, or within the interval if that is shorter.
const FIRST_WITHIN: Duration = Duration::from_secs(2);
/// How much longer or shorter than the interval a pause may be: a tenth.
const JITTER: u64 = 10;

/// Waits for the first check that is asked for and starts the thread, which ends with the drain.
pub async fn start_when_asked(checks: Arc<AllChecks>, states: StateLog, drain: DrainWatch) {
    checks.added().await;
    let started = thread::Builder::new().name("checks".into()).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => runtime.block_on(run(&checks, states, &drain)),
            Err(error) => cannot_start(&error),
        }
    });
    if let Err(error) = started {
        cannot_start(&error);
    }
}

fn cannot_start(error: &io::Error) {
    tracing::error!(%error, "the thread that checks endpoints could not start");
}

/// Checks until the drain's time is over.
pub async fn run(checks: &AllChecks, states: StateLog, drain: &DrainWatch) {
    let shared = Rc::new(Checking {
        tools: Tools { buffers: BufferPool::new(), pod_tls: Default::default() },
        places: Semaphore::new(AT_ONCE),
        states,
        chance: Cell::new(0x9E37_79B9_7F4A_7C15),
    });
    let mut watched: Vec<Watched> = Vec::new();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_sweep = Instant::now();
    loop {
        watched.extend(checks.take_new().into_iter().map(Watched::new));
        watched.retain_mut(|watched| watched.follow(&shared));
        if last_sweep.elapsed() > Duration::from_secs(1) {
            shared.tools.pod_tls.sweep(Instant::now());
            last_sweep = Instant::now();
        }
        tokio::select! {
            () = drain.reached(Phase::Aborting) => return,
            () = checks.added() => {}
            _ = look.tick(), if !watched.is_empty() => {}
        }
    }
}

/// What tasks share.
struct Checking {
    tools: Tools,
    places: Semaphore,
    states: StateLog,
    chance: Cell<u64>,
}

impl Checking {
    /// A number below `most`, as if by chance.
    fn below(&self, most: u64) -> u64 {
        // A step of xorshift64.
        let mut chance = self.chance.get();
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        self.chance.set(chance);
        chance % most.max(1)
    }

    fn first_pause(&self, interval: Duration) -> Duration {
        Duration::from_micros(self.below(interval.min(FIRST_WITHIN).as_micros() as u64))
    }

    fn pause(&self, interval: Duration) -> Duration {
        let micros = interval.as_micros() as u64;
        let jitter = micros / JITTER;
        Duration::from_micros(micros - jitter + self.below(2 * jitter))
    }
}

/// An upstream that is checked, with a task for each endpoint.
struct Watched {
    checked: Weak<Checked>,
    /// The endpoints that were last seen.
    seen: Option<Arc<EndpointSet>>,
    tasks: HashMap<u64, JoinHandle<()>>,
    places: Rc<Semaphore>,
}

impl Watched {
    fn new(checked: Weak<Checked>) -> Self {
        Self { checked, seen: None, tasks: HashMap::new(), places: Rc::new(Semaphore::new(AT_ONCE_OF_ONE)) }
    }

    /// Follows its endpoints. Tells whether it is still to be checked.
    fn follow(&mut self, shared: &Rc<Checking>) -> bool {
        let Some(checked) = self.checked.upgrade().filter(|checked| !checked.is_over()) else { return false };
        let Some(upstream) = checked.upstream.upgrade() else { return false };
        let set = upstream.endpoints();
        if self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &set)) {
            return true;
        }
        let mut former = std::mem::take(&mut self.tasks);
        for endpoint in set.as_slice() {
            let task = former.remove(&endpoint.id()).unwrap_or_else(|| {
                let of = Subject {
                    endpoint: Arc::clone(endpoint),
                    checked: self.checked.clone(),
                    metrics: Arc::clone(&checked.metrics),
                    places: Rc::clone(&self.places),
                    verdict: Verdict::new(),
                };
                tokio::task::spawn_local(of.check_on_and_on(Rc::clone(shared)))
            });
            self.tasks.insert(endpoint.id(), task);
        }
        former.into_values().for_each(|task| task.abort());
        self.seen = Some(set);
        true
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tasks.values().for_each(JoinHandle::abort);
    }
}

/// An endpoint that is checked.
struct Subject {
    endpoint: Arc<Endpoint>,
    checked: Weak<Checked>,
    metrics: Arc<UpstreamMetrics>,
    /// Places of its upstream.
    places: Rc<Semaphore>,
    verdict: Verdict,
}

impl Subject {
    async fn check_on_and_on(mut self, shared: Rc<Checking>) {
        let Some(checks) = self.checks() else { return };
        let mut next = Instant::now() + shared.first_pause(checks.interval);
        loop {
            tokio::time::sleep_until(next).await;
            // They are never closed.
            let own = Rc::clone(&self.places);
            let Ok(own) = own.acquire().await else { return };
            let Ok(place) = shared.places.acquire().await else { return };
            let began = Instant::now();
            let Some(checked) = self.checked.upgrade() else { return };
            let Some(upstream) = checked.upstream.upgrade() else { return };
            // In a box: tasks that sleep, which are nearly all, do not carry it along.
            let probed = Box::pin(probe(&shared.tools, &self.endpoint, &upstream.key().protocol, &checks)).await;
            drop((place, own));
            let now = Instant::now();
            next = (began + shared.pause(checks.interval)).max(now);
            let Some(outcome) = probed else { continue };
            self.metrics.checked(outcome.is_good());
            let has_turned = self.verdict.note(outcome.is_good(), checks.rise, checks.fall);
            let note = CheckNote::first(outcome, now - began, (checks.rise, checks.fall), now);
            self.endpoint.note_check(note, has_turned);
            if has_turned {
                let is_up = self.verdict.is_up();
                self.endpoint.check_says(is_up, now);
                self.metrics.count_down(is_up);
                tell(&shared.states, &upstream, &self.endpoint, note, is_up);
            }
        }
    }

    fn checks(&self) -> Option<Arc<Checks>> {
        self.checked.upgrade().map(|checked| Arc::clone(&checked.checks))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if !self.verdict.is_up() {
            self.endpoint.check_says(true, Instant::now());
            self.metrics.count_down(true);
        }
    }
}

/// Tells that an endpoint is up or down, in HAProxy's words.
fn tell(states: &StateLog, upstream: &Upstream, endpoint: &Endpoint, note: CheckNote, is_up: bool) {
    let (backend, address) = (upstream.spec().backend_name(), endpoint.address());
    let reason = note.to_string();
    if is_up {
        return states.server_up(&backend, &address, &reason);
    }
    let set = upstream.endpoints();
    let active = set.as_slice().iter().filter(|endpoint| !endpoint.is_failing()).count();
    let left = Left { active, sessions: endpoint.in_flight(), queued: upstream.waiting() as usize, ..Left::default() };
    states.server_down(&backend, &address, &reason, left);
    if active == 0 {
        states.backend_empty(&backend);
        tracing::error!(service = %upstream.key().service, "all endpoints are down by their checks, so all of them get requests");
    }
}
