//! The composition root: reads the settings apart, builds every part and ties them together.

mod check;
mod explain;
mod get;
mod origin;
mod report;
mod settings;
mod snapshot;
mod view;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::admin::{self, AdminState, DebugViews};
use crate::args::ServeArgs;
use crate::controller::{Controller, Inquirer, Problems};
use crate::lifecycle::{Drain, DrainTimes, Drained, Phase, Readiness};
use crate::observe::{AccessLog, Metrics, panics};
use crate::proxy::listener::{self, ListenerProtocol};
use crate::proxy::tls::{Http2, SniResolver, fallback_certificate, server_config, tickets};
use crate::proxy::{self, Connections, Shared};
use crate::routing::TableCell;
use crate::source::saved::Writer;
use crate::upstream::{Registry, Target};

use origin::Origin;
use report::Reports;

pub use check::check;
pub use explain::explain;
pub use get::get;
pub use settings::logging;

/// Messages of the source that may wait for the controller.
const QUEUE: usize = 1024;
/// Connections that may wait to be accepted, at the admin and health addresses. std has 128, which a flood brings while
/// a new table is compiled, and who finds no room tries again only after a second. More would only wait longer.
const BACKLOG: i32 = 1024;
/// How long the access log may take to write what is left, at the end.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// A server whose sockets are bound: nothing is served before it runs.
pub struct Bound {
    /// Where plain HTTP is served.
    pub http: SocketAddr,
    /// Where HTTPS is served.
    pub https: SocketAddr,
    /// Where health, metrics and debug views are served.
    pub admin: SocketAddr,
    /// Where a load balancer asks for health, if anywhere.
    pub health: Option<SocketAddr>,
    admin_socket: std::net::TcpListener,
    debug_views: DebugViews,
    health_socket: Option<std::net::TcpListener>,
    shards: Vec<proxy::Listeners>,
    shared: Shared,
    drain: Drain,
    times: DrainTimes,
    readiness: Readiness,
    registry: Arc<Registry>,
    controller: Controller,
    problems: Problems,
    origin: Origin,
    inquirer: Inquirer,
    reports: Option<Reports>,
    access_log: AccessLog,
    snapshots: Option<Writer>,
}

/// Takes the open files that the system allows us at the most, where less is set at start: two for each connection.
pub fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // Without it there are fewer connections, which the limit of connections then says.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// Builds everything and binds the sockets.
pub fn bind(args: &ServeArgs) -> anyhow::Result<Bound> {
    let origin = Origin::of(args)?;
    let workers = settings::workers(args);
    let config = Arc::new(settings::proxy(args));
    let metrics = Arc::new(Metrics::new());
    let table = Arc::new(TableCell::<Target>::default());
    let drain = Drain::new();
    let readiness = Readiness::new(drain.watch());
    let registry = Arc::new(Registry::new(Arc::clone(&metrics)));
    let waiting = readiness.guard(match args.source.manifests {
        Some(_) => "the first table",
        None => "the lists of the Kubernetes API and the first table",
    });
    let mut controller = Controller::new(
        settings::translation(args),
        Arc::clone(&table),
        Arc::clone(&registry),
        Arc::clone(&metrics),
        waiting,
    );
    let routing = &args.routing;
    let reports = Reports::new(&args.report, &routing.ingress_class, &routing.controller_name)
        .filter(|_| args.source.manifests.is_none());
    if let Some(reports) = &reports {
        controller.report_to(reports.inbox());
    }
    let snapshots = snapshot::take_up(&args.lifecycle, &mut controller, &metrics)?;
    let access_log = AccessLog::start(settings::access_log(args), AccessLog::stdout()?, &metrics)
        .context("cannot start the access log")?;

    let tls = tls_config(&table).context("cannot set up TLS")?;
    let keepalive = args.timeouts.tcp_keepalive;
    let plain = bind_listeners(args.listen.http, workers, keepalive, "--http")?;
    let encrypted = bind_listeners(args.listen.https, workers, keepalive, "--https")?;
    let admin_socket = bind_one(args.listen.admin, "--admin")?;
    let health_socket = args.listen.health.map(|address| bind_one(address, "--health")).transpose()?;
    let (http, https) = (plain[0].local_addr()?, encrypted[0].local_addr()?);
    let shards = plain.into_iter().zip(encrypted);
    let shards = shards.map(|(plain, encrypted)| {
        vec![(plain, ListenerProtocol::Http), (encrypted, ListenerProtocol::Https(Arc::clone(&tls)))]
    });
    Ok(Bound {
        http,
        https,
        admin: admin_socket.local_addr()?,
        health: health_socket.as_ref().map(std::net::TcpListener::local_addr).transpose()?,
        admin_socket,
        debug_views: settings::debug_views(args),
        health_socket,
        shards: shards.collect(),
        shared: Shared { config, table, metrics, drain: drain.watch(), connections: Connections::default() },
        drain,
        times: DrainTimes { delay: args.lifecycle.drain_delay, timeout: args.lifecycle.drain_timeout },
        readiness,
        registry,
        problems: controller.problems(),
        inquirer: controller.inquirer(args.listen.public_https_port),
        controller,
        origin,
        reports,
        access_log,
        snapshots,
    })
}

fn bind_listeners(
    address: SocketAddr,
    shards: usize,
    keepalive: Duration,
    flag: &str,
) -> anyhow::Result<Vec<std::net::TcpListener>> {
    listener::bind(address, shards, keepalive).with_context(|| format!("cannot listen on {address} ({flag})"))
}

fn bind_one(address: SocketAddr, flag: &str) -> anyhow::Result<std::net::TcpListener> {
    let bound = std::net::TcpListener::bind(address);
    let socket = bound.with_context(|| format!("cannot listen on {address} ({flag})"))?;
    SockRef::from(&socket).listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// TLS whose certificates come from the table of the moment.
fn tls_config(table: &Arc<TableCell<Target>>) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let fallback = Arc::new(fallback_certificate(SystemTime::now())?);
    let table = Arc::clone(table);
    let choose = move |name: Option<&str>| table.load().certificates(name).list.to_vec();
    Ok(server_config(Arc::new(SniResolver::new(choose, fallback)), tickets()?, Http2::Offered)?)
}

impl Bound {
    /// Serves until a signal, then drains. The calling thread becomes the control thread.
    pub fn run(self) -> anyhow::Result<()> {
        panics::watch(&self.shared.metrics);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { self.serve(termination()).await })
    }

    /// Serves until `stop` yields, then drains; what it yields again cuts the drain short.
    pub async fn serve(self, mut stop: mpsc::Receiver<()>) -> anyhow::Result<()> {
        let Self {
            http,
            https,
            admin,
            health,
            admin_socket,
            debug_views,
            health_socket,
            shards,
            shared,
            drain,
            times,
            readiness,
            registry,
            controller,
            problems,
            origin,
            inquirer,
            reports,
            access_log,
            snapshots,
        } = self;
        let (version, health_at) = (env!("CARGO_PKG_VERSION"), health.map(tracing::field::display));
        tracing::info!(%http, %https, %admin, health = health_at, workers = shards.len(), version, "listening");
        let state = AdminState {
            metrics: Arc::clone(&shared.metrics),
            pending: {
                let readiness = readiness.clone();
                Arc::new(move || readiness.pending().into_iter().map(str::to_owned).collect())
            },
            debug_views,
            snapshot: {
                let table = Arc::clone(&shared.table);
                Arc::new(move || view::snapshot(&table.load()))
            },
            problems: { Arc::new(move || problems.all()) },
            explain: Arc::new(move |asked| explain::by_controller(inquirer.clone(), asked)),
        };
        let (sender, events) = mpsc::channel(QUEUE);
        let mut source = origin.open()?;
        let reports = reports.zip(source.access());
        if let Some((reports, access)) = &reports {
            source.know(reports.signature(access));
        }
        let source = source.follow(sender, controller.wanted_secrets(), Arc::clone(&shared.metrics));
        let reporter = reports.map(|(reports, access)| reports.start(access, &shared.metrics));
        let health = match health_socket {
            Some(socket) => {
                Some(tokio::spawn(admin::serve_health(TcpListener::from_std(socket)?, state.pending.clone())))
            }
            None => None,
        };
        let admin = tokio::spawn(admin::serve(TcpListener::from_std(admin_socket)?, state));
        let threads = start_shards(shards, &shared, &access_log, &registry)?;
        let controller = tokio::spawn(controller.run(events));
        let ready = tokio::spawn(async move {
            readiness.complete().await;
            tracing::info!("ready");
        });

        let outcome = tokio::select! {
            _ = stop.recv() => Ok(()),
            ended = source => match ended {
                Ok(Err(error)) => Err(error),
                Ok(Ok(())) | Err(_) => Err(anyhow::anyhow!("the source of objects ended")),
            },
        };
        ready.abort();
        // Before the drain, so that the next one to report need not wait for its end.
        let reporter = tokio::spawn(async move {
            if let Some(reporter) = reporter {
                reporter.stop().await;
            }
        });
        if outcome.is_ok() {
            tracing::info!(delay = ?times.delay, timeout = ?times.timeout, "shutting down: not ready any more");
            let drained = tokio::select! {
                drained = drain.run(&times) => drained,
                () = async { let _ = stop.recv().await; drain.advance(Phase::Aborting); } => Drained::Aborted { left: drain.busy() },
            };
            match drained {
                Drained::Complete => tracing::info!("drained"),
                Drained::Aborted { left } => tracing::warn!(left, "drain cut short"),
            }
        }
        drain.advance(Phase::Aborting);
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().map(JoinHandle::join).all(|ended| ended.is_ok()));
        if !joined.await.unwrap_or(false) {
            tracing::error!("a data-plane thread ended with a panic");
        }
        controller.abort();
        let _ = reporter.await;
        if let Some(snapshots) = snapshots {
            // A container that is started again in the same pod finds the file.
            let _ = tokio::task::spawn_blocking(move || snapshots.finish()).await;
        }
        admin.abort();
        if let Some(health) = health {
            health.abort();
        }
        access_log.stop(LOG_PATIENCE);
        outcome
    }
}

fn start_shards(
    shards: Vec<proxy::Listeners>,
    shared: &Shared,
    log: &AccessLog,
    registry: &Registry,
) -> io::Result<Vec<JoinHandle<()>>> {
    let start = |(index, listeners): (usize, proxy::Listeners)| {
        let (shared, log, retirements) = (shared.clone(), log.shard(), registry.retirements());
        std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            if let Err(error) = proxy::run(shared, log, listeners, retirements) {
                tracing::error!(%error, "a data-plane thread could not start");
            }
        })
    };
    shards.into_iter().enumerate().map(start).collect()
}

/// Yields once for each SIGTERM or SIGINT.
fn termination() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::error!("signals cannot be received");
            std::future::pending::<()>().await;
            return;
        };
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if sender.send(()).await.is_err() {
                return;
            }
        }
    });
    receiver
}
