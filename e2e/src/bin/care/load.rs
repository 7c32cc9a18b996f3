//! Requests at a fixed rate, whatever becomes of them, and what became of them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most requests at once. A proxy that keeps more waiting has failed.
const MOST: usize = 8_000;

/// A load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) host: &'static str,
    /// Requests a second.
    pub(crate) rate: u32,
    pub(crate) seconds: u32,
}

/// What became of a request: its status, 0 if there is none, and how long that took from when it was due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    status: u16,
    took: Duration,
}

type Idle = Arc<Mutex<Vec<TcpStream>>>;

impl Load {
    /// Sends it all.
    pub(crate) async fn run(self) -> Vec<Outcome> {
        let (idle, mut tasks, mut outcomes) = (Idle::default(), JoinSet::new(), Vec::new());
        let begun = Instant::now();
        for number in 0..u64::from(self.rate) * u64::from(self.seconds) {
            let due = begun + Duration::from_secs_f64(number as f64 / f64::from(self.rate));
            sleep_until(due).await;
            while let Some(outcome) = tasks.try_join_next() {
                outcomes.push(outcome.expect("a request does not panic"));
            }
            if tasks.len() >= MOST {
                outcomes.push(Outcome { status: 0, took: PATIENCE });
                continue;
            }
            let idle = Arc::clone(&idle);
            tasks.spawn(async move {
                let asked = timeout(PATIENCE, ask(self.address, self.host, &idle)).await;
                Outcome { status: asked.ok().and_then(Result::ok).unwrap_or(0), took: due.elapsed() }
            });
        }
        outcomes.extend(tasks.join_all().await);
        outcomes
    }
}

/// The status of the answer.
async fn ask(address: SocketAddr, host: &str, idle: &Idle) -> std::io::Result<u16> {
    let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut stream = match kept {
        Some(stream) => stream,
        None => TcpStream::connect(address).await?,
    };
    stream.set_nodelay(true)?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..count]);
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(length)) = head.parse(&answer) else { continue };
        let field = |name: &str| {
            let found = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            found.and_then(|field| std::str::from_utf8(field.value).ok())
        };
        let body: usize = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        if answer.len() < length + body {
            continue;
        }
        let status = head.code.unwrap_or(0);
        if !field("connection").is_some_and(|text| text.eq_ignore_ascii_case("close")) && head.version == Some(1) {
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        }
        return Ok(status);
    }
}

/// Sums and times in milliseconds.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) good: usize,
    /// All others.
    pub(crate) failed: usize,
    /// Those without an answer.
    unanswered: usize,
    p50: f64,
    /// Of all, also those that failed.
    pub(crate) p99: f64,
    p999: f64,
    most: f64,
}

impl Figures {
    pub(crate) fn of(mut outcomes: Vec<Outcome>) -> Self {
        outcomes.sort_by_key(|outcome| outcome.took);
        let of = |share: f64| {
            let at = (outcomes.len() as f64 * share) as usize;
            outcomes.get(at.min(outcomes.len().saturating_sub(1))).map_or(0.0, |it| it.took.as_secs_f64() * 1e3)
        };
        let count = |claim: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| claim(outcome)).count();
        let good = count(|outcome| outcome.status == 200);
        Self {
            good,
            failed: outcomes.len() - good,
            unanswered: count(|outcome| outcome.status == 0),
            p50: of(0.5),
            p99: of(0.99),
            p999: of(0.999),
            most: of(1.0),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { good, failed, unanswered, p50, p99, p999, most } = self;
        write!(
            out,
            "{good} good, {failed} failed ({unanswered} unanswered); ms: p50 {p50:.1}, p99 {p99:.1}, p99.9 {p999:.1}, most {most:.0}"
        )
    }
}
