//! What the phases of one request share. However a request ends, it is counted and logged once.

pub(crate) mod answer_head;
pub(crate) mod body_copy;
pub(crate) mod client_address;
pub(crate) mod client_io;
pub(crate) mod explanation;
pub(crate) mod grpc;
pub(crate) mod identity;
mod log_details;
pub(crate) mod meter;
pub(crate) mod peer;
pub(crate) mod record;
pub(crate) mod respond;
pub(crate) mod tallied;
pub(crate) mod termination;

use std::rc::Rc;

use tokio::time::Instant;

use crate::proxy::config::ListenerConfig;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::limiter::Place;
use crate::proxy::shard::scratch::ExchangeBuffers;
use log_details::Finished;
use peer::Peer;
use record::Record;

/// What the phases of one request share. Dropping it counts and logs the request, at its end or when the client leaves.
pub(crate) struct Walk<'a> {
    /// The shard that serves it.
    pub shard: &'a Rc<Shard>,
    /// What holds for the client's connection.
    pub listener: &'a ListenerConfig,
    /// The client.
    pub peer: &'a Peer,
    /// Memory to work with; the request's head is in it.
    pub work: &'a mut ExchangeBuffers,
    /// When the head was complete.
    pub ready_at: Instant,
    /// What is known so far.
    pub record: Record,
    /// Its place among the client's requests in progress, where they are limited.
    pub place: Option<Place>,
    /// Whether it has ended. If it is dropped before, the client has left.
    pub is_over: bool,
    is_recorded: bool,
}

impl<'a> Walk<'a> {
    /// A walk for the request whose head is in `work`: its first byte came at `started`, its last at `ready_at`.
    pub(crate) fn new(
        shard: &'a Rc<Shard>,
        listener: &'a ListenerConfig,
        peer: &'a Peer,
        work: &'a mut ExchangeBuffers,
        started: Instant,
        ready_at: Instant,
    ) -> Self {
        let record = Record::new(started);
        Self { shard, listener, peer, work, ready_at, record, place: None, is_over: false, is_recorded: false }
    }
}

impl Walk<'_> {
    /// Counts and logs it, and tells the time.
    pub(crate) fn finish(&mut self) -> Instant {
        self.is_recorded = true;
        if !self.is_over {
            self.record.failed(self.shard, &ProxyError::ClientClosed);
        }
        // What counts requests knows that those it has counted are over.
        self.place = None;
        let now = Instant::now();
        let Self { shard, listener, peer, work, record, ready_at, .. } = self;
        let finished = Finished { shard, record, listener, peer, work, ready_at: *ready_at, at: now };
        record.finish(shard, peer, work, now, &finished);
        now
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        if !self.is_recorded {
            self.finish();
        }
    }
}
