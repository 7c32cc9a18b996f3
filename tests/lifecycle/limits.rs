//! What the whole process does at its limits: open files, and a log that nobody reads.

use std::io::Read;
use std::process::{Child, Stdio};

use crate::process::{Process, address, directory, tidegate};
use crate::support::frames::{END_STREAM, FrameClient, pseudo};
use crate::support::{Client, Manifests, Pod, eventually, get};

#[test]
fn fault_f8_one_tenant_s_streams_and_silent_connections_leave_files_for_others() {
    let hanging = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let quick = Pod::named("quick");
    let manifests = Manifests::new()
        .service("hangs", &[hanging.address])
        .service("quick", &[quick.address])
        .ingress("hangs", Some("hangs.example"), &[("/", "Prefix", "hangs")])
        .ingress("quick", Some("quick.example"), &[("/", "Prefix", "quick")]);
    let process = Process::start_after("ulimit -n 512", &manifests, &["--access-log", "off"]);
    let streams = |_| {
        let mut client = FrameClient::connect(process.http);
        for stream in (1..200).step_by(2) {
            client.request(stream, END_STREAM, &pseudo("GET", "hangs.example", "/"));
        }
        client
    };
    let greedy: Vec<FrameClient> = (0..6).map(streams).collect();
    // As many as one upstream may have: the rest was answered with 503.
    hanging.wait_for_connections(200);
    assert_eq!(Client::connect(process.http).ask(get("quick.example", "/")).status(), 200);
    let silent: Vec<Client> = (0..300).map(|_| Client::connect(process.http)).collect();
    for _ in 0..20 {
        assert_eq!(process.admin("/healthz"), 200);
        assert_eq!(Client::connect(process.http).ask(get("quick.example", "/")).status(), 200);
    }
    drop((greedy, silent));
}

/// A process that does not outlive the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn fault_f21_a_log_that_nobody_reads_holds_nothing_up() {
    let pod = Pod::named("web");
    let objects = directory(&Manifests::everything_to(&[pod.address]));
    // The first lines tell the addresses; then nobody reads.
    let mut command = tidegate();
    command.args(["serve", "--manifests"]).arg(objects.path());
    command.args(["--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--workers", "1"]);
    command.args(["--log-format", "json", "--log-level", "trace", "--access-log", "off", "--drain-delay", "0s"]);
    let mut child = Ended(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut log = child.0.stderr.take().unwrap();
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("\"listening\"") {
        let mut more = [0; 512];
        let count = log.read(&mut more).unwrap();
        assert!(count > 0, "it ended");
        text.extend_from_slice(&more[..count]);
    }
    // The rest of the line.
    while text.last() != Some(&b'\n') {
        let mut byte = [0];
        log.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.contains("\"listening\"")).unwrap();
    let listening: serde_json::Value = serde_json::from_str(line).unwrap();
    let [http, https, admin] = ["http", "https", "admin"].map(|name| address(&listening, name));
    let ask = |path: &str| Client::connect(admin).ask(get("admin", path));
    eventually("readiness", || (ask("/readyz").status() == 200).then_some(()));
    let lost = || {
        let metrics = ask("/metrics").text();
        let line = metrics.lines().find(|line| line.starts_with("tidegate_log_lines_lost_total ")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    eventually("lost lines", || {
        for _ in 0..50 {
            // Each is told in the log: it is no handshake.
            assert_eq!(Client::connect(https).ask(get("a", "/")).status(), 400);
        }
        (lost() > 0.0).then_some(())
    });
    assert_eq!((ask("/healthz").status(), ask("/readyz").status()), (200, 200));
    assert_eq!(Client::connect(http).ask(get("a", "/")).status(), 200);
    let killed = std::process::Command::new("sh").args(["-c", &format!("kill -TERM {}", child.0.id())]).status();
    assert!(killed.unwrap().success());
    let status = eventually("the end", || child.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    drop(log);
}
