//! The proxies, with the same settings.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tidegate_e2e::get;
use tokio::time::{Instant, sleep};

use crate::pods::Pods;

/// The host whose pods fall ill.
pub(crate) const CARE: &str = "care.example";
/// The host whose pods are few for what comes.
pub(crate) const FULL: &str = "full.example";

/// How many threads each has.
const THREADS: &str = "2";

/// Which one to start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// With `tidegate.dev/balance` of this.
    Tidegate(&'a Path, &'static str),
    Haproxy(&'a Path),
}

/// One that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// `haproxy`, or how Tidegate balances.
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Proxy {
    /// Starts it before the pods; the second ones take so many requests at once each.
    pub(crate) async fn start(
        start: Start<'_>,
        few: &Pods,
        many: &Pods,
        places: u32,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (name, program) = match start {
            Start::Tidegate(program, balance) => (balance, program),
            Start::Haproxy(program) => ("haproxy", program),
        };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        match start {
            Start::Tidegate(_, balance) => {
                let manifests = folder.join(format!("manifests-{}", address.port()));
                std::fs::create_dir(&manifests)?;
                std::fs::write(manifests.join("objects.yaml"), objects(few, many, places, balance))?;
                command.arg("serve").arg("--manifests").arg(manifests);
                command.arg(format!("--http={address}"));
                command.args(["--https=127.0.0.1:0", "--admin=127.0.0.1:0", "--access-log=off", "--workers", THREADS]);
            }
            Start::Haproxy(_) => {
                let config = folder.join(format!("haproxy-{}.cfg", address.port()));
                std::fs::write(&config, configuration(address, few, many, places))?;
                command.arg("-db").arg("-f").arg(config);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{} does not start", program.display()))?;
        let proxy = Self { name, address, child };
        let deadline = Instant::now() + Duration::from_secs(20);
        while get(address, CARE, "/").is_none_or(|(status, _)| status != 200) {
            anyhow::ensure!(Instant::now() < deadline, "{name} does not answer");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(proxy)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Tidegate serves.
fn objects(few: &Pods, many: &Pods, places: u32, balance: &str) -> String {
    let mut text = String::from(
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: tidegate}\n\
         spec: {controller: tidegate.dev/ingress-controller}\n",
    );
    let care = r#"
    tidegate.dev/health-check: "GET /check"
    tidegate.dev/health-check-interval: "1s"
    tidegate.dev/health-check-timeout: "500ms"
    tidegate.dev/ejection-failures: "5"
    tidegate.dev/ejection-time: "10s"
    nginx.ingress.kubernetes.io/proxy-next-upstream: "error timeout invalid_header http_500 http_502 http_503 http_504"
    nginx.ingress.kubernetes.io/proxy-next-upstream-tries: "4""#;
    let full = format!(
        r#"
    tidegate.dev/max-requests-per-endpoint: "{places}"
    tidegate.dev/queue-timeout: "200ms""#
    );
    for (name, host, pods, annotations) in [("care", CARE, few, care), ("full", FULL, many, &full)] {
        let _ = write!(
            text,
            r#"---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: load}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: load
  annotations:
    tidegate.dev/balance: {balance}
    tidegate.dev/connect-timeout: "500ms"
    tidegate.dev/response-timeout: "500ms"{annotations}
spec:
  ingressClassName: tidegate
  rules:
    - host: {host}
      http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}
"#
        );
        for (at, pod) in pods.addresses().enumerate() {
            let _ = write!(
                text,
                r#"---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-{at}, namespace: load, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: "", port: {}}}]
endpoints: [{{addresses: ["{}"]}}]
"#,
                pod.port(),
                pod.ip(),
            );
        }
    }
    text
}

/// The same for HAProxy.
fn configuration(address: SocketAddr, few: &Pods, many: &Pods, places: u32) -> String {
    let mut text = format!(
        "global
  nbthread {THREADS}
  maxconn 9000
defaults
  mode http
  timeout connect 500ms
  timeout client 60s
  timeout server 500ms
  timeout check 500ms
  balance leastconn
  http-reuse always
frontend all
  bind {address}
  use_backend full if {{ hdr(host) {FULL} }}
  default_backend care
backend care
  option httpchk GET /check
  retries 3
  option redispatch 1
  retry-on all-retryable-errors
  default-server check inter 1s fall 3 rise 2 observe layer7 error-limit 5 on-error mark-down
"
    );
    let servers = |text: &mut String, pods: &Pods, more: &str| {
        for (at, pod) in pods.addresses().enumerate() {
            let _ = writeln!(text, "  server s{at} {pod} {more}");
        }
    };
    servers(&mut text, few, "");
    text.push_str("backend full\n  timeout queue 200ms\n");
    servers(&mut text, many, &format!("maxconn {places}"));
    text
}
