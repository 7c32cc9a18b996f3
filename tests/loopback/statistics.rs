//! Statistics in the manner of HAProxy: what they count, who may see them, and what the stats socket does.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use socket2::SockRef;

use crate::support::{Client, Manifests, Message, Pod, Tidegate, eventually, get, refusing};

type Row = HashMap<String, String>;

fn manifests(pods: &[std::net::SocketAddr]) -> Manifests {
    let paths = [("/", "Prefix", "web")];
    let annotations = json!({"tidegate.dev/balance": "round-robin"});
    Manifests::new().service("web", pods).ingress_with("web", Some("a.example"), &paths, annotations, json!([]))
}

/// One request to the address of the statistics.
fn statistics(server: &Tidegate, target: &str, fields: &str) -> Message {
    let request = format!("GET {target} HTTP/1.1\r\nHost: stats\r\n{fields}\r\n");
    Client::connect(server.stats.unwrap()).ask(request)
}

fn rows(csv: &str) -> Vec<Row> {
    let mut lines = csv.lines();
    let head: Vec<_> = lines.next().unwrap().strip_prefix("# ").unwrap().split(',').collect();
    let row =
        |line: &str| head.iter().zip(line.split(',')).map(|(name, value)| ((*name).into(), value.into())).collect();
    lines.filter(|line| !line.is_empty()).map(row).collect()
}

fn row(csv: &str, proxy: &str, server: &str) -> Row {
    rows(csv)
        .into_iter()
        .find(|row| row["pxname"] == proxy && row["svname"] == server)
        .unwrap_or_else(|| panic!("{csv}"))
}

/// What a stats socket answers.
fn say(path: &Path, line: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(crate::support::DEADLINE)).unwrap();
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The name of the only upstream.
fn backend(csv: &str) -> String {
    let names = rows(csv).into_iter().map(|row| row["pxname"].clone());
    names.into_iter().find(|name| name.ends_with("_svc_web_80")).unwrap()
}

#[test]
fn counters_are_those_of_the_traffic() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = Tidegate::serve_with(
        &manifests(&[pods[0].address, pods[1].address]),
        &["--stats", "127.0.0.1:0", "--workers", "2"],
    );
    let mut client = server.connect();
    for _ in 0..6 {
        assert_eq!(client.ask(get("a.example", "/")).status(), 200);
    }
    assert_eq!(server.ask(get("b.example", "/")).status(), 404);
    let csv = || statistics(&server, "/stats;csv", "").text();
    let name = backend(&csv());
    // A request is counted when its answer has been sent.
    let all = eventually("all is counted", || {
        let csv = csv();
        let (front, back) = (row(&csv, "http", "FRONTEND"), row(&csv, &name, "BACKEND"));
        (front["req_tot"] == "7" && back["hrsp_2xx"] == "6").then_some(csv)
    });
    let front = row(&all, "http", "FRONTEND");
    assert_eq!((&*front["stot"], &*front["hrsp_2xx"], &*front["hrsp_4xx"]), ("2", "6", "1"));
    assert!(front["bin"].parse::<u64>().unwrap() > 0 && front["smax"] != "0");
    let back = row(&all, &name, "BACKEND");
    assert_eq!((&*back["stot"], &*back["scur"], &*back["status"], &*back["act"]), ("6", "0", "UP", "2"));
    assert!(back["bout"].parse::<u64>().unwrap() > 0);
    let of = |pod: &Pod| row(&all, &name, &pod.address.to_string());
    let served: u64 = pods.iter().map(|pod| of(pod)["stot"].parse::<u64>().unwrap()).sum();
    assert_eq!(served, 6);
    for pod in &pods {
        let row = of(pod);
        assert_eq!((&*row["status"], &*row["scur"], &row["stot"]), ("no check", "0", &row["hrsp_2xx"]));
    }
    let json: serde_json::Value = serde_json::from_str(&statistics(&server, "/stats;json", "").text()).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 5);
    let page = statistics(&server, "/stats", "");
    assert!(page.status() == 200 && page.text().contains(&name));
    assert_eq!(statistics(&server, "/metrics", "").status(), 404);
}

#[test]
fn what_pods_do_wrong_is_counted_where_it_happens() {
    let sound = Pod::named("sound");
    let (refused, _held) = refusing();
    let broken = Pod::scripted(|mut connection| {
        while connection.request().is_some() {
            connection.send("nonsense\r\n\r\n");
        }
    });
    let server = Tidegate::serve_with(&manifests(&[refused, sound.address]), &["--stats", "127.0.0.1:0"]);
    for _ in 0..4 {
        assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    }
    let csv = || statistics(&server, "/stats;csv", "").text();
    let name = backend(&csv());
    let bad = eventually("the connect error is counted", || {
        let row = row(&csv(), &name, &refused.to_string());
        (row["econ"] != "0").then_some(row)
    });
    assert!(bad["wretr"] != "0" && bad["wredis"] == bad["wretr"] && bad["hrsp_2xx"] == "0", "{bad:?}");
    assert_eq!(row(&csv(), &name, "BACKEND")["econ"], bad["econ"]);
    server.replace(&manifests(&[broken.address]));
    eventually("the broken pod is there", || {
        (row_of(&csv(), &name, &broken.address.to_string())).is_some().then_some(())
    });
    assert_eq!(server.ask(get("a.example", "/")).status(), 502);
    eventually("the response error is counted", || {
        let csv = csv();
        let row = row(&csv, &name, &broken.address.to_string());
        (row["eresp"] != "0" && self::row(&csv, &name, "BACKEND")["hrsp_5xx"] == "1").then_some(())
    });
    assert!(row_of(&csv(), &name, &refused.to_string()).is_none(), "rows go with their endpoints");
}

fn row_of(csv: &str, proxy: &str, server: &str) -> Option<Row> {
    rows(csv).into_iter().find(|row| row["pxname"] == proxy && row["svname"] == server)
}

#[test]
fn a_server_that_is_drained_by_the_socket_gets_nothing_and_shows_it() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let directory = tempfile::tempdir().unwrap();
    let (path, reader) = (directory.path().join("admin.sock"), directory.path().join("user.sock"));
    let (admin, user) = (format!("{},level=admin", path.display()), format!("{},level=user", reader.display()));
    let server = Tidegate::serve_with(
        &manifests(&[pods[0].address, pods[1].address]),
        &["--stats-socket", &admin, "--stats-socket", &user],
    );
    let name = backend(&say(&path, "show stat"));
    let one = format!("{name}/{}", pods[0].address);
    let share = || (0..20).filter(|_| server.ask(get("a.example", "/")).text() == "one").count();
    assert_eq!(share(), 10);
    assert_eq!(say(&reader, &format!("set server {one} state drain")), "Permission denied\n\n");
    for (command, status) in [("state drain", "DRAIN"), ("state maint", "MAINT")] {
        assert_eq!(say(&path, &format!("set server {one} {command}")), "\n");
        assert_eq!(share(), 0);
        assert_eq!(row(&say(&reader, "show stat"), &name, &pods[0].address.to_string())["status"], status);
    }
    assert_eq!(say(&path, &format!("enable server {one}")), "\n");
    assert_eq!(share(), 10);
    assert_eq!(say(&path, &format!("set server {one} weight 50%; get weight {one}")), "\n50 (initial 100)\n\n");
    let a_third = (0..150).filter(|_| server.ask(get("a.example", "/")).text() == "one").count();
    assert!((40..=60).contains(&a_third), "{a_third}");
    assert_eq!(say(&path, &format!("set weight {one} 0")), "\n");
    assert_eq!(share(), 0);
    assert_eq!(say(&path, &format!("set weight {one} 100%")), "\n");
    assert_eq!(share(), 10);
    assert_eq!(say(&path, &format!("set server {name}/192.0.2.9:80 state drain")), "No such server.\n\n");
    // The last request counts a moment after its answer.
    eventually("nothing is left of what was counted", || {
        assert_eq!(say(&path, "clear counters all"), "\n");
        let stats = say(&path, "show stat");
        let (front, back) = (row(&stats, "http", "FRONTEND"), row(&stats, &name, "BACKEND"));
        [&front["stot"], &front["req_tot"], &back["stot"], &back["smax"]]
            .iter()
            .all(|value| *value == "0")
            .then_some(())
    });
    assert!(say(&path, "show info").contains(&format!("\nPid: {}\n", std::process::id())));
    drop(server);
    assert!(!path.exists(), "the file of the socket goes with the process");
}

#[test]
fn a_queue_and_a_client_that_goes_are_seen() {
    let pod = Pod::scripted(|mut connection| {
        // It never answers.
        while connection.request().is_some() {}
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.sock");
    let annotations = json!({"tidegate.dev/max-requests-per-endpoint": "1", "tidegate.dev/queue-length": "5"});
    let paths = [("/", "Prefix", "web")];
    let objects = Manifests::new().service("web", &[pod.address]).ingress_with(
        "web",
        Some("a.example"),
        &paths,
        annotations,
        json!([]),
    );
    let server = Tidegate::serve_with(&objects, &["--stats-socket", path.to_str().unwrap()]);
    let name = backend(&say(&path, "show stat"));
    let mut clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = TcpStream::connect(server.http).unwrap();
            // A reset: over HTTP/1 an end of the client's direction alone says nothing.
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
            client.write_all(get("a.example", "/").as_bytes()).unwrap();
            client
        })
        .collect();
    let of = |server: &str| row(&say(&path, "show stat"), &name, server);
    eventually("one is served and two wait", || {
        let (back, served) = (of("BACKEND"), of(&pod.address.to_string()));
        let are = [&back["qcur"], &back["scur"], &served["scur"], &served["smax"]];
        (are == ["2", "3", "1", "1"]).then_some(())
    });
    clients.clear();
    eventually("all have gone", || {
        let (back, served) = (of("BACKEND"), of(&pod.address.to_string()));
        let are = [&back["cli_abrt"], &back["scur"], &back["qcur"], &back["qmax"], &served["scur"]];
        (are == ["3", "0", "0", "2", "0"]).then_some(())
    });
}

#[test]
fn only_users_of_the_file_see_the_statistics() {
    let pod = Pod::named("pod");
    let directory = tempfile::tempdir().unwrap();
    let users = directory.path().join("users");
    // The password is `secret`.
    std::fs::write(&users, "ops:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    let options = ["--stats", "127.0.0.1:0", "--stats-users", users.to_str().unwrap()];
    let server = Tidegate::serve_with(&manifests(&[pod.address]), &options);
    let (right, wrong, nobody, other) =
        ("b3BzOnNlY3JldA==", "b3BzOndyb25n", "bm9ib2R5OnNlY3JldA==", "b3RoZXI6c2VjcmV0");
    let ask = |said: &str| statistics(&server, "/stats;csv", &format!("Authorization: Basic {said}\r\n")).status();
    let refused = statistics(&server, "/stats;csv", "");
    assert_eq!((refused.status(), refused.field("www-authenticate").is_some()), (401, true));
    assert_eq!([ask(right), ask(wrong), ask(nobody)], [200, 401, 401]);
    // A Secret that changes takes effect.
    std::fs::write(&users, "other:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    assert_eq!([ask(right), ask(other)], [401, 200]);
    std::fs::remove_file(&users).unwrap();
    assert_eq!(ask(other), 503);
}

#[test]
fn metrics_have_haproxys_names_on_request_and_the_numbers_of_the_csv() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let manifests = manifests(&[pods[0].address, pods[1].address]);
    let server = Tidegate::serve_with(&manifests, &["--metrics-compat", "haproxy", "--stats", "127.0.0.1:0"]);
    for _ in 0..6 {
        assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    }
    let name = backend(&statistics(&server, "/stats;csv", "").text());
    let metric = |series: String| {
        let text = server.admin("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(&series)?.trim().parse::<f64>().ok());
        line.unwrap_or_else(|| panic!("{series}: {text}"))
    };
    eventually("all is counted", || {
        let good = metric(format!("haproxy_backend_http_responses_total{{proxy=\"{name}\",code=\"2xx\"}}"));
        (good == 6.0).then_some(())
    });
    assert_eq!(metric("haproxy_frontend_http_requests_total{proxy=\"http\"}".into()), 6.0);
    for pod in &pods {
        let labels = format!("proxy=\"{name}\",server=\"{}\"", pod.address);
        assert_eq!(metric(format!("haproxy_server_sessions_total{{{labels}}}")), 3.0);
        assert_eq!(metric(format!("haproxy_server_status{{{labels},state=\"UP\"}}")), 1.0);
        assert_eq!(metric(format!("haproxy_server_status{{{labels},state=\"DRAIN\"}}")), 0.0);
    }
    assert!(metric("haproxy_process_pool_used_bytes".into()) > 0.0, "resident memory");

    // Without --stats they are counted all the same; without the option nothing has these names.
    let alone = Tidegate::serve_with(&manifests, &["--metrics-compat", "haproxy"]);
    assert_eq!(alone.ask(get("a.example", "/")).status(), 200);
    eventually("it is counted", || {
        alone
            .admin("/metrics")
            .text()
            .contains("haproxy_frontend_http_requests_total{proxy=\"http\"} 1\n")
            .then_some(())
    });
    let plain = Tidegate::serve_with(&manifests, &[]);
    assert!(!plain.admin("/metrics").text().contains("haproxy"));
}
