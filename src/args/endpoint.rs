//! Options of `tidegate endpoint`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{source, units};
use crate::model::{ObjectName, Weight};

/// Options of `tidegate endpoint`.
#[derive(Debug, Clone, Args)]
pub struct EndpointArgs {
    /// What becomes of the endpoint.
    #[command(subcommand)]
    pub wish: EndpointWish,
}

/// What becomes of an endpoint.
#[derive(Debug, Clone, Subcommand)]
pub enum EndpointWish {
    /// It gets no new requests but those that a cookie leads there; what is in flight goes on.
    Drain(EndpointOf),
    /// It gets no requests at all; what is in flight goes on.
    Maint(EndpointOf),
    /// Take drain and maint back. Its weight stays what it is.
    Ready(EndpointOf),
    /// Give it another share of the requests.
    Weight {
        /// Its share beside the others' 100: 0 to 256. 100 takes back what was said.
        #[arg(value_name = "N", value_parser = clap::value_parser!(u16).range(0..=i64::from(Weight::MOST)), help_heading = "Endpoint")]
        weight: u16,
        /// Of which endpoint.
        #[command(flatten)]
        of: EndpointOf,
    },
}

/// Which endpoint, of which cluster.
#[derive(Debug, Clone, Args)]
pub struct EndpointOf {
    /// The Service.
    #[arg(value_name = "NAMESPACE/SERVICE", value_parser = units::object_name, help_heading = "Endpoint")]
    pub service: ObjectName,

    /// The name of the pod, or its address, perhaps with the port as the statistics show it.
    #[arg(value_name = "POD|ADDRESS", help_heading = "Endpoint")]
    pub endpoint: String,

    /// Kubeconfig file that leads to the cluster.
    ///
    /// Default: the pod's service account; outside of a pod KUBECONFIG, or ~/.kube/config. As kubectl --kubeconfig.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_KUBECONFIG", value_parser = source::existing, help_heading = "Sources")]
    pub kubeconfig: Option<PathBuf>,

    /// Only tell what would be written. The API server checks it all the same, with your rights.
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
}
