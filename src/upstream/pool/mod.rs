//! Idle connections of one shard: per endpoint a stack, of equally fit ones last in first out.
//!
//! Last in first out keeps a few connections in use and lets the others expire. A pool belongs to one shard and is
//! neither shared nor sent. The proxy decides what a connection is, whether its socket is still open, how fit a connection
//! is, and how long it may have been idle for a request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::{Duration, Instant};

use crate::upstream::endpoint::Endpoint;
use crate::upstream::retirement::Retired;

/// How many idle connections a shard keeps, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Most idle connections kept for one endpoint, per shard; default 1024, which a proxy with one busy endpoint
    /// needs: with 256, every sixth request of 1,024 connections opened a new one. Zero turns pooling off.
    pub per_endpoint: usize,
    /// Most idle connections kept in all, per shard; default 8192.
    pub total: usize,
    /// How long an idle connection is kept when its endpoint does not say how long it keeps it. Default 4 s: Node
    /// and uvicorn close theirs after 5 s.
    pub idle: Duration,
    /// The longest an idle connection is kept, whatever its endpoint says. Default 60 s.
    pub longest_idle: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { per_endpoint: 1024, total: 8192, idle: Duration::from_secs(4), longest_idle: Duration::from_secs(60) }
    }
}

impl PoolConfig {
    /// How long to keep a connection whose endpoint said `Keep-Alive: timeout=`, or nothing. A second less than it says,
    /// because the endpoint's clock started before ours.
    pub fn idle_timeout(&self, advertised: Option<Duration>) -> Duration {
        match advertised {
            Some(timeout) => timeout.saturating_sub(Duration::from_secs(1)).min(self.longest_idle),
            None => self.idle,
        }
    }
}

/// How fit an idle connection is for another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fitness {
    /// Not at all, at this time.
    Tired,
    /// If there is no better one.
    Fresh,
    /// Nearly as well as any.
    Rested,
    /// As well as can be.
    Settled,
}

/// How many connections are looked at for a fit one, beside a search by halves.
const LOOKED_AT: usize = 16;

/// The idle connections of one shard. Dropping a `C` must not call back into the pool.
#[derive(Debug)]
pub struct Pool<C> {
    config: PoolConfig,
    inner: RefCell<Inner<C>>,
    /// Not `Send`: it belongs to a shard.
    _shard: PhantomData<Rc<()>>,
}

#[derive(Debug)]
struct Inner<C> {
    stacks: HashMap<u64, Stack<C>, BuildHasherDefault<IdHasher>>,
    total: usize,
}

#[derive(Debug)]
struct Stack<C> {
    endpoint: Arc<Endpoint>,
    idle: Vec<Idle<C>>,
    /// Whether anything was put or taken since the last sweep: a stack in use keeps its memory while empty.
    is_used: bool,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Instant,
    expires: Instant,
}

impl<C> Pool<C> {
    /// An empty pool.
    pub fn new(config: PoolConfig) -> Self {
        Self { config, inner: RefCell::new(Inner { stacks: HashMap::default(), total: 0 }), _shard: PhantomData }
    }

    /// What it was made with.
    pub fn config(&self) -> &PoolConfig {
        &self.config
    }

    /// How many idle connections there are.
    pub fn idle_count(&self) -> usize {
        self.inner.borrow().total
    }

    /// The fittest of the connections that became idle at most `max_idle` ago, or of all, and of equals the one that became idle
    /// last. Closes expired ones on the way.
    ///
    /// Fitness grows with the time for which a connection has been idle; where it does not, a less fit one may be taken.
    pub fn take(
        &self,
        endpoint_id: u64,
        max_idle: Option<Duration>,
        now: Instant,
        fitness: impl Fn(&C) -> Fitness,
    ) -> Option<C> {
        let mut inner = self.inner.borrow_mut();
        let Inner { stacks, total } = &mut *inner;
        let stack = stacks.get_mut(&endpoint_id)?;
        stack.is_used = true;
        loop {
            let at = fittest(&stack.idle, max_idle, now, &fitness)?;
            // `remove` keeps the order, and the last one is the usual one.
            let taken = if at + 1 == stack.idle.len() { stack.idle.pop()? } else { stack.idle.remove(at) };
            *total -= 1;
            if taken.expires > now {
                return Some(taken.connection);
            }
        }
    }

    /// Keeps a connection for at most `idle_timeout`. Closes it when that is no time, when its endpoint has left its set,
    /// or when the stack of the endpoint or the pool is full.
    pub fn put(&self, endpoint: &Arc<Endpoint>, connection: C, now: Instant, idle_timeout: Duration) {
        if endpoint.is_retired() || idle_timeout.is_zero() {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        let Inner { stacks, total } = &mut *inner;
        if *total >= self.config.total || self.config.per_endpoint == 0 {
            return;
        }
        let stack = match stacks.entry(endpoint.id()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(Stack { endpoint: Arc::clone(endpoint), idle: Vec::new(), is_used: true })
            }
        };
        if stack.idle.len() >= self.config.per_endpoint {
            return;
        }
        stack.is_used = true;
        stack.idle.push(Idle { connection, since: now, expires: now + idle_timeout });
        *total += 1;
    }

    /// Closes the connection of some endpoint that was idle for longest. False if there is none.
    pub fn close_one(&self) -> bool {
        let mut inner = self.inner.borrow_mut();
        let Inner { stacks, total } = &mut *inner;
        let Some(stack) = stacks.values_mut().find(|stack| !stack.idle.is_empty()) else { return false };
        drop(stack.idle.remove(0));
        *total -= 1;
        true
    }

    /// Closes expired connections and those of retired endpoints, and gives back the memory of stacks that were not
    /// used since the last sweep. To be called about once a second.
    pub fn sweep(&self, now: Instant) {
        let mut inner = self.inner.borrow_mut();
        let mut left = 0;
        inner.stacks.retain(|_, stack| {
            if stack.endpoint.is_retired() {
                return false;
            }
            stack.idle.retain(|idle| idle.expires > now);
            left += stack.idle.len();
            std::mem::take(&mut stack.is_used) || !stack.idle.is_empty()
        });
        inner.total = left;
    }

    /// Closes the connections of retired endpoints, as announced.
    pub fn forget(&self, retired: Retired, now: Instant) {
        match retired {
            Retired::One(id) => {
                let mut inner = self.inner.borrow_mut();
                inner.total -= inner.stacks.remove(&id).map_or(0, |stack| stack.idle.len());
            }
            Retired::Many => self.sweep(now),
        }
    }
}

/// Where the fittest one is, or one that has expired. They are in the order in which they became idle.
fn fittest<C>(
    idle: &[Idle<C>],
    max_idle: Option<Duration>,
    now: Instant,
    fitness: impl Fn(&C) -> Fitness,
) -> Option<usize> {
    let is_young = |idle: &Idle<C>| {
        max_idle.is_none_or(|most| now.saturating_duration_since(idle.since) <= most) || idle.expires <= now
    };
    let last = idle.last()?;
    let of_last = fitness(&last.connection);
    // Usually no other is fitter: if the one that has been idle for longest is not settled, none is.
    if is_young(last)
        && (of_last == Fitness::Settled
            || of_last == Fitness::Rested && fitness(&idle[0].connection) != Fitness::Settled)
    {
        return Some(idle.len() - 1);
    }
    for least in [Fitness::Settled, Fitness::Rested, Fitness::Fresh] {
        let is_fit = |idle: &Idle<C>| fitness(&idle.connection) >= least;
        // What has rested lies below what has not.
        let behind =
            if least == Fitness::Fresh || of_last >= least { idle.len() } else { idle.partition_point(is_fit) };
        let young = idle[..behind].iter().rev().take_while(|idle| is_young(idle));
        if let Some(back) = young.take(LOOKED_AT).position(is_fit) {
            return Some(behind - 1 - back);
        }
    }
    None
}

/// Endpoint ids are a sequence: one multiplication spreads them over the map's tag bits.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[cfg(test)]
mod tests;
