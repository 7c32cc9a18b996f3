//! The process from outside: how it starts, what it says, how it ends.

#![allow(clippy::unwrap_used, reason = "they are tests")]

mod floods;
mod haproxy_lines;
mod limits;
mod log_lines;
mod memory;
mod process;
#[path = "../support/mod.rs"]
mod support;

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use process::{Process, address, directory, tidegate};
use serde_json::Value;
use support::{Client, Manifests, Pod, certificate, eventually, get};

/// Runs it to its end, which must not take long.
fn run(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    eventually("the end", || child.try_wait().unwrap());
    child.wait_with_output().unwrap()
}

/// A pod that answers when it is let.
fn gated() -> (Pod, mpsc::Sender<()>) {
    let (open, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let pod = Pod::scripted(move |mut connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/slow" && gate.lock().unwrap().recv().is_err() {
                return;
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (pod, open)
}

#[test]
fn f34_sigterm_takes_readiness_back_serves_on_finishes_and_ends_with_0() {
    let (pod, open) = gated();
    let process = Process::start(&Manifests::everything_to(&[pod.address]), &["--drain-delay", "1s"]);
    let mut kept = Client::connect(process.http);
    assert_eq!(kept.ask(get("a.example", "/")).field("connection"), None);
    let mut slow = Client::connect(process.http);
    slow.send(get("a.example", "/slow"));
    eventually("the request", || (pod.requests().len() == 2).then_some(()));

    process.signal("TERM");
    eventually("unreadiness", || (process.admin("/readyz") == 503).then_some(()));
    assert_eq!(process.admin("/healthz"), 200, "it lives");
    // New connections and those that were kept are served, once.
    let mut new = Client::connect(process.http);
    let answer = new.ask(get("a.example", "/"));
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("close")));
    new.expect_end();
    let answer = kept.ask(get("a.example", "/"));
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("close")));
    kept.expect_end();
    // After the delay nobody new is let in, and what is open is waited for.
    eventually("closed listeners", || TcpStream::connect(process.http).is_err().then_some(()));
    open.send(()).unwrap();
    let answer = slow.answer();
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("close")));
    slow.expect_end();
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn f35_a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT")] {
        let (pod, _open) = gated();
        let process = Process::start(&Manifests::everything_to(&[pod.address]), &["--drain-delay", "60s"]);
        let mut slow = Client::connect(process.http);
        slow.send(get("a.example", "/slow"));
        pod.wait_for_connections(1);
        process.signal(first);
        eventually("unreadiness", || (process.admin("/readyz") == 503).then_some(()));
        process.signal(second);
        assert_eq!(process.end().code(), Some(0));
        assert!(slow.response("GET").is_none(), "it was cut");
    }
}

#[test]
fn an_idle_process_ends_with_its_delay() {
    let pod = Pod::named("web");
    let process = Process::start(&Manifests::everything_to(&[pod.address]), &["--drain-delay", "0s"]);
    let mut idle = Client::connect(process.http);
    assert_eq!(idle.ask(get("a.example", "/")).status(), 200);
    process.signal("TERM");
    idle.expect_end();
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn f35_what_never_finishes_is_cut_after_the_timeout() {
    let (pod, _open) = gated();
    let options = ["--drain-delay", "0s", "--drain-timeout", "300ms"];
    let process = Process::start(&Manifests::everything_to(&[pod.address]), &options);
    let mut slow = Client::connect(process.http);
    slow.send(get("a.example", "/slow"));
    pod.wait_for_connections(1);
    process.signal("TERM");
    let log: Vec<_> = process.log.iter().take_while(|line| !line.contains("cut short")).collect();
    assert!(log.iter().any(|line| line.contains("shutting down")), "{log:#?}");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn an_address_in_use_is_told_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let manifests = directory(&Manifests::new());
    for option in ["--http", "--https", "--admin"] {
        let mut command = tidegate();
        command.args(["serve", "--manifests"]).arg(manifests.path());
        for other in ["--http", "--https", "--admin"] {
            command.args([other, if other == option { &address } else { "127.0.0.1:0" }]);
        }
        let output = run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let last = said.lines().last().unwrap();
        for part in ["tidegate: cannot listen on", &address, option, "in use"] {
            assert!(last.contains(part), "{part} in {last}");
        }
        assert!(!said.contains("panicked") && said.lines().count() <= 2, "{said}");
    }
}

#[test]
fn two_processes_do_not_share_an_address_by_accident() {
    let process = Process::start(&Manifests::new(), &[]);
    let manifests = directory(&Manifests::new());
    let mut command = tidegate();
    command.args(["serve", "--manifests"]).arg(manifests.path()).args(["--http", &process.http.to_string()]);
    command.args(["--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn requests_are_logged_as_json_on_standard_output() {
    let pod = Pod::named("web");
    let mut process = Process::start(&Manifests::everything_to(&[pod.address]), &["--drain-delay", "0s"]);
    let request = "GET /a?b=c HTTP/1.1\r\nHost: a.example\r\nUser-Agent: \"quoted\x1b\"\r\n\r\n";
    assert_eq!(Client::connect(process.http).ask(get("a.example", "/a?b=c")).status(), 200);
    // What breaks a rule is logged too, and cannot break the log.
    assert_eq!(Client::connect(process.http).ask(request).status(), 400);
    process.signal("TERM");
    let mut output = String::new();
    let mut stdout = process.child.stdout.take().unwrap();
    stdout.read_to_string(&mut output).unwrap();
    let lines: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON: {line}"))).collect();
    assert_eq!(lines.len(), 2, "{output}");
    let text = lines[0].to_string();
    for part in ["\"GET\"", "/a?b=c", "a.example", "200", "127.0.0.1"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(lines[1].to_string().contains("400"), "{}", lines[1]);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn nginx_z1_requests_of_routes_without_a_log_get_no_line_and_refusals_name_their_filter() {
    let pod = Pod::named("web");
    let annotated = |key: &str, value: &str| serde_json::json!({(format!("nginx.ingress.kubernetes.io/{key}")): value});
    let paths = [("/", "Prefix", "web")];
    let of = |objects: Manifests, name: &str, annotations: Value| {
        objects.ingress_with(name, Some(&format!("{name}.example")), &paths, annotations, serde_json::json!([]))
    };
    let objects = of(Manifests::new().service("web", &[pod.address]), "quiet", annotated("enable-access-log", "false"));
    let objects = of(objects, "loud", annotated("enable-access-log", "true"));
    let objects = of(objects, "closed", annotated("denylist-source-range", "0.0.0.0/0"));
    let mut process = Process::start(&objects, &["--drain-delay", "0s"]);
    for (host, status) in [("quiet", 200), ("loud", 200), ("quiet", 200), ("closed", 403)] {
        let host = format!("{host}.example");
        assert_eq!(Client::connect(process.http).ask(get(&host, "/")).status(), status);
    }
    process.signal("TERM");
    let mut output = String::new();
    process.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), 2, "{output}");
    assert!(lines[0].contains("loud.example") && !lines[0].contains("error"), "{output}");
    assert!(lines[1].contains("closed.example") && lines[1].contains("\"error\":\"sources\""), "{output}");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn the_named_client_is_logged_and_connections_of_health_checks_are_not() {
    let pod = Pod::named("web");
    let options = [
        ["--proxy-protocol", "require"],
        ["--trusted-proxies", "127.0.0.1"],
        ["--health", "127.0.0.1:0"],
        ["--drain-delay", "0s"],
        ["--head-timeout", "60s"],
    ];
    let mut process = Process::start(&Manifests::everything_to(&[pod.address]), &options.concat());
    let addresses = ["http", "https", "admin", "health"].map(|name| address(&process.listening, name));
    for address in addresses {
        for _ in 0..3 {
            let mut client = Client::connect(address);
            client.finish();
            client.expect_end();
            Client::connect(address).into_wire().reset();
        }
    }
    let mut client = Client::connect(process.http);
    client.send("PROXY TCP4 192.0.2.1 198.51.100.2 56324 80\r\n".to_owned() + &get("a.example", "/"));
    assert_eq!(client.answer().status(), 200);
    process.signal("TERM");
    // It is known to be idle, although nothing was read since its first bytes.
    client.expect_end();
    let mut output = String::new();
    process.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(output.lines().count() == 1 && output.contains("192.0.2.1") && !output.contains("127.0.0.1\""), "{output}");
    let log: Vec<_> = process.log.iter().collect();
    assert!(log.iter().all(|line| line.contains("\"INFO\"")), "{log:#?}");
    assert_eq!(process.end().code(), Some(0));
}

fn check(manifests: &Manifests, more: &[&str]) -> (Option<i32>, Vec<String>) {
    let directory = directory(manifests);
    let mut command = tidegate();
    command.args(["check", "--manifests"]).arg(directory.path()).args(more);
    let output = run(command);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said.lines().map(str::to_owned).collect())
}

#[test]
fn check_is_silent_and_0_without_problems() {
    let pod: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    assert_eq!(check(&Manifests::everything_to(&[pod]), &[]), (Some(0), Vec::new()));
}

#[test]
fn check_names_each_problem_and_is_1_for_errors() {
    let manifests = Manifests::new().ingress("lost", Some("a.example"), &[("/", "Prefix", "nowhere")]);
    let (code, lines) = check(&manifests, &[]);
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:#?}");
    for part in ["error", "Ingress", "test/lost", "spec.rules[0].http.paths[0].backend", "nowhere", "503"] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
}

#[test]
fn check_is_0_for_warnings_alone() {
    let pod: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    // A certificate that is not valid any more is served with a warning (rule 55).
    let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let expired = params.self_signed(&key).unwrap().pem();
    let manifests = Manifests::new().service("web", &[pod]).secret("old", &expired, &key.serialize_pem()).ingress_with(
        "a",
        Some("a.example"),
        &[("/", "Prefix", "web")],
        serde_json::json!({}),
        serde_json::json!([{"hosts": ["a.example"], "secretName": "old"}]),
    );
    let (code, lines) = check(&manifests, &[]);
    assert_eq!((code, lines.len()), (Some(0), 1), "{lines:#?}");
    assert!(lines[0].contains("warning") && lines[0].contains("old"), "{}", lines[0]);
}

#[test]
fn check_reports_broken_files_and_never_shows_keys() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("broken.yaml"), "kind: [\n").unwrap();
    let (certificate, key) = certificate(&["a.example"]);
    let (_, other) = self::certificate(&["a.example"]);
    let manifests =
        Manifests::new().secret("bad", &certificate, &other).secret("good", &certificate, &key).ingress_with(
            "a",
            Some("a.example"),
            &[],
            serde_json::json!({}),
            serde_json::json!([{"hosts": ["a.example"], "secretName": "bad"}]),
        );
    std::fs::write(directory.path().join("objects.json"), manifests.to_json()).unwrap();
    let mut command = tidegate();
    command.args(["check", "--manifests"]).arg(directory.path());
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("broken.yaml") && said.contains("test/bad"), "{said}");
    assert!(!said.contains("PRIVATE KEY") && !said.contains(key.lines().nth(1).unwrap()), "A5: {said}");
}
