//! Plain HTTP to a host with TLS.

use serde_json::json;

use crate::support::{Manifests, Pod, Tidegate, get};

fn manifests(pod: &Pod, annotations: serde_json::Value) -> Manifests {
    Manifests::new()
        .service("web", &[pod.address])
        .certificate("cert", &["shop.example"])
        .ingress_with(
            "shop",
            Some("shop.example"),
            &[("/", "Prefix", "web")],
            annotations,
            json!([{"hosts": ["shop.example"], "secretName": "cert"}]),
        )
        .ingress("plain", Some("plain.example"), &[("/", "Prefix", "web")])
}

#[test]
fn a_host_with_tls_is_redirected_to_https_by_default() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&manifests(&pod, json!({})));
    let mut client = server.connect();
    for (host, target, location) in [
        ("shop.example", "/", "https://shop.example/"),
        ("SHOP.example:8080", "/a%2Fb//c?d=e&f", "https://SHOP.example/a%2Fb//c?d=e&f"),
        ("shop.example.", "/x?", "https://shop.example/x?"),
    ] {
        let answer = client.ask(get(host, target));
        assert_eq!((answer.status(), answer.field("location")), (308, Some(location)));
        assert_eq!(answer.field("connection"), None);
    }
    let answer = client.ask("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!((answer.status(), answer.field("connection")), (308, None));
    let answer = client.ask("HEAD / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    assert_eq!((answer.status(), answer.body.len()), (308, 0));
    // Challenges are not.
    assert_eq!(client.ask(get("shop.example", "/.well-known/acme-challenge/token")).text(), "web");
    assert_eq!(client.ask(get("plain.example", "/")).text(), "web");
}

#[test]
fn an_untrusted_client_cannot_say_that_it_came_by_https() {
    let pod = Pod::named("web");
    let request = "GET / HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-Proto: https\r\n\r\n";
    let server = Tidegate::serve(&manifests(&pod, json!({})));
    assert_eq!(server.ask(request).status(), 308);
    let server = Tidegate::serve_with(&manifests(&pod, json!({})), &["--trusted-proxies", "127.0.0.1"]);
    assert_eq!(server.ask(request).text(), "web");
    assert_eq!(server.ask(get("shop.example", "/")).status(), 308);
    assert_eq!(server.ask(request.replace("https", "http")).status(), 308);
}

#[test]
fn the_annotation_and_the_option_turn_it_off_and_force_it() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&manifests(&pod, json!({"tidegate.dev/ssl-redirect": "false"})));
    assert_eq!(server.ask(get("shop.example", "/")).text(), "web");
    let server = Tidegate::serve_with(&manifests(&pod, json!({})), &["--ssl-redirect", "false"]);
    assert_eq!(server.ask(get("shop.example", "/")).text(), "web");
    let forced = Manifests::new().service("web", &[pod.address]).ingress_with(
        "plain",
        Some("plain.example"),
        &[("/", "Prefix", "web")],
        json!({"tidegate.dev/force-ssl-redirect": "true"}),
        json!([]),
    );
    let server = Tidegate::serve(&forced);
    assert_eq!(server.ask(get("plain.example", "/")).field("location"), Some("https://plain.example/"));
}

#[test]
fn b08_a_redirected_body_is_not_read_as_a_request() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&manifests(&pod, json!({})));
    let smuggled = get("plain.example", "/smuggled").repeat(20_000);
    for framed in [
        format!("Content-Length: {}\r\n\r\n{smuggled}", smuggled.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len()),
    ] {
        let mut client = server.connect();
        let _ = client.try_send(format!("POST / HTTP/1.1\r\nHost: shop.example\r\n{framed}"));
        let answer = client.answer();
        assert_eq!((answer.status(), answer.field("connection")), (308, Some("close")));
        assert!(client.response("GET").is_none());
    }
    assert_eq!(pod.connections(), 0);
}

#[test]
fn a_redirect_cannot_be_led_elsewhere() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&manifests(&pod, json!({})));
    for (request, location) in [
        (get("shop.example", "//evil.example/"), "https://shop.example//evil.example/"),
        (get("shop.example", "/@evil.example"), "https://shop.example/@evil.example"),
        ("GET http://shop.example/x HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_owned(), "https://shop.example/x"),
        ("GET http://shop.example?x HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_owned(), "https://shop.example/?x"),
    ] {
        assert_eq!(server.ask(request).field("location"), Some(location));
    }
}
