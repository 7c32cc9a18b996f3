//! Load balancers in the outside world: HAProxy in TCP mode as an NLB, and one that keeps client addresses.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use tidegate_e2e::eventually;

use crate::build::run;
use crate::story::{HEALTH, HTTP, HTTPS, Story};

/// What a balancer is told of connections, and how it checks nodes: as docs/aws-nlb.md has it for each profile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// A TCP check of the traffic port.
    Cluster,
    /// /readyz on the health port.
    Local,
    /// As `Cluster`, with PROXY protocol v2.
    Proxy,
}

/// HAProxy on an address of its own, ports 80 and 443, with the NodePorts of both nodes behind it. As with an NLB,
/// connections outlive a failed check.
pub(crate) struct Balancer {
    address: Ipv4Addr,
}

impl Balancer {
    /// Starts it; `number` makes its address.
    pub(crate) fn start(story: &Story, number: u8, profile: Profile) -> Self {
        let address = story.cluster.add_outside_address(number).expect("an address");
        let name = format!("haproxy-{number}");
        let mut text = "global\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 350s\n  \
             timeout server 350s\n"
            .to_owned();
        for (front, back) in [(80, HTTP), (443, HTTPS)] {
            let _ = writeln!(text, "listen port{front}\n  bind {address}:{front}\n  balance roundrobin");
            if profile == Profile::Local {
                text.push_str("  option httpchk GET /readyz\n  http-check expect status 200\n");
            }
            let options = match profile {
                Profile::Cluster => String::new(),
                Profile::Local => format!("port {HEALTH}"),
                Profile::Proxy => "send-proxy-v2".to_owned(),
            };
            for node in [1, 2] {
                let target = story.node(node, back);
                let _ = writeln!(text, "  server kn{node} {target} check inter 1s rise 2 fall 2 {options}");
            }
        }
        let file = story.cluster.run().directory().join(format!("{name}.cfg"));
        fs::write(&file, text).expect("the directory is there");
        let file = file.display().to_string();
        story.cluster.spawn_outside(&name, Path::new("haproxy"), &["-db", "-f", &file]).expect("haproxy starts");
        let balancer = Self { address };
        eventually("haproxy passes on", || {
            (story.curl().get("http://x.invalid/", balancer.http()).status == 404).then_some(())
        });
        balancer
    }

    pub(crate) fn http(&self) -> SocketAddr {
        (self.address, 80).into()
    }

    pub(crate) fn https(&self) -> SocketAddr {
        (self.address, 443).into()
    }
}

/// Rewrites the destination of connections to `virtual_address` and nothing else, as an NLB that preserves client
/// addresses does: evenly to the NodePorts of both nodes.
pub(crate) fn forward(story: &Story, virtual_address: IpAddr) {
    for (front, back) in [(80, HTTP), (443, HTTPS)] {
        for (node, share) in [(1, "0.5"), (2, "1.0")] {
            let (target, front) = (story.node(node, back).to_string(), front.to_string());
            let mut rule = story.cluster.outside("iptables");
            rule.args([
                "-t",
                "nat",
                "-A",
                "OUTPUT",
                "-d",
                &virtual_address.to_string(),
                "-p",
                "tcp",
                "--dport",
                &front,
            ]);
            rule.args(["-m", "statistic", "--mode", "random", "--probability", share]);
            run(rule.args(["-j", "DNAT", "--to-destination", &target]));
        }
    }
}
