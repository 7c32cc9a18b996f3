//! How old a client's connection is, and when it is to end.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::lifecycle::Phase;
use crate::proxy::shard::Shard;
use crate::proxy::shard::client_connection::ClientConnection;
use crate::proxy::wire::client_mark::Standing;

/// How long a client may take to close a connection that was told to end and has no open stream. The send timeout
/// bounds it too.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often a connection without a request is checked while the process is about to end.
const TICK: Duration = Duration::from_secs(1);

/// The age of one connection.
pub(super) struct ConnectionAge {
    end: Instant,
    /// Where it is written down how far it has come.
    connection: Rc<ClientConnection>,
    /// When it is checked next although no time is over.
    tick: Option<Instant>,
}

impl ConnectionAge {
    /// A connection that has just begun.
    pub(super) fn new(shard: &Shard, connection: &Rc<ClientConnection>) -> Self {
        let end = connection.began + spread(shard.config.listener.http2.age, shard.random());
        Self { end, connection: Rc::clone(connection), tick: None }
    }

    /// One more request has come.
    pub(super) fn serves(&self) {
        self.connection.served.set(self.connection.served.get() + 1);
        self.connection.mark.touch();
    }

    /// A stream goes on.
    pub(super) fn goes_on(&self) {
        self.connection.mark.touch();
    }

    /// Whether the process is about to end.
    pub(super) fn is_draining(&self) -> bool {
        self.connection.is_draining.get()
    }

    /// The process is about to end.
    pub(super) fn drains(&self) {
        self.connection.is_draining.set(true);
    }

    /// What the connection does now: nothing, wait for its client, or anything else.
    pub(super) fn stands(&self, standing: Standing) {
        let is_idle = standing == Standing::Idle;
        if !is_idle {
            let mark = &self.connection.mark;
            if standing == Standing::Waiting { mark.waits() } else { mark.goes_on() }
        }
        match (is_idle, self.idle_since()) {
            (true, None) => {
                self.connection.idle_since.set(Some(Instant::now()));
                self.connection.mark.stands(Standing::Idle);
            }
            (false, Some(_)) => {
                self.connection.idle_since.set(None);
                self.connection.mark.stands(Standing::Busy);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Since when no stream is open and nothing is left to be sent.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.connection.idle_since.get()
    }

    /// When the client was told to send no further requests.
    fn ending_since(&self) -> Option<Instant> {
        self.connection.ending_since.get()
    }

    /// Whether something other than time may be a reason to end.
    pub(super) fn has_reason_to_end(&self, shard: &Shard) -> bool {
        self.ending_since().is_none() && (self.is_draining() || self.has_served_all(shard))
    }

    /// Whether it has had as many requests as a connection may.
    fn has_served_all(&self, shard: &Shard) -> bool {
        self.connection.served.get() >= shard.config.listener.limits.requests_per_connection
    }

    /// Whether the client must be told now to send no further requests. True once.
    pub(super) fn ends(&mut self, shard: &Shard, now: Instant) -> bool {
        if self.is_ending() {
            return false;
        }
        self.tick = self.tick.filter(|tick| now < *tick);
        let is_idle = self.idle_since().is_some_and(|since| now >= since + shard.config.listener.timeouts.idle);
        // A new connection may bring one request even in a drain: its client could not know of it.
        let is_drained =
            self.is_draining() && (self.connection.served.get() > 0 || shard.drain.phase() >= Phase::Closing);
        let ends = is_idle || is_drained || now >= self.end || self.has_served_all(shard);
        if ends {
            self.connection.ending_since.set(Some(now));
        }
        ends
    }

    /// Whether the client was told to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending_since().is_some()
    }

    /// Whether a client that was told to end had enough time to close.
    pub(super) fn is_given_up(&self, shard: &Shard, now: Instant) -> bool {
        let since = self.ending_since().zip(self.idle_since()).map(|(ending, idle)| ending.max(idle));
        since.is_some_and(|since| now >= since + goodbye(shard))
    }

    /// When this is to be looked at again, if nothing else happens.
    pub(super) fn next_check(&mut self, shard: &Shard) -> Option<Instant> {
        if let Some(ending) = self.ending_since() {
            return self.idle_since().map(|idle| ending.max(idle) + goodbye(shard));
        }
        if self.is_draining() {
            return Some(*self.tick.get_or_insert_with(|| Instant::now() + TICK));
        }
        let idle = self.idle_since().map(|since| since + shard.config.listener.timeouts.idle);
        Some(idle.map_or(self.end, |idle| idle.min(self.end)))
    }
}

fn goodbye(shard: &Shard) -> Duration {
    shard.config.listener.timeouts.write.min(GOODBYE)
}

/// An age that differs by up to a tenth, so that connections made together do not end together.
fn spread(age: Duration, random: u128) -> Duration {
    let part = u32::try_from(random % 201).unwrap_or(0);
    age - age / 10 + age / 1000 * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c10_ages_differ_by_a_tenth_at_the_most() {
        let hour = Duration::from_secs(3600);
        let ages: std::collections::BTreeSet<_> = (0..1000).map(|random| spread(hour, random)).collect();
        assert_eq!(ages.first(), Some(&Duration::from_secs(3240)));
        assert_eq!(ages.last(), Some(&Duration::from_secs(3960)));
        assert_eq!(ages.len(), 201);
    }
}
