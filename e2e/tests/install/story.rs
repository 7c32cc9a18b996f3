//! The cluster of the story, and its beginning and end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tidegate_e2e::{Cluster, Objects, eventually};
use tokio::time::Instant;

use crate::build::{self, REPOSITORY};
use crate::client::Curl;
use crate::figures;
use crate::sample::{self, Authority, HOST};

/// Ports of the nodes: http, https, health.
pub(crate) const HTTP: u16 = 30080;
pub(crate) const HTTPS: u16 = 30443;
pub(crate) const HEALTH: u16 = 30081;

/// Values of the installation: fixed ports, and short times so that the story is short.
const VALUES: &[&str] = &[
    "service.nodePorts.http=30080",
    "service.nodePorts.https=30443",
    "service.nodePorts.health=30081",
    "drain.delay=5s",
    "drain.timeout=20s",
    "minReadySeconds=2",
    "image.pullPolicy=Never",
];

/// `drain.delay` and `drain.timeout` together: what is open longer after SIGTERM is closed.
pub(crate) const DRAIN: Duration = Duration::from_secs(25);

/// What later steps need.
pub(crate) struct Story {
    pub(crate) cluster: Cluster,
    pub(crate) authority: Authority,
    /// Certificates that clients trust.
    pub(crate) trust: PathBuf,
    /// All objects before anything was installed.
    before: BTreeSet<String>,
    started: Instant,
}

impl Story {
    /// Builds images, starts the cluster and loads them.
    pub(crate) fn begin() -> Self {
        let started = Instant::now();
        let directory = std::env::temp_dir().join(format!("tidegate-story-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory for images");
        let images = build::images(&directory);
        say(started, &format!("images are built: {}", images.said.trim().replace('\n', "; ")));
        let cluster = Cluster::up(2);
        say(started, "two nodes are ready");
        for archive in &images.tidegate {
            cluster.load_image(archive);
        }
        std::fs::remove_dir_all(&directory).expect("the directory is ours");
        for name in ["tidegate", "shop"] {
            cluster.apply(&format!(
                "{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}}}"
            ));
        }
        let authority = Authority::new();
        let trust = cluster.run().directory().join("shop-ca.pem");
        authority.write(&trust);
        // Made by controllers a moment later.
        eventually("service accounts and the authority of both namespaces", || {
            let found = ["tidegate", "shop"].iter().all(|name| {
                cluster.get("v1", "ConfigMap", name, "kube-root-ca.crt").is_some()
                    && cluster.get("v1", "ServiceAccount", name, "default").is_some()
            });
            found.then_some(())
        });
        let before = objects(&cluster);
        Self { cluster, authority, trust, before, started }
    }

    /// Tells what was reached, and when.
    pub(crate) fn say(&self, what: &str) {
        say(self.started, what);
    }

    /// `helm install`, with what it takes until pods are ready and what they take when idle.
    pub(crate) fn install(&self) {
        let begun = Instant::now();
        self.helm("install", "one", &[]);
        self.say(&format!("helm install: {:.1} s until two pods are available", begun.elapsed().as_secs_f64()));
        figures::print(self);
    }

    /// `helm install` or `helm upgrade` with more values, waiting until it is complete.
    #[track_caller]
    pub(crate) fn helm(&self, verb: &str, tag: &str, values: &[&str]) {
        let chart = build::root().join("charts/tidegate").display().to_string();
        let (repository, tag) = (format!("image.repository={REPOSITORY}"), format!("image.tag={tag}"));
        let mut arguments = vec![verb, "tidegate", &chart, "--namespace", "tidegate", "--wait", "--timeout", "3m"];
        for value in VALUES.iter().chain([&repository.as_str(), &tag.as_str()]).chain(values) {
            arguments.extend(["--set", value]);
        }
        if let Err(error) = self.cluster.try_helm(&arguments) {
            panic!("{error:#}\n{}", self.state());
        }
    }

    /// Waits until pods that an upgrade of the Deployment replaced have ended: helm does not wait until the last of them
    /// is told to.
    #[track_caller]
    pub(crate) fn settle(&self) {
        self.cluster.wait_for_rollout("tidegate", "deployment/tidegate");
        eventually("old pods end", || {
            let pods = self.list("v1", "Pod", "tidegate");
            pods.iter().all(|pod| pod["metadata"]["deletionTimestamp"].is_null()).then_some(())
        });
    }

    /// What went on in the namespace of the installation, for failures.
    pub(crate) fn state(&self) -> String {
        let get = |what: &str| self.cluster.kubectl(&["-n", "tidegate", "get", what, "-o", "wide"]);
        let logs =
            self.cluster.kubectl(&["-n", "tidegate", "logs", "-l", "app.kubernetes.io/name=tidegate", "--tail=20"]);
        format!("{}{}{logs}", get("pods"), get("events"))
    }

    /// A node's port.
    pub(crate) fn node(&self, number: u8, port: u16) -> SocketAddr {
        (self.cluster.node_address(number), port).into()
    }

    /// curl outside, trusting the app's authority.
    pub(crate) fn curl(&self) -> Curl<'_> {
        Curl::new(&self.cluster, &self.trust)
    }

    /// The sample app behind it answers on the ports of both nodes.
    pub(crate) fn serve(&self) {
        sample::deploy(&self.cluster, &self.authority);
        for node in [1, 2] {
            let answer = eventually("an answer through the port of a node", || {
                let answer = self.curl().get(&format!("http://{HOST}/"), self.node(node, HTTP));
                (answer.status == 200).then_some(answer)
            });
            assert!(answer.body.contains("\"pod\": \"web-"), "{answer:?}");
        }
        self.say("the app answers through NodePorts of both nodes");
    }

    /// `helm uninstall`, after which all objects are those of before.
    pub(crate) fn uninstall(self) {
        let begun = Instant::now();
        self.cluster.kubectl(&["delete", "all,ingress,secret", "--all", "-n", "shop", "--wait"]);
        self.cluster.helm(&["uninstall", "tidegate", "--namespace", "tidegate", "--wait"]);
        let left = eventually_equal(|| objects(&self.cluster).difference(&self.before).cloned().collect::<Vec<_>>());
        assert!(left.is_empty(), "left behind: {left:#?}");
        let gone: Vec<_> = self.before.difference(&objects(&self.cluster)).cloned().collect();
        assert!(gone.is_empty(), "taken along: {gone:#?}");
        self.say(&format!("helm uninstall left nothing behind, after {:.1} s", begun.elapsed().as_secs_f64()));
        let (cluster, started) = (self.cluster, self.started);
        cluster.down();
        say(started, "the cluster is down");
    }
}

/// Until the list is empty, at most a minute (pods end within their drain); what is still in it.
fn eventually_equal(mut list: impl FnMut() -> Vec<String>) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let now = list();
        if now.is_empty() || Instant::now() > deadline {
            return now;
        }
        std::thread::park_timeout(Duration::from_millis(500));
    }
}

#[expect(clippy::print_stderr, reason = "the test's report")]
fn say(started: Instant, what: &str) {
    eprintln!("{:6.1} s  {what}", started.elapsed().as_secs_f64());
}

/// Every object of the cluster as `KIND namespace/name`, but for what comes and goes by itself.
fn objects(cluster: &Cluster) -> BTreeSet<String> {
    let kinds = cluster.kubectl(&["api-resources", "--verbs=list", "-o", "name"]);
    let transient = ["events", "events.events.k8s.io", "componentstatuses"];
    let kinds: Vec<_> = kinds.lines().filter(|kind| !transient.contains(kind)).collect();
    let columns = "custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name";
    let list = cluster.kubectl(&["get", &kinds.join(","), "--all-namespaces", "--no-headers", "-o", columns]);
    let lines = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    // The nodes' own.
    lines.filter(|line| !line.starts_with("Lease kube-node-lease ")).collect()
}

/// Objects of the cluster are at hand.
impl std::ops::Deref for Story {
    type Target = Objects;

    fn deref(&self) -> &Objects {
        &self.cluster
    }
}
