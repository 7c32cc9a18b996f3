//! A shard: one thread with a runtime, listeners and pools of its own. Nothing in it is shared but the table cell,
//! the living upstreams and the counters.

pub(crate) mod client_connection;
pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod h1_conn;
pub(crate) mod heads_budget;
pub(crate) mod idle_tasks;
pub(crate) mod inspector;
pub(crate) mod roster;
pub(crate) mod scratch;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod timer;
pub(crate) mod turns;
pub(crate) mod views;
pub(crate) mod workers;

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::http2::connection::Arrival;
use crate::lifecycle::DrainWatch;
use crate::observe::{Metrics, ShardLog};
use crate::proxy::config::ProxyConfig;
use crate::proxy::wire::buffers::BufferPool;
use crate::proxy::wire::h2::outputs::Outputs;
use crate::routing::TableCell;
use crate::upstream::{InFlight, Pool, PoolConfig, Target};
use client_connection::ClientConnection;
use clock::Clock;
use connections::Connections;
use h1_conn::H1Conn;
use heads_budget::HeadsBudget;
use idle_tasks::IdleTasks;
use inspector::Inspector;
use roster::Roster;
use scratch::ScratchPool;
use session::Session;
use sessions::Sessions;
use turns::Turns;
use views::{Listing, ShardView};

/// How often a head lies in memory while its request is served: as it came, and as the pod gets it.
const HEAD_COPIES: u64 = 2;

/// What all shards are given.
#[derive(Clone)]
pub struct Shared {
    /// The settings of the data plane.
    pub config: Arc<ProxyConfig>,
    /// The table.
    pub table: Arc<TableCell<Target>>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The phases of the drain.
    pub drain: DrainWatch,
    /// Client connections of all shards.
    pub connections: Connections,
    /// Asks the shards what connections they have.
    pub inspector: Inspector,
}

/// What one shard owns.
pub(crate) struct Shard {
    pub config: Arc<ProxyConfig>,
    pub table: Arc<TableCell<Target>>,
    pub metrics: Arc<Metrics>,
    pub drain: DrainWatch,
    pub connections: Connections,
    pub access_log: ShardLog,
    pub buffers: Rc<BufferPool>,
    pub scratches: ScratchPool,
    pub idle_tasks: Rc<IdleTasks>,
    /// Where the heads that arrive over HTTP/2 are put first.
    pub arrival: RefCell<Arrival>,
    pub outputs: Rc<Outputs>,
    /// Heads of requests over HTTP/2 that are being served.
    pub heads: Rc<HeadsBudget>,
    pub clock: Clock,
    /// Idle HTTP/1 connections to endpoints.
    pub pool: Pool<H1Conn>,
    /// HTTP/2 connections to endpoints.
    pub sessions: Sessions,
    /// The HTTP/2 connections of clients.
    pub h2_clients: Roster<ClientConnection>,
    /// All HTTP/2 connections to endpoints, also those that get no new requests.
    pub h2_pods: Roster<Session>,
    /// Stands still where the shard does not own its runtime.
    pub turns: Turns,
    random: Cell<u128>,
}

impl Shard {
    /// A shard without connections.
    pub(crate) fn new(shared: Shared, access_log: ShardLog, turns: Turns) -> Rc<Self> {
        let Shared { config, table, metrics, drain, connections, inspector: _ } = shared;
        let pool = Pool::new(PoolConfig { idle: config.pods.idle, ..PoolConfig::default() });
        let sessions = Sessions::new(config.pods.stall);
        let heads = HeadsBudget::new(config.listener.http2.heads_memory / HEAD_COPIES / config.shards.max(1) as u64);
        Rc::new(Self {
            config,
            table,
            metrics,
            drain,
            connections,
            access_log,
            buffers: BufferPool::new(),
            scratches: ScratchPool::default(),
            idle_tasks: Rc::default(),
            arrival: RefCell::default(),
            outputs: Rc::default(),
            heads,
            clock: Clock::default(),
            pool,
            sessions,
            h2_clients: Roster::default(),
            h2_pods: Roster::default(),
            turns,
            random: Cell::new(seed()),
        })
    }

    /// A number for request ids. It is hard to guess, but not secret: a linear congruential generator over 128 bits
    /// with a mixed output, seeded by the system.
    pub(crate) fn random(&self) -> u128 {
        let next = self.random.get().wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        self.random.set(next);
        let mixed = next ^ (next >> 64);
        mixed.wrapping_mul(0xda94_2042_e4dd_58b5_9e37_79b9_7f4a_7c15)
    }

    /// What connections there are, at most `limit` of each kind.
    pub(crate) fn look(&self, limit: usize) -> ShardView {
        let (clients, some_clients) = self.h2_clients.look(limit, ClientConnection::view);
        let (pods, some_pods) = self.h2_pods.look(limit, Session::view);
        ShardView {
            clients: Listing { total: clients, some: some_clients },
            pods: Listing { total: pods, some: some_pods },
            idle_http1_pods: self.pool.idle_count(),
        }
    }

    /// Keeps a connection for another request, for as long as its pod is expected to keep it.
    pub(crate) fn keep(&self, endpoint: &InFlight, mut conn: H1Conn, advertised: Option<Duration>) {
        conn.kept_in = self.turns.now();
        let idle = self.pool.config().idle_timeout(advertised);
        self.pool.put(endpoint.endpoint(), conn, Instant::now(), idle);
    }
}

/// From the random keys of the standard library's hasher: no other source of randomness is needed.
fn seed() -> u128 {
    let part = || u128::from(std::hash::RandomState::new().build_hasher().finish());
    part() << 64 | part()
}
