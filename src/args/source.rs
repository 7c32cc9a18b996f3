//! Where objects come from: a Kubernetes API, or a directory.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::units;
use crate::model::ObjectName;

/// Where certificates come from besides Secrets.
#[derive(Debug, Clone, Args)]
pub struct CertificateArgs {
    /// Directory of certificates for --manifests: each *.pem in it has a chain and its private key, as HAProxy's crt takes them.
    ///
    /// May also be one file. In a file chain and key may stand in either order, with other text between. It serves the hosts that
    /// the certificate names, by its common name where it has no alternative names; where a TLS entry names the same host
    /// that one counts. default.pem serves clients that name no host with a certificate, unless --default-certificate says
    /// otherwise. Changes of the files are followed. A file that cannot be used is reported and the rest is used.
    #[arg(
        long,
        value_name = "DIR",
        env = "TIDEGATE_CERTIFICATE_DIR",
        value_parser = existing,
        requires = "manifests"
    )]
    pub certificate_dir: Option<PathBuf>,
}

/// Where `check` reads objects.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    /// Directory of Kubernetes objects: every *.yaml, *.yml and *.json below it. May also be one file, or - for standard input.
    /// May be given more than once.
    ///
    /// A file may hold several documents and Lists; names that start with a dot are passed over. A file or document that
    /// cannot be read is reported and the rest is used.
    #[arg(long, value_name = "DIR", env = "TIDEGATE_MANIFESTS", value_parser = existing_or_stdin, required = true)]
    pub manifests: Vec<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the group is documented at its type")]
    pub certificates: CertificateArgs,
}

/// Where `serve` reads objects.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// Directory of Kubernetes objects: every *.yaml, *.yml and *.json below it. May also be one file.
    ///
    /// Without it objects come from a Kubernetes API. A file may hold several documents and Lists; names that start with a
    /// dot are passed over. Changes of the files are followed. A file or document that cannot be read is reported and the
    /// rest is used. Endpoints on loopback addresses are allowed here.
    #[arg(long, value_name = "DIR", env = "TIDEGATE_MANIFESTS", value_parser = existing)]
    pub manifests: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the group is documented at its type")]
    pub certificates: CertificateArgs,

    /// Kubeconfig file that leads to the Kubernetes API.
    ///
    /// Default: the pod's service account; outside of a pod KUBECONFIG, or ~/.kube/config. As kubectl --kubeconfig.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_KUBECONFIG", value_parser = existing)]
    pub kubeconfig: Option<PathBuf>,

    /// Namespaces whose Ingresses, Services and EndpointSlices are read, with commas between. Default: all.
    #[arg(
        long,
        value_name = "NS",
        env = "TIDEGATE_WATCH_NAMESPACE",
        value_delimiter = ',',
        value_parser = units::namespace
    )]
    pub watch_namespace: Vec<Arc<str>>,

    /// Whether IngressClasses are read to tell which Ingresses are ours.
    ///
    /// They belong to no namespace, so that only a ClusterRole can grant it. With false an Ingress is ours when the class it
    /// names, by field or annotation, is --ingress-class.
    #[arg(
        long,
        value_name = "BOOL",
        env = "TIDEGATE_INGRESS_CLASS_LOOKUP",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub ingress_class_lookup: bool,

    /// How Secrets are read: the fewer may be read, the fewer a break-in reveals.
    #[arg(long, value_name = "MODE", env = "TIDEGATE_SECRET_ACCESS", default_value = "cluster")]
    pub secret_access: SecretAccess,

    /// Namespaces of --secret-access namespaces, with commas between. Default: those of --watch-namespace.
    #[arg(
        long,
        value_name = "NS",
        env = "TIDEGATE_SECRET_NAMESPACES",
        value_delimiter = ',',
        value_parser = units::namespace
    )]
    pub secret_namespaces: Vec<Arc<str>>,

    /// Secrets of --secret-access names, with commas between: the role must allow get and watch of each.
    ///
    /// An Ingress that names another one gets the default certificate and a problem report, and nothing is asked of the API.
    /// --default-certificate need not be among them. Each one in use takes a connection to the API server.
    #[arg(
        long,
        value_name = "NS/NAME",
        env = "TIDEGATE_SECRET_NAMES",
        value_delimiter = ',',
        value_parser = units::object_name
    )]
    pub secret_names: Vec<ObjectName>,

    /// Which ConfigMaps are read of those that our Ingresses name (annotations custom-headers and auth-proxy-set-headers).
    ///
    /// Each is followed by its name, with get and watch, while one of our Ingresses names it; that of --nginx-configmap always. An
    /// Ingress that names another one is not served, and gets a problem report. Each takes a connection to the API server.
    #[arg(long, value_name = "MODE", env = "TIDEGATE_CONFIG_MAP_ACCESS", default_value = "names")]
    pub config_map_access: ConfigMapAccess,

    /// Namespaces of --config-map-access namespaces, with commas between. Default: those of --watch-namespace.
    #[arg(
        long,
        value_name = "NS",
        env = "TIDEGATE_CONFIG_MAP_NAMESPACES",
        value_delimiter = ',',
        value_parser = units::namespace
    )]
    pub config_map_namespaces: Vec<Arc<str>>,

    /// ConfigMaps of --config-map-access names, with commas between: the role must allow get and watch of each. Default: none.
    #[arg(
        long,
        value_name = "NS/NAME",
        env = "TIDEGATE_CONFIG_MAP_NAMES",
        value_delimiter = ',',
        value_parser = units::object_name
    )]
    pub config_map_names: Vec<ObjectName>,
}

/// Which ConfigMaps are read of those that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigMapAccess {
    /// All.
    Cluster,
    /// Those of some namespaces.
    Namespaces,
    /// Those of --config-map-names.
    Names,
}

/// How Secrets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SecretAccess {
    /// All of type kubernetes.io/tls in the cluster, with one watch, and one for each that annotations name.
    Cluster,
    /// All of type kubernetes.io/tls in some namespaces, with one watch for each, and one for each that annotations name.
    Namespaces,
    /// Those of --secret-names that our Ingresses name, and --default-certificate, with one watch for each.
    Names,
}

impl SourceArgs {
    /// What no single option can tell: one line.
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_secrets()?;
        let (has_namespaces, has_names) = (!self.config_map_namespaces.is_empty(), !self.config_map_names.is_empty());
        match self.config_map_access {
            ConfigMapAccess::Namespaces if !has_namespaces && self.watch_namespace.is_empty() => {
                Err("--config-map-access namespaces needs --config-map-namespaces or --watch-namespace".into())
            }
            ConfigMapAccess::Cluster | ConfigMapAccess::Names if has_namespaces => {
                Err("--config-map-namespaces is for --config-map-access namespaces only".into())
            }
            ConfigMapAccess::Cluster | ConfigMapAccess::Namespaces if has_names => {
                Err("--config-map-names is for --config-map-access names only".into())
            }
            ConfigMapAccess::Cluster | ConfigMapAccess::Namespaces | ConfigMapAccess::Names => Ok(()),
        }
    }

    fn check_secrets(&self) -> Result<(), String> {
        let has_namespaces = !self.secret_namespaces.is_empty();
        let has_names = !self.secret_names.is_empty();
        match self.secret_access {
            SecretAccess::Namespaces if !has_namespaces && self.watch_namespace.is_empty() => {
                Err("--secret-access namespaces needs --secret-namespaces or --watch-namespace".into())
            }
            SecretAccess::Cluster | SecretAccess::Names if has_namespaces => {
                Err("--secret-namespaces is for --secret-access namespaces only".into())
            }
            SecretAccess::Cluster | SecretAccess::Namespaces if has_names => {
                Err("--secret-names is for --secret-access names only".into())
            }
            SecretAccess::Names if !has_names => Err("--secret-access names needs --secret-names".into()),
            SecretAccess::Cluster | SecretAccess::Namespaces | SecretAccess::Names => Ok(()),
        }
    }
}

pub(super) fn existing(text: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(text);
    if path.exists() { Ok(path) } else { Err("there is no such directory or file") }
}

pub(super) fn existing_or_stdin(text: &str) -> Result<PathBuf, &'static str> {
    if text == "-" { Ok(PathBuf::from(text)) } else { existing(text) }
}
