//! How much each client may ask for, as annotations of ingress-nginx say. Names of tests carry the behaviour that they show. Time
//! leaks nothing from the buckets of these tests: a minute passes in none of them. `tests/virtual_time` has those with time.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::support::h2::{H2Client, read, run};
use crate::support::{Client, Manifests, Pod, Tidegate, eventually, get};

/// `a.example` and `also.example` are of one Ingress with these annotations, `other.example` is of another one with the same, and
/// `free.example` has none.
fn manifests(pod: &Pod, pairs: &[(&str, &str)]) -> Manifests {
    let annotations: Value =
        pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let paths = [("/", "Prefix", "web"), ("/other", "Exact", "web"), ("/down", "Exact", "down")];
    Manifests::new()
        .service("web", &[pod.address])
        .service("down", &[])
        .ingress_with("a", Some("a.example"), &paths, annotations.clone(), json!([]))
        .ingress_with("other", Some("other.example"), &paths, annotations, json!([]))
        .ingress("free", Some("free.example"), &paths)
}

fn serve_with(pod: &Pod, pairs: &[(&str, &str)], options: &[&str]) -> Tidegate {
    let workers: &[_] = if options.contains(&"--workers") { &[] } else { &["--workers", "4"] };
    Tidegate::serve_with(&manifests(pod, pairs), &[workers, options].concat())
}

fn serve(pairs: &[(&str, &str)]) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let server = serve_with(&pod, pairs, &[]);
    (pod, server)
}

/// The status of a request on a connection of its own.
fn status(server: &Tidegate, client: &str, host: &str, path: &str) -> u16 {
    let client: IpAddr = client.parse().unwrap();
    Client::connect_from(client, server.http).ask(get(host, path)).status()
}

/// How many of so many requests are served.
fn served(server: &Tidegate, client: &str, host: &str, tries: usize) -> usize {
    (0..tries).filter(|_| status(server, client, host, "/") == 200).count()
}

#[test]
fn nginx_l1_a_burst_is_served_at_once_and_then_503_over_all_workers() {
    let (pod, server) = serve(&[("limit-rpm", "2")]);
    assert_eq!(served(&server, "127.0.0.1", "a.example", 30), 11);
    assert_eq!(pod.requests().len(), 11, "who is refused reaches no pod");
    let answer = server.ask(get("a.example", "/"));
    assert_eq!((answer.status(), answer.field("retry-after")), (503, Some("1")));
    assert!(answer.text().contains("more often than it may"), "{}", answer.text());
    // Another client, another Ingress and one without limits have counts of their own.
    assert_eq!(served(&server, "127.0.0.2", "a.example", 30), 11);
    assert_eq!(served(&server, "127.0.0.1", "other.example", 30), 11);
    assert_eq!(served(&server, "127.0.0.1", "free.example", 30), 30);
    assert_eq!(server.metric("tidegate_filter_answers_total", "filter=\"limits\""), 58.0);
    assert_eq!(server.metric("tidegate_limit_clients_forgotten_total", ""), 0.0);
}

#[test]
fn nginx_l1_all_paths_of_an_ingress_count_together() {
    let (_pod, server) = serve(&[("limit-rpm", "1")]);
    let of_both = (0..10).flat_map(|_| ["/", "/other"]);
    assert_eq!(of_both.filter(|path| status(&server, "127.0.0.1", "a.example", path) == 200).count(), 6);
}

#[test]
fn nginx_l1_the_burst_is_a_multiple_and_zero_is_no_limit() {
    for (pairs, expected) in [
        (&[("limit-rpm", "3"), ("limit-burst-multiplier", "1")][..], 4),
        (&[("limit-rpm", "1"), ("limit-burst-multiplier", "10")], 11),
        (&[("limit-rpm", "1"), ("limit-burst-multiplier", "0")], 6),
        (&[("limit-rpm", "1"), ("limit-burst-multiplier", "much")], 6),
        (&[("limit-rpm", "0"), ("limit-rps", "0"), ("limit-connections", "0")], 20),
        (&[("limit-rpm", "2"), ("limit-rps", "1000")], 11),
    ] {
        let (_pod, server) = serve(pairs);
        assert_eq!(served(&server, "127.0.0.1", "a.example", 20), expected, "{pairs:?}");
    }
}

#[test]
fn nginx_l1_a_table_made_anew_forgets_nothing() {
    let (pod, server) = serve(&[("limit-rpm", "2")]);
    assert_eq!(served(&server, "127.0.0.1", "a.example", 5), 5);
    let swap = |pairs: &[(&str, &str)], host: &str| {
        server.replace(&manifests(&pod, pairs).ingress("new", Some(host), &[("/", "Prefix", "web")]));
        eventually("the new table", || (server.ask(get(host, "/")).status() == 200).then_some(()));
    };
    // A change of something else, one of the Ingress itself, and one of the limit.
    swap(&[("limit-rpm", "2")], "one.example");
    assert_eq!(served(&server, "127.0.0.1", "a.example", 2), 2);
    swap(&[("limit-rpm", "2"), ("proxy-body-size", "1m")], "two.example");
    assert_eq!(served(&server, "127.0.0.1", "a.example", 10), 4);
    swap(&[("limit-rpm", "4")], "three.example");
    // What has come so far fills the bucket of the new limit too, and nothing of it leaks within fifteen seconds.
    assert_eq!(served(&server, "127.0.0.1", "a.example", 10), 0);
}

#[test]
fn nginx_l1_a_limit_that_cannot_be_read_lets_nobody_in() {
    for key in ["limit-rps", "limit-rpm", "limit-connections"] {
        for value in ["", "ten", "-1", "1.5", "10r/s", "4294967296", "1\r\nX: y"] {
            let (pod, server) = serve(&[(key, value), ("limit-whitelist", "127.0.0.1")]);
            assert_eq!(status(&server, "127.0.0.1", "a.example", "/"), 503, "{key}: {value:?}");
            assert_eq!(status(&server, "127.0.0.1", "free.example", "/"), 200, "the neighbour serves");
            assert_eq!(pod.requests().len(), 1);
            let problems = server.admin("/debug/problems").text();
            assert!(problems.contains("nobody is served"), "{problems}");
        }
    }
}

#[test]
fn nginx_l1_redirects_and_preflights_come_first_and_do_not_count() {
    let (_pod, server) = serve(&[("limit-rpm", "1"), ("enable-cors", "true"), ("app-root", "/app")]);
    for _ in 0..10 {
        assert_eq!(server.ask("OPTIONS /x HTTP/1.1\r\nHost: a.example\r\n\r\n").status(), 204);
        assert_eq!(server.ask(get("a.example", "/")).status(), 302);
    }
    assert_eq!((0..10).filter(|_| server.ask(get("a.example", "/x")).status() == 200).count(), 6);
    let refused = server.ask(get("a.example", "/x"));
    assert_eq!((refused.status(), refused.field("access-control-allow-origin")), (503, Some("*")));
}

#[test]
fn nginx_l1_holds_for_each_request_of_a_connection_over_http_1_and_http_2() {
    let (_pod, server) = serve(&[("limit-rpm", "1")]);
    let mut client = server.connect();
    let statuses: Vec<_> = (0..4).map(|_| client.ask(get("a.example", "/")).status()).collect();
    assert_eq!(statuses, [200; 4]);
    run(async {
        let client = H2Client::plain(&server).await;
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(client.get("a.example", "/").await.status);
        }
        assert_eq!(statuses, [200, 200, 503, 503]);
    });
}

#[test]
fn nginx_l1_the_client_is_whom_a_trusted_proxy_names_and_ipv6_ones_count_by_network() {
    let named = |client: &str| format!("GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: {client}\r\n\r\n");
    let pod = Pod::named("web");
    let server = serve_with(&pod, &[("limit-rpm", "1")], &["--trusted-proxies", "127.0.0.1"]);
    let served = |client: &str| (0..10).filter(|_| server.ask(named(client)).status() == 200).count();
    assert_eq!([served("192.0.2.1"), served("192.0.2.2"), served("::ffff:192.0.2.1")], [6, 6, 0]);
    assert_eq!([served("2001:db8::1"), served("2001:db8::2"), served("2001:db8:0:1::1")], [6, 0, 6]);
    let server = serve_with(&pod, &[("limit-rpm", "1")], &[]);
    let mut clients = (0..10).map(|number| named(&format!("192.0.2.{number}")));
    assert_eq!(clients.by_ref().filter(|request| server.ask(request).status() == 200).count(), 6);
}

#[test]
fn nginx_l3_exempt_clients_have_no_limits() {
    for (pairs, first, second) in [
        (&[("limit-whitelist", "127.0.0.2, 10.0.0.0/8")][..], 6, 20),
        (&[("limit-allowlist", "127.0.0.0/8")], 20, 20),
        (&[("limit-allowlist", "127.0.0.1"), ("limit-whitelist", "127.0.0.2")], 20, 6),
        (&[("limit-whitelist", "everybody")], 6, 6),
    ] {
        let pairs: Vec<_> = pairs.iter().copied().chain([("limit-rpm", "1")]).collect();
        let (_pod, server) = serve(&pairs);
        let found = ["127.0.0.1", "127.0.0.2"].map(|client| served(&server, client, "a.example", 20));
        assert_eq!(found, [first, second], "{pairs:?}");
    }
}

/// Clients that have sent a request for which a pod that holds requests has not answered yet.
fn waiting(server: &Tidegate, count: usize) -> Vec<Client> {
    let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(get("a.example", "/")));
    clients
}

#[test]
fn nginx_l2_of_twenty_slow_requests_eight_are_served() {
    let (pod, release) = Pod::held();
    let server = serve_with(&pod, &[("limit-connections", "8")], &[]);
    let mut clients = waiting(&server, 20);
    eventually("twelve are refused", || {
        (server.metric("tidegate_filter_answers_total", "filter=\"limits\"") == 12.0).then_some(())
    });
    eventually("eight reach the pod", || (pod.requests().len() == 8).then_some(()));
    drop(release);
    let mut statuses: Vec<_> = clients.iter_mut().map(|client| client.answer().status()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 8].as_slice(), &[503; 12]].concat());
    // The connections stay open, and count no more.
    eventually("places are free again", || {
        let statuses: Vec<_> = clients.iter_mut().map(|client| client.ask(get("a.example", "/")).status()).collect();
        statuses.iter().all(|status| *status == 200).then_some(())
    });
}

/// Whether the client has no place left. `/down` has no pod, so nothing stays in progress there.
fn is_full(server: &Tidegate) -> bool {
    let answer = server.ask(get("a.example", "/down"));
    assert_eq!(answer.status(), 503);
    answer.text().contains("as many requests for this in progress as it may")
}

/// A client whose request has a place and is with the pod. The place of a request that was answered is free a moment later only.
#[track_caller]
fn holding(server: &Tidegate, pod: &Pod) -> Client {
    let before = pod.requests().len();
    eventually("a request that reaches the pod", || {
        let mut client = server.connect();
        client.send(get("a.example", "/"));
        client.stream().set_nonblocking(true).unwrap();
        let is_served = eventually("it is served or refused", || {
            let is_answered = client.stream().peek(&mut [0]).is_ok();
            if pod.requests().len() > before { Some(true) } else { is_answered.then_some(false) }
        });
        client.stream().set_nonblocking(false).unwrap();
        is_served.then_some(client)
    })
}

#[track_caller]
fn expect_room(server: &Tidegate) {
    eventually("a place is free again", || (!is_full(server)).then_some(()));
}

#[test]
fn nginx_l2_a_place_is_free_again_however_its_request_ends() {
    let one = [("limit-connections", "1")];
    let (pod, release) = Pod::held();
    let server = serve_with(&pod, &one, &[]);
    assert!(!is_full(&server));
    let mut client = holding(&server, &pod);
    assert!(is_full(&server), "while the pod is silent");
    release.send(()).unwrap();
    assert_eq!(client.answer().status(), 200);
    expect_room(&server);

    let client = holding(&server, &pod);
    assert!(is_full(&server));
    client.into_wire().reset();
    expect_room(&server);

    for ending in ["", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let pod = Pod::scripted(move |mut connection| {
            connection.request();
            connection.send(ending);
        });
        let server = serve_with(&pod, &one, &[]);
        let mut client = waiting(&server, 1).remove(0);
        assert!(client.response("GET").is_some(), "502, or what has come");
        expect_room(&server);
    }
}

#[test]
fn nginx_l2_a_tunnel_keeps_its_place_and_streams_have_one_each() {
    let pod = Pod::scripted(|mut connection| {
        connection.request();
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
        while connection.some().is_ok() {}
    });
    let server = serve_with(&pod, &[("limit-connections", "1")], &[]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert!(client.head().unwrap().starts_with(b"HTTP/1.1 101"));
    assert!(is_full(&server));
    drop(client);
    expect_room(&server);

    let (pod, release) = Pod::held();
    let server = serve_with(&pod, &[("limit-connections", "2")], &[]);
    run(async {
        let client = H2Client::plain(&server).await;
        let request = || client.request("GET", "a.example", "/");
        let (first, _) = client.open(request(), true).await;
        let (second, _) = client.open(request(), true).await;
        eventually("both reach the pod", || (pod.requests().len() == 2).then_some(()));
        assert_eq!(client.get("a.example", "/").await.status, 503);
        // A stream that is reset gives its place back.
        drop(first);
        expect_room(&server);
        release.send(()).unwrap();
        release.send(()).unwrap();
        assert_eq!(read(second).await.unwrap().status, 200);
    });
}
