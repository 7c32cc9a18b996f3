//! The composition root: builds every part from the settings and connects the parts.

mod actions;
mod check;
mod compare;
mod connections;
mod endpoint;
mod explain;
mod get;
mod migrate;
mod objects;
mod origin;
mod report;
mod saved_objects;
mod server;
mod settings;
mod socket;
mod statistics;
mod stats;
mod view;
mod watchdog;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use socket2::SockRef;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::args::ServeArgs;
use crate::controller::Controller;
use crate::lifecycle::{Drain, DrainTimes, Readiness};
use crate::observe::panics;
use crate::password::Passwords;
use crate::proxy::listener::{self, ListenerProtocol};
use crate::proxy::tls::{SniResolver, TicketKeys, TlsConfigs, fallback_certificate};
use crate::proxy::{AuthMemory, Connections, Handover, Heartbeats, Inspector, Ledger, Limiter, Ports, Shared};
use crate::resolver;
use crate::routing::TableCell;
use crate::upstream::{Registry, Target};

use origin::Origin;
use report::Reports;
use server::Server;
use statistics::Statistics;

pub use check::check;
pub use endpoint::endpoint;
pub use explain::explain;
pub use get::get;
pub use migrate::migrate;
pub use settings::logging;
pub use socket::socket;

/// Messages of the source that may wait for the controller.
const QUEUE: usize = 1024;
/// Connections that may wait to be accepted, at the admin and health addresses. The 128 of std are used up when a flood comes
/// while a table is compiled, and a client that finds no room tries again only after a second. More would only wait longer.
const BACKLOG: i32 = 1024;

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
    /// Where the statistics are served, if anywhere.
    pub stats: Option<SocketAddr>,
    /// Where the run-time API is served, if anywhere.
    pub runtime_api: Option<SocketAddr>,
    origin: Origin,
    reports: Option<Reports>,
    /// How external names are resolved.
    pub resolver: resolver::Settings,
    server: Server,
}

#[cfg(test)]
mod tests;

/// Writes what is left of the process's log, as far as it is taken within two seconds.
pub fn finish_log() {
    crate::observe::logging::finish(Duration::from_secs(2));
}

/// Raises the limit of open files to the highest value that the system allows. A connection needs two.
pub fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // If that fails there are fewer connections, and the limit of connections says so.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// Builds everything and binds the sockets.
pub fn bind(args: &ServeArgs) -> anyhow::Result<Bound> {
    let origin = Origin::of(args)?;
    let workers = settings::workers(args);
    let config = Arc::new(settings::proxy(args));
    let routing = &args.routing;
    let reports = Reports::new(&args.report, &routing.ingress_class, &routing.controller_name)
        .filter(|_| args.source.manifests.is_none());
    let metrics = Arc::new(settings::metrics(args, reports.as_ref().map(Reports::election)));
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
    if let Some(reports) = &reports {
        controller.report_to(reports.inbox());
    }
    controller.believe_in(config.listener.forwarding.believed.clone());
    let saved_objects = saved_objects::take_up(&args.lifecycle, &mut controller, &metrics)?;
    let access_log = settings::start_access_log(args, &metrics).context("cannot start the access log")?;
    controller.tell_states(access_log.states());

    let shared_keys = &args.replicas.shared_keys;
    let ticket_keys = if shared_keys.is_some() { TicketKeys::OfReplicas } else { TicketKeys::OfProcess };
    let tls = tls_configs(&table, ticket_keys).context("cannot set up TLS")?;
    let keepalive = args.timeouts.tcp_keepalive;
    let plain = bind_listeners(args.listen.http, workers, keepalive, "--http")?;
    let encrypted = bind_listeners(args.listen.https, workers, keepalive, "--https")?;
    let admin_socket = bind_one(args.listen.admin, "--admin")?;
    let health_socket = args.listen.health.map(|address| bind_one(address, "--health")).transpose()?;
    let statistics = Statistics::bind(&args.stats, &args.runtime_api)?;
    if shared_keys.is_some() {
        let (tls, tokens) = (Arc::clone(&tls), statistics.tokens());
        controller.share_keys(move |keys| {
            tls.share(keys);
            tokens.iter().for_each(|tokens| tokens.share(keys));
        });
    }
    let replicas = args.replicas.self_service.as_ref().map(|_| controller.replicas());
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
        stats: statistics.address(),
        runtime_api: statistics.api_address(),
        origin,
        reports,
        resolver: resolver::Settings::default(),
        server: Server {
            admin_socket,
            debug_views: settings::debug_views(args),
            health_socket,
            statistics,
            has_names_of_haproxy: settings::in_the_manner_of_haproxy(args),
            shards: shards.collect(),
            shared: Shared {
                config,
                table,
                metrics,
                drain: drain.watch(),
                connections: Connections::default(),
                pod_connections: Connections::default(),
                ledger: Ledger::new(settings::memory_limit(args)),
                handover: Handover::default(),
                inspector: Inspector::default(),
                heartbeats: Heartbeats::default(),
                limiter: Limiter::default(),
                auth_memory: AuthMemory::default(),
                passwords: Passwords::new(workers.div_ceil(2)),
                ports: Ports::default(),
            },
            drain,
            times: DrainTimes { delay: args.lifecycle.drain_delay, timeout: args.lifecycle.drain_timeout },
            readiness,
            registry,
            problems: controller.problems(),
            inquirer: controller.inquirer(args.listen.public_https_port),
            ports: settings::ports(args),
            controller,
            access_log,
            saved_objects,
            replicas,
            has_durable_actions: args.stats.stats_durable_actions,
        },
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

/// TLS with the certificates of the present table.
fn tls_configs(table: &Arc<TableCell<Target>>, keys: TicketKeys) -> anyhow::Result<Arc<TlsConfigs>> {
    let fallback = Arc::new(fallback_certificate(SystemTime::now())?);
    let resolver = || {
        let table = Arc::clone(table);
        let choose = move |name: Option<&str>| table.load().certificates(name).list.to_vec();
        SniResolver::new(choose, Arc::clone(&fallback))
    };
    let asking = Arc::clone(table);
    let asking = resolver().asking(move |name| asking.load().asked_of(name));
    Ok(Arc::new(TlsConfigs::new(Arc::new(resolver()), Arc::new(asking), keys)?))
}

impl Bound {
    /// Serves until a signal, then drains. The calling thread becomes the control thread.
    pub fn run(self) -> anyhow::Result<()> {
        panics::watch(&self.server.shared.metrics);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { self.serve(termination()).await })
    }

    /// Serves until `stop` yields, then drains. A second message cuts the drain short. If the source or the controller ends by
    /// itself, that drains as well and is an error.
    pub async fn serve(self, stop: mpsc::Receiver<()>) -> anyhow::Result<()> {
        let Self { http, https, admin, health, stats, runtime_api, origin, reports, resolver, server } = self;
        let (version, health_at) = (env!("CARGO_PKG_VERSION"), health.map(tracing::field::display));
        let (stats, runtime_api) = (stats.map(tracing::field::display), runtime_api.map(tracing::field::display));
        tracing::info!(%http, %https, %admin, health = health_at, stats, runtime_api, workers = server.shards.len(), version, "listening");
        let (sender, events) = mpsc::channel(QUEUE);
        let mut source = origin.open()?;
        let access = source.access();
        let reports = reports.zip(access.clone());
        if let Some((reports, access)) = &reports {
            source.know(reports.signature(access));
        }
        let metrics = Arc::clone(&server.shared.metrics);
        let names = resolver::follow(resolver, server.controller.wanted_names(), sender.clone(), Arc::clone(&metrics));
        let source = source.follow(sender, server.controller.wanted(), Arc::clone(&metrics));
        let reporter = reports.map(|(reports, access)| reports.start(access, &metrics));
        let outcome = server.run(stop, events, (source, access), reporter).await;
        names.abort();
        outcome
    }
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
