//! Explanations by a running process: as a header of its answers, and at the admin address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::{Value, json};
use tidegate::app;
use tidegate::args::{self, Command};

use crate::support::h2::{H2Client, H2Pod, run};
use crate::support::{Client, Manifests, Pod, Tidegate, eventually, get};

const TO_US: &[&str] = &["--explain-to", "192.0.2.0/24,127.0.0.0/8"];

fn asking(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nTidegate-EXPLAIN: 1\r\n\r\n")
}

fn shop(pod: SocketAddr) -> Manifests {
    Manifests::new()
        .service("web", &[pod])
        .service("empty", &[])
        .certificate("cert", &["tls.example"])
        .ingress(
            "shop",
            Some("shop.example"),
            &[("/cart", "Prefix", "web"), ("/empty", "Exact", "empty"), ("/unknown", "Prefix", "unknown")],
        )
        .ingress_with(
            "tls",
            Some("tls.example"),
            &[("/", "Prefix", "web")],
            json!({}),
            json!([{"hosts": ["tls.example"], "secretName": "cert"}]),
        )
}

/// What stands in the header to a request for this path.
fn expected(pod: SocketAddr) -> Vec<(&'static str, &'static str, u16, String)> {
    let of = |rule: &str, rest: &str| format!("ingress=test/shop; rule=\"{rule}\"; {rest}");
    vec![
        (
            "shop.example",
            "/cart/1",
            200,
            of("Prefix /cart", &format!("service=test/web:80; endpoint={pod}; attempts=1")),
        ),
        ("shop.example", "/empty", 503, of("Exact /empty", "service=test/empty:80; answer=no_endpoints; attempts=0")),
        ("shop.example", "/unknown", 503, of("Prefix /unknown", "answer=backend_unavailable; attempts=0")),
        ("shop.example", "/other", 404, "answer=no_route; attempts=0".into()),
        ("shop.example", "/%zz", 400, "answer=path_invalid; attempts=0".into()),
        (
            "tls.example",
            "/x",
            308,
            "ingress=test/tls; rule=\"Prefix /\"; service=test/web:80; answer=redirect; attempts=0".into(),
        ),
    ]
}

#[test]
fn clients_in_the_ranges_are_told_who_answered_when_they_ask() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&shop(pod.address), TO_US);
    let mut client = server.connect();
    for (host, path, status, header) in expected(pod.address) {
        let answer = client.ask(asking(host, path));
        assert_eq!((answer.status(), answer.field("tidegate-explanation")), (status, Some(header.as_str())), "{path}");
        assert_eq!(client.ask(get(host, path)).field("tidegate-explanation"), None, "{path}: nobody asked");
    }
    for request in pod.requests() {
        assert_eq!(request.field("tidegate-explain"), None, "the question stays here");
    }
    let no = client.ask("GET /cart HTTP/1.1\r\nHost: shop.example\r\nTidegate-Explain: 0\r\n\r\n");
    assert_eq!((no.status(), no.field("tidegate-explanation")), (200, None));
}

#[test]
fn clients_of_http_2_and_pods_that_speak_it_are_the_same() {
    let (pod, grpc) = (Pod::named("web"), H2Pod::named("grpc"));
    let manifests = shop(pod.address).h2c_service("grpc", &[grpc.address]).ingress(
        "grpc",
        Some("grpc.example"),
        &[("/", "Prefix", "grpc")],
    );
    let server = Tidegate::serve_with(&manifests, TO_US);
    run(async {
        let client = H2Client::plain(&server).await;
        let mut expected = expected(pod.address);
        let header = format!(
            "ingress=test/grpc; rule=\"Prefix /\"; service=test/grpc:80; endpoint={}; attempts=1",
            grpc.address
        );
        expected.push(("grpc.example", "/", 200, header));
        for (host, path, status, header) in expected {
            let request = client.request("GET", host, path).header("tidegate-explain", "1");
            let answer = client.ask(request, &[]).await;
            assert_eq!(
                (answer.status, answer.field("tidegate-explanation")),
                (status, Some(header.as_str())),
                "{path}"
            );
        }
        assert!(grpc.heads().iter().all(|(_, _, headers)| !headers.contains_key("tidegate-explain")));
    });
}

#[test]
fn others_are_told_nothing_and_their_question_travels_on() {
    for options in [&[][..], &["--explain-to", "192.0.2.0/24", "--trusted-proxies", "127.0.0.1"]] {
        let pod = Pod::named("web");
        let server = Tidegate::serve_with(&shop(pod.address), options);
        let mut client = server.connect();
        for (host, path, status, _) in expected(pod.address) {
            let answer = client.ask(asking(host, path));
            assert_eq!((answer.status(), answer.field("tidegate-explanation")), (status, None), "{path}");
        }
        let claim =
            "GET /cart HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 192.0.2.1\r\nTidegate-Explain: 1\r\n\r\n";
        assert_eq!(client.ask(claim).field("tidegate-explanation"), None);
        assert_eq!(pod.requests()[0].field("tidegate-explain"), Some("1"));
    }
}

#[test]
fn the_admin_server_explains_what_is_served_now() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&shop(pod.address), &["--public-https-port", "8443"]);
    assert_eq!(server.ask(get("shop.example", "/cart")).status(), 200);
    let explained = |url: &str| -> Value {
        let answer = server.admin(&format!("/debug/explain?format=json&url={url}"));
        assert_eq!((answer.status(), answer.field("content-type")), (200, Some("application/json")));
        serde_json::from_str(&answer.text()).unwrap()
    };
    // As the data plane answers.
    for (host, path, status, _) in expected(pod.address) {
        let said = explained(&format!("http://{host}{}", path.replace('%', "%25")));
        assert_eq!(said["status"].as_u64(), (status != 200).then_some(status.into()), "{said}");
    }
    let said = explained("http://shop.example/cart/1");
    assert_eq!((&said["ingress"], &said["service"]), (&json!("test/shop"), &json!("test/web")));
    assert_eq!((&said["field"], &said["port"]), (&json!("spec.rules[0].http.paths[0]"), &json!("80")));
    assert_eq!(said["endpoints"], json!([pod.address.to_string()]));
    let text = server.admin("/debug/explain?url=http://tls.example/x").text();
    assert!(text.contains("308 to https://tls.example:8443/x"), "{text}");
    assert_eq!(server.admin("/debug/explain?url=ftp://a/").status(), 400);
    assert_eq!(server.admin("/debug/explain").status(), 400);

    server.replace(&Manifests::new());
    eventually("the change", || (explained("http://shop.example/cart/1")["status"] == 404).then_some(()));
}

#[test]
fn endpoints_to_which_connections_fail_are_named() {
    let (refused, _held) = crate::support::refusing();
    let server = Tidegate::serve(&shop(refused));
    assert_eq!(server.ask(get("shop.example", "/cart")).status(), 502);
    let text = server.admin("/debug/explain?url=shop.example/cart").text();
    assert!(text.contains(&format!("connections to {refused} failed of late")), "{text}");
}

#[test]
fn the_command_asks_a_running_process() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&shop(pod.address));
    assert_eq!(server.ask(get("shop.example", "/cart")).status(), 200);
    let ask = |address: &str, url: &str, headers: &[&str]| {
        let line = ["tidegate", "explain", "--admin", address, url].into_iter();
        let line: Vec<_> = line.chain(headers.iter().flat_map(|header| ["-H", *header])).collect();
        let Ok(Command::Explain(args)) = args::read(&line) else { panic!("{line:?}") };
        let mut out = Vec::new();
        app::explain(&args, &mut out).map(|is_served| (is_served, String::from_utf8(out).unwrap()))
    };
    let admin = server.admin.to_string();
    let (is_served, text) = ask(&admin, "http://1.2.3.4/cart/1?x=%2F&y", &["Host: shop.example"]).unwrap();
    assert!(is_served && text.contains("Prefix /cart") && text.contains("/cart/1?x=%2F&y"), "{text}");
    let (is_served, text) = ask(&format!("http://{admin}/"), "http://shop.example/", &[]).unwrap();
    assert!(!is_served && text.contains("404 because"), "{text}");
    // What listens on all addresses is asked on this machine's own.
    assert!(ask(&format!("0.0.0.0:{}", server.admin.port()), "http://shop.example/", &[]).is_ok());

    let failure = |address: &str, url: &str| format!("{:#}", ask(address, url, &[]).unwrap_err());
    assert!(failure(&admin, "ftp://a/").contains("http://"), "a wrong question is not asked");
    let (refused, _held) = crate::support::refusing();
    assert!(failure(&refused.to_string(), "http://a/").contains("cannot ask at"));
    let other = Pod::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    assert!(failure(&other.address.to_string(), "http://a/").contains("not that of a Tidegate"));
    let said = failure(&server.http.to_string(), "http://a/");
    assert!(said.contains("no /debug/explain"), "{said}");
}

#[test]
fn debug_views_are_shown_to_loopback_addresses_only_and_the_rest_to_all() {
    // An address of this machine that is none of loopback; nothing is sent. Without a network there is none to try.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let Ok(other) = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr()) else { return };
    let server = Tidegate::serve_with(&Manifests::new(), &["--admin", "[::]:0"]);
    let ask = |ip: IpAddr, path: &str| Client::connect((ip, server.admin.port()).into()).ask(get("a", path));
    for path in ["/debug/snapshot", "/debug/problems", "/debug/explain?url=http://a/"] {
        for own in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            assert_eq!(ask(own, path).status(), 200, "{path} of {own}");
        }
        let refused = ask(other.ip(), path);
        assert_eq!((refused.status(), refused.text().lines().count()), (403, 1), "{path}");
        assert!(refused.text().contains("kubectl port-forward"), "{}", refused.text());
    }
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(ask(other.ip(), path).status(), 200, "{path}");
    }
    let line = ["tidegate", "explain", "http://a/", "--admin", &format!("{}:{}", other.ip(), server.admin.port())];
    let Ok(Command::Explain(args)) = args::read(line) else { panic!("{line:?}") };
    let said = format!("{:#}", app::explain(&args, &mut Vec::new()).unwrap_err());
    assert!(said.contains("403") && said.contains("kubectl port-forward"), "{said}");
    let server = Tidegate::serve_with(&Manifests::new(), &["--admin", "[::]:0", "--debug-views", "all"]);
    let shown = Client::connect((other.ip(), server.admin.port()).into()).ask(get("a", "/debug/snapshot"));
    assert_eq!(shown.status(), 200);
}

#[test]
fn the_command_gets_what_a_route_answers() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&shop(pod.address));
    let get = |url: &str, connect: &str| {
        let line = ["tidegate", "get", url, "--connect", connect];
        let Ok(Command::Get(args)) = args::read(line) else { panic!("{line:?}") };
        let mut out = Vec::new();
        (app::get(&args, &mut out).expect("an answer"), String::from_utf8(out).unwrap())
    };
    let (http, admin) = (server.http.to_string(), server.admin.to_string());
    let (is_good, text) = get("http://shop.example/cart?x=/y", &http);
    assert!(is_good && text.starts_with("200\n"), "{text}");
    assert_eq!((pod.requests()[0].target(), pod.requests()[0].field("host")), ("/cart?x=/y", Some("shop.example")));
    let (is_good, text) = get("http://tls.example", &http);
    assert!(is_good && text.starts_with("308\n"), "{text}");
    let (is_good, text) = get("http://shop.example/none", &http);
    assert!(!is_good && text.starts_with("404\n"), "{text}");
    assert_eq!(get("http://a/readyz", &admin), (true, "200\nready\n".to_owned()));
}
