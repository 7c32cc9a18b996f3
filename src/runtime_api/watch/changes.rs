//! What has changed between two looks at the rows.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::runtime_api::shape;
use crate::stats::{Server, Standing, Stats};

/// What was known at the last look: endpoints by the numbers of upstream and endpoint, which are never used again.
#[derive(Debug, Default)]
pub(super) struct Known(Option<HashMap<(u32, u32), Seen>>);

#[derive(Debug)]
struct Seen {
    upstream: String,
    server: Server,
}

/// A change of an endpoint.
#[derive(Debug)]
pub(super) struct Change {
    kind: &'static str,
    /// The name of its upstream.
    pub(super) upstream: String,
    /// What it is now, or was.
    server: Server,
}

impl Change {
    pub(super) fn json(&self) -> Json {
        let Self { kind, upstream, server } = self;
        json!({"change": kind, "upstream": upstream, "endpoint": shape::standing(server)})
    }
}

impl Known {
    /// Takes what there is now, and tells what is different. The first look tells nothing.
    pub(super) fn update(&mut self, stats: &Stats) -> Vec<Change> {
        let mut before = self.0.take();
        let is_first = before.is_none();
        let mut changes = Vec::new();
        let mut now = HashMap::new();
        for backend in &stats.backends {
            for server in &backend.servers {
                let key = (backend.id, server.id);
                let seen = before.as_mut().and_then(|before| before.remove(&key));
                let kind = match &seen {
                    None => Some("added"),
                    Some(seen) => (standing(&seen.server) != standing(server)).then_some("changed"),
                };
                if let Some(kind) = kind.filter(|_| !is_first) {
                    changes.push(Change { kind, upstream: backend.name.clone(), server: server.clone() });
                }
                let upstream = seen.map_or_else(|| backend.name.clone(), |seen| seen.upstream);
                now.insert(key, Seen { upstream, server: server.clone() });
            }
        }
        let gone = before.into_iter().flatten().map(|(_, seen)| seen);
        changes.extend(gone.map(|Seen { upstream, server }| Change { kind: "removed", upstream, server }));
        self.0 = Some(now);
        changes
    }
}

/// What a change is about.
fn standing(server: &Server) -> (Standing, bool, u16, u16) {
    (server.standing, server.is_commanded, server.weight, server.initial_weight)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::observe::TallyNumbers;
    use crate::stats::Backend;

    pub(in super::super) fn server(id: u32, standing: Standing) -> Server {
        Server {
            address: format!("10.0.0.{id}:80").parse().unwrap(),
            id,
            requests: TallyNumbers::default(),
            standing,
            is_commanded: false,
            weight: 100,
            initial_weight: 100,
            check: None,
        }
    }

    pub(in super::super) fn stats(servers: Vec<Server>) -> Stats {
        let backend = Backend { name: "shop".into(), id: 4, requests: TallyNumbers::default(), waiting: 0, servers };
        Stats { frontends: Vec::new(), backends: vec![backend] }
    }

    #[test]
    fn changes_are_what_differs_from_the_last_look() {
        let mut known = Known::default();
        let mut told = |servers| {
            let changes = known.update(&stats(servers));
            changes.iter().map(|change| (change.kind, change.server.id)).collect::<Vec<_>>()
        };
        assert_eq!(told(vec![server(1, Standing::Up), server(2, Standing::Up)]), []);
        let weighed = Server { weight: 7, ..server(2, Standing::Up) };
        assert_eq!(told(vec![server(1, Standing::Up), weighed.clone()]), [("changed", 2)]);
        assert_eq!(
            told(vec![server(1, Standing::Down), weighed, server(3, Standing::Up)]),
            [("changed", 1), ("added", 3)]
        );
        assert_eq!(told(vec![server(1, Standing::Down), server(3, Standing::Up)]), [("removed", 2)]);
    }
}
