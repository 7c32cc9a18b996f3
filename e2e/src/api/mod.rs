//! etcd and kube-apiserver, on addresses of their own, with RBAC, certificates and an audit log.

mod audit;
mod objects;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::json;

use crate::detour;
use crate::kubernetes::Kubernetes;
use crate::pki::Pki;
use crate::run::{Lifetime, Run};
use crate::{DEADLINE, Request, poll};

pub use audit::Audited;
pub use objects::Objects;

/// First address of a run that pods may have; those below are for servers.
const FIRST_POD: u8 = 10;

/// What is written of each request: who, what, and whether it was allowed; no bodies.
const AUDIT_POLICY: &str =
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n";

/// A real Kubernetes API without nodes and controllers: objects are stored, validated, defaulted and watched, and nobody
/// acts on them. Namespaces and service accounts are made as needed by what uses them; a Service has the EndpointSlices
/// that the test writes. Ready within three seconds; ends when dropped, or with the test's process.
///
/// It dereferences to [`Objects`]: `api.apply(yaml)`.
#[derive(Debug)]
pub struct ApiServer {
    objects: Objects,
    pki: Pki,
    next_pod: AtomicU8,
    run: Run,
}

impl ApiServer {
    /// Starts etcd and the API server, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready, with what it said.
    pub fn start() -> Self {
        Self::try_start().expect("an API server")
    }

    fn try_start() -> Result<Self> {
        let kubernetes = Kubernetes::get();
        let run = Run::begin(Lifetime::Process)?;
        let address = run.address(1);
        let pki = Pki::create(&run.directory().join("pki"))?;
        start_etcd(&run, &kubernetes, address)?;
        let kubeconfig = prepare(&run, &pki, address, &[IpAddr::V4(run.address(detour::HOST))])?;
        let arguments = api_server_arguments(&run, &pki, address);
        run.spawn("kube-apiserver", &kubernetes.program("kube-apiserver"), &arguments)?;
        let objects = Objects::connect(&kubeconfig)?;
        let api = Self { objects, pki, next_pod: AtomicU8::new(FIRST_POD), run };
        api.wait_until_ready()?;
        Ok(api)
    }

    /// Kubeconfig of a user who may do everything (`system:masters`).
    pub fn kubeconfig(&self) -> PathBuf {
        self.run.directory().join("pki/admin.kubeconfig")
    }

    /// `https://ADDRESS:PORT`, the same after a restart.
    pub fn url(&self) -> String {
        url(self.run.address(1))
    }

    /// The run it is part of: addresses, files, logs.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Kubeconfig of a user without any right but those that RBAC objects bind to this name. Each call makes files of
    /// its own: a process may just be reading those of another.
    ///
    /// # Panics
    /// When the certificate cannot be written.
    pub fn user_kubeconfig(&self, user: &str, group: Option<&str>) -> PathBuf {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let file = format!("{}-{}", user.replace([':', '/'], "-"), MADE.fetch_add(1, Ordering::Relaxed));
        self.pki.user_kubeconfig(&file, user, group, &self.url()).expect("a certificate")
    }

    /// Kubeconfig with a token of this service account, which is made if it is not there. The token lasts a day.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> PathBuf {
        let token = self.objects.service_account_token(namespace, name);
        let file = format!("{namespace}.{name}");
        self.pki.kubeconfig(&file, &self.url(), json!({"token": token})).expect("a kubeconfig")
    }

    /// The token of a service account, which is made if it is not there. It lasts a day, or as long as the account.
    pub fn token(&self, namespace: &str, name: &str) -> String {
        self.objects.service_account_token(namespace, name)
    }

    /// The certificates of all authorities that have signed anything, in PEM.
    pub fn authorities(&self) -> String {
        fs::read_to_string(self.pki.file("ca.crt")).expect("it is there")
    }

    /// Starts the API server anew with a certificate of an authority that nobody knows yet. Kubeconfigs name the file in
    /// which it is from then on, beside the former one.
    ///
    /// # Panics
    /// When the certificates cannot be written or the API server does not become ready again.
    pub fn rotate_authority(&mut self) {
        self.kill();
        let address = self.run.address(1);
        self.pki.rotate().expect("a new authority");
        server_certificate(&self.pki, address, &[IpAddr::V4(self.run.address(detour::HOST))]).expect("a certificate");
        self.objects = Objects::connect(&self.kubeconfig()).expect("a client");
        self.start_again();
    }

    /// Stops etcd without ending it: the API server waits for it.
    pub fn pause_store(&self) {
        self.run.signal("etcd", Signal::STOP).expect("it runs");
    }

    /// Lets a paused etcd go on.
    pub fn resume_store(&self) {
        self.run.signal("etcd", Signal::CONT).expect("it runs");
    }

    /// An address no other pod of this server has; 244 can be had.
    pub fn pod_address(&self) -> Ipv4Addr {
        let next = self.next_pod.fetch_add(1, Ordering::Relaxed);
        assert!((FIRST_POD..255).contains(&next), "no pod addresses are left");
        self.run.address(next)
    }

    /// Requests that RBAC refused, in the order they came.
    pub fn denied(&self) -> Vec<Audited> {
        audit::denied(&self.run.directory().join("audit.log"))
    }

    /// All requests of a user, refused or not, those that are under way too: `system:serviceaccount:NAMESPACE:NAME`.
    pub fn requests_of(&self, user: &str) -> Vec<Audited> {
        audit::of_user(&self.run.directory().join("audit.log"), user)
    }

    /// Ends the API server as a crash would; etcd keeps the objects.
    pub fn kill(&self) {
        self.run.kill("kube-apiserver").expect("it runs");
    }

    /// Starts the API server again after [`kill`](Self::kill), at the same address, and waits until it is ready.
    pub fn start_again(&self) {
        let arguments = api_server_arguments(&self.run, &self.pki, self.run.address(1));
        let program = Kubernetes::get().program("kube-apiserver");
        self.run.spawn("kube-apiserver", &program, &arguments).expect("it starts");
        self.wait_until_ready().expect("it becomes ready again");
    }

    /// Both.
    pub fn restart(&self) {
        self.kill();
        self.start_again();
    }

    /// Stops the API server without ending it: connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.run.signal("kube-apiserver", Signal::STOP).expect("it runs");
    }

    /// Lets a paused API server go on.
    pub fn resume(&self) {
        self.run.signal("kube-apiserver", Signal::CONT).expect("it runs");
    }

    /// Makes etcd forget everything but the present: whoever asks for what happened before is told that it is gone.
    ///
    /// # Panics
    /// When etcd does not do it.
    pub fn compact(&self) {
        let address = (self.run.address(1), 2379).into();
        let host = format!("{}:2379", self.run.address(1));
        let ask = |path: &str, body: &serde_json::Value| {
            let body = body.to_string();
            let request = Request { method: "POST", host: &host, path, fields: &[], body: &body };
            let answer = request.send(address).expect("etcd answers");
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.echo()
        };
        let answer = ask("/v3/kv/range", &json!({"key": "AA=="}));
        let revision = answer["header"]["revision"].as_str().expect("etcd tells its revision").to_owned();
        ask("/v3/kv/compaction", &json!({"revision": revision, "physical": true}));
    }

    fn wait_until_ready(&self) -> Result<()> {
        wait_until_ready(&self.run, &self.objects)
    }
}

impl Deref for ApiServer {
    type Target = Objects;

    fn deref(&self) -> &Objects {
        &self.objects
    }
}

pub(crate) fn url(address: Ipv4Addr) -> String {
    format!("https://{address}:6443")
}

/// Starts etcd at this address, without waiting for it: the API server does.
pub(crate) fn start_etcd(run: &Run, kubernetes: &Kubernetes, address: Ipv4Addr) -> Result<()> {
    run.spawn("etcd", &kubernetes.program("etcd"), &etcd_arguments(run, address))
}

/// Arguments of etcd. Nothing is flushed to disk: its objects live no longer than the run.
pub(crate) fn etcd_arguments(run: &Run, address: Ipv4Addr) -> Vec<String> {
    let (clients, peers) = (format!("http://{address}:2379"), format!("http://{address}:2380"));
    vec![
        format!("--data-dir={}", run.directory().join("etcd").display()),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        "--unsafe-no-fsync".into(),
        "--log-level=error".into(),
        // The default of 2 GB is too little for benchmarks that rewrite tens of thousands of objects.
        "--quota-backend-bytes=8589934592".into(),
    ]
}

/// Writes what the API server reads; returns the kubeconfig of the administrator.
pub(crate) fn prepare(run: &Run, pki: &Pki, address: Ipv4Addr, more: &[IpAddr]) -> Result<PathBuf> {
    server_certificate(pki, address, more)?;
    fs::write(run.directory().join("audit-policy.yaml"), AUDIT_POLICY)?;
    pki.user_kubeconfig("admin", "admin", Some("system:masters"), &url(address))
}

fn server_certificate(pki: &Pki, address: Ipv4Addr, more: &[IpAddr]) -> Result<()> {
    let mut addresses =
        vec![IpAddr::V4(address), IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1))];
    addresses.extend(more);
    let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    pki.server("apiserver", "kube-apiserver", Some("system:masters"), &names, &addresses)
}

/// Arguments of kube-apiserver at this address.
pub(crate) fn api_server_arguments(run: &Run, pki: &Pki, address: Ipv4Addr) -> Vec<String> {
    let file = |name: &str| run.directory().join(name).display().to_string();
    vec![
        format!("--etcd-servers=http://{address}:2379"),
        format!("--bind-address={address}"),
        format!("--advertise-address={address}"),
        "--secure-port=6443".into(),
        format!("--tls-cert-file={}", pki.file("apiserver.crt")),
        format!("--tls-private-key-file={}", pki.file("apiserver.key")),
        format!("--client-ca-file={}", pki.file("ca.crt")),
        format!("--kubelet-certificate-authority={}", pki.file("ca.crt")),
        format!("--kubelet-client-certificate={}", pki.file("apiserver.crt")),
        format!("--kubelet-client-key={}", pki.file("apiserver.key")),
        "--kubelet-preferred-address-types=InternalIP".into(),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-signing-key-file={}", pki.file("sa.key")),
        format!("--service-account-key-file={}", pki.file("sa.pub")),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
        format!("--audit-policy-file={}", file("audit-policy.yaml")),
        format!("--audit-log-path={}", file("audit.log")),
        "--v=1".into(),
    ]
}

/// Waits for readiness, and for the namespace `default`, which is made a moment later.
pub(crate) fn wait_until_ready(run: &Run, objects: &Objects) -> Result<()> {
    let ready = poll(DEADLINE, || {
        for name in ["etcd", "kube-apiserver"] {
            if let Some(said) = run.has_ended(name) {
                return Some(Err(said));
            }
        }
        let is_ready = objects.raw("/readyz").is_some() && objects.raw("/api/v1/namespaces/default").is_some();
        is_ready.then_some(Ok(()))
    });
    match ready {
        Some(Ok(())) => Ok(()),
        Some(Err(said)) => bail!(said),
        None => bail!("the API server is not ready within {DEADLINE:?}; see {}", log_end(&run.log("kube-apiserver"))?),
    }
}

fn log_end(log: &Path) -> Result<String> {
    let text = fs::read_to_string(log).with_context(|| log.display().to_string())?;
    let lines: Vec<_> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(30)..].join("\n"))
}
