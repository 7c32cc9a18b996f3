//! Endpoints and connections to them: which is taken, what is tried again, and what is not kept.

use std::sync::Mutex;
use std::sync::mpsc;

use serde_json::json;

use crate::support::{DEADLINE, Manifests, Pod, Tidegate, eventually, get, not_accepting, refusing};

const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"];

fn request(method: &str) -> String {
    let body = if matches!(method, "PUT" | "POST" | "PATCH") { "Content-Length: 4\r\n\r\nbody" } else { "\r\n" };
    format!("{method} / HTTP/1.1\r\nHost: a\r\n{body}")
}

#[test]
fn f19_a_refused_connection_is_tried_elsewhere_for_every_method() {
    let (refused, _held) = refusing();
    let pod = Pod::named("web");
    let server = Tidegate::serve(&Manifests::everything_to(&[refused, pod.address]));
    for round in 0..10 {
        for method in METHODS {
            assert_eq!(server.ask(request(method)).status(), 200, "{method} in round {round}");
        }
    }
    // Bodies that are still on their way when the connection is refused too.
    for _ in 0..4 {
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(client.head().unwrap(), b"HTTP/1.1 100 Continue\r\n\r\n");
        client.send("4\r\nbody\r\n0\r\n\r\n");
        assert_eq!(client.answer().status(), 200);
    }
    assert!(pod.requests().iter().filter(|seen| seen.method() == "POST").all(|seen| seen.body == b"body"));
}

#[test]
fn f20_an_endpoint_that_does_not_answer_connects_is_passed_over() {
    let (mute, _full) = not_accepting();
    let pod = Pod::named("web");
    let options = ["--connect-timeout", "100ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[mute, pod.address]), &options);
    for method in METHODS {
        assert_eq!(server.ask(request(method)).status(), 200, "{method}");
    }
}

#[test]
fn at_most_three_endpoints_are_tried() {
    let refused: Vec<_> = (0..5).map(|_| refusing()).collect();
    let addresses: Vec<_> = refused.iter().map(|(address, _)| *address).collect();
    let server = Tidegate::serve(&Manifests::everything_to(&addresses));
    assert_eq!(server.ask(get("a", "/")).status(), 502);
    assert_eq!(server.metric("tidegate_upstream_attempts_total", ""), 3.0);
    let options = ["--connect-attempts", "1"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&addresses), &options);
    assert_eq!(server.ask(get("a", "/")).status(), 502);
    assert_eq!(server.metric("tidegate_upstream_attempts_total", ""), 1.0);
}

#[test]
fn f19_an_endpoint_that_accepts_again_is_used_again() {
    let (address, socket) = refusing();
    let steady = Pod::named("steady");
    let server = Tidegate::serve(&Manifests::everything_to(&[address, steady.address]));
    for _ in 0..10 {
        assert_eq!(server.ask(get("a", "/")).text(), "steady");
    }
    let attempts = server.metric("tidegate_upstream_attempts_total", "");
    assert!(attempts <= 12.0, "it is suspect and passed over: {attempts} attempts for 10 requests");
    socket.listen(16).unwrap();
    let _back = Pod::listening(socket.into(), |mut connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback");
        }
    });
    eventually("the endpoint is tried again", || (server.ask(get("a", "/")).text() == "back").then_some(()));
}

#[test]
fn rule_31_no_endpoint_is_503_and_a_pod_that_comes_is_used() {
    let pod = Pod::named("web");
    let manifests = |pods: &[std::net::SocketAddr]| {
        Manifests::new().service("web", pods).ingress(
            "one",
            None,
            &[("/", "Prefix", "web"), ("/unknown", "Prefix", "unknown")],
        )
    };
    let server = Tidegate::serve(&manifests(&[]));
    let mut client = server.connect();
    for method in METHODS {
        assert_eq!(client.ask(request(method)).status(), 503, "{method}");
    }
    assert_eq!(client.ask(get("a", "/unknown")).status(), 503);
    server.replace(&manifests(&[pod.address]));
    eventually("the pod is used", || (client.ask(get("a", "/")).text() == "web").then_some(()));
    server.replace(&manifests(&[]));
    eventually("the pod is not used", || (client.ask(get("a", "/")).status() == 503).then_some(()));
}

/// A pod whose first connection answers once and is then closed in the middle of the second request.
fn closes_at_the_second() -> Pod {
    Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            if connection.index == 0 && request.target() == "/second" {
                return;
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    })
}

#[test]
fn rule_71_a_reused_connection_that_closes_without_an_answer_costs_an_idempotent_request_nothing() {
    for method in METHODS {
        let pod = closes_at_the_second();
        let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
        assert_eq!(server.ask(get("a", "/first")).status(), 200);
        let answer = server.ask(request(method).replace(" / ", " /second "));
        let is_idempotent = !matches!(method, "POST" | "PATCH");
        assert_eq!(answer.status(), if is_idempotent { 200 } else { 502 }, "{method}");
        let seconds = pod.requests().iter().filter(|request| request.target() == "/second").count();
        assert_eq!(seconds, if is_idempotent { 2 } else { 1 }, "{method}");
    }
}

#[test]
fn rule_71_it_is_tried_again_only_once() {
    let pod = Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/second" {
                return;
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    assert_eq!(server.ask(get("a", "/first")).status(), 200);
    assert_eq!(server.ask(get("a", "/second")).status(), 502);
    assert_eq!(pod.requests().len(), 3);
}

#[test]
fn retry_table_an_answer_that_has_begun_is_not_asked_for_again() {
    for part in ["H", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 103 Early Hints\r\n\r\n"] {
        let pod = Pod::scripted(move |mut connection| {
            while let Some(request) = connection.request() {
                if request.target() == "/second" {
                    connection.send(part);
                    return;
                }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
        assert_eq!(server.ask(get("a", "/first")).status(), 200);
        assert_eq!(server.ask(get("a", "/second")).status(), 502, "{part:?}");
        assert_eq!(pod.requests().len(), 2, "{part:?}");
    }
}

#[test]
fn retry_table_what_a_pod_answers_itself_is_not_asked_for_again() {
    for status in [500, 502, 503, 504] {
        let pods =
            [Pod::answering(format!("HTTP/1.1 {status} X\r\nContent-Length: 3\r\n\r\npod")), Pod::named("other")];
        let server = Tidegate::serve(&Manifests::everything_to(&[pods[0].address, pods[1].address]));
        let mut texts: Vec<_> = (0..4).map(|_| server.ask(get("a", "/")).text()).collect();
        texts.sort();
        assert_eq!(texts, ["other", "other", "pod", "pod"]);
    }
}

#[test]
fn retry_table_a_connection_that_was_closed_while_idle_is_not_used() {
    for method in METHODS {
        let (tell, told) = mpsc::channel();
        let pod = Pod::scripted(move |mut connection| {
            let index = connection.index;
            while connection.request().is_some() {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                if index == 0 {
                    drop(connection);
                    tell.send(()).unwrap();
                    return;
                }
            }
        });
        let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
        assert_eq!(server.ask(get("a", "/")).status(), 200);
        told.recv_timeout(DEADLINE).unwrap();
        assert_eq!(server.ask(request(method)).status(), 200, "{method}");
        assert_eq!(pod.requests().len(), 2, "{method}: nothing was sent in vain");
        if method == "POST" {
            let mut client = server.connect();
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            client.send("1\r\nx\r\n0\r\n\r\n");
            assert_eq!(client.answer().status(), 200, "a body under way");
        }
    }
}

#[test]
fn connections_to_a_pod_are_kept_and_used_again() {
    // Three requests at a time need three connections; afterwards one at a time needs no other.
    let (arrive, arrived) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let pod = Pod::scripted(move |mut connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/wait" {
                arrive.send(()).unwrap();
                gone.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            }
            let index = connection.index;
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{index}"));
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(get("a", "/wait"));
        arrived.recv_timeout(DEADLINE).unwrap();
    }
    for _ in &clients {
        go.send(()).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.answer().status(), 200);
    }
    for _ in 0..10 {
        assert_eq!(server.ask(get("a", "/now")).status(), 200);
    }
    assert_eq!(pod.connections(), 3);
}

#[test]
fn conformance_case_14_a_hundred_requests_reach_all_of_ten_pods_evenly() {
    for balance in ["least-in-flight", "round-robin"] {
        let pods: Vec<_> = (0..10).map(|index| Pod::named(&index.to_string())).collect();
        let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
        let options = ["--balance", balance, "--workers", "2"];
        let server = Tidegate::serve_with(&Manifests::everything_to(&addresses), &options);
        for _ in 0..100 {
            assert_eq!(server.ask(get("a", "/")).status(), 200);
        }
        let counts: Vec<_> = pods.iter().map(|pod| pod.requests().len()).collect();
        assert_eq!(counts, [10; 10], "{balance}");
    }
}

#[test]
fn a_pod_that_is_busy_gets_less() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let (arrive, arrived) = mpsc::channel();
    let slow = Pod::scripted(move |mut connection| {
        while connection.request().is_some() {
            arrive.send(()).unwrap();
            let _ = gone.lock().unwrap().recv_timeout(DEADLINE);
            let _ = connection.try_send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
        }
    });
    let quick = Pod::named("quick");
    let server = Tidegate::serve(&Manifests::everything_to(&[slow.address, quick.address]));
    // One of the first two goes to the slow pod.
    let mut waiting = server.connect();
    waiting.send(get("a", "/"));
    let is_slow = eventually("a pod has it", || {
        let is_slow = arrived.try_recv().is_ok();
        (is_slow || quick.requests().len() == 1).then_some(is_slow)
    });
    if !is_slow {
        assert_eq!(waiting.answer().text(), "quick");
        waiting.send(get("a", "/"));
        arrived.recv_timeout(DEADLINE).unwrap();
    }
    for _ in 0..20 {
        assert_eq!(server.ask(get("a", "/")).text(), "quick");
    }
    go.send(()).unwrap();
    assert_eq!(waiting.answer().text(), "slow");
}

#[test]
fn a_retired_endpoints_idle_connections_are_closed_at_once() {
    let (tell, told) = mpsc::channel();
    let pod = Pod::scripted(move |mut connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold\r\n".trim_end());
        }
        let _ = tell.send(());
    });
    let other = Pod::named("new");
    // Long enough that nothing else closes it.
    let options = ["--upstream-idle-timeout", "60s"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    assert_eq!(server.ask(get("a", "/")).text(), "old");
    server.replace(&Manifests::everything_to(&[other.address]));
    told.recv_timeout(DEADLINE).expect("its connection is closed");
    eventually("the new pod", || (server.ask(get("a", "/")).text() == "new").then_some(()));
}

#[test]
fn requests_in_flight_on_a_retired_endpoint_go_on() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let old = Pod::scripted(move |mut connection| {
        while let Some(request) = connection.request() {
            if request.target() != "/wait" {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
                continue;
            }
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nol\r\n");
            gone.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            connection.send("1\r\nd\r\n0\r\n\r\n");
        }
    });
    let new = Pod::named("new");
    let server = Tidegate::serve(&Manifests::everything_to(&[old.address]));
    let mut client = server.connect();
    client.send(get("a", "/wait"));
    client.head().unwrap();
    server.replace(&Manifests::everything_to(&[new.address]));
    eventually("the new pod", || (server.ask(get("a", "/")).text() == "new").then_some(()));
    go.send(()).unwrap();
    assert_eq!(client.exactly("2\r\nol\r\n1\r\nd\r\n0\r\n\r\n".len()).unwrap(), b"2\r\nol\r\n1\r\nd\r\n0\r\n\r\n");
    assert_eq!(client.ask(get("a", "/")).text(), "new");
}

#[test]
fn f32_an_address_that_another_service_takes_over_shares_no_connections() {
    let pod = Pod::named("pod");
    let server =
        Tidegate::serve(&Manifests::new().service("one", &[pod.address]).service("two", &[pod.address]).ingress(
            "one",
            None,
            &[("/one", "Prefix", "one"), ("/two", "Prefix", "two")],
        ));
    // Even while both have it at the same time.
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.ask(get("a", "/one")).status(), 200);
        assert_eq!(client.ask(get("a", "/two")).status(), 200);
    }
    assert_eq!(pod.connections(), 2);
    for connection in 0..2 {
        let received = String::from_utf8(pod.received(connection)).unwrap();
        assert!(received.contains("GET /one ") != received.contains("GET /two "), "{received}");
    }
}

#[test]
fn rule_36_terminating_endpoints_serve_only_while_none_is_ready() {
    let (ready, leaving) = (Pod::named("ready"), Pod::named("leaving"));
    let conditions = json!({"ready": false, "serving": true, "terminating": true});
    let gone = json!({"ready": false, "serving": false, "terminating": true});
    let manifests = |with_ready: bool| {
        let pods = if with_ready { vec![ready.address] } else { Vec::new() };
        Manifests::everything_to(&pods).endpoint("web", 7, leaving.address, conditions.clone()).endpoint(
            "web",
            8,
            refusing().0,
            gone.clone(),
        )
    };
    let server = Tidegate::serve(&manifests(true));
    for _ in 0..10 {
        assert_eq!(server.ask(get("a", "/")).text(), "ready");
    }
    server.replace(&manifests(false));
    eventually("the last resort", || (server.ask(get("a", "/")).text() == "leaving").then_some(()));
    server.replace(&manifests(true));
    eventually("ready again", || (server.ask(get("a", "/")).text() == "ready").then_some(()));
    for _ in 0..10 {
        assert_eq!(server.ask(get("a", "/")).text(), "ready");
    }
}

#[test]
fn a_pod_that_says_how_long_it_keeps_connections_is_believed() {
    // It says one second, of which one is taken off: such a connection is not kept at all.
    let pod = Pod::answering("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n");
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    for _ in 0..3 {
        assert_eq!(server.ask(get("a", "/")).status(), 200);
    }
    assert_eq!(pod.connections(), 3);
}

#[test]
fn idle_connections_to_pods_are_closed_in_time() {
    let (tell, told) = mpsc::channel();
    let pod = Pod::scripted(move |mut connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
        let _ = tell.send(());
    });
    let options = ["--upstream-idle-timeout", "100ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    assert_eq!(server.ask(get("a", "/")).status(), 200);
    told.recv_timeout(DEADLINE).expect("it is closed");
}

#[test]
fn f55_when_every_pod_resets_retries_stay_within_their_budget() {
    // Each connection answers once and then resets: every second request meets a dead connection.
    let pod = Pod::scripted(|mut connection| {
        if connection.request().is_some() {
            connection.reset();
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    for _ in 0..50 {
        assert_eq!(client.ask(get("a", "/")).status(), 502);
    }
    assert_eq!(pod.requests().len(), 50, "on new connections nothing is asked twice");
}

#[test]
fn an_edit_of_the_balance_keeps_connections_suspicion_and_requests_in_flight() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let pod = Pod::scripted(move |mut connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/held" {
                gone.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let (refused, _held) = refusing();
    let balances = |of_a: &str, of_b: &str| {
        let ingress = |objects: Manifests, name: &str, balance: &str| {
            let annotations = json!({"tidegate.dev/balance": balance});
            objects.ingress_with(name, Some(name), &[("/", "Prefix", "web")], annotations, json!([]))
        };
        let objects = Manifests::new().service("web", &[pod.address, refused]);
        ingress(ingress(objects, "a", of_a), "b", of_b)
    };
    let server =
        Tidegate::serve_with(&balances("least-in-flight", "least-in-flight"), &["--upstream-idle-timeout", "60s"]);
    // In flight and suspicion of each endpoint, as the route of a host has them.
    let endpoints = |host: usize| {
        let table: serde_json::Value = serde_json::from_str(&server.admin("/debug/snapshot").text()).unwrap();
        let mut endpoints = table["hosts"][host]["routes"][0]["endpoints"].clone();
        let of = |address: std::net::SocketAddr| {
            let found = endpoints.as_array_mut().unwrap().iter_mut().find(|e| e["address"] == address.to_string());
            let endpoint = found.expect("an endpoint").take();
            (endpoint["inFlight"].as_u64().unwrap(), endpoint["suspect"].as_bool().unwrap())
        };
        [pod.address, refused].map(of)
    };
    let (mut held, mut client) = (server.connect(), server.connect());
    held.send(get("a", "/held"));
    pod.wait_for_connections(1);
    for _ in 0..2 {
        assert_eq!(client.ask(get("a", "/")).status(), 200);
    }
    let before = [(1, false), (0, true)];
    // An answer may arrive a moment before its request is counted off.
    eventually("the other requests to be over", || (endpoints(0) == before).then_some(()));
    assert_eq!(pod.connections(), 2);

    // One of two Ingresses is edited: both still use one upstream.
    let builds = || server.metric("tidegate_table_builds_total", "scope=\"units\"");
    let built = builds();
    server.replace(&balances("round-robin", "least-in-flight"));
    eventually("another table", || (builds() > built).then_some(()));
    assert_eq!((endpoints(0), endpoints(1)), (before, before));
    for host in ["a", "b"] {
        assert_eq!(client.ask(get(host, "/")).status(), 200);
    }
    assert_eq!(pod.connections(), 2, "the idle connection serves on");
    go.send(()).unwrap();
    assert_eq!(held.answer().status(), 200);
}
