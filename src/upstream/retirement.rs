//! How shards learn at once that endpoints have left, so that no idle connection to a dead pod is kept or reused.

use tokio::sync::broadcast::{self, error::RecvError};

/// Retirements that a shard can be behind before it is told to look at everything.
const BACKLOG: usize = 1024;

/// The process's announcement of retired endpoints: upstreams send, shards watch.
#[derive(Clone, Debug)]
pub struct RetirementSignal(broadcast::Sender<u64>);

impl RetirementSignal {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    /// Announces that the endpoint of this id is marked as retired. It is no error if no shard listens.
    pub(super) fn announce(&self, id: u64) {
        let _ = self.0.send(id);
    }

    /// What is announced from now on.
    pub fn watch(&self) -> RetirementWatch {
        RetirementWatch(self.0.subscribe())
    }
}

/// One shard's view of the announcements.
#[derive(Debug)]
pub struct RetirementWatch(broadcast::Receiver<u64>);

/// What has retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retired {
    /// The endpoint of this id.
    One(u64),
    /// More than the backlog holds. Look at all endpoints.
    Many,
}

impl RetirementWatch {
    /// Waits for the next retirement; cancel safe. Never ends once all upstreams and their registry are gone.
    pub async fn next(&mut self) -> Retired {
        match self.0.recv().await {
            Ok(id) => Retired::One(id),
            Err(RecvError::Lagged(_)) => Retired::Many,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_watch_sees_each_retirement_or_that_it_missed_some() {
        let signal = RetirementSignal::new();
        signal.announce(1);
        let (mut one, mut two) = (signal.watch(), signal.watch());
        signal.announce(2);
        assert_eq!((one.next().await, two.next().await), (Retired::One(2), Retired::One(2)));
        for id in 0..BACKLOG as u64 + 1 {
            signal.announce(id);
        }
        assert_eq!(one.next().await, Retired::Many);
    }
}
