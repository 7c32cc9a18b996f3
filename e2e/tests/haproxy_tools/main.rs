//! Tools that people have for HAProxy, against a running Tidegate: hatop, Prometheus' exporter for HAProxy, a check of Nagios and
//! haproxyadmin, a library of PyPI. None of them knows Tidegate. And a browser, which looks at the stats page.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod dashboards;
mod page;
mod pages;
mod terminal;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tidegate_e2e::{Tidegate, eventually, get};

use pages::Pages;
use terminal::Terminal;

const BACKEND: &str = "shop_svc_web_80";

/// What all of them look at: two pods with checks, `s.sock` for admins, and the page.
struct Subject {
    server: Tidegate,
    socket: PathBuf,
    stats: SocketAddr,
    pods: [Pages; 2],
    folder: Folder,
}

/// A folder of a test's own, which goes with it. Its name is short, as paths of sockets must be.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tidegate-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = Self(std::env::temp_dir().join(name));
        std::fs::create_dir(&folder.0).unwrap();
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Subject {
    fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further options. `USERS` in one stands for a file of users: `ops`, whose password is `secret`.
    fn start_with(more: &[&str]) -> Self {
        let folder = Folder::new();
        let users = folder.0.join("users");
        std::fs::write(&users, "ops:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
        let more: Vec<_> = more.iter().map(|option| option.replace("USERS", users.to_str().unwrap())).collect();
        let manifests = folder.0.join("manifests");
        std::fs::create_dir_all(&manifests).unwrap();
        let pods = [Pages::serve(), Pages::serve()];
        std::fs::write(manifests.join("objects.yaml"), objects(&pods)).unwrap();
        let socket = folder.0.join("s.sock");
        let place = format!("--stats-socket={},level=admin", socket.display());
        let options = ["--manifests", manifests.to_str().unwrap(), "--stats=127.0.0.1:0", &place];
        let options: Vec<_> = options.into_iter().chain(more.iter().map(String::as_str)).collect();
        let server = Tidegate::serve(&options);
        let log = server.log();
        let stats = log.split_whitespace().find_map(|word| word.strip_prefix("stats=")?.parse().ok());
        let subject = Self { stats: stats.unwrap_or_else(|| panic!("{log}")), server, socket, pods, folder };
        eventually("both pods are checked", || (subject.say("show stat").matches("L7OK").count() == 2).then_some(()));
        for _ in 0..10 {
            assert_eq!(get(subject.server.http, "a.example", "/").map(|(status, _)| status), Some(200));
        }
        subject
    }

    /// Starts Prometheus' exporter for HAProxy, which asks at this place; where it answers.
    fn exporter(place: &str) -> (Child, SocketAddr) {
        let address = pages::free_address();
        let mut exporter = Command::new("setpriv");
        exporter.args(["--pdeathsig", "KILL", "--", "prometheus-haproxy-exporter"]);
        exporter.args([format!("--web.listen-address={address}"), format!("--haproxy.scrape-uri={place}")]);
        let exporter = exporter.stderr(Stdio::null()).spawn().expect("scripts/setup e2e installs it");
        (exporter, address)
    }

    /// What `tidegate socket` prints.
    fn say(&self, command: &str) -> String {
        let mut program = Command::new(Tidegate::program());
        let said = program.arg("socket").arg("--path").arg(&self.socket).arg(command).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).unwrap()
    }

    fn name_of(&self, pod: usize) -> String {
        self.pods[pod].address.to_string()
    }
}

fn objects(pods: &[Pages; 2]) -> String {
    let slices = pods.iter().enumerate().map(|(at, pod)| {
        let (ip, port) = (pod.address.ip(), pod.address.port());
        format!(
            r#"---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-{at}, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: "", port: {port}}}]
endpoints: [{{addresses: ["{ip}"]}}]
"#
        )
    });
    let rest = r#"---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: tidegate}
spec: {controller: tidegate.dev/ingress-controller}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations: {tidegate.dev/health-check: "GET /", tidegate.dev/health-check-interval: 200ms, tidegate.dev/balance: round-robin}
spec:
  ingressClassName: tidegate
  rules:
    - host: a.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"#;
    slices.chain([rest.to_owned()]).collect()
}

/// What a program prints, and whether it ended with 0.
fn output(program: &mut Command) -> (bool, String) {
    let said = program.stdin(Stdio::null()).output().expect("scripts/setup e2e installs it");
    let text = [said.stdout, said.stderr].concat();
    (said.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn hatop_shows_the_servers_and_takes_one_out() {
    let subject = Subject::start();
    let (one, other) = (subject.name_of(0), subject.name_of(1));
    let terminal = Terminal::run(&format!("hatop -s {}", subject.socket.display()), &subject.folder.0);
    let shows = |what: &str, claim: &dyn Fn(&str) -> bool| {
        eventually(what, || Some(terminal.screen()).filter(|screen| screen.lines().any(claim)))
    };
    for name in [&one, &other] {
        let screen = shows("a server", &|line| line.starts_with(&**name) && line.contains(" UP "));
        assert!(screen.contains(&format!(">>> {BACKEND}")) && screen.contains("BACKEND"), "{screen}");
    }
    subject.say(&format!("set server {BACKEND}/{one} state drain"));
    shows("the drain", &|line| line.starts_with(&*one) && line.contains(" DRAIN "));
    subject.say(&format!("set server {BACKEND}/{one} state ready"));
    shows("the return", &|line| line.starts_with(&*one) && line.contains(" UP "));
    eprintln!("{}", terminal.screen());
}

#[test]
fn the_exporter_of_prometheus_scrapes_csv_and_socket() {
    let subject = Subject::start();
    let places = [format!("http://{}/stats;csv", subject.stats), format!("unix:{}", subject.socket.display())];
    for place in places {
        let (mut exporter, address) = Subject::exporter(&place);
        let metrics = eventually("it scrapes", || {
            let (_, text) = get(address, "exporter", "/metrics")?;
            text.contains("\nhaproxy_up 1").then_some(text)
        });
        exporter.kill().unwrap();
        exporter.wait().unwrap();
        let value = |series: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok());
            line.unwrap_or_else(|| panic!("{series}: {metrics}"))
        };
        assert_eq!(value("haproxy_exporter_csv_parse_failures_total"), 0.0);
        let backend = format!("backend=\"{BACKEND}\"");
        assert_eq!(value(&format!("haproxy_backend_http_responses_total{{{backend},code=\"2xx\"}}")), 10.0);
        for pod in 0..2 {
            let server = format!("server=\"{}\"", subject.name_of(pod));
            assert_eq!(value(&format!("haproxy_server_up{{{backend},{server}}}")), 1.0);
            assert_eq!(value(&format!("haproxy_server_sessions_total{{{backend},{server}}}")), 5.0);
        }
    }
}

#[test]
fn the_check_of_nagios_is_content_until_a_server_drains() {
    let subject = Subject::start();
    let check = || {
        let mut program = Command::new("/usr/lib/nagios/plugins/check_haproxy_stats");
        output(program.arg("--socket").arg(&subject.socket))
    };
    let (is_well, text) = check();
    assert!(is_well && text.contains("OK"), "{text}");
    let one = subject.name_of(0);
    subject.say(&format!("disable server {BACKEND}/{one}"));
    let (is_well, text) = check();
    assert!(!is_well && text.contains(&format!("{BACKEND}:{one} is MAINT")), "{text}");
}

#[test]
fn haproxyadmin_reads_and_sets() {
    let subject = Subject::start();
    let cache = std::env::var_os("TIDEGATE_E2E_CACHE").map(PathBuf::from);
    let home = || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/tidegate-e2e");
    let library = cache.unwrap_or_else(home).join("haproxyadmin-0.2.4");
    assert!(library.is_dir(), "scripts/setup e2e installs {}", library.display());
    let mut program = Command::new("python3");
    program.env("PYTHONPATH", library).arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/haproxy_tools/admin.py"));
    let (is_well, text) = output(program.arg(&subject.socket).arg(BACKEND).arg(subject.name_of(0)));
    assert!(is_well, "{text}");
    assert!(text.ends_with("all is well\n"), "{text}");
}
