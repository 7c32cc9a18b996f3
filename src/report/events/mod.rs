//! Events about problems, on the objects that have them: what `kubectl describe` shows.

mod book;
mod writer;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::observe::{EventWrite, ReportMetrics};

use super::bucket::Bucket;
use super::inbox::Inbox;

use book::Book;

pub(super) use writer::{Author, Writer};

/// Events written without a pause, then one each `PACE`.
const BURST: u32 = 100;
/// See `BURST`.
const PACE: Duration = Duration::from_millis(50);
/// How often problems that are over are forgotten.
const TIDY: Duration = Duration::from_secs(60);

/// Writes Events about problems until `stop`; then the one that is being written is finished.
pub(super) async fn run(writer: Writer, inbox: Inbox, metrics: ReportMetrics, mut stop: watch::Receiver<bool>) {
    let mut term = writer.term();
    let mut book = Book::default();
    let mut bucket = Bucket::new(BURST, PACE, Instant::now());
    let mut tidy = tokio::time::interval(TIDY);
    loop {
        let due = book.next_due();
        let is_held = term.is_held();
        tokio::select! {
            biased;
            () = told(&mut stop) => return,
            news = inbox.next_problems() => {
                let now = Instant::now();
                news.into_iter().for_each(|(problem, change)| book.note(problem, change, now));
            }
            _ = tidy.tick() => book.tidy(Instant::now()),
            () = term.begins(), if !is_held => continue,
            () = until(due), if is_held => {
                let now = Instant::now();
                if let Err(ready) = bucket.take(now) {
                    // Short: a twentieth of a second.
                    tokio::time::sleep_until(ready).await;
                    continue;
                }
                if let Some(problem) = book.next(now) {
                    let result = writer.write(&problem).await;
                    metrics.event(result);
                    match result {
                        EventWrite::Written | EventWrite::Repeated | EventWrite::Unchanged => book.told(&problem, now),
                        EventWrite::Failed => book.failed(&problem, now),
                        EventWrite::Skipped | EventWrite::Dropped => {}
                    }
                }
            }
        }
        for _ in 0..book.take_dropped() {
            metrics.event(EventWrite::Dropped);
        }
    }
}

async fn told(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody will stop it any more.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
