//! How objects become routes, and who has a say in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::streams::StreamArgs;
use super::units::{self, ServiceRef};
use crate::model::{EditedName, HostPattern, ObjectName};
use crate::translate::annotations::DialectName;

/// How objects become routes: what translation needs to know beside the objects.
#[derive(Debug, Clone, Args)]
pub struct RoutingArgs {
    /// Name of the class that Ingresses ask for with the old annotation kubernetes.io/ingress.class.
    ///
    /// With --ingress-class-lookup false also the name that they ask for with spec.ingressClassName.
    #[arg(long, value_name = "NAME", env = "TIDEGATE_INGRESS_CLASS", default_value = "tidegate")]
    pub ingress_class: String,

    /// Ingresses are ours when their IngressClass has this spec.controller.
    #[arg(
        long,
        value_name = "STRING",
        env = "TIDEGATE_CONTROLLER_NAME",
        default_value = "tidegate.dev/ingress-controller"
    )]
    pub controller_name: String,

    /// Also serve Ingresses that name no class at all.
    #[arg(long, env = "TIDEGATE_WATCH_INGRESS_WITHOUT_CLASS")]
    pub watch_ingress_without_class: bool,

    /// Service that takes requests no rule takes.
    ///
    /// Default: none, such requests are answered with 404. An Ingress with spec.defaultBackend and no rules comes first.
    #[arg(
        long,
        value_name = "NS/SERVICE:PORT",
        env = "TIDEGATE_DEFAULT_BACKEND",
        value_parser = units::service_ref
    )]
    pub default_backend: Option<ServiceRef>,

    /// Whether several namespaces may have rules for one host.
    ///
    /// shared: they may, and of equal paths the oldest counts. namespace: the namespace of the oldest rule for a host, or for
    /// the wildcard above it, owns the host, and rules of others are refused. See docs/security.md.
    #[arg(long, value_name = "MODE", env = "TIDEGATE_HOST_OWNERSHIP", default_value = "shared")]
    pub host_ownership: HostOwnershipChoice,

    /// Owners of hosts with --host-ownership namespace, with commas between: others own what nobody owns here and they are
    /// the first to have a rule for.
    ///
    /// Who owns a wildcard (*.example.com) owns all hosts below it. The host * is that of rules without a host.
    #[arg(
        long,
        value_name = "HOST=NS",
        env = "TIDEGATE_HOST_OWNERS",
        value_delimiter = ',',
        value_parser = units::host_owner
    )]
    pub host_owners: Vec<(HostPattern, Arc<str>)>,

    /// Whether ExternalName Services are served: their names are resolved by the DNS servers of the pod.
    ///
    /// on: whoever may write Services can send the requests of his hosts to any address that the pods reach, in the cluster and
    /// outside of it; loopback, link-local and metadata addresses are refused. off: 503. See docs/security.md.
    #[arg(long, value_name = "MODE", env = "TIDEGATE_EXTERNAL_NAME", default_value = "on")]
    pub external_name: ExternalNameChoice,

    /// Zone of this process: endpoints that the hints of EndpointSlices give to it are preferred to those of other zones.
    ///
    /// A Service has hints with spec.trafficDistribution: PreferSameZone (or PreferClose), or with the annotation
    /// service.kubernetes.io/topology-mode: Auto. Where no sound endpoint is near, the others get requests. See
    /// docs/endpoints.md. Default: unknown, all endpoints are alike.
    #[arg(long, value_name = "ZONE", env = "TIDEGATE_ZONE")]
    pub zone: Option<String>,

    /// Node of this process, for Services with spec.trafficDistribution: PreferSameNode. Default: unknown.
    #[arg(long, value_name = "NAME", env = "TIDEGATE_NODE")]
    pub node: Option<String>,

    /// Dialects of annotations that are read, with commas between. Of two that set the same thing the first wins.
    ///
    /// tidegate.dev is always read and always wins. tidegate.dev alone leaves annotations of ingress-nginx and of haproxytech's
    /// kubernetes-ingress without effect. With a --controller-name of the latter haproxy.org wins over ingress-nginx. See
    /// docs/annotations.md. With --profile ingress-nginx the default leaves out haproxy.org, which ingress-nginx does not read.
    #[arg(
        long,
        value_name = "DIALECT",
        env = "TIDEGATE_DIALECTS",
        value_delimiter = ',',
        default_value = "tidegate.dev,nginx.ingress.kubernetes.io,haproxy.org",
        default_value_if("profile", "ingress-nginx", "tidegate.dev,nginx.ingress.kubernetes.io"),
        value_parser = units::dialect
    )]
    pub dialects: Vec<DialectName>,

    /// Whose defaults hold where neither an option nor an annotation says anything.
    ///
    /// ingress-nginx: bodies of 1 MiB, 5 s to connect, WebSockets that may be silent for 60 s, Strict-Transport-Security over https,
    /// paths of type ImplementationSpecific compared by text, and the header fields that it sends to pods. See
    /// docs/annotations.md.
    #[arg(long, value_name = "PROFILE", env = "TIDEGATE_PROFILE", default_value = "tidegate")]
    pub profile: ProfileChoice,

    /// ConfigMap with the settings of ingress-nginx, followed while the process runs: its keys become the defaults of all Ingresses.
    ///
    /// Annotations and options that are given win over it, and it wins over --profile. See docs/nginx-configmap.md. As
    /// ingress-nginx --configmap. Without that ConfigMap all requests are answered with 503; one that goes while the process runs
    /// holds as it was. Default: none.
    #[arg(long, value_name = "NS/NAME", env = "TIDEGATE_NGINX_CONFIGMAP", value_parser = units::object_name)]
    pub nginx_configmap: Option<ObjectName>,

    /// ConfigMap of haproxytech's kubernetes-ingress, followed while the process runs: its keys become the defaults of all Ingresses.
    ///
    /// Annotations and options that are given win over it. See docs/haproxy-configmap.md. As its --configmap. Without that ConfigMap
    /// all requests are answered with 503; one that goes while the process runs holds as it was. Default: none.
    #[arg(
        long,
        value_name = "NS/NAME",
        env = "TIDEGATE_HAPROXY_CONFIGMAP",
        value_parser = units::object_name,
        conflicts_with = "nginx_configmap"
    )]
    pub haproxy_configmap: Option<ObjectName>,

    /// Options that were given, on the command line or in the environment: their long names.
    #[arg(skip)]
    pub given: BTreeSet<Box<str>>,

    /// Header fields of answers that ConfigMaps of the annotation custom-headers may set, with commas between. Default: none.
    ///
    /// As ingress-nginx global-allowed-response-headers. An Ingress whose ConfigMap sets another one is not served.
    #[arg(
        long,
        value_name = "NAME",
        env = "TIDEGATE_ALLOWED_RESPONSE_HEADERS",
        value_delimiter = ',',
        value_parser = units::edited_name
    )]
    pub allowed_response_headers: Vec<EditedName>,

    /// Whether annotations may name ConfigMaps of other namespaces than that of their Ingress.
    ///
    /// Who may write Ingresses then sees the fields of any ConfigMap that this process may read.
    #[arg(
        long,
        value_name = "BOOL",
        env = "TIDEGATE_CONFIG_MAPS_ACROSS_NAMESPACES",
        default_value_t = false,
        action = clap::ArgAction::Set
    )]
    pub config_maps_across_namespaces: bool,

    /// Whether annotations may name Secrets of other namespaces than that of their Ingress (auth-secret, auth-tls-secret, proxy-ssl-secret).
    ///
    /// Whoever may write Ingresses can then use any Secret that this process may read: to check passwords and certificates of clients,
    /// and to show its certificate to pods. The contents of the Secret are not shown.
    #[arg(
        long,
        value_name = "BOOL",
        env = "TIDEGATE_SECRETS_ACROSS_NAMESPACES",
        default_value_t = false,
        action = clap::ArgAction::Set
    )]
    pub secrets_across_namespaces: bool,

    /// What becomes of snippets of nginx's configuration (annotations configuration-snippet and server-snippet).
    ///
    /// refuse: they have no effect, and those that restrict access close the routes of their Ingress (503). translate: those that
    /// filters can do are done by filters, all of it or nothing; others are refused. See docs/annotations.md.
    #[arg(long, value_name = "MODE", env = "TIDEGATE_NGINX_SNIPPETS", default_value = "refuse")]
    pub nginx_snippets: NginxSnippetsChoice,

    /// What becomes of requests that ModSecurity was to inspect (annotation enable-modsecurity): there is none.
    ///
    /// serve: they are served, and an error is reported. fail: they are answered with 503.
    #[arg(long, value_name = "MODE", env = "TIDEGATE_WAF_MISSING", default_value = "serve")]
    pub waf_missing: WafMissingChoice,

    /// Whether plain HTTP to a host that has TLS is answered with 308 to https.
    ///
    /// The annotation tidegate.dev/ssl-redirect overrides it for one Ingress. As ingress-nginx ssl-redirect.
    #[arg(
        long,
        value_name = "BOOL",
        env = "TIDEGATE_SSL_REDIRECT",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub ssl_redirect: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the group is documented at its type")]
    pub streams: StreamArgs,
}

/// Whether several namespaces may have rules for one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HostOwnershipChoice {
    /// They may.
    Shared,
    /// One namespace owns a host.
    Namespace,
}

/// Whose defaults hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileChoice {
    /// Those of Tidegate.
    Tidegate,
    /// Those of ingress-nginx.
    IngressNginx,
}

/// Whether ExternalName Services are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExternalNameChoice {
    /// They are.
    On,
    /// They are answered with 503.
    Off,
}

/// What becomes of snippets of nginx's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NginxSnippetsChoice {
    /// They are refused.
    Refuse,
    /// Those that filters can do are done by filters.
    Translate,
}

/// What becomes of requests that ModSecurity was to inspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WafMissingChoice {
    /// They are served.
    Serve,
    /// They are answered with 503.
    Fail,
}

impl RoutingArgs {
    /// What no single option can tell: one line.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.nginx_configmap.is_some() && !self.dialects.contains(&DialectName::IngressNginx) {
            return Err("--nginx-configmap needs nginx.ingress.kubernetes.io among --dialects".into());
        }
        if self.haproxy_configmap.is_some() && !self.dialects.contains(&DialectName::Haproxy) {
            return Err("--haproxy-configmap needs haproxy.org among --dialects".into());
        }
        match self.host_ownership {
            HostOwnershipChoice::Shared if !self.host_owners.is_empty() => {
                Err("--host-owners is for --host-ownership namespace only".into())
            }
            HostOwnershipChoice::Shared | HostOwnershipChoice::Namespace => Ok(()),
        }
    }
}

/// Which certificates serve which hosts.
#[derive(Debug, Clone, Args)]
pub struct TlsArgs {
    /// Secret with the certificate for clients that name no host we have a certificate for.
    ///
    /// Default: a self-signed certificate made at start.
    #[arg(long, value_name = "NS/NAME", env = "TIDEGATE_DEFAULT_CERTIFICATE", value_parser = units::object_name)]
    pub default_certificate: Option<ObjectName>,

    /// Namespaces whose TLS entries count for every host, with commas between. Default: none.
    ///
    /// TLS entries of other namespaces count for a host only if they have a rule for it, or if nobody has. For a namespace that
    /// holds certificates, such as one for *.example.com, and whose Ingresses may have no rules at all.
    #[arg(
        long,
        value_name = "NS",
        env = "TIDEGATE_CERTIFICATE_NAMESPACES",
        value_delimiter = ',',
        value_parser = units::namespace
    )]
    pub certificate_namespaces: Vec<Arc<str>>,
}
