//! Watching changes of endpoints, by server-sent events. Who watches gets `ready` first, and then every change of the standing of an
//! endpoint; so who lists the upstreams after `ready` misses nothing. Rows are looked at every second while somebody watches.
//!
//! Watchers are few, what waits for each is bounded, and who does not take it is let go.

mod changes;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use serde_json::json;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::problem::Problem;
use crate::stats::{Source, Stats};
use changes::{Change, Known};

/// Most watchers at a time.
pub(super) const MOST_WATCHERS: usize = 16;
/// Messages that may wait for a watcher. Each has the changes of one look.
const QUEUE: usize = 64;
/// Time between looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Silence after which a comment is sent, so that both ends notice when the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Longest watch. Who wants more comes again, and shows again who they are.
const LONGEST: Duration = Duration::from_secs(3600);

/// Who watches.
#[derive(Default)]
pub(super) struct Hub {
    watchers: Mutex<Vec<Watcher>>,
    /// Somebody has come, or something was done.
    woken: Notify,
}

struct Watcher {
    to: mpsc::Sender<Bytes>,
    /// The one upstream that it asks for.
    upstream: Option<String>,
    until: Instant,
    /// When it was last told something; `None`: it has not got `ready`.
    told: Option<Instant>,
}

/// The body of an answer: what one watcher is sent.
pub(super) struct Events(mpsc::Receiver<Bytes>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.0.poll_recv(cx).map(|message| message.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Hub {
    /// Lets somebody watch all upstreams, or the one of this name.
    pub(super) fn watch(&self, upstream: Option<String>) -> Result<Events, Problem> {
        let (to, events) = mpsc::channel(QUEUE);
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| !watcher.to.is_closed());
        if watchers.len() >= MOST_WATCHERS {
            let detail = format!("{MOST_WATCHERS} watch already: close one of them");
            return Err(Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, detail));
        }
        watchers.push(Watcher { to, upstream, until: Instant::now() + LONGEST, told: None });
        drop(watchers);
        self.woken.notify_one();
        Ok(Events(events))
    }

    /// Has a look soon.
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Looks at rows for as long as somebody watches, and tells what changes.
    pub(super) async fn run(&self, source: &Source, views: &Semaphore) {
        let mut known = Known::default();
        let mut number = 0;
        loop {
            if self.is_empty() {
                // What was known is old by the time somebody comes.
                known = Known::default();
                self.woken.notified().await;
            } else {
                let _ = timeout(INTERVAL, self.woken.notified()).await;
            }
            let rows = Arc::clone(&source.rows);
            // It is never closed.
            let permit = views.acquire().await;
            let Ok(stats) = tokio::task::spawn_blocking(move || rows()).await else {
                tracing::error!("a look at the statistics failed");
                continue;
            };
            drop(permit);
            self.tell(&mut known, &stats, &mut number);
        }
    }

    fn is_empty(&self) -> bool {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn tell(&self, known: &mut Known, stats: &Stats, number: &mut u64) {
        let changes = known.update(stats);
        let now = Instant::now();
        let all = written(&changes, None, *number);
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain_mut(|watcher| watcher.tell(&changes, &all, *number, now));
        *number += changes.len() as u64;
    }
}

impl Watcher {
    /// Tells it what it has to know; `false`: it is let go.
    fn tell(&mut self, changes: &[Change], all: &Bytes, number: u64, now: Instant) -> bool {
        let message = match (&self.upstream, self.told) {
            (_, None) => {
                event("ready", number, &json!({"interval_ms": INTERVAL.as_millis() as u64}).to_string()).into()
            }
            (None, Some(_)) => all.clone(),
            (Some(_), Some(_)) => written(changes, self.upstream.as_deref(), number),
        };
        let is_silent = self.told.is_some_and(|told| now.saturating_duration_since(told) >= HEARTBEAT);
        let message = match message.is_empty() {
            true if is_silent => Bytes::from_static(b": still here\n\n"),
            true => return now < self.until && !self.to.is_closed(),
            false => message,
        };
        self.told = Some(now);
        // Who has not taken 64 messages is let go, and so is who has watched for long.
        self.to.try_send(message).is_ok() && now < self.until
    }
}

/// Changes as events, of all upstreams or of one, the first with the number behind `number`.
fn written(changes: &[Change], upstream: Option<&str>, number: u64) -> Bytes {
    let mut text = String::new();
    for (change, number) in changes.iter().zip(number + 1..) {
        if upstream.is_none_or(|name| name == change.upstream) {
            text.push_str(&event("endpoint", number, &change.json().to_string()));
        }
    }
    text.into()
}

fn event(kind: &str, number: u64, json: &str) -> String {
    // JSON has no line breaks, unless in escapes.
    format!("event: {kind}\nid: {number}\ndata: {json}\n\n")
}

#[cfg(test)]
mod tests {
    use super::changes::tests::{server, stats};
    use super::*;
    use crate::stats::Standing;

    fn taken(events: &mut Events) -> Option<String> {
        events.0.try_recv().ok().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn watchers_get_ready_then_changes_and_heartbeats() {
        let (hub, mut known, mut number) = (Hub::default(), Known::default(), 0);
        let (mut all, mut one) = (hub.watch(None).unwrap(), hub.watch(Some("other".into())).unwrap());
        hub.tell(&mut known, &stats(vec![server(1, Standing::Up)]), &mut number);
        assert_eq!(taken(&mut all).unwrap(), "event: ready\nid: 0\ndata: {\"interval_ms\":1000}\n\n");
        assert!(taken(&mut one).unwrap().starts_with("event: ready\n"));
        hub.tell(&mut known, &stats(vec![server(1, Standing::Up)]), &mut number);
        assert_eq!(taken(&mut all), None);
        hub.tell(&mut known, &stats(vec![server(1, Standing::Draining)]), &mut number);
        let told = taken(&mut all).unwrap();
        assert!(told.starts_with("event: endpoint\nid: 1\ndata: {\"change\":\"changed\""), "{told}");
        assert!(told.contains("\"state\":\"drain\"") && told.contains("\"upstream\":\"shop\""), "{told}");
        assert_eq!(taken(&mut one), None);
        tokio::time::advance(HEARTBEAT).await;
        hub.tell(&mut known, &stats(vec![server(1, Standing::Draining)]), &mut number);
        assert_eq!(
            (taken(&mut all), taken(&mut one)),
            (Some(": still here\n\n".into()), Some(": still here\n\n".into()))
        );
        tokio::time::advance(LONGEST).await;
        hub.tell(&mut known, &stats(vec![]), &mut number);
        assert!(taken(&mut all).unwrap().contains("\"change\":\"removed\""));
        assert!(all.0.is_closed() && hub.is_empty());
    }

    #[test]
    fn watchers_are_few_and_who_takes_nothing_is_let_go() {
        let (hub, mut known, mut number) = (Hub::default(), Known::default(), 0);
        let mut events: Vec<_> = (0..MOST_WATCHERS).map(|_| hub.watch(None).unwrap()).collect();
        assert_eq!(hub.watch(None).err().unwrap().status, 503);
        events.pop();
        events.push(hub.watch(None).unwrap());
        for turn in 0..=QUEUE {
            let standing = if turn % 2 == 0 { Standing::Up } else { Standing::Down };
            hub.tell(&mut known, &stats(vec![server(1, standing)]), &mut number);
        }
        assert!(hub.is_empty());
        assert!(events.iter().all(|events| events.0.is_closed() && events.0.len() == QUEUE));
    }
}
