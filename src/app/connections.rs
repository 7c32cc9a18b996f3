//! `/debug/connections`: what the shards tell of their connections, as JSON.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::admin::{Seeing, Shown};
use crate::proxy::{ClientView, Connections, Inspector, Listing, PodView, ShardAnswer};

/// Asks the shards for at most `limit` connections of each kind, for the admin server.
pub(super) fn seen(inspector: Inspector, connections: Connections, limit: usize) -> Seeing {
    Box::pin(async move {
        let answers = inspector.ask(limit).await;
        let clients = connections.open();
        Box::new(move || document(answers, clients, limit)) as Shown
    })
}

/// The view. `clients`: client connections of any protocol.
fn document(answers: Vec<ShardAnswer>, clients: usize, limit: usize) -> String {
    let mut silent = Vec::new();
    let (mut h2_clients, mut h2_pods) = (Gathered::default(), Gathered::default());
    let mut idle_http1_pods = 0;
    for ShardAnswer { shard, view } in answers {
        match view {
            Some(view) => {
                idle_http1_pods += view.idle_http1_pods;
                h2_clients.add(&shard, view.clients, |one| one.age, client);
                h2_pods.add(&shard, view.pods, |one| one.age, pod);
            }
            None => silent.push(shard),
        }
    }
    let is_truncated = h2_clients.total > limit || h2_pods.total > limit;
    let view = json!({
        "totals": {
            "clients": clients,
            "http2Clients": h2_clients.total,
            "http2Pods": h2_pods.total,
            "idleHttp1Pods": idle_http1_pods,
        },
        "truncated": is_truncated,
        "silentShards": silent,
        "http2Clients": h2_clients.oldest(limit),
        "http2Pods": h2_pods.oldest(limit),
    });
    format!("{view:#}\n")
}

/// Connections of one kind, of all shards.
#[derive(Default)]
struct Gathered {
    total: usize,
    some: Vec<(Duration, Value)>,
}

impl Gathered {
    fn add<V>(
        &mut self,
        shard: &Arc<str>,
        listing: Listing<V>,
        age: impl Fn(&V) -> Duration,
        show: impl Fn(&V, &str) -> Value,
    ) {
        self.total += listing.total;
        self.some.extend(listing.some.iter().map(|one| (age(one), show(one, shard))));
    }

    /// The oldest of them, at most `limit`.
    fn oldest(mut self, limit: usize) -> Vec<Value> {
        self.some.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
        self.some.into_iter().take(limit).map(|(_, shown)| shown).collect()
    }
}

fn client(client: &ClientView, shard: &str) -> Value {
    let ClientView { address, is_tls, age, requests, idle, standing, codec } = client;
    json!({
        "shard": shard,
        "address": address.to_string(),
        "tls": is_tls,
        "ageSeconds": age.as_secs(),
        "idleSeconds": idle.map(|idle| idle.as_secs()),
        "state": standing.as_str(),
        "requests": requests,
        "openStreams": codec.open_streams,
        "heldStreams": codec.held_streams,
        "headBytes": codec.head_bytes,
        "receiveWindow": codec.receive_window,
        "sendWindow": codec.send_window,
        "outputBytes": codec.output_bytes,
    })
}

fn pod(pod: &PodView, shard: &str) -> Value {
    let PodView { address, tls, age, leases, waiting, idle, is_given_up, codec } = pod;
    json!({
        "shard": shard,
        "address": address.to_string(),
        "tls": tls,
        "ageSeconds": age.as_secs(),
        "idleSeconds": idle.map(|idle| idle.as_secs()),
        "givenUp": is_given_up,
        "requests": leases,
        "waitingRequests": waiting,
        "openStreams": codec.open_streams,
        "heldStreams": codec.held_streams,
        "allowedStreams": codec.allowed_streams,
        "headBytes": codec.head_bytes,
        "receiveWindow": codec.receive_window,
        "sendWindow": codec.send_window,
        "outputBytes": codec.output_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::connection::{Config, Connection, Role};
    use crate::proxy::{ShardView, Standing};

    fn old(seconds: u64) -> ClientView {
        ClientView {
            address: "192.0.2.1:5".parse().unwrap(),
            is_tls: true,
            age: Duration::from_secs(seconds),
            requests: 7,
            idle: None,
            standing: Standing::Open,
            codec: Connection::new(Role::Server, &Config::default()).view(),
        }
    }

    fn answer(shard: &str, ages: &[u64], total: usize) -> ShardAnswer {
        let clients = Listing { total, some: ages.iter().copied().map(old).collect() };
        let view = ShardView { clients, pods: Listing::default(), idle_http1_pods: 2 };
        ShardAnswer { shard: shard.into(), view: Some(view) }
    }

    fn read(answers: &[ShardAnswer], limit: usize) -> Value {
        serde_json::from_str(&document(answers.to_vec(), 9, limit)).unwrap()
    }

    #[test]
    fn shards_are_put_together_oldest_connections_first_and_cut_to_the_limit() {
        let silent = ShardAnswer { shard: "shard-2".into(), view: None };
        let answers = [answer("shard-0", &[1, 5], 2), answer("shard-1", &[3], 1), silent];
        let all = read(&answers, 3);
        let ages = |view: &Value| -> Vec<_> {
            view["http2Clients"].as_array().unwrap().iter().map(|one| one["ageSeconds"].as_u64().unwrap()).collect()
        };
        assert_eq!((ages(&all), &all["truncated"]), (vec![5, 3, 1], &json!(false)));
        assert_eq!(all["totals"], json!({"clients": 9, "http2Clients": 3, "http2Pods": 0, "idleHttp1Pods": 4}));
        assert_eq!(all["silentShards"], json!(["shard-2"]));
        assert_eq!(all["http2Clients"][1]["shard"], "shard-1");
        let some = read(&answers, 2);
        assert_eq!((ages(&some), &some["truncated"]), (vec![5, 3], &json!(true)));
        assert_eq!(some["totals"], all["totals"]);
        assert_eq!((ages(&read(&answers, 0)), &read(&[], 0)["truncated"]), (vec![], &json!(false)));
    }
}
