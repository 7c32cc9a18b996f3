//! The network of a cluster: a namespace for the outside world with a bridge, one for each node.

use std::ffi::OsStr;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::Result;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::image::run as execute;
use crate::run::Run;

/// Hosts of the network: the outside world's own, this machine, and node N at 100 + N.
const OUTSIDE: u8 = 254;
const MACHINE: u8 = 253;
const NODES: u8 = 100;

/// The namespaces and addresses of a cluster.
#[derive(Debug)]
pub(super) struct Network {
    prefix: String,
    base: Ipv4Addr,
}

impl Network {
    /// Makes namespaces, links, addresses and routes for this many nodes.
    pub(super) fn create(run: &Run, nodes: u8) -> Result<Self> {
        let network = Self { prefix: run.name(), base: run.node_address(0) };
        let outside = network.namespace(0);
        let machine = format!("{}h", network.prefix);
        run.undo(&format!("ip netns del {outside}; ip link del {machine} 2>/dev/null"))?;
        ip(&format!("netns add {outside}"))?;
        ip(&format!("-n {outside} link set lo up"))?;
        ip(&format!("-n {outside} link add lan type bridge"))?;
        ip(&format!("-n {outside} address add {}/24 dev lan", network.outside()))?;
        ip(&format!("-n {outside} link set lan up"))?;
        ip(&format!("link add {machine} type veth peer name host netns {outside}"))?;
        ip(&format!("-n {outside} link set host master lan up"))?;
        ip(&format!("address add {}/24 dev {machine}", network.host(MACHINE)))?;
        ip(&format!("link set {machine} up"))?;
        for number in 1..=nodes {
            network.add_node(run, number)?;
        }
        for number in 1..=nodes {
            for other in (1..=nodes).filter(|other| *other != number) {
                let (name, pods, via) = (network.namespace(number), Self::pod_range(other), network.node(other));
                ip(&format!("-n {name} route add {pods} via {via}"))?;
            }
        }
        Ok(network)
    }

    /// Name of a node's namespace, from 1; 0 is the outside world.
    pub(super) fn namespace(&self, number: u8) -> String {
        if number == 0 { format!("{}ext", self.prefix) } else { format!("{}kn{number}", self.prefix) }
    }

    /// Address of a node, from 1.
    pub(super) fn node(&self, number: u8) -> Ipv4Addr {
        self.host(NODES + number)
    }

    /// Address of the outside world's bridge.
    pub(super) fn outside(&self) -> Ipv4Addr {
        self.host(OUTSIDE)
    }

    /// One more address outside, 1 to 99.
    pub(super) fn add_outside(&self, number: u8) -> Result<Ipv4Addr> {
        let address = self.host(number);
        ip(&format!("-n {} address add {address}/24 dev lan", self.namespace(0)))?;
        Ok(address)
    }

    /// Addresses of the pods of a node.
    pub(super) fn pod_range(number: u8) -> String {
        format!("10.244.{number}.0/24")
    }

    /// A command in a namespace. Not `ip netns exec`, which hides the cgroups by mounting /sys anew.
    pub(super) fn command(&self, number: u8, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path(number).display())).arg("--").arg(program);
        command
    }

    /// Starts a program in a namespace, to end with the run.
    pub(super) fn spawn(&self, run: &Run, number: u8, name: &str, program: &Path, arguments: &[String]) -> Result<()> {
        run.spawn_command(name, self.command(number, program).args(arguments))
    }

    /// Runs this on a thread in a namespace.
    pub(super) fn enter<T: Send>(&self, number: u8, body: impl FnOnce() -> T + Send) -> T {
        let path = self.path(number);
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let namespace = File::open(path).expect("the namespace is there");
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root may enter it");
                body()
            });
            match thread.join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn add_node(&self, run: &Run, number: u8) -> Result<()> {
        let (name, outside) = (self.namespace(number), self.namespace(0));
        run.undo(&format!("ip netns del {name}"))?;
        ip(&format!("netns add {name}"))?;
        ip(&format!("-n {name} link set lo up"))?;
        ip(&format!("-n {name} link add eth0 type veth peer name kn{number} netns {outside}"))?;
        ip(&format!("-n {outside} link set kn{number} master lan up"))?;
        ip(&format!("-n {name} address add {}/24 dev eth0", self.node(number)))?;
        ip(&format!("-n {name} link set eth0 up"))?;
        // Nothing is behind it, but kube-proxy and Services want a default route.
        ip(&format!("-n {name} route add default via {}", self.outside()))?;
        execute(self.command(number, "sysctl").args(["-q", "-w", "net.ipv4.ip_forward=1"]))?;
        // There only where the module br_netfilter is loaded: without it a Service does not reach pods of the same node
        // by way of another address.
        let bridge = "net.bridge.bridge-nf-call-iptables=1";
        let _ = execute(self.command(number, "sysctl").args(["-q", "-w", bridge]));
        Ok(())
    }

    fn host(&self, host: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.base.octets();
        Ipv4Addr::new(a, b, c, host)
    }

    fn path(&self, number: u8) -> PathBuf {
        Path::new("/run/netns").join(self.namespace(number))
    }
}

fn ip(arguments: &str) -> Result<()> {
    execute(Command::new("ip").args(arguments.split(' '))).map(|_| ())
}
