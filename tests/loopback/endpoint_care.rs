//! Health checks, ejection, limits of endpoints with their queue: what annotations of ours ask of an upstream's endpoints.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::support::{Manifests, Pod, Speech, Tidegate, TlsPod, eventually, get};

fn manifests(pods: &[SocketAddr], annotations: &[(&str, &str)]) -> Manifests {
    let annotations: Value =
        annotations.iter().map(|(key, value)| (format!("tidegate.dev/{key}"), json!(value))).collect();
    let paths = [("/", "Prefix", "web")];
    Manifests::new().service("web", pods).ingress_with("web", Some("a.example"), &paths, annotations, json!([]))
}

fn serve(pods: &[SocketAddr], annotations: &[(&str, &str)]) -> Tidegate {
    Tidegate::serve_with(&manifests(pods, annotations), &["--workers", "4"])
}

fn ask(server: &Tidegate) -> String {
    server.ask(get("a.example", "/")).text()
}

/// How many of so many requests a pod of this name answers.
fn share(server: &Tidegate, name: &str, requests: usize) -> usize {
    (0..requests).filter(|_| ask(server) == name).count()
}

/// A pod that answers requests that check with 200 or 503, as it is told, and others with its name.
fn checked(name: &'static str, is_well: &Arc<AtomicBool>) -> Pod {
    let is_well = Arc::clone(is_well);
    Pod::scripted(move |mut connection| {
        while let Some(request) = connection.request() {
            let (status, body) = match request.target() {
                "/healthz" if !is_well.load(SeqCst) => (503, ""),
                "/healthz" => (200, ""),
                _ => (200, name),
            };
            connection.send(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    })
}

const QUICK: [(&str, &str); 3] =
    [("health-check", "GET /healthz"), ("health-check-interval", "100ms"), ("health-check-host", "check.example")];

#[test]
fn a_pod_whose_checks_are_bad_gets_no_requests_until_they_are_good_again() {
    let is_well = Arc::new(AtomicBool::new(true));
    let (sick, sound) = (checked("sick", &is_well), Pod::named("sound"));
    let server = serve(&[sick.address, sound.address], &QUICK);
    eventually("both are checked and serve", || {
        let good = server.metric("tidegate_upstream_checks_total", "result=\"good\"");
        (good >= 4.0 && share(&server, "sick", 10) > 0).then_some(())
    });
    is_well.store(false, SeqCst);
    eventually("it is down", || (server.metric("tidegate_upstream_endpoints_down", "") == 1.0).then_some(()));
    assert_eq!(share(&server, "sick", 40), 0);
    let explained = server.admin("/debug/explain?url=http://a.example/").text();
    let why = format!("{} is down by its health check: the answer has a status that is not good", sick.address);
    assert!(explained.contains(&why), "{explained}");
    let view = server.admin("/debug/snapshot").text();
    assert!(view.contains("\"result\": \"L7STS\"") && view.contains("\"status\": 503"), "{view}");
    is_well.store(true, SeqCst);
    eventually("it is back", || (share(&server, "sick", 10) > 0).then_some(()));
    assert_eq!(server.metric("tidegate_upstream_endpoints_down", ""), 0.0);
    let check = sick.requests().into_iter().find(|request| request.target() == "/healthz").unwrap();
    assert_eq!((check.field("host"), check.field("connection")), (Some("check.example"), Some("close")));
}

#[test]
fn a_service_whose_every_pod_is_down_is_served_all_the_same_and_nothing_is_down_once_nobody_checks() {
    let is_well = Arc::new(AtomicBool::new(false));
    let pods = [checked("a", &is_well), checked("b", &is_well)];
    let addresses = [pods[0].address, pods[1].address];
    let server = serve(&addresses, &QUICK);
    eventually("all are down", || (server.metric("tidegate_upstream_endpoints_down", "") == 2.0).then_some(()));
    let of_a = share(&server, "a", 40);
    assert!((1..40).contains(&of_a), "both serve: {of_a}");
    server.replace(&manifests(&addresses, &[]));
    eventually("no check is left", || (server.metric("tidegate_upstream_endpoints_down", "") == 0.0).then_some(()));
    let checks = server.metric("tidegate_upstream_checks_total", "result=\"bad\"");
    for _ in 0..20 {
        ask(&server);
    }
    assert!(
        server.metric("tidegate_upstream_checks_total", "result=\"bad\"") <= checks + 2.0,
        "nobody checks any more"
    );
}

#[test]
fn connections_and_requests_through_tls_are_checked_too() {
    let pod = Pod::scripted(|mut connection| while connection.request().is_some() {});
    let (silent, _held) = crate::support::not_accepting();
    let server = serve(
        &[pod.address, silent],
        &[("health-check", "tcp"), ("health-check-interval", "200ms"), ("health-check-timeout", "150ms")],
    );
    eventually("the one that takes no connection is down", || {
        (server.metric("tidegate_upstream_endpoints_down", "") == 1.0).then_some(())
    });
    assert!(server.admin("/debug/snapshot").text().contains("\"result\": \"L4TOUT\""));

    let well = Pod::named("well");
    let secure = TlsPod::before(well.address, Speech::of(&["http/1.1"]));
    let services = Manifests::new().speaking("web", "https", &[secure.address]);
    let annotations: Value = [("health-check", "GET /"), ("health-check-interval", "100ms")]
        .iter()
        .map(|(key, value)| (format!("tidegate.dev/{key}"), json!(value)))
        .collect();
    let services = services.ingress_with("web", Some("a.example"), &[("/", "Prefix", "web")], annotations, json!([]));
    let server = Tidegate::serve(&services);
    eventually("it is checked through TLS", || {
        (server.metric("tidegate_upstream_checks_total", "result=\"good\"") >= 2.0).then_some(())
    });
}

#[test]
fn a_pod_that_fails_again_and_again_is_left_out_for_a_while() {
    let bad = Pod::answering("HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad");
    let good = Pod::named("good");
    let server = serve(
        &[bad.address, good.address],
        &[("ejection-failures", "3"), ("ejection-time", "300ms"), ("balance", "round-robin")],
    );
    let first = share(&server, "bad", 40);
    assert_eq!(first, 3, "three failures, and no more");
    assert_eq!(server.metric("tidegate_upstream_ejections_total", ""), 1.0);
    assert!(server.admin("/debug/explain?url=http://a.example/").text().contains("is left out for a while"));
    eventually("it is tried again", || (share(&server, "bad", 2) > 0).then_some(()));
    // All fail: half of them at most are left out.
    let both = [Pod::answering("HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad"), bad];
    let server = serve(&[both[0].address, both[1].address], &[("ejection-failures", "1")]);
    assert_eq!(share(&server, "bad", 20), 20);
    assert_eq!(server.metric("tidegate_upstream_ejections_total", ""), 1.0);
}

/// A pod that answers when it is told to, and the greatest number of requests that it had at one time.
fn holding() -> (Pod, mpsc::Sender<()>, Arc<AtomicUsize>) {
    let (answer, told) = mpsc::channel::<()>();
    let told = Arc::new(std::sync::Mutex::new(told));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let pod = Pod::scripted(move |mut connection| {
        while let Some(request) = connection.request() {
            seen.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            let is_told = told.lock().unwrap().recv().is_ok();
            now.fetch_sub(1, SeqCst);
            if !is_told {
                return;
            }
            let body = request.target().to_owned();
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    (pod, answer, most)
}

#[test]
fn requests_beyond_the_limit_of_a_pod_wait_in_order_over_all_threads() {
    let (pod, answer, most) = holding();
    let annotations = [("max-requests-per-endpoint", "1"), ("queue-length", "10"), ("queue-timeout", "1m")];
    let server = Arc::new(serve(&[pod.address], &annotations));
    let (done, ended) = mpsc::channel();
    let mut asking = Vec::new();
    for number in 0..6_usize {
        let (server, done) = (Arc::clone(&server), done.clone());
        asking.push(thread::spawn({
            let server = Arc::clone(&server);
            move || {
                let answer = server.ask(get("a.example", &format!("/{number}")));
                done.send((answer.status(), answer.text())).unwrap();
            }
        }));
        eventually("it waits, or is at the pod", || {
            let waiting = server.metric("tidegate_upstream_queue_requests", "") as usize;
            (waiting == number && !pod.requests().is_empty()).then_some(())
        });
    }
    for number in 0..6 {
        answer.send(()).unwrap();
        assert_eq!(ended.recv().unwrap(), (200, format!("/{number}")), "first in, first out");
    }
    asking.into_iter().for_each(|asking| asking.join().unwrap());
    assert_eq!(most.load(SeqCst), 1);
    assert_eq!(server.metric("tidegate_upstream_queued_total", ""), 5.0);
    assert_eq!(server.metric("tidegate_upstream_queue_requests", ""), 0.0);
}

#[test]
fn who_is_too_much_or_waits_too_long_is_refused_and_who_goes_makes_room() {
    let (pod, answer, _) = holding();
    let annotations = [("max-requests-per-endpoint", "1"), ("queue-length", "1"), ("queue-timeout", "2s")];
    let server = serve(&[pod.address], &annotations);
    let mut busy = server.connect();
    busy.send(get("a.example", "/busy"));
    eventually("the pod is full", || (!pod.requests().is_empty()).then_some(()));
    let waiting = |count: f64| {
        eventually("so many wait", || (server.metric("tidegate_upstream_queue_requests", "") == count).then_some(()));
    };
    // One waits; another one is too much; the one that waits goes, and its place is free.
    let mut first = server.connect();
    first.send(get("a.example", "/first"));
    waiting(1.0);
    assert_eq!(server.ask(get("a.example", "/too-much")).status(), 503);
    // A client that goes for good: one that has only said its last word still waits.
    first.into_wire().reset();
    waiting(0.0);
    assert_eq!(server.ask(get("a.example", "/too-long")).status(), 503);
    let failures = |reason: &str| server.metric("tidegate_upstream_failures_total", &format!("reason=\"{reason}\""));
    assert_eq!((failures("full"), failures("queue_timeout")), (1.0, 1.0));
    answer.send(()).unwrap();
    assert_eq!(busy.answer().status(), 200);
    assert_eq!(pod.requests().len(), 1, "the pod has seen nobody else");
}

#[test]
fn all_pods_are_filled_before_anybody_waits() {
    for balance in ["first", "least-connections", "random", "round-robin", "least-in-flight"] {
        let pods: Vec<_> = (0..3).map(|_| holding()).collect();
        let addresses: Vec<_> = pods.iter().map(|(pod, ..)| pod.address).collect();
        let server = serve(&addresses, &[("max-requests-per-endpoint", "2"), ("balance", balance)]);
        let mut clients: Vec<_> = (0..7)
            .map(|number| {
                let mut client = server.connect();
                client.send(get("a.example", &format!("/{number}")));
                client
            })
            .collect();
        eventually("one waits", || (server.metric("tidegate_upstream_queue_requests", "") == 1.0).then_some(()));
        for (_, answer, _) in &pods {
            (0..3).for_each(|_| answer.send(()).unwrap());
        }
        clients.iter_mut().for_each(|client| assert_eq!(client.answer().status(), 200, "{balance}"));
        assert!(pods.iter().all(|(_, _, most)| most.load(SeqCst) <= 2), "{balance}");
    }
}

/// A pod at this address of the machine that answers with this name.
fn at(address: &str, name: &'static str) -> Pod {
    Pod::listening(TcpListener::bind((address, 0)).unwrap(), move |mut connection| {
        while connection.request().is_some() {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()));
        }
    })
}

#[test]
fn a_service_drains_its_endpoints_and_gives_them_other_shares() {
    let pods = [at("127.0.0.2", "a"), at("127.0.0.3", "b")];
    let addresses = [pods[0].address, pods[1].address];
    let with = |said: &str| {
        let annotations = json!({"tidegate.dev/endpoint-overrides": said, "tidegate.dev/balance": "round-robin"});
        Manifests::new().annotated_service("web", &addresses, annotations).ingress(
            "web",
            Some("a.example"),
            &[("/", "Prefix", "web")],
        )
    };
    let server = Tidegate::serve(&with(""));
    assert_eq!(share(&server, "a", 20), 10);
    server.replace(&with("127.0.0.2=drain"));
    eventually("it drains", || (share(&server, "a", 10) == 0).then_some(()));
    let explained = || server.admin("/debug/explain?url=http://a.example/").text();
    let said = explained();
    assert!(said.contains(&format!("{} drains", addresses[0])), "{said}");
    assert!(server.admin("/debug/snapshot").text().contains("\"state\": \"drain\""));
    server.replace(&with("127.0.0.2@6f0c=drain; 127.0.0.3=weight:25"));
    eventually("what was for another pod is ignored", || (70..=90).contains(&share(&server, "a", 100)).then_some(()));
    let said = explained();
    assert!(said.contains("was for another pod, and is ignored"), "{said}");
    server.replace(&with("127.0.0.2=maint; 127.0.0.3=drain"));
    eventually("the last one drains too", || (server.ask(get("a.example", "/")).status() == 503).then_some(()));
    server.replace(&with(""));
    eventually("all is as it was", || (share(&server, "a", 20) == 10).then_some(()));
}

#[test]
fn hints_prefer_endpoints_of_the_zone_and_far_ones_take_over() {
    let (near, far) = (Pod::named("near"), Pod::named("far"));
    let hinted = |near: SocketAddr| {
        let slice = |name: &str, zone: &str, pod: SocketAddr| {
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": name, "namespace": "test", "labels": {"kubernetes.io/service-name": "web"}},
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": pod.port()}],
                "endpoints": [{"addresses": [pod.ip().to_string()], "hints": {"forZones": [{"name": zone}]}}],
            })
        };
        let objects = Manifests::new().service("web", &[]).ingress("web", Some("a.example"), &[("/", "Prefix", "web")]);
        objects.object(slice("web-near", "zone-a", near)).object(slice("web-far", "zone-b", far.address))
    };
    let server = Tidegate::serve_with(&hinted(near.address), &["--zone", "zone-a"]);
    assert_eq!(share(&server, "near", 20), 20);
    let unzoned = Tidegate::serve(&hinted(near.address));
    assert_eq!(share(&unzoned, "near", 20), 10);
    let elsewhere = Tidegate::serve_with(&hinted(near.address), &["--zone", "zone-c"]);
    assert_eq!(share(&elsewhere, "near", 20), 10);
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Tidegate::serve_with(&hinted(refusing), &["--zone", "zone-a"]);
    assert_eq!(share(&server, "far", 20), 20);
}

#[test]
fn our_own_rule_of_retries_asks_another_pod_for_a_status_and_counts_attempts() {
    let failing = || {
        Pod::scripted(|mut connection| {
            while connection.request().is_some() {
                connection.send(String::from("HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\noops"));
            }
        })
    };
    let (bad, worse, good) = (failing(), failing(), Pod::named("good"));
    let pods = [bad.address, worse.address, good.address];
    let turns = ("balance", "round-robin");
    let server = serve(&pods, &[turns, ("retry-on", "error 500")]);
    assert_eq!(share(&server, "good", 12), 12);
    let server = serve(&pods, &[turns, ("retry-on", "error 500"), ("retry-attempts", "1")]);
    assert_eq!(share(&server, "good", 12), 4);
    let server = serve(&pods, &[turns, ("retry-on", "error 503")]);
    assert_eq!(share(&server, "good", 12), 4);
}
