//! The status of Ingresses: `status.loadBalancer.ingress`.
//!
//! It is written by server-side apply with a field manager of this installation. So the API server knows which addresses are
//! ours, and removing ours from an Ingress that left the class never removes those of another controller.

mod book;
mod writer;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::model::ObjectName;
use crate::observe::{ReportMetrics, StatusWrite};

use super::address::Addresses;
use super::bucket::Bucket;
use super::inbox::Inbox;

use book::{Book, Done, Work};

pub(super) use writer::Writer;

/// Writes under way at the same time.
const AT_ONCE: usize = 8;
/// Writes without a pause, then one each `PACE`: a thousand in 3.6 s.
const BURST: u32 = 100;
/// See `BURST`.
const PACE: Duration = Duration::from_millis(4);
/// How often a failure is logged.
const QUIET: Duration = Duration::from_secs(60);

/// Keeps statuses as they should be until `stop`; then the writes under way are finished.
pub(super) async fn run(
    writer: Writer,
    inbox: Inbox,
    mut addresses: watch::Receiver<Addresses>,
    metrics: ReportMetrics,
    mut stop: watch::Receiver<bool>,
) {
    let mut term = writer.term();
    let mut book = Book::default();
    let mut bucket = Bucket::new(BURST, PACE, Instant::now());
    let mut quiet_until = Instant::now();
    let mut writes: JoinSet<(ObjectName, Work, StatusWrite)> = JoinSet::new();
    loop {
        let wait = start(&mut book, &mut bucket, &writer, &mut writes);
        tokio::select! {
            news = inbox.next_ingresses() => {
                let now = Instant::now();
                news.into_iter().for_each(|(name, standing)| book.note(name, standing, now));
            }
            Ok(()) = addresses.changed() => {
                let next = addresses.borrow_and_update().clone();
                book.publish(next, Instant::now());
            }
            Some(ended) = writes.join_next() => if let Ok((name, work, result)) = ended {
                metrics.status(result);
                finish(&mut book, &name, &work, result, &mut quiet_until);
            },
            () = pause(&wait) => {}
            () = term.begins(), if matches!(wait, Wait::Term) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    while let Some(ended) = writes.join_next().await {
        if let Ok((_, _, result)) = ended {
            metrics.status(result);
        }
    }
}

/// What must happen before the next write.
enum Wait {
    /// News, or the end of another write.
    News,
    /// Our turn.
    Term,
    /// Time.
    Until(Instant),
}

/// Starts the writes that are due and allowed. `Wait` says what delays the next one.
fn start(
    book: &mut Book,
    bucket: &mut Bucket,
    writer: &Writer,
    writes: &mut JoinSet<(ObjectName, Work, StatusWrite)>,
) -> Wait {
    loop {
        let now = Instant::now();
        let Some(due) = book.next_due() else { return Wait::News };
        if writes.len() >= AT_ONCE {
            return Wait::News;
        }
        if !writer.term().is_held() {
            return Wait::Term;
        }
        if due > now {
            return Wait::Until(due);
        }
        if let Err(ready) = bucket.take(now) {
            return Wait::Until(ready);
        }
        if let Some((name, work)) = book.next(now) {
            let writer = writer.clone();
            writes.spawn(async move {
                let result = writer.write(&name, &work).await;
                (name, work, result)
            });
        }
    }
}

async fn pause(wait: &Wait) {
    match wait {
        Wait::Until(at) => tokio::time::sleep_until(*at).await,
        Wait::News | Wait::Term => std::future::pending().await,
    }
}

fn finish(book: &mut Book, name: &ObjectName, work: &Work, result: StatusWrite, quiet_until: &mut Instant) {
    let now = Instant::now();
    let done = match result {
        StatusWrite::Written | StatusWrite::Unchanged | StatusWrite::Cleared | StatusWrite::Skipped => Done::Good,
        StatusWrite::Conflict | StatusWrite::Failed => Done::Bad,
    };
    match done {
        Done::Good => tracing::debug!(ingress = %name, result = result.as_str(), "status"),
        Done::Bad if *quiet_until <= now => {
            *quiet_until = now + QUIET;
            tracing::warn!(ingress = %name, result = result.as_str(), "a status could not be written; others may not either; they are tried again");
        }
        Done::Bad => tracing::debug!(ingress = %name, result = result.as_str(), "a status could not be written"),
    }
    book.done(name, work, done, now);
}
