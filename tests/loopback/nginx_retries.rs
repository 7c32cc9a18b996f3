//! When requests go to another pod where annotations of ingress-nginx say so. Names of tests carry the behaviour that they show.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::h2::{H2Client, H2Pod, run};
use crate::support::{Manifests, Message, Pod, Speech, Tidegate, TlsPod, eventually, get, refusing};

/// Pods that get requests in turn, with annotations of their Ingress.
fn serve(pods: &[SocketAddr], annotations: &[(&str, &str)]) -> Tidegate {
    serve_with(pods, annotations, &[])
}

fn serve_with(pods: &[SocketAddr], annotations: &[(&str, &str)], options: &[&str]) -> Tidegate {
    let all = annotations.iter().chain(&[("load-balance", "round_robin")]);
    let annotations: Value =
        all.map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let paths = [("/", "Prefix", "web")];
    let manifests =
        Manifests::new().service("web", pods).ingress_with("web", Some("a.example"), &paths, annotations, json!([]));
    Tidegate::serve_with(&manifests, options)
}

fn post(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length))
}

/// A pod that answers everything with this status, and says so.
fn failing(status: u16) -> Pod {
    Pod::answering(format!("HTTP/1.1 {status} No\r\nX-Pod: yes\r\nContent-Length: 3\r\n\r\n{status}"))
}

/// A pod that says nothing.
fn silent() -> Pod {
    Pod::scripted(|mut connection| while connection.request().is_some() {})
}

/// The statuses of as many requests as reach each of two pods first, sorted.
fn of_two(server: &Tidegate, request: &str) -> [u16; 2] {
    let mut statuses = [server.ask(request).status(), server.ask(request).status()];
    statuses.sort_unstable();
    statuses
}

fn attempts(server: &Tidegate) -> f64 {
    server.metric("tidegate_upstream_attempts_total", "")
}

fn is_of_pod(answer: &Message, status: u16) -> bool {
    (answer.status(), answer.field("x-pod"), answer.text()) == (status, Some("yes"), status.to_string())
}

#[test]
fn nginx_p1_a_dead_pod_among_live_ones_costs_no_request_and_off_gives_the_first_error() {
    let (dead, _held) = refusing();
    for (rule, expected) in [
        ("error", [200, 200]),
        ("error timeout", [200, 200]),
        ("off", [200, 502]),
        ("timeout http_502", [200, 502]),
        // A value that is none leaves what is usual.
        ("refused", [200, 200]),
    ] {
        let live = Pod::named("live");
        for request in [get("a.example", "/"), post(4)] {
            let server = serve(&[dead, live.address], &[("proxy-next-upstream", rule)]);
            assert_eq!(of_two(&server, &request), expected, "{rule} {request}");
        }
    }
}

#[test]
fn nginx_p2_an_answer_with_a_listed_status_is_another_pods() {
    for status in [500, 502, 503, 504, 403, 404, 429] {
        let (bad, good) = (failing(status), Pod::named("good"));
        let name = format!("http_{status}");
        let server = serve(&[bad.address, good.address], &[("proxy-next-upstream", &name)]);
        assert_eq!(of_two(&server, &get("a.example", "/")), [200, 200], "{name}");
        // A further attempt is a turn of its own: if the bad pod is the first in turn, it has the second request too.
        let (of_bad, of_good) = (bad.requests().len(), good.requests().len());
        assert!(matches!((of_bad, of_good), (1 | 2, 2)), "{name}: {of_bad}, {of_good}");
        let passed_over = server.metric("tidegate_upstream_failures_total", "reason=\"passed_over\"");
        let retries = server.metric("tidegate_upstream_retries_total", "");
        assert_eq!((passed_over as usize, retries as usize), (of_bad, of_bad));
        // A head is counted when its answer has ended, which the client may see first.
        eventually("the heads", || {
            let heads = server.metric("tidegate_upstream_response_head_seconds_count", "");
            (heads as usize == of_bad + of_good).then_some(())
        });
        // Others are passed on.
        let other = if status == 503 { "http_500 error timeout invalid_header" } else { "http_503 error timeout" };
        let server = serve(&[bad.address, good.address], &[("proxy-next-upstream", other)]);
        assert_eq!(of_two(&server, &get("a.example", "/")), [200, status], "{name}");
    }
}

#[test]
fn nginx_p2_each_head_is_timed_once_whatever_follows() {
    let (dead, _held) = refusing();
    let (bad, good) = (failing(503), Pod::named("good"));
    let server = serve(&[dead, bad.address, good.address], &[("proxy-next-upstream", "error http_503")]);
    for _ in 0..6 {
        assert_eq!(server.ask(get("a.example", "/")).text(), "good");
    }
    let heads = bad.requests().len() + good.requests().len();
    // Counted behind the answer, which the client has by then.
    eventually("all heads are counted", || {
        (server.metric("tidegate_upstream_response_head_seconds_count", "") as usize == heads).then_some(())
    });
    assert!(server.metric("tidegate_upstream_failures_total", "reason=\"connect_refused\"") >= 1.0);
    // One after the other, whichever comes first.
    let server = serve(&[dead, bad.address], &[("proxy-next-upstream", "error http_503")]);
    let before = bad.requests().len();
    for _ in 0..6 {
        server.ask(get("a.example", "/"));
    }
    let heads = bad.requests().len() - before;
    // Counted behind the answer, which the client has by then.
    eventually("all heads are counted", || {
        (server.metric("tidegate_upstream_response_head_seconds_count", "") as usize == heads).then_some(())
    });
}

#[test]
fn nginx_p2_where_no_pod_is_left_the_last_ones_answer_passes() {
    let pods = [failing(503), failing(503), failing(503)];
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let server = serve(&addresses, &[("proxy-next-upstream", "http_503")]);
    assert!(is_of_pod(&server.ask(get("a.example", "/")), 503));
    assert_eq!(attempts(&server), 3.0);
    // The only one that there is.
    let server = serve(&addresses[..1], &[("proxy-next-upstream", "http_503")]);
    assert!(is_of_pod(&server.ask(get("a.example", "/")), 503));
    assert_eq!(attempts(&server), 1.0);
    assert_eq!(server.metric("tidegate_upstream_retries_total", ""), 0.0);
}

#[test]
fn nginx_p3_tries_count_the_first_attempt_and_the_last_ones_answer_passes() {
    let pods: Vec<_> = (0..5).map(|_| failing(503)).collect();
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    for (tries, expected) in [("1", 1.0), ("2", 2.0), ("0", 5.0)] {
        let annotations = [("proxy-next-upstream", "http_503"), ("proxy-next-upstream-tries", tries)];
        let server = serve(&addresses, &annotations);
        assert!(is_of_pod(&server.ask(get("a.example", "/")), 503));
        assert_eq!(attempts(&server), expected, "{tries}");
    }
}

#[test]
fn nginx_p2_what_must_not_be_processed_twice_is_repeated_only_if_asked_for() {
    let (bad, good) = (failing(503), Pod::named("good"));
    let pods = [bad.address, good.address];
    for length in [0, 4, 65_536] {
        let server = serve(&pods, &[("proxy-next-upstream", "http_503")]);
        assert_eq!(of_two(&server, &post(length)), [200, 503], "{length}");
        let server = serve(&pods, &[("proxy-next-upstream", "http_503 non_idempotent")]);
        let put = post(length).replacen("POST", "PUT", 1);
        assert_eq!(of_two(&server, &put), [200, 200], "{length}");
    }
    let (bad, good) = (failing(503), Pod::named("good"));
    let server = serve(&[bad.address, good.address], &[("proxy-next-upstream", "http_503 non_idempotent")]);
    assert_eq!(of_two(&server, &post(4)), [200, 200]);
    assert!(good.requests().iter().all(|request| request.body == b"xxxx"), "the body comes again");
}

#[test]
fn nginx_p2_a_body_that_stops_is_the_clients_fault_before_any_pod_is_asked() {
    let pod = Pod::named("web");
    let options = ["--body-gap-timeout", "100ms"];
    for (rule, connections) in [("http_503 non_idempotent", 0), ("http_503", 1), ("off", 1)] {
        let before = pod.connections();
        let server = serve_with(&[pod.address], &[("proxy-next-upstream", rule)], &options);
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbo");
        assert_eq!(client.answer().status(), 408, "{rule}");
        pod.wait_for_connections(before + connections);
        assert_eq!(pod.connections() - before, connections, "{rule}");
    }
}

#[test]
fn nginx_p2_a_body_that_is_waited_for_is_followed_by_the_next_request() {
    let (bad, good) = (failing(503), Pod::named("good"));
    let server = serve(&[bad.address, good.address], &[("proxy-next-upstream", "http_503 non_idempotent")]);
    let mut client = server.connect();
    let long = post(60_000);
    client.send(format!("{long}{long}{}", get("a.example", "/last")));
    for _ in 0..3 {
        assert_eq!(client.answer().text(), "good");
    }
    let asked = good.requests();
    assert_eq!(asked.iter().map(|request| request.body.len()).collect::<Vec<_>>(), [60_000, 60_000, 0]);
    assert_eq!(asked[2].start, "GET /last HTTP/1.1");
}

#[test]
fn nginx_p2_a_client_that_waits_to_be_told_to_go_on_is_not_kept_waiting() {
    let (bad, good) = (failing(503), Pod::named("good"));
    let server = serve(&[bad.address, good.address], &[("proxy-next-upstream", "http_503 non_idempotent")]);
    let head = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let mut statuses: Vec<_> = (0..2)
        .map(|_| {
            let mut client = server.connect();
            client.send(head);
            let first = client.head().unwrap();
            if !first.starts_with(b"HTTP/1.1 100") {
                return 503;
            }
            client.send("body");
            client.answer().status()
        })
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
}

#[test]
fn nginx_p2_a_body_that_is_not_at_hand_leaves_the_first_answer() {
    let (bad, good) = (failing(503), Pod::named("good"));
    let server = serve(&[bad.address, good.address], &[("proxy-next-upstream", "http_503 non_idempotent")]);
    assert_eq!(of_two(&server, &post(65_537)), [200, 503]);
    let chunked = "PUT / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    assert_eq!(of_two(&server, chunked), [200, 503]);
}

#[test]
fn nginx_p2_pods_that_break_off_are_silent_or_talk_nonsense_are_passed_over_if_asked_for() {
    let closing = || Pod::scripted(|mut connection| drop(connection.request()));
    let within = || {
        Pod::scripted(|mut connection| {
            connection.request();
            connection.send("HTTP/1.1 200 O");
        })
    };
    let nonsense = || {
        Pod::scripted(|mut connection| {
            connection.request();
            connection.send("this is no HTTP\r\n\r\n");
        })
    };
    let pods: [(&str, u16, &dyn Fn() -> Pod); 4] = [
        ("error", 502, &closing),
        ("error", 502, &within),
        ("timeout", 504, &silent),
        ("invalid_header", 502, &nonsense),
    ];
    let silence = ["--response-timeout", "150ms"];
    for (rule, status, pod) in pods {
        let (bad, good) = (pod(), Pod::named("good"));
        let serve = |rule: &str| serve_with(&[bad.address, good.address], &[("proxy-next-upstream", rule)], &silence);
        assert_eq!(of_two(&serve(rule), &get("a.example", "/")), [200, 200], "{rule}");
        assert_eq!(of_two(&serve(rule), &post(4)), [200, status], "{rule}");
        assert_eq!(of_two(&serve("off"), &get("a.example", "/")), [200, status], "{rule}");
    }
}

#[test]
fn nginx_p2_an_answer_that_has_begun_is_not_begun_again() {
    let cut = Pod::scripted(|mut connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    });
    let good = Pod::named("good");
    let rule = ("proxy-next-upstream", "error timeout invalid_header http_503 non_idempotent");
    let server = serve(&[cut.address, good.address], &[rule]);
    let answers = [server.ask(get("a.example", "/")), server.ask(get("a.example", "/"))];
    assert!(answers.iter().any(|answer| answer.body == b"half"), "{answers:?}");
    assert_eq!(attempts(&server), 2.0);
}

#[test]
fn nginx_p3_after_its_time_a_request_is_tried_at_no_further_pod() {
    let (bad, good) = (silent(), Pod::named("good"));
    let pods = [bad.address, good.address];
    for (time, expected) in [("1", [200, 504]), ("0", [200, 200]), ("600", [200, 200]), ("1s", [200, 200])] {
        let rule = ("proxy-next-upstream", "timeout");
        let annotations = [rule, ("proxy-next-upstream-timeout", time), ("proxy-read-timeout", "1")];
        let server = serve(&pods, &annotations);
        assert_eq!(of_two(&server, &get("a.example", "/")), expected, "{time}");
    }
}

#[test]
fn nginx_p2_pods_over_tls_and_http2_are_passed_over_in_the_same_way() {
    let (bad, good) = (failing(503), Pod::named("good"));
    let tls = [bad.address, good.address].map(|pod| TlsPod::before(pod, Speech::of(&["http/1.1"])));
    let rule = ("proxy-next-upstream", "http_503 non_idempotent");
    let server = serve(&[tls[0].address, tls[1].address], &[rule, ("backend-protocol", "HTTPS")]);
    assert_eq!(of_two(&server, &get("a.example", "/")), [200, 200]);
    assert_eq!(of_two(&server, &post(4)), [200, 200]);

    let bad = H2Pod::scripted(|mut call| async move { call.answer(503, b"no").await });
    let good = H2Pod::named("good");
    let server = serve(&[bad.address, good.address], &[rule, ("backend-protocol", "GRPC")]);
    run(async {
        let client = H2Client::plain(&server).await;
        for (method, length) in [("GET", 0), ("POST", 0), ("POST", 4), ("PUT", 60_000), ("GET", 0)] {
            let request = client.request(method, "a.example", "/").header("content-length", length);
            let answer = client.ask(request, &vec![b'x'; length]).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "good"), "{method}");
        }
    });
    assert!(bad.calls() > 0 && good.calls() == 5, "{} {}", bad.calls(), good.calls());
    assert_eq!(bad.connections(), 1, "its connection goes on");
}

#[test]
fn nginx_p2_retries_for_a_status_stay_within_the_budget() {
    let pods = [failing(503), failing(503)];
    let server = serve(&[pods[0].address, pods[1].address], &[("proxy-next-upstream", "http_503")]);
    let mut client = server.connect();
    // More than the hundred that an upstream begins with, and a fifth of the requests.
    let asked = 400;
    for _ in 0..asked {
        assert!(is_of_pod(&client.ask(get("a.example", "/")), 503));
    }
    let retries = server.metric("tidegate_upstream_retries_total", "");
    assert!((100.0..f64::from(asked)).contains(&retries), "{retries}");
}
