//! How pods are spoken to where annotations of ingress-nginx say so. Names of tests carry the behaviour that they show.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue, Response};
use serde_json::{Value, json};

use crate::support::h2::{Call, H2Client, H2Pod, run, send};
use crate::support::{Asked, Manifests, Pod, Speech, Tidegate, TlsPod, eventually, get, refusing};

/// A pod, and annotations for one Ingress to it.
fn manifests(app_protocol: &str, pod: SocketAddr, annotations: &[(&str, &str)]) -> Manifests {
    let key = |key| format!("nginx.ingress.kubernetes.io/{key}");
    let annotations: Value = annotations.iter().map(|(of, value)| (key(of), json!(value))).collect();
    let paths = [("/", "Prefix", "web")];
    Manifests::new().speaking("web", app_protocol, &[pod]).ingress_with(
        "web",
        Some("a.example"),
        &paths,
        annotations,
        json!([]),
    )
}

fn serve(app_protocol: &str, pod: SocketAddr, annotations: &[(&str, &str)]) -> Tidegate {
    Tidegate::serve(&manifests(app_protocol, pod, annotations))
}

#[test]
fn nginx_q1_http_is_spoken_in_clear_whatever_the_service_says() {
    let pod = Pod::named("clear");
    for (protocol, app_protocol) in [("HTTP", "https"), ("http", "kubernetes.io/h2c"), ("ajp", "https")] {
        let server = serve(app_protocol, pod.address, &[("backend-protocol", protocol)]);
        assert_eq!(server.ask(get("a.example", "/")).text(), "clear", "{protocol}");
    }
}

#[test]
fn nginx_q2_https_is_tls_to_any_certificate_and_without_a_name() {
    let (http1, http2) = (Pod::named("one"), H2Pod::named("two"));
    for (pod, protocols, expected) in [(http1.address, &["http/1.1"], "one"), (http2.address, &["h2"], "two")] {
        let tls = TlsPod::before(pod, Speech::of(protocols));
        let server = serve("http", tls.address, &[("backend-protocol", "HTTPS")]);
        assert_eq!(server.ask(get("a.example", "/")).text(), expected);
        assert_eq!(tls.hellos(), [Asked { name: None, protocols: vec!["h2".into(), "http/1.1".into()] }]);
    }
}

#[test]
fn nginx_q3_calls_of_grpc_keep_their_trailers_in_clear_and_through_tls() {
    let pod = H2Pod::scripted(|mut call: Call| async move {
        let Ok((body, _)) = call.body().await else { return };
        let mut stream = call.head(Response::builder().header("content-type", "application/grpc"), false);
        send(&mut stream, &body, false).await.unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        stream.send_trailers(trailers).unwrap();
    });
    let tls = TlsPod::before(pod.address, Speech::of(&[]));
    let servers = [
        serve("http", pod.address, &[("backend-protocol", "GRPC")]),
        serve("http", tls.address, &[("backend-protocol", "GRPCS")]),
    ];
    run(async {
        for server in &servers {
            let client = H2Client::plain(server).await;
            let call = client.request("POST", "a.example", "/greet.Greeter/Unary").header("te", "trailers");
            let call = call.header("content-type", "application/grpc");
            let answer = client.ask(call, b"\0\0\0\0\x02hi").await;
            assert_eq!(answer.body, b"\0\0\0\0\x02hi");
            assert_eq!(answer.trailers["grpc-status"], "0");
        }
    });
    assert_eq!(tls.hellos(), [Asked { name: None, protocols: vec!["h2".into()] }]);
}

/// A pod that answers what is asked in clear, and ends connections on which something else is spoken.
fn clear_only() -> Pod {
    Pod::scripted(|mut connection| {
        let Ok(first) = connection.some() else { return };
        if first.starts_with(b"GET ") {
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nclear");
        }
    })
}

#[test]
fn nginx_q1_auto_http_is_what_the_client_uses() {
    let (pod, auto) = (clear_only(), ("backend-protocol", "AUTO_HTTP"));
    let server = serve("https", pod.address, &[auto]);
    assert_eq!(server.ask(get("a.example", "/")).text(), "clear");
    run(async {
        assert_eq!(H2Client::tls(&server, "a.example").await.get("a.example", "/").await.status, 502);
        assert_eq!(H2Client::plain(&server).await.get("a.example", "/").await.text(), "clear");
    });
    let first_bytes: Vec<_> = (0..pod.connections()).map(|at| pod.received(at)[0]).collect();
    assert_eq!(first_bytes, [b'G', 0x16, b'G'], "a handshake of TLS between two requests");

    let web = Pod::named("web");
    let secured = TlsPod::before(web.address, Speech::of(&["http/1.1"]));
    let server = serve("http", secured.address, &[auto]);
    run(async {
        assert_eq!(H2Client::tls(&server, "a.example").await.get("a.example", "/").await.text(), "web");
    });
    assert_eq!(server.ask(get("a.example", "/")).status(), 502, "in clear, to a pod that speaks TLS");
}

#[test]
fn nginx_q1_ingresses_of_different_protocols_to_one_service_do_not_disturb_each_other() {
    let pod = clear_only();
    let annotations = json!({"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"});
    let paths = [("/tls", "Prefix", "web")];
    let of_host = Some("a.example");
    let both = manifests("http", pod.address, &[]).ingress_with("through-tls", of_host, &paths, annotations, json!([]));
    let server = Tidegate::serve(&both);
    for _ in 0..3 {
        assert_eq!(server.ask(get("a.example", "/tls")).status(), 502);
        assert_eq!(server.ask(get("a.example", "/")).text(), "clear");
    }
    let first_bytes: Vec<_> = (0..pod.connections()).map(|at| pod.received(at)[0]).collect();
    assert_eq!(first_bytes, [0x16, b'G', 0x16, b'G', 0x16, b'G'], "handshakes of TLS, and requests");
}

#[test]
fn nginx_q1_the_protocol_follows_the_annotation_while_requests_come() {
    let pod = Pod::named("clear");
    let tls = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let server = serve("http", tls.address, &[]);
    assert_eq!(server.ask(get("a.example", "/")).status(), 502, "the pod speaks TLS");
    server.replace(&manifests("http", tls.address, &[("backend-protocol", "HTTPS")]));
    eventually("TLS is spoken", || (server.ask(get("a.example", "/")).status() == 200).then_some(()));
}

#[test]
fn nginx_u2_pods_over_http1_are_asked_for_the_host_of_the_annotation_and_told_the_clients() {
    let pod = Pod::named("web");
    let tls = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let vhost = ("upstream-vhost", "Api.Example:8080");
    let servers =
        [serve("http", pod.address, &[vhost]), serve("http", tls.address, &[vhost, ("backend-protocol", "HTTPS")])];
    for server in &servers {
        assert_eq!(server.ask(get("a.example:81", "/x")).text(), "web");
        run(async {
            let client = H2Client::plain(server).await;
            assert_eq!(client.get("a.example:81", "/x").await.text(), "web");
        });
    }
    let seen = pod.requests();
    assert_eq!(seen.len(), 4);
    for request in seen {
        assert_eq!(request.field("host"), Some("Api.Example:8080"));
        assert_eq!(request.field("x-forwarded-host"), Some("a.example:81"));
    }
    assert_eq!(tls.hellos()[0].name, None, "the name for TLS is another matter");
}

#[test]
fn nginx_u2_pods_over_http2_get_the_host_of_the_annotation_as_authority() {
    let pod = H2Pod::named("web");
    let server = serve("http", pod.address, &[("upstream-vhost", "api.example"), ("backend-protocol", "GRPC")]);
    assert_eq!(server.ask(get("a.example", "/x")).text(), "web");
    let [(_, uri, fields)] = &pod.heads()[..] else { panic!("{:?}", pod.heads()) };
    assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some("api.example"));
    assert_eq!((fields.get("host"), &fields["x-forwarded-host"]), (None, &HeaderValue::from_static("a.example")));
}

#[test]
fn nginx_u2_variables_of_the_route_and_of_the_request_make_the_host_in_both_protocols() {
    let (pod, h2) = (Pod::named("web"), H2Pod::named("h2"));
    let vhost = ("upstream-vhost", "$http_x_tenant.$service_name.$namespace.svc:$service_port");
    let server = serve("http", pod.address, &[vhost]);
    let of_tenant = |tenant: &str| format!("GET / HTTP/1.1\r\nHost: a.example\r\nX-Tenant: {tenant}\r\n\r\n");
    assert_eq!(server.ask(of_tenant("one")).text(), "web");
    let seen = pod.requests().pop().unwrap();
    let port = seen.field("host").and_then(|host| host.strip_prefix("one.web.test.svc:"));
    assert!(port.is_some_and(|port| port.parse::<u16>().is_ok()), "{:?}", seen.field("host"));
    assert_eq!(server.ask(of_tenant("a/b")).status(), 400);
    assert_eq!(pod.requests().len(), 1);
    let server = serve("http", h2.address, &[("upstream-vhost", "$service_name.svc"), ("backend-protocol", "GRPC")]);
    assert_eq!(server.ask(get("a.example", "/x")).text(), "h2");
    let [(_, uri, _)] = &h2.heads()[..] else { panic!("{:?}", h2.heads()) };
    assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some("web.svc"));
}

#[test]
fn nginx_u2_what_is_no_host_leaves_the_clients() {
    let pod = Pod::named("web");
    for value in ["api.example\r\nX-Admin: yes", "$pod_name.svc", "http://api.example", "http://$host"] {
        let server = serve("http", pod.address, &[("upstream-vhost", value)]);
        assert_eq!(server.ask(get("a.example", "/")).text(), "web");
        let seen = pod.requests().pop().unwrap();
        assert_eq!((seen.field("host"), seen.field("x-admin")), (Some("a.example"), None), "{value:?}");
    }
}

/// A Service whose own address is that of this pod, and which has another pod.
fn with_own_address(own: SocketAddr, pod: SocketAddr, annotations: &Value) -> Manifests {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "test"},
        "spec": {"clusterIP": own.ip().to_string(), "ports": [{"name": "http", "port": own.port()}]},
    });
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "test", "annotations": annotations},
        "spec": {"ingressClassName": "tidegate", "defaultBackend": {"service": {"name": "web", "port": {"name": "http"}}}},
    });
    Manifests::new().object(service).endpoint("web", 0, pod, json!({"ready": true})).object(ingress)
}

#[test]
fn nginx_u1_requests_go_to_the_address_of_the_service_while_the_annotation_says_so() {
    let (own, pod) = (Pod::named("service"), Pod::named("pod"));
    let manifests = |value: &str| {
        let annotations = json!({"nginx.ingress.kubernetes.io/service-upstream": value});
        with_own_address(own.address, pod.address, &annotations)
    };
    let server = Tidegate::serve(&manifests("true"));
    for _ in 0..3 {
        assert_eq!(server.ask(get("a.example", "/")).text(), "service");
    }
    assert_eq!(pod.connections(), 0);
    server.replace(&manifests("false"));
    eventually("the pod is asked", || (server.ask(get("a.example", "/")).text() == "pod").then_some(()));
}

#[test]
fn nginx_u1_an_address_that_refuses_is_asked_as_often_as_pods_would_be() {
    let (own, _held) = refusing();
    let pod = Pod::named("pod");
    for (tries, expected) in [("1", 1.0), ("3", 3.0)] {
        let annotations = json!({
            "nginx.ingress.kubernetes.io/service-upstream": "true",
            "nginx.ingress.kubernetes.io/proxy-next-upstream-tries": tries,
        });
        let server = Tidegate::serve(&with_own_address(own, pod.address, &annotations));
        assert_eq!(server.ask(get("a.example", "/")).status(), 502);
        assert_eq!(server.metric("tidegate_upstream_attempts_total", ""), expected);
    }
}

#[test]
fn nginx_u3_a_connection_that_is_to_close_serves_one_request_whatever_its_pod_does() {
    for (said, connections) in [("close", 3), ("keep-alive", 1)] {
        // It goes on reading.
        let pod = Pod::named("web");
        let server = serve("http", pod.address, &[("connection-proxy-header", said)]);
        let mut client = server.connect();
        for _ in 0..3 {
            assert_eq!(client.ask(get("a.example", "/")).text(), "web");
        }
        assert!(pod.requests().iter().all(|request| request.field("connection") == Some(said)), "{said}");
        assert_eq!(pod.connections(), connections, "{said}");
    }
}

#[test]
fn nginx_z6_a_pod_of_http_1_0_is_asked_in_it_and_its_answers_end_with_their_connection() {
    let pod = Pod::scripted(|mut connection| {
        let Some(request) = connection.request() else { return };
        let body = String::from_utf8_lossy(&request.body).into_owned();
        connection.send(format!("HTTP/1.0 200 OK\r\n\r\n{} {body}", request.start));
    });
    let server = serve("http", pod.address, &[("proxy-http-version", "1.0")]);
    assert_eq!(server.ask(get("a.example", "/x")).text(), "GET /x HTTP/1.0 ");
    let post = "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(server.ask(post).text(), "POST /x HTTP/1.0 body");
    let chunked = "POST /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    assert_eq!(server.ask(chunked).text(), "POST /x HTTP/1.1 x");
    let told = "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let mut client = server.connect();
    client.send(told);
    assert!(client.head().unwrap().starts_with(b"HTTP/1.1 100"), "we say it, as the pod cannot");
    client.send("body");
    assert_eq!(client.answer().text(), "POST /x HTTP/1.0 body");
}

#[test]
fn nginx_z6_a_pod_that_keeps_connections_in_http_1_0_may() {
    let pod = Pod::scripted(|mut connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    for (annotations, connections) in [
        (&[("proxy-http-version", "1.0")][..], 3),
        (&[("proxy-http-version", "1.0"), ("connection-proxy-header", "keep-alive")], 1),
    ] {
        let before = pod.connections();
        let server = serve("http", pod.address, annotations);
        let mut client = server.connect();
        for _ in 0..3 {
            assert_eq!(client.ask(get("a.example", "/")).text(), "ok");
        }
        assert_eq!(pod.connections() - before, connections);
    }
}
