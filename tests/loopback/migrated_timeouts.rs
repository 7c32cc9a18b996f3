//! Slow pods. The case's input and expectation are those of ingress2gateway's end-to-end tests for ingress-nginx. Its
//! sibling, in which a pod is slow and in time, needs a clock that the test moves: it is among the tests of virtual time.

use serde_json::json;

use crate::support::{Manifests, Pod, Tidegate, get};

#[test]
fn i2g_a_pod_that_answers_too_late_is_504() {
    let (pod, release) = Pod::held();
    let annotations = json!({
        "nginx.ingress.kubernetes.io/proxy-connect-timeout": "1",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "1",
        "nginx.ingress.kubernetes.io/proxy-send-timeout": "1",
    });
    let paths = [("/shell", "Prefix", "app1")];
    let manifests = Manifests::new().service("app1", &[pod.address]).ingress_with(
        "short-timeout",
        Some("slow.example"),
        &paths,
        annotations,
        json!([]),
    );
    let server = Tidegate::serve_with(&manifests, &["--profile", "ingress-nginx"]);
    assert_eq!(server.ask(get("slow.example", "/shell?cmd=sleep%2015%3B%20echo%20done")).status(), 504);
    drop(release);
}
