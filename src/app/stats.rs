//! The rows of the statistics, from living upstreams and listeners.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::args::Pod;
use crate::lifecycle::{DrainWatch, Phase};
use crate::model::{EndpointPort, EndpointState, Replicas};
use crate::observe::{Forgotten, Listener, Metrics, resident_memory};
use crate::proxy::{ClientView, Inspector, PodView, Shared};
use crate::stats::{
    Act, Backend, Check, Frontend, Looking, Peer, ProcessFacts, Scope, Server, Source, Standing, Stats,
};
use crate::upstream::{CheckNote, Endpoint, Registry, Upstream};

/// HAProxy's numbers of proxies begin with 2; the listeners have the first two.
const FIRST_ID: u32 = 2;

/// Where the statistics take their rows from, and who does what is said of endpoints.
pub(super) fn source(
    shared: &Shared,
    registry: &Arc<Registry>,
    replicas: Option<ReplicasAt>,
    actions: (Scope, Act),
) -> Source {
    let memory_limit = shared.ledger.limit();
    let (metrics, limit) = (Arc::clone(&shared.metrics), shared.config.connections);
    let rows = {
        let (metrics, registry) = (Arc::clone(&metrics), Arc::clone(registry));
        Arc::new(move || rows(&metrics, &registry, limit))
    };
    let info = {
        let (metrics, connections) = (Arc::clone(&metrics), shared.connections.clone());
        let (drain, began, threads) = (shared.drain.clone(), Instant::now(), shared.config.shards);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let node = node();
        Arc::new(move || ProcessFacts {
            peers: replicas.as_ref().map(|replicas| replicas.peers(&node)),
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            node: node.clone(),
            threads,
            uptime: began.elapsed(),
            started,
            resident: resident_memory().unwrap_or(0),
            memory_limit: memory_limit.unwrap_or(0),
            open_files: open_files(),
            connections_limit: limit,
            connections: connections.open(),
            is_stopping: is_stopping(&drain),
            dropped_logs: metrics.access_log().1.get(),
        })
    };
    let (scope, act) = actions;
    let forget = {
        let registry = Arc::clone(registry);
        Arc::new(move |what| forget(&metrics, &registry, what))
    };
    let inspector = shared.inspector.clone();
    let sessions = Arc::new(move |limit| -> Looking { Box::pin(sessions(inspector.clone(), limit)) });
    Source { rows, info, scope, act, forget, sessions }
}

/// The replicas of this installation, and the port at which each has its statistics.
pub(super) struct ReplicasAt {
    pub(super) replicas: watch::Receiver<Replicas>,
    pub(super) port: u16,
}

impl ReplicasAt {
    fn peers(&self, node: &str) -> Vec<Peer> {
        let replicas = self.replicas.borrow().clone();
        replicas.iter().map(|replica| Peer::new(&replica.pod, replica.address, self.port, node)).collect()
    }
}

fn rows(metrics: &Metrics, registry: &Registry, limit: usize) -> Stats {
    let now = Instant::now();
    let frontends = [(Listener::Http, FIRST_ID), (Listener::Https, FIRST_ID + 1)];
    let frontends = frontends.into_iter().filter_map(|(listener, id)| {
        let of = metrics.listener(listener);
        let tally = of.tally()?;
        Some(Frontend {
            name: listener.as_str(),
            id,
            connections: tally.connections(of.open(), now),
            limit: limit as u64,
            requests: tally.requests.numbers(now),
        })
    });
    let mut names = HashSet::new();
    let mut backends: Vec<_> = registry.all().iter().map(|upstream| backend(upstream, &mut names, now)).collect();
    backends.sort_by(|one, other| one.name.cmp(&other.name));
    Stats { frontends: frontends.collect(), backends }
}

/// The row of an upstream. `names` has those that were given: upstreams of one port that speak in different ways to pods
/// have a number behind it, in order of their keys.
fn backend(upstream: &Arc<Upstream>, names: &mut HashSet<String>, now: Instant) -> Backend {
    let service = &upstream.key().service;
    let mut name = format!("{}_svc_{}_{}", service.namespace, service.name, upstream.port());
    if matches!(upstream.key().endpoint_port, EndpointPort::Udp { .. }) {
        name.push_str("_udp");
    }
    let base = name.clone();
    let mut number = 1;
    // A port may have such a name itself.
    while !names.insert(name.clone()) {
        number += 1;
        name = format!("{base}-{number}");
    }
    Backend {
        name,
        id: id(upstream),
        requests: upstream.tally().map(|tally| tally.numbers(now)).unwrap_or_default(),
        waiting: upstream.waiting().into(),
        servers: upstream.endpoints().as_slice().iter().map(|endpoint| server(endpoint, now)).collect(),
    }
}

pub(super) fn id(upstream: &Upstream) -> u32 {
    u32::try_from(upstream.number()).map_or(u32::MAX, |number| number.saturating_add(FIRST_ID + 2))
}

fn server(endpoint: &Endpoint, now: Instant) -> Server {
    let check = endpoint.checked();
    let standing = match endpoint.state() {
        EndpointState::Maintenance => Standing::Maintenance,
        EndpointState::Draining => Standing::Draining,
        EndpointState::Active if endpoint.is_failing() => Standing::Down,
        EndpointState::Active if endpoint.is_ejected() => Standing::Ejected,
        EndpointState::Active if check.is_some() => Standing::Up,
        EndpointState::Active => Standing::Unchecked,
    };
    Server {
        address: endpoint.address(),
        id: endpoint.id() as u32,
        requests: endpoint.tally().map(|tally| tally.numbers(now)).unwrap_or_default(),
        standing,
        is_commanded: endpoint.is_commanded(),
        weight: endpoint.weight().get(),
        initial_weight: endpoint.wanted_weight().get(),
        check: check.map(|check| {
            let CheckNote { outcome, took, since, bad, downs, down_for, turns: (rise, fall) } = check;
            let since = now.saturating_duration_since(since);
            let (code, reason, status) = (outcome.code(), outcome.reason(), outcome.status());
            Check { code, reason, status, took, since, bad, downs, down_for, rise, fall }
        }),
    }
}

fn forget(metrics: &Metrics, registry: &Registry, what: Forgotten) {
    for listener in [Listener::Http, Listener::Https] {
        if let Some(tally) = metrics.listener(listener).tally() {
            tally.forget(what);
        }
    }
    for upstream in registry.all() {
        let set = upstream.endpoints();
        let endpoints = set.as_slice().iter().filter_map(|endpoint| endpoint.tally());
        endpoints.chain(upstream.tally()).for_each(|tally| tally.forget(what));
    }
}

/// The connections that shards know one by one: those of HTTP/2.
async fn sessions(inspector: Inspector, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for answer in inspector.ask(limit).await {
        let Some(view) = answer.view else { continue };
        lines.extend(view.clients.some.iter().map(|client| of_client(client, &answer.shard)));
        lines.extend(view.pods.some.iter().map(|pod| of_pod(pod, &answer.shard)));
    }
    lines.truncate(limit);
    for (at, line) in lines.iter_mut().enumerate() {
        *line = format!("0x{:x}: {line}\n", at + 1);
    }
    lines
}

fn of_client(client: &ClientView, shard: &str) -> String {
    let ClientView { address, is_tls, age, requests, idle, standing, codec } = client;
    let frontend = if *is_tls { "https" } else { "http" };
    let idle = idle.map_or(0, |idle| idle.as_secs());
    format!(
        "proto=h2 src={address} fe={frontend} be=<NONE> srv=<none> ts=00 age={}s calls={requests} streams={} idle={idle}s state={} thread={shard}",
        age.as_secs(),
        codec.open_streams,
        standing.as_str(),
    )
}

fn of_pod(pod: &PodView, shard: &str) -> String {
    let PodView { address, tls, age, leases, waiting, idle, is_given_up: _, codec } = pod;
    let (tls, idle) = (tls.unwrap_or("none"), idle.map_or(0, |idle| idle.as_secs()));
    format!(
        "proto=h2 src=<NONE> fe=<NONE> be=<NONE> srv={address} ts=00 age={}s calls={leases} waiting={waiting} streams={} idle={idle}s tls={tls} thread={shard}",
        age.as_secs(),
        codec.open_streams,
    )
}

/// The name of the pod, or of the machine.
fn node() -> String {
    let pod = Pod::read();
    let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    pod.name.or(pod.host).or_else(machine).filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".into())
}

fn open_files() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.unwrap_or(0)
}

fn is_stopping(drain: &DrainWatch) -> bool {
    drain.phase() != Phase::Running
}
