//! A whole Kubernetes: control plane, nodes with container runtimes, and an outside world that reaches NodePorts only.
//!
//! Each node is a network namespace with a containerd, a kubelet and a kube-proxy; the control plane is on the first.
//! They hang on a bridge in a namespace of its own, `ext`, where load balancers and clients are; this machine is one more
//! host on that bridge, so that a test reaches nodes without entering a namespace. No traffic leaves the machine.

mod network;
mod node;

use std::ffi::OsStr;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::api::{self, Objects};
use crate::image::{self, Image};
use crate::kubernetes::Kubernetes;
use crate::pki::Pki;
use crate::run::{Lifetime, Run};
use crate::{DEADLINE, poll};
use network::Network;
use node::Node;

/// The image of sandboxes: waits.
const PAUSE: &str = "docker.io/local/pause:1";

/// The image of echo pods: port 3000, `HTTP_PORT` changes it; identity from NAMESPACE, SERVICE_NAME, POD_NAME.
pub const ECHO: &str = "docker.io/local/echo:1";

/// A cluster with nodes; ends when dropped, or with the test's process. Dereferences to [`Objects`].
#[derive(Debug)]
pub struct Cluster {
    objects: Objects,
    kubernetes: Kubernetes,
    network: Network,
    nodes: Vec<Node>,
    run: Run,
}

impl Cluster {
    /// Starts a cluster of this many nodes (1 to 9), `kn1`, `kn2`, …, and waits until all are ready.
    ///
    /// # Panics
    /// When it does not come up, with what went wrong.
    pub fn up(nodes: u8) -> Self {
        Self::try_up(nodes, Lifetime::Watched).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The same with errors, for a process (see [`Lifetime::Watched`]) or until [`Run::end_kept`].
    pub fn try_up(count: u8, lifetime: Lifetime) -> Result<Self> {
        let kubernetes = Kubernetes::get();
        let run = Run::begin(lifetime)?;
        let directory = run.directory().to_owned();
        // Undone last: what nodes mount.
        run.undo(&format!("unmount_under {}", directory.display()))?;
        run.undo(&format!("forget_cni {}", directory.display()))?;
        let network = Network::create(&run, count)?;
        let master = network.node(1);
        let pki = Pki::create(&directory.join("pki"))?;
        let kubeconfig = api::prepare(&run, &pki, master, &[IpAddr::V4(network.outside())])?;
        let server = api::url(master);

        network.spawn(&run, 1, "etcd", &kubernetes.program("etcd"), &api::etcd_arguments(&run, master))?;
        let arguments = api::api_server_arguments(&run, &pki, master);
        network.spawn(&run, 1, "kube-apiserver", &kubernetes.program("kube-apiserver"), &arguments)?;
        let mut nodes = Vec::new();
        for number in 1..=count {
            nodes.push(Node::create(&run, &network, number)?);
        }
        let pause =
            Image { name: PAUSE, program: &kubernetes.program("pod"), arguments: &["pause"] }.write(&directory)?;
        let echo = Image { name: ECHO, program: &kubernetes.program("pod"), arguments: &["echo"] }.write(&directory)?;
        let objects = Objects::connect(&kubeconfig)?;
        let cluster = Self { objects, kubernetes, network, nodes, run };
        for archive in [pause, echo] {
            cluster.try_load_image(&archive)?;
        }
        api::wait_until_ready(&cluster.run, &cluster.objects)?;
        cluster.start_controllers(&pki, &server)?;
        for node in &cluster.nodes {
            node.start(&cluster.run, &cluster.network, &cluster.kubernetes, &pki, &server)?;
        }
        cluster.wait_for_nodes()?;
        let environment = cluster.environment();
        let lines: String = environment.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        fs::write(cluster.run.directory().join("env"), lines)?;
        Ok(cluster)
    }

    /// Ends it now instead of when dropped.
    pub fn down(self) {
        drop(self);
    }

    /// Kubeconfig of the administrator; works on this machine and in the cluster's namespaces.
    pub fn kubeconfig(&self) -> PathBuf {
        self.run.directory().join("pki/admin.kubeconfig")
    }

    /// Address of a node, from 1: where NodePorts are reached, from this machine and from `ext`.
    pub fn node_address(&self, number: u8) -> Ipv4Addr {
        self.network.node(number)
    }

    /// Address of the outside world's namespace, for load balancers.
    pub fn outside_address(&self) -> Ipv4Addr {
        self.network.outside()
    }

    /// Further addresses for clients and servers outside, 1 to 99, each to be bound in `ext` on the interface `lan`.
    pub fn add_outside_address(&self, number: u8) -> Result<Ipv4Addr> {
        self.network.add_outside(number)
    }

    /// Name of the network namespace of the outside world, for `ip netns exec`.
    pub fn outside_namespace(&self) -> String {
        self.network.namespace(0)
    }

    /// A command that runs in the outside world.
    pub fn outside(&self, program: impl AsRef<OsStr>) -> Command {
        self.network.command(0, program)
    }

    /// Starts a program in the outside world that ends with the cluster; its log is `logs/NAME.log`.
    pub fn spawn_outside(&self, name: &str, program: &Path, arguments: &[&str]) -> Result<()> {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        self.network.spawn(&self.run, 0, name, program, &arguments)
    }

    /// Runs `body` on a thread that is in the outside world: sockets it makes are there.
    pub fn in_outside<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        self.network.enter(0, body)
    }

    /// The run it is part of: files, logs, processes.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Makes an image of an archive (`docker-archive`, OCI) known to all nodes.
    #[track_caller]
    pub fn load_image(&self, archive: &Path) {
        self.try_load_image(archive).expect("the image is imported");
    }

    fn try_load_image(&self, archive: &Path) -> Result<()> {
        self.nodes.iter().try_for_each(|node| node.load_image(archive))
    }

    /// Runs kubectl as administrator; what it printed.
    ///
    /// # Panics
    /// When it fails, with what it said.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        image::run(self.tool(&self.kubernetes.program("kubectl")).args(arguments)).expect("kubectl succeeds")
    }

    /// Runs helm as administrator; what it printed.
    #[track_caller]
    pub fn helm(&self, arguments: &[&str]) -> String {
        self.try_helm(arguments).expect("helm succeeds")
    }

    /// Runs helm; its error tells what it said.
    pub fn try_helm(&self, arguments: &[&str]) -> Result<String> {
        image::run(self.tool(&self.kubernetes.helm()).args(arguments))
    }

    /// Waits until a Deployment or DaemonSet (`deployment/web`) has all its pods ready.
    #[track_caller]
    pub fn wait_for_rollout(&self, namespace: &str, workload: &str) {
        let limit = format!("--timeout={}s", DEADLINE.as_secs());
        self.kubectl(&["rollout", "status", "-n", namespace, workload, &limit]);
    }

    /// Variables that `kubectl` and `helm` by hand need, and where things are.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let directory = self.run.directory().display().to_string();
        let programs = self.kubernetes.program("kubectl");
        let programs = programs.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
        vec![
            ("TIDEGATE_CLUSTER", self.run.name()),
            ("KUBECONFIG", self.kubeconfig().display().to_string()),
            ("KUBERNETES_BIN", programs),
            ("EXT_NETNS", self.outside_namespace()),
            ("EXT_ADDRESS", self.outside_address().to_string()),
            ("NODE_ADDRESSES", self.nodes.iter().map(|node| node.address().to_string()).collect::<Vec<_>>().join(" ")),
            ("CLUSTER_DIR", directory.clone()),
            ("HELM_CACHE_HOME", format!("{directory}/helm/cache")),
            ("HELM_CONFIG_HOME", format!("{directory}/helm/config")),
            ("HELM_DATA_HOME", format!("{directory}/helm/data")),
        ]
    }

    fn tool(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    fn start_controllers(&self, pki: &Pki, server: &str) -> Result<()> {
        let kubeconfig = pki.user_kubeconfig("controllers", "system:kube-controller-manager", None, server)?;
        let arguments = vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--root-ca-file={}", pki.file("ca.crt")),
            format!("--service-account-private-key-file={}", pki.file("sa.key")),
            "--use-service-account-credentials=true".into(),
            "--allocate-node-cidrs=false".into(),
            "--leader-elect=false".into(),
        ];
        let name = "kube-controller-manager";
        self.network.spawn(&self.run, 1, name, &self.kubernetes.program(name), &arguments)?;
        let kubeconfig = pki.user_kubeconfig("scheduler", "system:kube-scheduler", None, server)?;
        let arguments = vec![format!("--kubeconfig={}", kubeconfig.display()), "--leader-elect=false".into()];
        let name = "kube-scheduler";
        self.network.spawn(&self.run, 1, name, &self.kubernetes.program(name), &arguments)
    }

    fn wait_for_nodes(&self) -> Result<()> {
        let is_ready = |node: &Value| {
            let conditions = node["status"]["conditions"].as_array();
            conditions.is_some_and(|list| list.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
        };
        let mut said = None;
        let ready = poll(DEADLINE, || {
            let programs = self.nodes.iter().flat_map(Node::programs);
            let programs = programs.chain(["kube-controller-manager".to_owned(), "kube-scheduler".to_owned()]);
            said = programs.filter_map(|name| self.run.has_ended(&name)).next();
            let nodes = self.list("v1", "Node", "");
            let all = nodes.len() == self.nodes.len() && nodes.iter().all(is_ready);
            (all || said.is_some()).then_some(all)
        });
        let nodes = || serde_json::to_string(&self.list("v1", "Node", "")).unwrap_or_default();
        (ready == Some(true))
            .then_some(())
            .with_context(|| format!("nodes are not ready: {}", said.unwrap_or_else(nodes)))
    }
}

impl Deref for Cluster {
    type Target = Objects;

    fn deref(&self) -> &Objects {
        &self.objects
    }
}
