//! What `migrate` reads, and what it says and writes.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::routing::{NginxSnippetsChoice, WafMissingChoice};
use super::{source, units};

/// Options of `tidegate migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateArgs {
    /// Manifests to read instead of a cluster: a directory, a file, or - for standard input. May be given more than once.
    ///
    /// As kubectl get writes them, too: YAML or JSON, with Lists and several documents. Ingresses of extensions/v1beta1 and
    /// networking.k8s.io/v1beta1 are read as if they were converted.
    #[arg(long, value_name = "PATH", env = "TIDEGATE_MANIFESTS", value_parser = source::existing_or_stdin, help_heading = "Sources")]
    pub manifests: Vec<PathBuf>,

    /// Kubeconfig file that leads to the cluster.
    ///
    /// Default: the pod's service account; outside of a pod KUBECONFIG, or ~/.kube/config. As kubectl --kubeconfig.
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEGATE_KUBECONFIG",
        value_parser = source::existing,
        conflicts_with = "manifests",
        help_heading = "Sources"
    )]
    pub kubeconfig: Option<PathBuf>,

    /// Namespaces of the cluster whose Ingresses, Services and Secrets are listed, with commas between. Default: all.
    #[arg(
        long,
        value_name = "NS",
        value_delimiter = ',',
        value_parser = units::namespace,
        conflicts_with = "manifests",
        help_heading = "Migration"
    )]
    pub namespace: Vec<Arc<str>>,

    /// Also list the Secrets of the cluster, to check certificates, passwords and authorities that Ingresses name.
    ///
    /// Their contents stay in memory. Without it they count as there and as usable.
    #[arg(long, conflicts_with = "manifests", help_heading = "Migration")]
    pub read_secrets: bool,

    /// Class to move. Default: that of the ingress-nginx that is found, of several the one with the most Ingresses; else nginx.
    #[arg(long, value_name = "NAME", help_heading = "Migration")]
    pub ingress_class: Option<String>,

    /// The spec.controller of the classes to move. Default: that of the ingress-nginx that is found; else k8s.io/ingress-nginx.
    #[arg(long, value_name = "STRING", help_heading = "Migration")]
    pub controller_class: Option<String>,

    /// What becomes of snippets of nginx's configuration: as the option of serve. Default: translate where the controller's
    /// ConfigMap allows snippets, else refuse.
    #[arg(long, value_name = "MODE", help_heading = "Migration")]
    pub nginx_snippets: Option<NginxSnippetsChoice>,

    /// What becomes of requests that ModSecurity was to inspect: as the option of serve.
    #[arg(long, value_name = "MODE", default_value = "serve", help_heading = "Migration")]
    pub waf_missing: WafMissingChoice,

    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub output: ReportFormat,

    /// Print the unified difference of what --write writes to what was read, instead of the report.
    #[arg(long, conflicts_with = "output", help_heading = "Output")]
    pub diff: bool,

    /// Write values.yaml for Tidegate's Helm chart into this directory, and ingresses/NAMESPACE.NAME.yaml for each Ingress of a former
    /// version.
    ///
    /// Comments stay, but in what kubectl wrote, of which status and the fields that the API server sets are left out. Nothing is written if one of the files exists.
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub write: Option<PathBuf>,

    /// Let --write replace files that exist.
    #[arg(long, requires = "write", help_heading = "Output")]
    pub force: bool,
}

/// Form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a terminal.
    Text,
    /// For an issue or a wiki.
    Markdown,
    /// For programs: one object.
    Json,
}
