//! Traffic that goes on while something happens, and what became of it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Connection, Request, eventually};

/// Between two requests of a client: the load is to be steady, not heavy, as the machine does other things too.
const PACE: Duration = Duration::from_millis(4);

/// Failures of which the text is kept.
const KEPT: usize = 20;

/// Clients that send GET requests one after another, some on connections that they keep and some on a new one each time.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Tally {
    good: AtomicU64,
    bad: AtomicU64,
    slowest: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// What became of the requests.
#[derive(Debug, Clone)]
pub struct LoadResult {
    /// Those answered with 200.
    pub good: u64,
    /// All others, also those without an answer.
    pub bad: u64,
    /// Longest time that one took, with its connection.
    pub slowest: Duration,
    /// What happened to the first of the bad ones.
    pub failures: Vec<String>,
}

impl Load {
    /// Starts clients for these hosts and paths: for each two without TLS and, where there is an address for it, one
    /// with. Returns when every one had an answer.
    pub fn start(http: SocketAddr, https: Option<SocketAddr>, targets: &[(&str, &str)]) -> Self {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let mut clients = Vec::new();
        for (host, path) in targets {
            let plain = [(http, Client::Keeps), (http, Client::Reconnects)];
            let tls = https.map(|address| (address, Client::KeepsTls));
            for (address, client) in plain.into_iter().chain(tls) {
                let (host, path) = ((*host).to_owned(), (*path).to_owned());
                let (stop, tally) = (Arc::clone(&stop), Arc::clone(&tally));
                clients.push(thread::spawn(move || client.run(address, &host, &path, &stop, &tally)));
            }
        }
        let load = Self { stop, tally, clients };
        load.goes_on(load.clients.len() as u64);
        load
    }

    /// Waits until so many more requests have an answer.
    pub fn goes_on(&self, requests: u64) {
        let all = || self.tally.good.load(Ordering::Relaxed) + self.tally.bad.load(Ordering::Relaxed);
        let goal = all() + requests;
        eventually("requests are answered", || (all() >= goal).then_some(()));
    }

    /// Ends it.
    pub fn stop(self) -> LoadResult {
        self.stop.store(true, Ordering::Release);
        for client in self.clients {
            client.join().expect("a client does not panic");
        }
        LoadResult {
            good: self.tally.good.load(Ordering::Relaxed),
            bad: self.tally.bad.load(Ordering::Relaxed),
            slowest: Duration::from_micros(self.tally.slowest.load(Ordering::Relaxed)),
            failures: self.tally.failures.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Ends it; no request may have failed.
    ///
    /// # Panics
    /// When one has, with what happened.
    #[track_caller]
    pub fn stop_without_failure(self) -> LoadResult {
        let result = self.stop();
        let LoadResult { good, bad, failures, .. } = &result;
        assert!(*bad == 0, "{bad} of {} requests failed: {failures:#?}", good + bad);
        result
    }
}

#[derive(Debug, Clone, Copy)]
enum Client {
    Keeps,
    Reconnects,
    KeepsTls,
}

impl Client {
    fn run(self, address: SocketAddr, host: &str, path: &str, stop: &AtomicBool, tally: &Tally) {
        let mut kept = None;
        while !stop.load(Ordering::Acquire) {
            let started = Instant::now();
            let outcome = self.request(address, host, path, &mut kept);
            let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            tally.slowest.fetch_max(took, Ordering::Relaxed);
            match outcome {
                Ok(()) => tally.good.fetch_add(1, Ordering::Relaxed),
                Err(failure) => {
                    kept = None;
                    let mut failures = tally.failures.lock().unwrap_or_else(PoisonError::into_inner);
                    if failures.len() < KEPT {
                        failures.push(format!("{self:?} {host}{path}: {failure}"));
                    }
                    tally.bad.fetch_add(1, Ordering::Relaxed)
                }
            };
            thread::park_timeout(PACE);
        }
    }

    fn request(self, address: SocketAddr, host: &str, path: &str, kept: &mut Option<Connection>) -> Result<(), String> {
        let mut connection = match (self, kept.take()) {
            (_, Some(connection)) => connection,
            (Self::Keeps | Self::Reconnects, None) => Connection::plain(address).map_err(|error| error.to_string())?,
            (Self::KeepsTls, None) => Connection::tls(address, host).map_err(|error| error.to_string())?,
        };
        let answer = connection.send(&Request::get(host, path)).map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("{} {}", answer.status, answer.body));
        }
        match self {
            Self::Keeps | Self::KeepsTls if !connection.is_over() => *kept = Some(connection),
            Self::Keeps | Self::KeepsTls | Self::Reconnects => {}
        }
        Ok(())
    }
}
