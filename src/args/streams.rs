//! Which ports are opened for what is no HTTP.

use std::ops::RangeInclusive;
use std::sync::Arc;

use clap::Args;

use super::units;
use crate::model::ObjectName;

/// Which ports are opened for what is no HTTP.
#[derive(Debug, Clone, Args)]
pub struct StreamArgs {
    /// ConfigMap with ports for TCP, in ingress-nginx's format (PORT: NS/SERVICE:PORT, perhaps with :PROXY or :PROXY:PROXY behind), followed while the process runs.
    ///
    /// Its ports open and close with its entries, whatever --allow-ports says. See docs/streams.md. As ingress-nginx
    /// --tcp-services-configmap. Default: none.
    #[arg(long, value_name = "NS/NAME", env = "TIDEGATE_TCP_SERVICES_CONFIGMAP", value_parser = units::object_name)]
    pub tcp_services_configmap: Option<ObjectName>,

    /// ConfigMap with ports for UDP, in ingress-nginx's format (PORT: NS/SERVICE:PORT), followed while the process runs.
    ///
    /// As ingress-nginx --udp-services-configmap. Default: none.
    #[arg(long, value_name = "NS/NAME", env = "TIDEGATE_UDP_SERVICES_CONFIGMAP", value_parser = units::object_name)]
    pub udp_services_configmap: Option<ObjectName>,

    /// Ports of this process that Services may open with the annotation tidegate.dev/expose, with commas between: numbers and
    /// ranges such as 13306,15000-15999. Default: none.
    ///
    /// Ports below the range that the system takes for connections (ip_local_port_range) are never taken by one.
    #[arg(
        long,
        value_name = "RANGE",
        env = "TIDEGATE_ALLOW_PORTS",
        value_delimiter = ',',
        value_parser = units::port_range
    )]
    pub allow_ports: Vec<RangeInclusive<u16>>,

    /// Namespaces whose Services may open ports, with commas between. Default: all.
    #[arg(
        long,
        value_name = "NS",
        env = "TIDEGATE_STREAM_NAMESPACES",
        value_delimiter = ',',
        value_parser = units::namespace
    )]
    pub stream_namespaces: Vec<Arc<str>>,
}
