//! ConfigMaps that annotations of ingress-nginx name. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Message, Pod, Tidegate, eventually, get};

const ALLOWED: [&str; 2] = ["--allowed-response-headers", "X-One,X-Two"];
const AUTH: (&str, &str) = ("auth-url", "http://auth.test.svc.cluster.local/check");
const YES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A ConfigMap beside the Ingresses.
fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "test"}, "data": data})
}

/// `a.example` has these annotations, `b.example` has none.
fn manifests(pod: &Pod, auth: &Pod, pairs: &[(&str, &str)], maps: &[Value]) -> Manifests {
    let paths = [("/", "Prefix", "web")];
    let annotations: Value =
        pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let manifests = Manifests::new()
        .service("web", &[pod.address])
        .service("auth", &[auth.address])
        .ingress_with("a", Some("a.example"), &paths, annotations, json!([]))
        .ingress("b", Some("b.example"), &paths);
    maps.iter().fold(manifests, |manifests, map| manifests.object(map.clone()))
}

fn ask(server: &Tidegate) -> Message {
    server.ask(get("a.example", "/"))
}

#[test]
fn nginx_v1_fields_of_the_config_map_replace_those_of_the_pod_in_both_versions_of_http() {
    let pod = Pod::answering("HTTP/1.1 404 Not Found\r\nX-One: pod\r\nX-One: again\r\nContent-Length: 0\r\n\r\n");
    let map = config_map("headers", &json!({"X-One": "$host $", "x-two": "2\n"}));
    let manifests = manifests(&pod, &pod, &[("custom-headers", "test/headers")], &[map]);
    let server = Tidegate::serve_with(&manifests, &ALLOWED);
    let answer = ask(&server);
    assert_eq!((answer.status(), answer.all("x-one"), answer.all("x-two")), (404, vec!["$host $"], vec!["2"]));
    assert_eq!(server.ask(get("b.example", "/")).all("x-one"), ["pod", "again"]);
    run(async {
        let answer = H2Client::plain(&server).await.get("a.example", "/").await;
        assert_eq!((answer.field("x-one"), answer.field("x-two")), (Some("$host $"), Some("2")));
    });
}

#[test]
fn nginx_v1_without_the_config_map_or_with_a_field_that_is_not_allowed_nobody_is_served() {
    let pod = Pod::named("web");
    let map = |data: Value| vec![config_map("headers", &data)];
    for (maps, options, expected) in [
        (map(json!({"X-One": "1"})), &ALLOWED[..], 200),
        (map(json!({})), &ALLOWED, 200),
        (map(json!({"X-One": "1"})), &[], 503),
        (map(json!({"X-One": "1", "X-Three": "3"})), &ALLOWED, 503),
        (map(json!({"X One": "1"})), &ALLOWED, 503),
        (map(json!({"X-One": "1\r\nX-Evil: 1"})), &ALLOWED, 503),
        (vec![config_map("other", &json!({"X-One": "1"}))], &ALLOWED, 503),
    ] {
        let manifests = manifests(&pod, &pod, &[("custom-headers", "test/headers")], &maps);
        let server = Tidegate::serve_with(&manifests, options);
        let answer = ask(&server);
        assert_eq!((answer.status(), answer.field("x-evil")), (expected, None), "{maps:?} {options:?}");
        assert_eq!(server.ask(get("b.example", "/")).status(), 200, "the neighbour serves");
    }
}

#[test]
fn nginx_v1_a_change_of_the_config_map_counts_at_once() {
    let pod = Pod::named("web");
    let with = |maps: &[Value]| manifests(&pod, &pod, &[("custom-headers", "test/headers")], maps);
    let server = Tidegate::serve_with(&with(&[config_map("headers", &json!({"X-One": "1"}))]), &ALLOWED);
    assert_eq!(ask(&server).field("x-one"), Some("1"));
    server.replace(&with(&[config_map("headers", &json!({"X-One": "2"}))]));
    eventually("the new value", || (ask(&server).field("x-one") == Some("2")).then_some(()));
    server.replace(&with(&[]));
    eventually("nobody is served", || (ask(&server).status() == 503).then_some(()));
    server.replace(&with(&[config_map("headers", &json!({"X-Two": "3"}))]));
    eventually("the new field", || (ask(&server).field("x-two") == Some("3")).then_some(()));
}

#[test]
fn auth_proxy_set_headers_are_sent_to_the_service_in_place_of_what_clients_send() {
    let (pod, auth) = (Pod::named("web"), Pod::answering(YES));
    let data = json!({
        "X-From": "$host$request_uri",
        "X-Client": "known",
        "X-Nothing": "$http_x_none",
        "X-Real-IP": "192.0.2.7",
        "X-Request-ID": "fixed",
        "X-Original-Method": "replaced",
    });
    let pairs = [AUTH, ("auth-proxy-set-headers", "test/for-auth")];
    let server = Tidegate::serve(&manifests(&pod, &auth, &pairs, &[config_map("for-auth", &data)]));
    let request = "GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nX-Client: evil\r\nX-Nothing: evil\r\n\r\n";
    assert_eq!(server.ask(request).status(), 200);
    let asked = auth.only_request();
    for (name, expected) in [
        ("x-from", &["a.example/x?y=1"][..]),
        ("x-client", &["known"]),
        ("x-nothing", &[]),
        ("x-real-ip", &["192.0.2.7"]),
        ("x-request-id", &["fixed"]),
        ("x-original-method", &["replaced"]),
        ("x-original-url", &["http://a.example/x?y=1"]),
    ] {
        assert_eq!(asked.all(name), expected, "{name}");
    }
    let served = pod.only_request();
    assert_eq!((served.all("x-client"), served.all("x-from")), (vec!["evil"], vec![]), "pods get none of it");
}

#[test]
fn without_the_config_map_of_auth_proxy_set_headers_nobody_is_served() {
    let (pod, auth) = (Pod::named("web"), Pod::answering(YES));
    let pairs = [AUTH, ("auth-proxy-set-headers", "for-auth")];
    let with = |maps: &[Value]| manifests(&pod, &auth, &pairs, maps);
    let server = Tidegate::serve(&with(&[]));
    assert_eq!(ask(&server).status(), 503);
    for (data, expected) in [
        (json!({"X-From": "1"}), 200),
        (json!({"X-From": "$nginx_version"}), 503),
        (json!({"X-From": "$host"}), 200),
        (json!({"Transfer-Encoding": "chunked"}), 503),
    ] {
        server.replace(&with(&[config_map("for-auth", &data)]));
        eventually("the change counts", || (ask(&server).status() == expected).then_some(()));
        assert_eq!(server.ask(get("b.example", "/")).status(), 200, "the neighbour serves");
    }
}
