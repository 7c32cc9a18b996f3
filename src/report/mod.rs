//! What is written back to the Kubernetes API: addresses in the status of our Ingresses, Events about problems, and the
//! Lease that decides which replica writes them. See `docs/status-and-events.md`.
//!
//! The controller never waits for anything here: it leaves its news in the `Inbox` and goes on. Without an API server reports
//! are late, and traffic is not affected.

mod address;
mod bucket;
mod cause;
mod events;
mod inbox;
mod jitter;
mod lease;
mod status;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::model::ObjectName;
use crate::observe::Metrics;
use crate::source::objects::Signature;

pub use address::{Publish, parse as parse_address};
pub use inbox::{Inbox, Standing};

/// Longest time a write may take, with its retries: shorter than the time from the end of a term to the start of the next
/// holder's.
const WRITE_TIMEOUT: Duration = Duration::from_secs(4);

/// Gives the present client: credentials rotate, so no client is kept for long.
pub type Clients = Arc<dyn Fn() -> Client + Send + Sync>;

/// Who a process is among its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The one pod of this name. A container that is started again in it holds the Lease of the former container at once.
    Pod(String),
    /// One of the processes on a host of this name. A random part is added, so that no process is taken for another or for a
    /// former one.
    Host(String),
}

/// The settings of the reporter.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which addresses our Ingresses get.
    pub publish: Publish,
    /// The Lease that replicas share. Statuses are signed with it.
    pub lease: ObjectName,
    /// Which of the replicas this is.
    pub identity: Identity,
    /// Name of the controller (`--controller-name`): the source that Events name.
    pub controller: String,
}

/// The reporter at work.
#[derive(Debug)]
pub struct Reporter {
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Reporter {
    /// Starts to report what comes into the inbox, whenever this process holds the Lease.
    pub fn start(settings: Settings, clients: Clients, inbox: Inbox, metrics: &Arc<Metrics>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let work = tokio::spawn(run(settings, clients, inbox, Arc::clone(metrics), stopped));
        Self { stop, work }
    }

    /// Finishes the writes that are under way and gives the Lease back. Takes eight seconds at most. What was written stays.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.work.await.is_err() {
            tracing::error!("the reporter ended with a panic");
        }
    }
}

async fn run(settings: Settings, clients: Clients, inbox: Inbox, metrics: Arc<Metrics>, stop: watch::Receiver<bool>) {
    let Settings { publish, lease, identity, controller } = settings;
    let identity = match identity {
        Identity::Pod(name) => name,
        Identity::Host(name) => format!("{name}_{:016x}", jitter::random()),
    };
    let signature = Signature::of(&lease);
    let (election, term) = lease::Election::new(Arc::clone(&clients), lease, identity.clone());
    let (sender, addresses) = watch::channel(None);
    let follow = tokio::spawn(address::follow(publish, Arc::clone(&clients), sender));
    let election = tokio::spawn(election.run(metrics.report().clone(), stop.clone()));
    let author = events::Author { controller: controller.clone(), instance: identity };
    let status = status::run(
        status::Writer::new(Arc::clone(&clients), signature, term.clone()),
        inbox.clone(),
        addresses,
        metrics.report().clone(),
        stop.clone(),
    );
    let events = events::run(events::Writer::new(clients, author, term), inbox, metrics.report().clone(), stop);
    let status = tokio::spawn(status);
    events.await;
    let has_stopped = status.await.is_ok();
    follow.abort();
    if let (Ok(election), true) = (election.await, has_stopped) {
        election.release().await;
    }
}
