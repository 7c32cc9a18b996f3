//! What is written back to the Kubernetes API.

use clap::Args;

use crate::model::ObjectName;

use super::units;

/// Status, Events and the Lease.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Service whose addresses go into the status of our Ingresses. Default: none, status is not written.
    ///
    /// Those its load balancer gave it, else its external IPs, else (for other types than LoadBalancer) its cluster IPs;
    /// of an ExternalName its name. Followed: when they change, every status does. As ingress-nginx publish-service.
    #[arg(
        long,
        value_name = "NS/NAME",
        env = "TIDEGATE_PUBLISH_SERVICE",
        conflicts_with = "publish_address",
        value_parser = units::object_name
    )]
    pub publish_service: Option<ObjectName>,

    /// Addresses that go into the status of our Ingresses: IP addresses or host names, with commas between.
    ///
    /// Default: none, status is not written. As ingress-nginx publish-status-address.
    #[arg(
        long,
        value_name = "ADDR",
        env = "TIDEGATE_PUBLISH_ADDRESS",
        value_delimiter = ',',
        value_parser = address
    )]
    pub publish_address: Vec<String>,

    /// Whether anything is written back to the Kubernetes API: status, Events about problems, and the Lease that decides
    /// which replica writes them. Nothing ever is with --manifests.
    #[arg(
        long,
        value_name = "BOOL",
        env = "TIDEGATE_REPORT",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub report: bool,

    /// Lease by which replicas agree on who writes status and Events. What they wrote is known again by its name.
    ///
    /// Default: tidegate-CLASS (the value of --ingress-class) in the pod's namespace: POD_NAMESPACE, or that of the
    /// service account.
    #[arg(long, value_name = "NS/NAME", env = "TIDEGATE_LEASE", value_parser = units::object_name)]
    pub lease: Option<ObjectName>,
}

/// What the downward API tells of the pod, if it was asked to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// `POD_NAME`.
    pub name: Option<String>,
    /// `HOSTNAME`: the pod's name too, or the node's; more than one process may have it.
    pub host: Option<String>,
    /// `POD_NAMESPACE`.
    pub namespace: Option<String>,
}

impl Pod {
    /// What logs call where they are from: the pod, or the machine.
    pub fn machine() -> Option<String> {
        let Self { name, host, namespace: _ } = Self::read();
        let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
        name.or(host).or_else(kernel)
    }

    /// From the environment.
    pub fn read() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        Self { name: variable("POD_NAME"), host: variable("HOSTNAME"), namespace: variable("POD_NAMESPACE") }
    }
}

/// What may stand in a status: the API refuses other host names.
fn address(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let is_label = |label: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        label.len() <= 63
            && ends(label.chars().next())
            && ends(label.chars().last())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let is_name = text.len() <= 253 && text.split('.').all(is_label) && text.chars().any(|c| c.is_ascii_lowercase());
    if is_name || text.parse::<std::net::IpAddr>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err("an IP address or a host name in lower case is wanted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_the_api_takes() {
        for good in ["192.0.2.1", "fd00::1", "nlb-1.eu.example.com", "a"] {
            assert_eq!(address(good).as_deref(), Ok(good));
        }
        for bad in ["", "10.0.0.300", "Nlb.example", "-a", "a-.b", "a..b", "http://a", "a:80", "*.a"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
