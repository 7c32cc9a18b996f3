//! Slow pods. The case's input and expectation are those of ingress2gateway's end-to-end tests for ingress-nginx.

use serde_json::json;

use crate::stage::{on_stage_of, seconds};
use crate::support::Manifests;

#[test]
fn i2g_a_slow_pod_that_answers_in_time_is_waited_for() {
    let annotations = json!({
        "nginx.ingress.kubernetes.io/proxy-connect-timeout": "5",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "5",
        "nginx.ingress.kubernetes.io/proxy-send-timeout": "5",
    });
    let paths = [("/shell", "Prefix", "app1")];
    let objects = |pods: &[std::net::SocketAddr]| {
        let manifests = Manifests::new().service("app1", pods);
        manifests.ingress_with("slow-allowed", Some("slow.example"), &paths, annotations.clone(), json!([]))
    };
    on_stage_of(objects, |stage| async move {
        let mut client = stage.connect().await;
        client.send("GET /shell?cmd=sleep%204%3B%20echo%20done HTTP/1.1\r\nHost: slow.example\r\n\r\n").await;
        let mut pod = stage.pod().await;
        pod.head().await;
        seconds(4.0).await;
        client.expect_quiet().await;
        pod.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await;
        let (answer, is_closed) = client.arrived().await;
        assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"done"), "{}", answer.escape_ascii());
        assert!(!is_closed);
    });
}
