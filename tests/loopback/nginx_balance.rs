//! How endpoints are chosen where annotations of ingress-nginx say so.

use serde_json::json;

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
