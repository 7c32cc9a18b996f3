//! `/debug/connections` against connections that are there.

use serde_json::Value;
use tokio::sync::Semaphore;

use crate::support::h2::{H2Client, H2Pod, read, run, send};
use crate::support::{Client, Manifests, Tidegate, eventually, get};

fn seen(server: &Tidegate, query: &str) -> Value {
    let answer = server.admin(&format!("/debug/connections{query}"));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

/// Waits until the view is as it should be.
#[track_caller]
fn wait_for(server: &Tidegate, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    eventually(what, || {
        last = seen(server, "");
        fits(&last).then(|| last.clone())
    })
}

#[test]
fn connections_of_clients_and_to_pods_are_shown_with_what_they_hold() {
    // Lets the pod answer.
    static GO: Semaphore = Semaphore::const_new(0);
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(7);
    let pod = H2Pod::with(builder, |mut call| async move {
        let _permit = GO.acquire().await.unwrap();
        let _ = call.body().await;
        call.answer(200, b"ok").await;
    });
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &["--workers", "2"]);
    let empty = seen(&server, "");
    assert_eq!(empty["totals"]["http2Clients"], 0);
    assert_eq!((&empty["http2Clients"], &empty["silentShards"]), (&Value::Array(vec![]), &Value::Array(vec![])));

    run(async move {
        let client = H2Client::tls(&server, "a.example").await;
        let mut answers = Vec::new();
        let mut bodies = Vec::new();
        for _ in 0..3 {
            let (answer, mut body) = client.open(client.request("POST", "a.example", "/"), false).await;
            send(&mut body, &[b'x'; 1000], false).await.unwrap();
            answers.push(answer);
            bodies.push(body);
        }
        let plain = H2Client::plain(&server).await;
        let view = wait_for(&server, "three streams, the pod's settings and another connection", |view| {
            let pod = &view["http2Pods"][0];
            pod["openStreams"] == 3 && pod["allowedStreams"] == 7 && view["totals"]["http2Clients"] == 2
        });
        assert_eq!(view["truncated"], false);
        assert_eq!(view["totals"]["http2Pods"], 1);
        let both = view["http2Clients"].as_array().unwrap();
        let busy = both.iter().find(|client| client["tls"] == true).unwrap();
        let idle = both.iter().find(|client| client["tls"] == false).unwrap();
        assert!(busy["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{busy}");
        assert!(["shard-0", "shard-1"].contains(&busy["shard"].as_str().unwrap()), "{busy}");
        for (field, value) in [("requests", 3), ("openStreams", 3), ("heldStreams", 3), ("outputBytes", 0)] {
            assert_eq!(busy[field], value, "{field}: {busy}");
        }
        assert_eq!((&busy["state"], &busy["idleSeconds"]), (&"open".into(), &Value::Null));
        assert!(busy["headBytes"].as_u64().unwrap() > 0 && busy["sendWindow"].as_u64().unwrap() >= 65_535, "{busy}");
        for (field, value) in [("requests", 0), ("openStreams", 0), ("headBytes", 0), ("receiveWindow", 1 << 20)] {
            assert_eq!(idle[field], value, "{field}: {idle}");
        }
        assert!(idle["idleSeconds"].as_u64().is_some(), "{idle}");
        let to_pod = &view["http2Pods"][0];
        assert_eq!(to_pod["address"], pod.address.to_string());
        for (field, value) in [("requests", 3), ("openStreams", 3), ("allowedStreams", 7), ("waitingRequests", 0)] {
            assert_eq!(to_pod[field], value, "{field}: {to_pod}");
        }
        assert_eq!(to_pod["givenUp"], false);

        let one = seen(&server, "?limit=1");
        assert_eq!((one["http2Clients"].as_array().unwrap().len(), &one["truncated"]), (1, &true.into()));
        assert_eq!(one["totals"], view["totals"]);
        let totals = seen(&server, "?limit=0");
        assert_eq!((&totals["http2Pods"], &totals["totals"]), (&Value::Array(vec![]), &view["totals"]));

        // A connection that is not for HTTP/2 is only counted.
        let mut http1 = server.connect();
        http1.send("GET / HTTP/1.1\r\n");
        wait_for(&server, "a third connection", |view| {
            view["totals"]["clients"] == 3 && view["totals"]["http2Clients"] == 2
        });
        drop((http1, plain));

        GO.add_permits(1);
        for mut body in bodies {
            send(&mut body, b"", true).await.unwrap();
        }
        for answer in answers {
            assert_eq!(read(answer).await.unwrap().status, 200);
        }
        let view = wait_for(&server, "an idle connection", |view| {
            view["http2Clients"].as_array().unwrap().iter().any(|client| client["idleSeconds"].is_u64())
                && view["totals"]["http2Clients"] == 1
                && view["http2Pods"][0]["idleSeconds"].is_u64()
        });
        let (rests, to_pod) = (&view["http2Clients"][0], &view["http2Pods"][0]);
        assert_eq!((&rests["requests"], &rests["openStreams"], &rests["headBytes"]), (&3.into(), &0.into(), &0.into()));
        assert_eq!((&to_pod["requests"], &to_pod["heldStreams"]), (&0.into(), &0.into()));
        drop(client);
        wait_for(&server, "no connection", |view| view["totals"]["clients"] == 0);
    });
}

#[test]
fn a_client_that_was_told_to_leave_is_shown_as_ending() {
    let pod = H2Pod::scripted(|mut call| async move { call.reset().await });
    let options = ["--max-requests-per-connection", "1"];
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
    run(async move {
        let client = H2Client::plain(&server).await;
        let _stream = client.open(client.request("GET", "a.example", "/"), true).await;
        wait_for(&server, "a farewell", |view| view["http2Clients"][0]["state"] == "ending");
    });
}

#[test]
fn a_connection_to_a_pod_that_left_is_shown_as_long_as_its_requests_last() {
    let pod = H2Pod::scripted(|mut call| async move { call.reset().await });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    run(async move {
        let client = H2Client::plain(&server).await;
        let (_answer, mut stream) = client.open(client.request("GET", "a.example", "/"), true).await;
        wait_for(&server, "a request", |view| view["http2Pods"][0]["openStreams"] == 1);
        server.replace(&Manifests::everything_to_h2c(&[]));
        let view = wait_for(&server, "the pod's leave", |view| view["http2Pods"][0]["givenUp"] == true);
        assert_eq!(view["http2Pods"][0]["requests"], 1);
        stream.send_reset(h2::Reason::CANCEL);
        wait_for(&server, "no connection to it", |view| view["totals"]["http2Pods"] == 0);
    });
}

#[test]
fn wrong_limits_are_refused() {
    let server = Tidegate::serve(&Manifests::everything_to(&[]));
    for wrong in ["limit=1001", "limit=", "limit=all"] {
        let answer = Client::connect(server.admin).ask(get("admin", &format!("/debug/connections?{wrong}")));
        assert_eq!((answer.status(), answer.text().as_str()), (400, "limit must be a number from 0 to 1000\n"));
    }
}
