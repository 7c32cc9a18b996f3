//! How endpoints are chosen where annotations of ingress-nginx say so.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::{Client, Manifests, Pod, Tidegate, eventually, get};

#[test]
fn nginx_r3_round_robin_gives_every_pod_its_turn_however_busy_it_is() {
    let (hanging, release) = Pod::held();
    let pods = [hanging, Pod::named("b"), Pod::named("c")];
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let annotations = json!({"nginx.ingress.kubernetes.io/load-balance": "round_robin"});
    let manifests = Manifests::new().service("web", &addresses).ingress_with(
        "web",
        Some("a.example"),
        &[("/", "Prefix", "web")],
        annotations,
        json!([]),
    );
    let server = Tidegate::serve(&manifests);
    let counts = || pods.iter().map(|pod| pod.requests().len()).collect::<Vec<_>>();
    // The next one is sent when the one before has its pod. Least in flight would pass over the pod that hangs.
    let mut clients: Vec<Client> = Vec::new();
    for sent in 1..=9 {
        let mut client = server.connect();
        client.send(get("a.example", "/"));
        clients.push(client);
        eventually("the request reaches a pod", || (counts().iter().sum::<usize>() == sent).then_some(()));
    }
    assert_eq!(counts(), [3, 3, 3]);
    drop(release);
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().status(), 200));
}

#[test]
fn nginx_r3_ewma_passes_over_a_pod_that_answers_late() {
    let late = Duration::from_millis(200);
    for (annotation, value) in [("nginx.ingress.kubernetes.io/load-balance", "ewma"), ("tidegate.dev/balance", "ewma")]
    {
        let (slow, release) = Pod::held();
        let quick = Pod::named("quick");
        let manifests = Manifests::new().service("web", &[slow.address, quick.address]).ingress_with(
            "web",
            Some("a.example"),
            &[("/", "Prefix", "web")],
            json!({annotation: value}),
            json!([]),
        );
        // What one shard learns the others know.
        let server = Tidegate::serve_with(&manifests, &["--workers", "2"]);
        for sent in 1..=20 {
            let mut client = server.connect();
            let (before, began) = (slow.requests().len(), Instant::now());
            client.send(get("a.example", "/"));
            eventually("a pod has it", || (slow.requests().len() + quick.requests().len() == sent).then_some(()));
            if slow.requests().len() > before {
                eventually("it is late", || (began.elapsed() >= late).then_some(()));
                release.send(()).unwrap();
            }
            assert_eq!(client.answer().status(), 200);
        }
        // In turn, or by requests in flight, it would have ten.
        let of_slow = slow.requests().len();
        assert!((1..=3).contains(&of_slow), "{annotation}: {of_slow}");
    }
}
