//! Changes while requests flow: none of them may cost one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::support::h2::{H2Client, H2Pod, run};
use crate::support::{Manifests, Pod, Tidegate, eventually, get};

const ROOT: &[(&str, &str, &str)] = &[("/", "Prefix", "web")];

/// Asks on kept connections and on new ones, over HTTP/1 and HTTP/2, while `change` runs; every answer must be 200.
/// Gives how many there were.
fn while_traffic_flows(server: &Tidegate, host: &str, change: impl FnOnce()) -> usize {
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let check = |status: u16, text: &str| {
        assert_eq!(status, 200, "{text}");
        asked.fetch_add(1, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        let kept = scope.spawn(|| {
            let mut client = server.connect();
            while !is_over.load(Ordering::Relaxed) {
                let answer = client.ask(get(host, "/"));
                check(answer.status(), &answer.text());
            }
        });
        let new = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let answer = server.ask(format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\nhi"));
                check(answer.status(), &answer.text());
            }
        });
        let h2 = scope.spawn(|| {
            run(async {
                let client = H2Client::plain(server).await;
                while !is_over.load(Ordering::Relaxed) {
                    let answer = client.get(host, "/").await;
                    check(answer.status, &answer.text());
                }
            });
        });
        // Ends the traffic also when the change fails.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(change));
        is_over.store(true, Ordering::Relaxed);
        for thread in [kept, new, h2] {
            thread.join().expect("every request is answered");
        }
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    asked.into_inner()
}

#[test]
fn rules_come_change_and_go_and_no_request_fails() {
    let (web, green) = (Pod::named("web"), Pod::named("green"));
    let base = || Manifests::new().service("web", &[web.address]).service("green", &[green.address]);
    let with = |paths: &[(&str, &str, &str)]| base().ingress("a", Some("a.example"), paths);
    let server = Tidegate::serve(&with(ROOT));
    let text = |host: &str, path: &str| {
        let answer = server.ask(get(host, path));
        (answer.status(), answer.text())
    };
    let asked = while_traffic_flows(&server, "a.example", || {
        for _ in 0..5 {
            server.replace(&with(&[("/", "Prefix", "web"), ("/green", "Prefix", "green")]));
            eventually("a new path", || (text("a.example", "/green").1 == "green").then_some(()));
            server.replace(&with(ROOT).ingress("b", Some("b.example"), &[("/", "Prefix", "green")]));
            eventually("a new host", || (text("b.example", "/").1 == "green").then_some(()));
            assert_eq!(text("a.example", "/green").1, "web");
            server.replace(&with(&[("/", "Prefix", "green")]));
            eventually("another backend", || (text("a.example", "/").1 == "green").then_some(()));
            assert_eq!(text("b.example", "/").0, 404);
            server.replace(&with(ROOT));
            eventually("the first backend", || (text("a.example", "/").1 == "web").then_some(()));
        }
    });
    assert!(asked > 20, "{asked}");
}

#[test]
fn endpoints_come_and_go_and_no_request_fails() {
    let pods: Vec<_> = ["0", "1", "2"].into_iter().map(Pod::named).collect();
    let served = |indices: &[usize]| {
        let addresses: Vec<_> = indices.iter().map(|&index| pods[index].address).collect();
        Manifests::everything_to(&addresses)
    };
    let server = Tidegate::serve(&served(&[0]));
    while_traffic_flows(&server, "a.example", || {
        for round in 0..6 {
            let set = [&[0, 1][..], &[1], &[1, 2], &[2], &[2, 0], &[0]][round % 6];
            server.replace(&served(set));
            let name = set[set.len() - 1].to_string();
            eventually("the new endpoint's answer", || {
                (server.ask(get("a.example", "/")).text() == name).then_some(())
            });
        }
    });
}

#[test]
fn a_removed_endpoint_gets_nothing_more_on_its_kept_connections_either() {
    let (old, new) = (Pod::named("old"), Pod::named("new"));
    let server = Tidegate::serve(&Manifests::everything_to(&[old.address]));
    let mut client = server.connect();
    assert_eq!(client.ask(get("a.example", "/")).text(), "old");
    server.replace(&Manifests::everything_to(&[new.address]));
    eventually("the new endpoint", || (client.ask(get("a.example", "/")).text() == "new").then_some(()));
    let before = old.requests().len();
    for _ in 0..50 {
        assert_eq!(client.ask(get("a.example", "/")).text(), "new");
    }
    assert_eq!(old.requests().len(), before);
}

#[test]
fn a_removed_endpoint_finishes_what_it_has() {
    let (told, go) = std::sync::mpsc::channel::<()>();
    let go = std::sync::Mutex::new(go);
    let old = Pod::scripted(move |mut connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        go.lock().unwrap().recv().unwrap();
        connection.send("world");
    });
    let new = Pod::named("new");
    let served = |pod: &Pod, host| Manifests::new().service("web", &[pod.address]).ingress("i", Some(host), ROOT);
    let server = Tidegate::serve(&served(&old, "a.example"));
    let mut slow = server.connect();
    slow.send(get("a.example", "/"));
    slow.head().unwrap();
    server.replace(&served(&new, "b.example"));
    eventually("the new endpoint", || (server.ask(get("b.example", "/")).text() == "new").then_some(()));
    assert_eq!(server.ask(get("a.example", "/")).status(), 404);
    told.send(()).unwrap();
    assert_eq!(slow.exactly(10).unwrap(), b"helloworld");
}

#[test]
fn a_removed_h2c_endpoint_finishes_what_it_has_and_gets_nothing_more() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let held = std::sync::Arc::clone(&gate);
    let old = H2Pod::scripted(move |mut call| {
        let held = std::sync::Arc::clone(&held);
        async move {
            let _permit = held.acquire().await.unwrap();
            call.answer(200, b"old").await;
        }
    });
    let new = H2Pod::named("new");
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[old.address]));
    let mut slow = server.connect();
    slow.send(get("a.example", "/"));
    eventually("the request", || (old.calls() == 1).then_some(()));
    server.replace(&Manifests::everything_to_h2c(&[new.address]));
    // Requests until then wait at the old one.
    let mut waiting = Vec::new();
    eventually("the new endpoint", || {
        let mut client = server.connect();
        let calls = (old.calls(), new.calls());
        client.send(get("a.example", "/"));
        eventually("a call", || ((old.calls(), new.calls()) != calls).then_some(()));
        waiting.push(client);
        (new.calls() > 0).then_some(())
    });
    let calls = old.calls();
    for _ in 0..20 {
        assert_eq!(server.ask(get("a.example", "/")).text(), "new");
    }
    assert_eq!(old.calls(), calls);
    gate.add_permits(100);
    assert_eq!(slow.answer().text(), "old");
}

#[test]
fn a_broken_file_or_document_costs_only_itself_and_is_told() {
    let (web, green) = (Pod::named("web"), Pod::named("green"));
    let manifests = Manifests::new().service("web", &[web.address]).service("green", &[green.address]);
    let server = Tidegate::serve(&manifests.ingress("a", Some("a.example"), ROOT));
    let ingress = |name: &str, host: &str| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "namespace": "test"},
            "spec": {"ingressClassName": "tidegate", "rules": [{"host": host, "http": {"paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "green", "port": {"number": 80}}},
            }]}}]},
        })
        .to_string()
    };
    let status = |host: &str| server.ask(get(host, "/")).status();
    let problems = || server.admin("/debug/problems?format=text").text();
    while_traffic_flows(&server, "a.example", || {
        server.write_file("more.yaml", &ingress("b", "b.example"));
        eventually("a file more", || (status("b.example") == 200).then_some(()));
        // One document of a file is broken: its neighbour serves.
        server.write_file("more.yaml", &format!("{}\n---\nkind: [\n", ingress("c", "c.example")));
        eventually("a problem", || problems().contains("more.yaml").then_some(()));
        eventually("the neighbour", || (status("c.example") == 200).then_some(()));
        server.write_file("broken.json", "{\"kind\": ");
        eventually("another problem", || problems().contains("broken.json").then_some(()));
        server.write_file("more.yaml", &ingress("d", "d.example"));
        eventually("the repaired file", || (status("d.example") == 200).then_some(()));
        assert_eq!(status("c.example"), 404);
        server.remove_file("broken.json");
        eventually("no problem", || (!problems().contains("broken.json")).then_some(()));
        server.remove_file("more.yaml");
        eventually("a file less", || (status("d.example") == 404).then_some(()));
    });
}

#[test]
fn f31_all_endpoints_may_vanish_and_return() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.ask(get("a.example", "/")).status(), 200);
        server.replace(&Manifests::everything_to(&[]));
        eventually("503", || (client.ask(get("a.example", "/")).status() == 503).then_some(()));
        server.replace(&Manifests::everything_to(&[pod.address]));
        eventually("200", || (client.ask(get("a.example", "/")).status() == 200).then_some(()));
    }
    assert_eq!(client.ask(get("a.example", "/")).field("connection"), None, "the client's connection is kept");
}

#[test]
fn unready_endpoints_get_traffic_only_when_they_serve_and_nobody_else_does() {
    let (ready, leaving, down) = (Pod::named("ready"), Pod::named("leaving"), Pod::named("down"));
    let manifests = |is_ready: bool| {
        Manifests::new()
            .service("web", &[])
            .endpoint("web", 0, ready.address, json!({"ready": is_ready}))
            .endpoint("web", 1, leaving.address, json!({"ready": false, "serving": true, "terminating": true}))
            .endpoint("web", 2, down.address, json!({"ready": false}))
            .ingress("all", None, ROOT)
    };
    let server = Tidegate::serve(&manifests(true));
    let answer = || server.ask(get("a.example", "/")).text();
    for _ in 0..5 {
        assert_eq!(answer(), "ready");
    }
    server.replace(&manifests(false));
    eventually("the one that leaves", || (answer() == "leaving").then_some(()));
    for _ in 0..5 {
        assert_eq!(answer(), "leaving");
    }
    server.replace(&manifests(true));
    eventually("the one that is ready", || (answer() == "ready").then_some(()));
    assert_eq!(down.connections(), 0);
}
