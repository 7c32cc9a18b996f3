//! One node: containerd, kubelet and kube-proxy in a network namespace, with cgroups and directories of its own.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::PAUSE;
use super::network::Network;
use crate::image;
use crate::kubernetes::Kubernetes;
use crate::pki::Pki;
use crate::run::Run;

/// Where cgroups are.
const CGROUPS: &str = "/sys/fs/cgroup";

/// A node, `kn1` and so on.
#[derive(Debug)]
pub(super) struct Node {
    number: u8,
    name: String,
    cgroup: String,
    address: Ipv4Addr,
    directory: PathBuf,
}

impl Node {
    /// Starts the node's containerd.
    pub(super) fn create(run: &Run, network: &Network, number: u8) -> Result<Self> {
        let name = format!("kn{number}");
        let directory = run.directory().join(&name);
        fs::create_dir_all(directory.join("cni"))?;
        let node = Self { number, name, cgroup: network.namespace(number), address: network.node(number), directory };
        run.undo(&format!("remove_cgroups {}", node.cgroup))?;
        node.make_cgroups()?;
        fs::write(node.directory.join("cni/10-bridge.conflist"), node.network_configuration().to_string())?;
        fs::write(node.file("containerd.toml"), node.containerd_configuration())?;
        // The module that runs containers keeps sockets in a directory of the machine; they go when it ends as it should.
        run.undo(&format!("end_shims {}", node.directory.display()))?;
        let arguments = vec!["--config".to_owned(), node.text("containerd.toml")];
        network.spawn(run, number, &format!("containerd-{}", node.name), Path::new("containerd"), &arguments)?;
        run.undo(&format!("end_pods {} {}", node.cgroup, node.directory.display()))?;
        Ok(node)
    }

    /// Starts kubelet and kube-proxy.
    pub(super) fn start(
        &self,
        run: &Run,
        network: &Network,
        kubernetes: &Kubernetes,
        pki: &Pki,
        server: &str,
    ) -> Result<()> {
        let (name, user) = (&self.name, format!("system:node:{}", self.name));
        pki.server(&format!("{name}-kubelet"), &user, Some("system:nodes"), &[name], &[IpAddr::V4(self.address)])?;
        let kubeconfig = pki.user_kubeconfig(&format!("{name}-node"), &user, Some("system:nodes"), server)?;
        fs::write(self.file("kubelet.json"), self.kubelet_configuration(pki).to_string())?;
        let arguments = vec![
            format!("--config={}", self.text("kubelet.json")),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--root-dir={}", self.text("kubelet")),
            format!("--hostname-override={name}"),
            format!("--node-ip={}", self.address),
        ];
        network.spawn(run, self.number, &format!("kubelet-{name}"), &kubernetes.program("kubelet"), &arguments)?;
        let kubeconfig = pki.user_kubeconfig(&format!("{name}-proxy"), "system:kube-proxy", None, server)?;
        fs::write(self.file("kube-proxy.json"), self.proxy_configuration(&kubeconfig).to_string())?;
        let arguments = vec![format!("--config={}", self.text("kube-proxy.json"))];
        network.spawn(run, self.number, &format!("kube-proxy-{name}"), &kubernetes.program("kube-proxy"), &arguments)
    }

    /// Names of the node's programs.
    pub(super) fn programs(&self) -> Vec<String> {
        ["containerd", "kubelet", "kube-proxy"].iter().map(|program| format!("{program}-{}", self.name)).collect()
    }

    pub(super) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Imports an image's archive. Waits for containerd, which may have started just now.
    pub(super) fn load_image(&self, archive: &Path) -> Result<()> {
        let socket = self.text("containerd.sock");
        let ready =
            crate::poll(crate::DEADLINE, || image::run(Command::new("ctr").args(["-a", &socket, "version"])).ok());
        ready.with_context(|| format!("containerd of {} does not answer", self.name))?;
        image::run(Command::new("ctr").args(["-a", &socket, "-n", "k8s.io", "images", "import"]).arg(archive))?;
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    /// With version 1 of cgroups a directory in each hierarchy, with the processors that the machine has; with version 2
    /// one, with the controllers that there are.
    fn make_cgroups(&self) -> Result<()> {
        let root = Path::new(CGROUPS);
        let controllers = root.join("cgroup.controllers");
        if controllers.exists() {
            let names = fs::read_to_string(controllers)?;
            fs::create_dir_all(root.join(&self.cgroup))?;
            for name in names.split_whitespace() {
                // Some cannot be passed on; the kubelet says which of them it misses.
                let _ = fs::write(root.join("cgroup.subtree_control"), format!("+{name}"));
                let _ = fs::write(root.join(&self.cgroup).join("cgroup.subtree_control"), format!("+{name}"));
            }
            return Ok(());
        }
        for hierarchy in fs::read_dir(root)?.flatten().filter(|entry| entry.path().is_dir()) {
            let own = hierarchy.path().join(&self.cgroup);
            fs::create_dir_all(&own).with_context(|| own.display().to_string())?;
            for setting in ["cpuset.cpus", "cpuset.mems"] {
                if own.join(setting).exists() {
                    fs::write(own.join(setting), fs::read(hierarchy.path().join(setting))?)?;
                }
            }
        }
        Ok(())
    }

    fn network_configuration(&self) -> Value {
        let ranges = json!([[{"subnet": Network::pod_range(self.number)}]]);
        let ipam = json!({
            "type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}], "dataDir": self.text("addresses"),
        });
        json!({
            "cniVersion": "0.4.0",
            "name": self.cgroup,
            "plugins": [
                {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": ipam},
                {"type": "portmap", "capabilities": {"portMappings": true}},
            ],
        })
    }

    /// `restrict_oom_score_adj`: lowering it takes a right that root in a container does not have.
    fn containerd_configuration(&self) -> String {
        format!(
            r#"version = 2
root = "{root}/containerd"
state = "{root}/containerd-state"
[grpc]
address = "{root}/containerd.sock"
[ttrpc]
address = "{root}/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "{root}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{root}/cni"
"#,
            root = self.directory.display()
        )
    }

    fn kubelet_configuration(&self, pki: &Pki) -> Value {
        json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "authentication": {
                "anonymous": {"enabled": false},
                "webhook": {"enabled": true},
                "x509": {"clientCAFile": pki.file("ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": pki.file(&format!("{}-kubelet.crt", self.name)),
            "tlsPrivateKeyFile": pki.file(&format!("{}-kubelet.key", self.name)),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": format!("/{}", self.cgroup),
            "failCgroupV1": false,
            "failSwapOn": false,
            "enforceNodeAllocatable": [],
            "resolvConf": "",
            // A nearly full disk must not empty the node.
            "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"},
            "imageGCHighThresholdPercent": 100,
            "podLogsDir": self.text("pods-logs"),
            "containerRuntimeEndpoint": format!("unix://{}", self.text("containerd.sock")),
            "serializeImagePulls": false,
            // Sooner than the defaults, so that tests of rollouts wait less.
            "syncFrequency": "10s",
            "nodeStatusUpdateFrequency": "4s",
        })
    }

    /// The settings of conntrack cannot be written in a namespace: zero leaves them.
    fn proxy_configuration(&self, kubeconfig: &Path) -> Value {
        json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "bindAddress": "0.0.0.0",
            "clientConnection": {"kubeconfig": kubeconfig},
            "mode": "iptables",
            "clusterCIDR": "10.244.0.0/16",
            "hostnameOverride": self.name,
            "conntrack": {
                "maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
            },
        })
    }
}
