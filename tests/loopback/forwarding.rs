//! What reaches the pod, byte by byte.

use crate::support::{Manifests, Pod, Tidegate, get};

#[test]
fn rule_69_the_pod_gets_method_path_and_query_as_they_came() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let answer = server.ask(get("shop.example", "/a/b;c=1/%7E?x=/../&y=%20;z"));
    assert_eq!((answer.status(), answer.text().as_str()), (200, "web"));
    assert_eq!(pod.only_request().start, "GET /a/b;c=1/%7E?x=/../&y=%20;z HTTP/1.1");
}
