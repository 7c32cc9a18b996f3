//! Logs as people from HAProxy know them: rsyslog takes them by UDP and splits them into two files by facility and severity,
//! as HAProxy's tutorials configure it, and a tool made for HAProxy's lines reads the first.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::json;
use tidegate_e2e::{Program, Tidegate, eventually, log_analysis};

/// A folder of its own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("objects")).unwrap();
    folder
}

/// rsyslog with this configuration.
fn start_rsyslog(folder: &Path, configuration: &str) -> Program {
    let file = folder.join("rsyslog.conf");
    fs::write(&file, format!("global(workDirectory=\"{}\")\n{configuration}", folder.display())).unwrap();
    Program::start("rsyslogd", ["-n", "-i", "NONE", "-f", file.to_str().unwrap()])
}

/// The same with the two lines of the tutorials.
fn start_splitting_rsyslog(folder: &Path) -> (Program, u16) {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let [access, state] = ["access.log", "state.log"].map(|name| folder.join(name).display().to_string());
    let configuration = format!(
        "module(load=\"imudp\")\n\
         input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")\n\
         local2.=info {access}\n\
         local2.notice {state}\n"
    );
    let server = start_rsyslog(folder, &configuration);
    let place = format!("0100007F:{port:04X} ");
    eventually("rsyslog listens", || fs::read_to_string("/proc/net/udp").unwrap().contains(&place).then_some(()));
    (server, port)
}

/// A pod that answers every request.
fn start_pod() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(connection));
        }
    });
    address
}

fn answer(connection: TcpStream) {
    let mut writer = connection.try_clone().unwrap();
    for line in BufReader::new(connection).lines().map_while(Result::ok) {
        if line.is_empty()
            && writer.write_all(b"HTTP/1.1 200 OK\r\nServer: pod\r\nContent-Length: 2\r\n\r\nok").is_err()
        {
            return;
        }
    }
}

/// The objects, with these pods; at once.
fn write_objects(folder: &Path, pods: &[SocketAddr]) {
    let metadata = |name: &str| json!({"name": name, "namespace": "shop"});
    let port = pods.first().map_or(80, SocketAddr::port);
    let endpoints: Vec<_> =
        pods.iter().map(|pod| json!({"addresses": [pod.ip()], "conditions": {"ready": true}})).collect();
    let backend = json!({"service": {"name": "cart", "port": {"number": 80}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    let slice = json!({"name": "cart-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "cart"}});
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata("cart"), "spec": {"ports": [{"port": 80}]}},
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": slice, "addressType": "IPv4",
            "ports": [{"name": "", "port": port}], "endpoints": endpoints
        },
        {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata("web"),
            "spec": {"ingressClassName": "tidegate", "rules": [{"host": "shop.example", "http": {"paths": [path]}}]}
        },
        {
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "tidegate"},
            "spec": {"controller": "tidegate.dev/ingress-controller"}
        }
    ]});
    let aside = folder.join("objects.json");
    fs::write(&aside, objects.to_string()).unwrap();
    fs::rename(aside, folder.join("objects/all.json")).unwrap();
}

/// The lines of a file, once there are so many.
fn lines(file: &Path, count: usize) -> Vec<String> {
    eventually(&format!("{count} lines in {}", file.display()), || {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count && text.ends_with('\n')).then_some(lines)
    })
}

#[test]
fn rsyslog_splits_requests_from_changes_of_state_and_a_tool_for_haproxy_reads_them() {
    let folder = folder("logs");
    let (_rsyslog, port) = start_splitting_rsyslog(&folder);
    let pod = start_pod();
    write_objects(&folder, &[pod]);
    let objects = folder.join("objects");
    let target = format!("syslog:udp://127.0.0.1:{port}?facility=local2");
    let server = Tidegate::serve(&[
        "--manifests",
        objects.to_str().unwrap(),
        "--access-log",
        "haproxy",
        "--access-log-to",
        &target,
        "--access-log-capture-request",
        "Host",
        "--access-log-capture-response",
        "Server",
    ]);
    for path in ["/", "/cart?id=1", "/cart/%22quoted%22"] {
        assert_eq!(server.get("shop.example", path).unwrap().0, 200);
    }
    assert_eq!(server.get("nobody.example", "/").unwrap().0, 404);
    write_objects(&folder, &[]);
    let [access, state] = ["access.log", "state.log"].map(|name| folder.join(name));
    lines(&state, 2);
    assert_eq!(server.get("shop.example", "/closed").unwrap().0, 503);
    write_objects(&folder, &[pod]);

    let told = lines(&state, 3);
    let name = format!("shop_svc_cart_80/{pod}");
    for (line, wanted) in told.iter().zip([
        &format!("]: Server {name} is DOWN, reason: "),
        "]: backend shop_svc_cart_80 has no server available!",
        &format!("]: Server {name} is UP, reason: "),
    ]) {
        assert!(line.contains(" tidegate[") && line.contains(wanted), "{line}");
    }
    assert_eq!(told.len(), 3, "{told:#?}");

    let requests = lines(&access, 5);
    let wanted = [" 200 2 - - ---- ", " 200 2 - - ---- ", " 200 2 - - ---- ", " 404 ", " 503 "];
    for (line, wanted) in requests.iter().zip(wanted) {
        assert!(line.contains(" tidegate[") && line.contains(wanted), "{line}");
    }
    assert!(requests[4].contains(" shop_svc_cart_80/<NOSRV> ") && requests[4].contains(" SC-- "), "{}", requests[4]);
    assert_eq!(requests.len(), 5, "{requests:#?}");

    let analysis = |options: &[&str]| {
        let output =
            Command::new(log_analysis()).arg("-l").arg(&access).args(options).current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    let counted = analysis(&["--json", "-c", "counter,status_codes_counter,server_load"]);
    eprintln!("{counted}");
    let invalid = analysis(&["--invalid", "-c", "counter"]);
    assert!(!invalid.contains("tidegate["), "{invalid}");
    for wanted in ["\"200\"", "\"503\"", &pod.to_string(), "<NOSRV>"] {
        assert!(counted.contains(wanted), "{wanted} in {counted}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn rsyslog_takes_lines_over_tcp_with_a_pause_and_by_a_socket() {
    let folder = folder("more-logs");
    write_objects(&folder, &[start_pod()]);
    let objects = folder.join("objects");
    let [socket, all] = ["log", "all.log"].map(|name| folder.join(name));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let configuration = format!(
        "module(load=\"imtcp\")\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
         module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket=\"{}\" RateLimit.Interval=\"0\")\n\
         template(name=\"told\" type=\"string\" string=\"%syslogfacility-text%.%syslogseverity-text% %programname% %msg%\\n\")\n\
         *.* action(type=\"omfile\" file=\"{}\" template=\"told\")\n",
        socket.display(),
        all.display()
    );
    let rsyslog = start_rsyslog(&folder, &configuration);
    for (target, tag) in [
        (format!("syslog:tcp://localhost:{port}?format=rfc5424&facility=local3&tag=over-tcp"), "over-tcp"),
        (format!("syslog:tcp://127.0.0.1:{port}?facility=local3&tag=older"), "older"),
        (format!("syslog:unix://{}?facility=local3&tag=here", socket.display()), "here"),
    ] {
        let options = ["--manifests", objects.to_str().unwrap(), "--access-log", "json", "--access-log-to", &target];
        let server = Tidegate::serve(&options);
        let get = |number: usize| assert_eq!(server.get("shop.example", &format!("/{tag}/{number}")).unwrap().0, 200);
        (0..300).for_each(get);
        eventually("all lines", || {
            let text = fs::read_to_string(&all).unwrap_or_default();
            let of_server =
                |line: &&str| line.starts_with(&format!("local3.info {tag} ")) && line.contains("\"client\"");
            let lines: Vec<_> = text.lines().filter(of_server).collect();
            (lines.len() == 300 && lines.iter().all(|line| line.ends_with('}'))).then_some(())
        });
    }

    let target = format!("syslog:tcp://127.0.0.1:{port}?tag=twice");
    let options = ["--manifests", objects.to_str().unwrap(), "--access-log", "haproxy", "--access-log-to", &target];
    let server = Tidegate::serve(&options);
    let get = |path: &str| assert_eq!(server.get("shop.example", path).unwrap().0, 200);
    let has = |path: &str| fs::read_to_string(&all).unwrap_or_default().contains(&format!("\"GET {path} HTTP/1.1\""));
    get("/before");
    eventually("the first line", || has("/before").then_some(()));
    drop(rsyslog);
    for number in 0..50 {
        get(&format!("/meanwhile/{number}"));
    }
    eventually("that rsyslog is away is told", || server.log().contains("does not take lines").then_some(()));
    let _rsyslog = start_rsyslog(&folder, &configuration);
    eventually("what waited", || (0..50).all(|number| has(&format!("/meanwhile/{number}"))).then_some(()));
    eventually("that it is back is told", || server.log().contains("takes lines again").then_some(()));
    assert_eq!(server.metric("tidegate_access_log_dropped_total", "").to_string(), "0");
    fs::remove_dir_all(&folder).unwrap();
}
