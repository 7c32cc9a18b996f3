//! A shard: one thread with a runtime, listeners and pools of its own. Nothing in it is shared but the table cell,
//! the living upstreams, what limited clients have asked for, and the counters.

pub(crate) mod auth_memory;
pub(crate) mod client_connection;
pub(crate) mod clients;
pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod copies;
pub(crate) mod h1_conn;
pub(crate) mod handover;
pub(crate) mod handshakes;
pub(crate) mod heads_budget;
pub(crate) mod heartbeats;
pub(crate) mod inspector;
pub(crate) mod limiter;
pub(crate) mod pod_tls;
pub(crate) mod ports;
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
use crate::observe::{Metrics, Relief, ShardLog, Shed};
use crate::password::Passwords;
use crate::proxy::config::ProxyConfig;
use crate::proxy::wire::buffers::BufferPool;
use crate::proxy::wire::client_mark::Standing;
use crate::proxy::wire::h2::outputs::Outputs;
use crate::proxy::wire::ledger::{Ledger, LedgerShare};
use crate::routing::TableCell;
use crate::upstream::{InFlight, Pool, PoolConfig, Target};
use auth_memory::AuthMemory;
use client_connection::ClientConnection;
use clients::Clients;
use clock::Clock;
use connections::{Connections, Counted};
use copies::Copies;
use h1_conn::H1Conn;
use handover::{Handover, Neighbours};
use handshakes::Handshakes;
use heads_budget::HeadsBudget;
use heartbeats::Heartbeats;
use inspector::Inspector;
use limiter::Limiter;
use pod_tls::PodTlsConfigs;
use ports::Ports;
use roster::Roster;
use scratch::ScratchPool;
use session::Session;
use sessions::Sessions;
use turns::Turns;
use views::{Listing, ShardView};

/// What the kernel keeps of one connection and direction: this part of the memory limit, within these bounds. Bytes.
const KERNEL_PART: u64 = 2048;
const LEAST_IN_KERNEL: u64 = 64 * 1024;
const MOST_IN_KERNEL: u64 = 256 * 1024;
/// Of so many connections one gives way at a time.
const GIVING_WAY: usize = 256;
/// Streams take at most this part of the places for clients, as they give none back for others.
const STREAMS_PART: usize = 2;
/// Pause of who waits for a place, before it looks again.
const REST: Duration = Duration::from_millis(50);
/// Of the connections that can be done without, this part is closed at a time.
const SHED_PART: usize = 16;
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
    /// Connections to pods of all shards.
    pub pod_connections: Connections,
    /// The memory of the process.
    pub ledger: Ledger,
    /// Spreads client connections over the shards.
    pub handover: Handover,
    /// Asks the shards what connections they have.
    pub inspector: Inspector,
    /// Whether the shards run.
    pub heartbeats: Heartbeats,
    /// What clients have asked for.
    pub limiter: Limiter,
    /// What authentication services have said.
    pub auth_memory: AuthMemory,
    /// Tells which passwords are right.
    pub passwords: Passwords,
    /// Opens and closes ports of streams.
    pub ports: Ports,
}

/// Places for connections to pods.
pub(crate) struct PodPlaces {
    open: Connections,
    limit: usize,
}

/// What one shard owns.
pub(crate) struct Shard {
    pub config: Arc<ProxyConfig>,
    pub table: Arc<TableCell<Target>>,
    pub metrics: Arc<Metrics>,
    pub drain: DrainWatch,
    pub connections: Connections,
    /// The ports of streams, and how many connections they have.
    pub ports: Ports,
    /// The shards that connections may be handed over to.
    pub neighbours: Neighbours,
    /// Connections to pods, and how many there may be.
    pub pod_places: PodPlaces,
    pub ledger: Ledger,
    /// What clients have asked for, of all shards.
    pub limiter: Limiter,
    /// What authentication services have said, to all shards.
    pub auth_memory: AuthMemory,
    /// The shard's part of the ledger.
    pub share: Rc<LedgerShare>,
    pub access_log: ShardLog,
    pub buffers: Rc<BufferPool>,
    pub scratches: ScratchPool,
    pub clients: Rc<Clients>,
    /// Where the heads that arrive over HTTP/2 are put first.
    pub arrival: RefCell<Arrival>,
    pub outputs: Rc<Outputs>,
    /// TLS handshakes with clients.
    pub handshakes: Handshakes,
    /// Heads of requests over HTTP/2 that are being served.
    pub heads: Rc<HeadsBudget>,
    pub clock: Clock,
    /// Idle HTTP/1 connections to endpoints.
    pub pool: Pool<Box<H1Conn>>,
    /// Copies of requests that are under way.
    pub copies: Copies,
    /// HTTP/2 connections to endpoints.
    pub sessions: Sessions,
    /// How TLS is spoken to endpoints.
    pub pod_tls: PodTlsConfigs,
    /// The HTTP/2 connections of clients.
    pub h2_clients: Roster<ClientConnection>,
    /// All HTTP/2 connections to endpoints, also those that get no new requests.
    pub h2_pods: Roster<Session>,
    /// Stands still where the shard does not own its runtime.
    pub turns: Turns,
    pub passwords: Passwords,
    /// Where datagrams lie while they are passed on, one at a time. Made with the first port for them.
    pub datagram: RefCell<Vec<u8>>,
    random: Cell<u128>,
}

impl Shard {
    /// A shard without connections.
    pub(crate) fn new(shared: Shared, access_log: ShardLog, turns: Turns, neighbours: Neighbours) -> Rc<Self> {
        let Shared {
            config,
            table,
            metrics,
            drain,
            connections,
            pod_connections,
            ledger,
            handover: _,
            inspector: _,
            heartbeats: _,
            limiter,
            auth_memory,
            passwords,
            ports,
        } = shared;
        let pool = Pool::new(PoolConfig { idle: config.pods.idle, ..PoolConfig::default() });
        let sessions = Sessions::new(config.pods.stall);
        let handshakes = Handshakes::of_shard(config.shards);
        let share = LedgerShare::new(&ledger);
        let heads = config.listener.http2.heads_memory / HEAD_COPIES / config.shards.max(1) as u64;
        let (heads, buffers) = (HeadsBudget::new(heads, &share), BufferPool::of_shard(&share, config.shards));
        Rc::new(Self {
            pod_places: PodPlaces { open: pod_connections, limit: config.pod_connections },
            config,
            table,
            metrics,
            drain,
            connections,
            ports,
            neighbours,
            ledger,
            limiter,
            auth_memory,
            access_log,
            buffers,
            scratches: ScratchPool::new(&share),
            share,
            clients: Rc::default(),
            arrival: RefCell::default(),
            outputs: Rc::default(),
            handshakes,
            heads,
            clock: Clock::default(),
            pool,
            copies: Copies::default(),
            sessions,
            pod_tls: PodTlsConfigs::default(),
            h2_clients: Roster::default(),
            h2_pods: Roster::default(),
            turns,
            passwords,
            datagram: RefCell::default(),
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

    /// Closes up to `count` connections of clients that wait for their first or next request, those that have done nothing
    /// for longest first. Tells how many.
    pub(crate) fn give_way(&self, count: usize) -> usize {
        let closed = self.clients.close_oldest(count, |standing| matches!(standing, Standing::New | Standing::Idle));
        self.metrics.shed(Shed::Limit, closed);
        closed
    }

    /// A place for one more connection of a client, as soon as there is one. Where all are taken, connections that do nothing give
    /// way, those that have done nothing for longest first.
    pub(crate) async fn client_place(&self) -> Counted {
        let limit = self.config.connections;
        loop {
            if self.ledger.relief() < Relief::RefuseConnections {
                if let Some(counted) = self.connections.count_within(limit) {
                    return counted;
                }
                // More than one at a time, so that a crowd of newcomers does not look for each of them.
                if self.give_way((limit / GIVING_WAY).max(1)) > 0 {
                    // They go in the meantime.
                    tokio::task::yield_now().await;
                    continue;
                }
                self.connections.ask_others();
            }
            tokio::time::sleep(REST).await;
        }
    }

    /// Cuts as many of the oldest handshakes as there are others that wait for their turn.
    pub(crate) fn shed_handshakes(&self) {
        let waiting = self.handshakes.waiting();
        if waiting > 0 {
            let closed = self.clients.close_oldest(waiting, |is| is == Standing::Handshake);
            self.metrics.shed(Shed::Handshakes, closed);
        }
    }

    /// Closes a part of the connections that can be done without while memory is short.
    pub(crate) fn shed(&self, relief: Relief) {
        let part = |standing| self.clients.count(standing).div_ceil(SHED_PART);
        if relief >= Relief::CloseIdle {
            let count = part(Standing::Idle) + part(Standing::New) + part(Standing::Handshake);
            let is_meant = |is| matches!(is, Standing::New | Standing::Handshake | Standing::Idle);
            let closed = self.clients.close_oldest(count, is_meant);
            self.metrics.shed(Shed::MemoryIdle, closed);
        }
        if relief >= Relief::RefuseStreams {
            let closed = self.clients.close_oldest(part(Standing::Waiting), |is| is == Standing::Waiting);
            self.metrics.shed(Shed::MemoryStalled, closed);
        }
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

    /// Bytes of an answer that the kernel may keep for us on a new connection: what it has of a pod and we have not read, and
    /// what it has of us and has not sent. The rest of an answer that its client does not read stays with the pod. The kernel
    /// would keep megabytes. Over a long way less than the most costs some throughput.
    pub(crate) fn kernel_bytes(&self) -> u32 {
        let part = self.ledger.limit().map_or(MOST_IN_KERNEL, |limit| limit / KERNEL_PART);
        let most = if self.ledger.relief() == Relief::None { MOST_IN_KERNEL } else { LEAST_IN_KERNEL };
        u32::try_from(part.clamp(LEAST_IN_KERNEL, most)).unwrap_or(u32::MAX)
    }

    /// A place for one more connection of a stream, if there is one: the other half of the places for clients is HTTP's.
    pub(crate) fn stream_place(&self) -> Option<Counted> {
        self.ports.connections().count_within((self.config.connections / STREAMS_PART).max(1))
    }

    /// A place for one more connection to a pod, if there is one that nobody has to give up.
    pub(crate) fn free_pod_place(&self) -> Option<Counted> {
        self.pod_places.open.count_within(self.pod_places.limit)
    }

    /// A place for one more connection to a pod. If all are taken, idle connections of this shard give way.
    pub(crate) fn pod_place(&self) -> Option<Counted> {
        loop {
            let place = self.free_pod_place();
            if place.is_some() || !self.pool.close_one() {
                return place;
            }
        }
    }

    /// Keeps a connection for another request, for as long as its pod is expected to keep it. It got the request at `since`, and
    /// had sent the answer at `arrived`, which is now if it is not known.
    pub(crate) fn keep(
        &self,
        endpoint: &InFlight,
        mut conn: Box<H1Conn>,
        (since, arrived): (Instant, Option<Instant>),
        advertised: Option<Duration>,
    ) {
        let arrived = arrived.unwrap_or_else(Instant::now);
        conn.end(self.turns.now(), since, arrived);
        let idle = self.pool.config().idle_timeout(advertised);
        self.pool.put(endpoint.endpoint(), conn, arrived, idle);
    }
}

/// From the random keys of the standard library's hasher: no other source of randomness is needed.
fn seed() -> u128 {
    let part = || u128::from(std::hash::RandomState::new().build_hasher().finish());
    part() << 64 | part()
}
