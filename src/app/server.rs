//! The server while it runs: starts all tasks and threads, and ends them in order.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use super::statistics::Statistics;
use super::watchdog::{Stuck, Watchdog};
use super::{actions, connections, explain, stats, view};
use crate::admin::{self, AdminState, DebugViews};
use crate::controller::{Controller, Inquirer, Problems};
use crate::lifecycle::{Drain, DrainTimes, Drained, Phase, Readiness};
use crate::model::Replicas;
use crate::observe::AccessLog;
use crate::proxy::{self, PortSettings, Shared};
use crate::report::Reporter;
use crate::source::Event;
use crate::source::api::Access;
use crate::source::saved::Writer;
use crate::stats::{Source, prometheus};
use crate::upstream::Registry;

/// How long the access log may take to write what is left, at the end.
const LOG_WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that serves, its sockets bound.
pub(super) struct Server {
    pub(super) admin_socket: TcpListener,
    pub(super) debug_views: DebugViews,
    pub(super) health_socket: Option<TcpListener>,
    pub(super) statistics: Statistics,
    /// Whether /metrics has HAProxy's names too.
    pub(super) has_names_of_haproxy: bool,
    pub(super) shards: Vec<proxy::Listeners>,
    pub(super) shared: Shared,
    pub(super) drain: Drain,
    pub(super) times: DrainTimes,
    pub(super) readiness: Readiness,
    pub(super) registry: Arc<Registry>,
    pub(super) controller: Controller,
    pub(super) problems: Problems,
    pub(super) inquirer: Inquirer,
    pub(super) ports: PortSettings,
    pub(super) access_log: AccessLog,
    pub(super) saved_objects: Option<Writer>,
    /// The replicas of this installation, where they are followed.
    pub(super) replicas: Option<watch::Receiver<Replicas>>,
    /// Whether what is said of endpoints by the statistics is written to their Services.
    pub(super) has_durable_actions: bool,
}

impl Server {
    /// Serves what `source` sends as `events`, until `stop` yields. Then it drains, and another message of `stop` cuts the
    /// drain short. A source or a controller that ends by itself is an error; it drains too if there can be traffic.
    pub(super) async fn run(
        self,
        mut stop: mpsc::Receiver<()>,
        events: mpsc::Receiver<Event>,
        (source, access): (JoinHandle<anyhow::Result<()>>, Option<Arc<Access>>),
        reporter: Option<Reporter>,
    ) -> anyhow::Result<()> {
        let Self {
            admin_socket,
            debug_views,
            health_socket,
            statistics,
            has_names_of_haproxy,
            shards,
            shared,
            drain,
            times,
            readiness,
            registry,
            controller,
            problems,
            inquirer,
            ports,
            access_log,
            saved_objects,
            replicas,
            has_durable_actions,
        } = self;
        let stuck = Stuck::default();
        let port = statistics.address().map_or(0, |address| address.port());
        let replicas = replicas.map(|replicas| stats::ReplicasAt { replicas, port });
        let source_of_rows = stats::source(
            &shared,
            &registry,
            replicas,
            actions::actions(&registry, access.filter(|_| has_durable_actions)),
        );
        let state = AdminState {
            metrics: Arc::clone(&shared.metrics),
            more_metrics: has_names_of_haproxy.then(|| {
                let Source { rows, info, .. } = source_of_rows.clone();
                let text = move || prometheus(&rows(), &info());
                Arc::new(text) as Arc<dyn Fn() -> String + Send + Sync>
            }),
            pending: {
                let readiness = readiness.clone();
                Arc::new(move || readiness.pending().into_iter().map(str::to_owned).collect())
            },
            stuck: {
                let stuck = Arc::clone(&stuck);
                Arc::new(move || stuck.lock().unwrap_or_else(PoisonError::into_inner).clone())
            },
            debug_views,
            snapshot: {
                let table = Arc::clone(&shared.table);
                Arc::new(move || view::snapshot(&table.load()))
            },
            problems: { Arc::new(move || problems.all()) },
            explain: Arc::new(move |asked| explain::by_controller(inquirer.clone(), asked)),
            connections: {
                let (inspector, open) = (shared.inspector.clone(), shared.connections.clone());
                Arc::new(move |limit| connections::seen(inspector.clone(), open.clone(), limit))
            },
        };
        let _watchdog = Watchdog::start(
            shared.ledger.clone(),
            shared.heartbeats.clone(),
            Arc::clone(&shared.metrics),
            Arc::clone(&stuck),
        )?;
        let health = match health_socket {
            Some(socket) => {
                let socket = tokio::net::TcpListener::from_std(socket)?;
                Some(tokio::spawn(admin::serve_health(socket, state.pending.clone(), state.stuck.clone())))
            }
            None => None,
        };
        let statistics =
            if statistics.is_empty() { Vec::new() } else { statistics.start(&source_of_rows, &shared.passwords)? };
        let admin = tokio::spawn(admin::serve(tokio::net::TcpListener::from_std(admin_socket)?, state));
        let threads = start_shards(shards, &shared, &access_log, &registry)?;
        let checks =
            tokio::spawn(proxy::checks::start_when_asked(registry.checks(), access_log.states(), drain.watch()));
        let (wanted, unavailable) = controller.ports();
        let (metrics, watch) = (Arc::clone(&shared.metrics), drain.watch());
        let ports = tokio::spawn(proxy::keep_ports(shared.ports.clone(), ports, wanted, unavailable, metrics, watch));
        let mut controller = tokio::spawn(controller.run(events));
        let ready = tokio::spawn({
            let readiness = readiness.clone();
            async move {
                readiness.complete().await;
                tracing::info!("ready");
            }
        });

        // Of the ends that come together the cause is first.
        let outcome = tokio::select! {
            biased;
            _ = stop.recv() => Ok(()),
            ended = source => Err(end_of_source(ended)),
            ended = &mut controller => Err(end_of_controller(ended)),
        };
        ready.abort();
        checks.abort();
        ports.abort();
        // Before the drain, so that the next process that reports need not wait for its end.
        let reporter = tokio::spawn(async move {
            if let Some(reporter) = reporter {
                reporter.stop().await;
            }
        });
        match &outcome {
            Ok(()) => drain_all(&drain, &times, &mut stop).await,
            Err(error) if readiness.is_ready() => {
                tracing::error!(%error, "what is served cannot follow the cluster any more");
                drain_all(&drain, &times, &mut stop).await;
            }
            // There is no traffic before readiness.
            Err(_) => {}
        }
        drain.advance(Phase::Aborting);
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().map(thread::JoinHandle::join).all(|ended| ended.is_ok())
        });
        if !joined.await.unwrap_or(false) {
            tracing::error!("a data-plane thread ended with a panic");
        }
        controller.abort();
        let _ = reporter.await;
        if let Some(saved_objects) = saved_objects {
            // A container that is started again in the same pod finds the file.
            let _ = tokio::task::spawn_blocking(move || saved_objects.finish()).await;
        }
        admin.abort();
        statistics.iter().for_each(JoinHandle::abort);
        if let Some(health) = health {
            health.abort();
        }
        access_log.stop(LOG_WRITE_TIMEOUT);
        outcome
    }
}

fn end_of_source(ended: Result<anyhow::Result<()>, JoinError>) -> anyhow::Error {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => anyhow::anyhow!("the source of objects ended"),
        Err(error) => anyhow::Error::new(error).context("the source of objects ended"),
    }
}

fn end_of_controller(ended: Result<(), JoinError>) -> anyhow::Error {
    match ended {
        Ok(()) => anyhow::anyhow!("the controller ended"),
        Err(error) => anyhow::Error::new(error).context("the controller ended"),
    }
}

/// Walks through the drain. A message of `stop` cuts it short.
async fn drain_all(drain: &Drain, times: &DrainTimes, stop: &mut mpsc::Receiver<()>) {
    tracing::info!(delay = ?times.delay, timeout = ?times.timeout, "shutting down: not ready any more");
    let drained = tokio::select! {
        drained = drain.run(times) => drained,
        () = async { let _ = stop.recv().await; drain.advance(Phase::Aborting); } => Drained::Aborted { left: drain.busy() },
    };
    match drained {
        Drained::Complete => tracing::info!("drained"),
        Drained::Aborted { left } => tracing::warn!(left, "drain cut short"),
    }
}

fn start_shards(
    shards: Vec<proxy::Listeners>,
    shared: &Shared,
    log: &AccessLog,
    registry: &Registry,
) -> io::Result<Vec<thread::JoinHandle<()>>> {
    let start = |(index, listeners): (usize, proxy::Listeners)| {
        let (shared, log, retirements) = (shared.clone(), log.shard(), registry.retirements());
        thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            if let Err(error) = proxy::run(shared, log, listeners, retirements) {
                tracing::error!(%error, "a data-plane thread could not start");
            }
        })
    };
    shards.into_iter().enumerate().map(start).collect()
}
