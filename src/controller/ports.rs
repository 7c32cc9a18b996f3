//! Ports of streams: which are wanted, for who opens them, and which the system does not give, as findings about the objects that
//! ask for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use crate::model::{ListenerKey, Problem, ProblemCode, Severity, Snapshot, StreamSpec};

use super::Controller;

/// Why a port is not open, by port.
pub type Unavailable = BTreeMap<ListenerKey, Arc<str>>;

/// The two sides of who opens ports.
pub(super) struct Ports {
    wanted: watch::Sender<BTreeSet<ListenerKey>>,
    told: watch::Sender<Unavailable>,
    unavailable: watch::Receiver<Unavailable>,
}

impl Default for Ports {
    fn default() -> Self {
        let (told, unavailable) = watch::channel(Unavailable::new());
        Self { wanted: watch::Sender::default(), told, unavailable }
    }
}

impl Ports {
    /// Waits until other ports than before are unavailable.
    pub(super) async fn changed(&mut self) {
        // This holds the other end itself.
        let _ = self.unavailable.changed().await;
    }

    /// What is published leads to these ports.
    fn want(&self, snapshot: &Snapshot) {
        self.wanted.send_if_modified(|wanted| {
            let is_same = wanted.iter().eq(snapshot.streams.keys());
            if !is_same {
                *wanted = snapshot.streams.keys().copied().collect();
            }
            !is_same
        });
    }
}

impl Controller {
    /// The ports that are to be open, and where to tell of those that the system does not give.
    pub fn ports(&self) -> (watch::Receiver<BTreeSet<ListenerKey>>, watch::Sender<Unavailable>) {
        (self.ports.wanted.subscribe(), self.ports.told.clone())
    }

    /// The table with the streams of the snapshot is published.
    pub(super) fn streams_published(&mut self) {
        self.ports.want(&self.snapshot);
        self.find_unavailable_ports();
    }

    /// One finding for each port that is not given.
    pub(super) fn find_unavailable_ports(&mut self) {
        let unavailable = self.ports.unavailable.borrow_and_update().clone();
        let of_port = |(key, why): (&ListenerKey, &Arc<str>)| problem(self.snapshot.streams.get(key)?, why);
        let new: Vec<_> = unavailable.iter().filter_map(of_port).collect();
        let mut found = self.problems.lock();
        if found.ports != new {
            self.replace_problems(&mut found.ports, new);
        }
    }
}

fn problem(stream: &StreamSpec, why: &str) -> Option<Problem> {
    let origin = &stream.routes.first()?.origin;
    Some(Problem {
        object: origin.object()?,
        field: origin.field().unwrap_or_default(),
        code: ProblemCode::PortUnavailable,
        severity: Severity::Error,
        message: format!("{} cannot be opened: {why}", stream.listener),
        remedy: "Ask for another port below the range of connections (32768), or end what has it; it is tried again until then"
            .into(),
    })
}
