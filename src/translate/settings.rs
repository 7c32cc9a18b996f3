//! What the command line says about translation.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::model::{EditedName, HostPattern, Networks, ObjectName, PortRef, RoutePolicy, Transport};

use super::annotations::Dialects;
use super::global::Global;

/// Settings that hold for all objects. Constant while the process runs, except for the time and what ingress-nginx's ConfigMap says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The class name that the annotation `kubernetes.io/ingress.class` must give. Default `tidegate`; `--ingress-class`.
    pub class: Arc<str>,
    /// The `spec.controller` of the IngressClasses we serve. Default `tidegate.dev/ingress-controller`; `--controller-name`.
    pub controller: Arc<str>,
    /// Whether Ingresses without any class are served. Default false; `--watch-ingress-without-class`.
    pub serve_classless: bool,
    /// Whether Ingresses without any class belong to an IngressClass of ours that is marked as default. An API server
    /// fills the class in at creation; for manifests nobody does. Default false; true with `--manifests`.
    pub default_class_applies: bool,
    /// Whether IngressClass objects are read. If not, an Ingress is ours when it names `class`, by field or annotation.
    /// Default true; `--ingress-class-lookup`.
    pub class_lookup: bool,
    /// Which Secrets we may read. Default all; `--secret-access`.
    pub secrets: VisibleSecrets,
    /// Whether annotations may name Secrets of other namespaces. Default false; `--secrets-across-namespaces`.
    pub secrets_across_namespaces: bool,
    /// Which ConfigMaps we may read. Default all; `--config-map-access`.
    pub config_maps: VisibleConfigMaps,
    /// Whether annotations may name ConfigMaps of other namespaces. Default false; `--config-maps-across-namespaces`.
    pub config_maps_across_namespaces: bool,
    /// The fields that ConfigMaps of the annotation `custom-headers` may set. Default none; `--allowed-response-headers`.
    pub allowed_response_headers: Arc<BTreeSet<EditedName>>,
    /// The Secret that serves TLS clients who name no host we have a certificate for. `--default-certificate`.
    pub default_certificate: Option<ObjectName>,
    /// What takes requests that nothing matches, unless an Ingress claims them. `--default-backend`.
    pub default_backend: Option<(ObjectName, PortRef)>,
    /// The Service of this installation, whose endpoints are its replicas. Default none; `--self-service`.
    pub self_service: Option<ObjectName>,
    /// By what limits are divided that are meant for all replicas together. Default 1; moved on by `Input`.
    pub replicas: NonZeroU32,
    /// The Secret with keys that replicas share. Default none; `--shared-keys`.
    pub shared_keys: Option<ObjectName>,
    /// Whether several namespaces may have rules for one host. Default shared; `--host-ownership`.
    pub host_ownership: HostOwnership,
    /// Namespaces whose TLS entries count for every host. Default none; `--certificate-namespaces`.
    pub certificate_namespaces: BTreeSet<Arc<str>>,
    /// The dialects of annotations that are in force. Default all; `--dialects`.
    pub dialects: Dialects,
    /// ingress-nginx's own ConfigMap, which wins over the profile. Default none; `--nginx-configmap`.
    pub nginx_config_map: Option<ObjectName>,
    /// The ConfigMap of haproxytech's controller, where there is none of ingress-nginx. Default none; `--haproxy-configmap`.
    pub haproxy_config_map: Option<ObjectName>,
    /// The options that were given, without the hyphens in front. They win over that ConfigMap.
    pub given: Arc<BTreeSet<Box<str>>>,
    /// What holds for all routes; `None`: what the profile says. That ConfigMap sets it.
    pub global: Option<Arc<Global>>,
    /// Whose `X-Forwarded-` fields are believed besides those of `--trusted-proxies`. That ConfigMap sets it.
    pub believed: Option<Arc<Networks>>,
    /// Whose defaults hold. Default ours; `--profile`.
    pub profile: Profile,
    /// Whether plain HTTP is sent to https where the host has TLS. Default true; `--ssl-redirect`.
    pub ssl_redirect: bool,
    /// The policy of routes whose Ingress says nothing else. Made from the command line once, and shared by them.
    pub policy: Arc<RoutePolicy>,
    /// Whether endpoints may have loopback addresses. Default false; true with `--manifests`.
    pub allow_loopback: bool,
    /// Whether ExternalName Services are served. Default on; `--external-name`.
    pub external_names: ExternalNames,
    /// Where this process runs, for the hints of EndpointSlices. Default nowhere: hints are not looked at; `--zone`, `--node`.
    pub place: Place,
    /// Where we listen ourselves: external names never lead there. Default unknown.
    pub own: Arc<OwnSockets>,
    /// Which ports are opened for what is no HTTP.
    pub streams: Arc<StreamSettings>,
    /// The time at which certificates are judged, in seconds since the Unix epoch. Moved on by `Input::advance`.
    pub now: i64,
}

/// Where this process runs, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The zone: label `topology.kubernetes.io/zone` of its node.
    pub zone: Option<Arc<str>>,
    /// The name of the node.
    pub node: Option<Arc<str>>,
}

/// Whose defaults hold where neither an option nor an annotation says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Ours.
    #[default]
    Tidegate,
    /// Those of ingress-nginx.
    IngressNginx,
}

/// Whether several namespaces may have rules for one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostOwnership {
    /// They may; of equal paths the oldest counts.
    Shared,
    /// One namespace owns a host.
    Namespace {
        /// The owners of hosts that do not go to who comes first; that of a wildcard owns all hosts below it too.
        /// `--host-owners`.
        owners: Arc<BTreeMap<HostPattern, Arc<str>>>,
    },
}

/// What is done with ExternalName Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalNames {
    /// Their names are resolved, and requests go to the addresses.
    Resolved,
    /// They are not served.
    Off,
}

/// The sockets that this process listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnSockets {
    /// The addresses of our network interfaces.
    pub addresses: BTreeSet<IpAddr>,
    /// Our ports, on any of them.
    pub ports: BTreeSet<u16>,
}

/// Which ports are opened for what is no HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamSettings {
    /// The ConfigMap with ports for TCP. Default none; `--tcp-services-configmap`.
    pub tcp_config_map: Option<ObjectName>,
    /// The ConfigMap with ports for UDP. Default none; `--udp-services-configmap`.
    pub udp_config_map: Option<ObjectName>,
    /// The ports that annotations may open. Those ConfigMaps may open any. Default none; `--allow-ports`.
    pub allowed_ports: Vec<RangeInclusive<u16>>,
    /// The namespaces whose annotations may. Default, where it is empty, all; `--stream-namespaces`.
    pub namespaces: BTreeSet<Arc<str>>,
    /// Whether anybody is trusted to send headers of the PROXY protocol. `--trusted-proxies`.
    pub trusts_proxies: bool,
}

impl StreamSettings {
    /// The ConfigMaps, each with what its ports are for.
    pub fn config_maps(&self) -> impl Iterator<Item = (&ObjectName, Transport)> {
        let tcp = self.tcp_config_map.iter().map(|name| (name, Transport::Tcp));
        tcp.chain(self.udp_config_map.iter().map(|name| (name, Transport::Udp)))
    }

    /// Whether this is one of them.
    pub fn names(&self, config_map: &ObjectName) -> bool {
        self.config_maps().any(|(name, _)| name == config_map)
    }
}

/// Which Secrets we may read. Others may exist nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VisibleSecrets {
    /// All: from a directory.
    All,
    /// Those of type `kubernetes.io/tls`, and those that annotations name, that our role may read: from a Kubernetes API.
    Allowed,
    /// Of these names those that our role may read: from a Kubernetes API, by name. `--secret-names` and
    /// `--default-certificate`.
    Listed(Arc<BTreeSet<ObjectName>>),
}

/// Which ConfigMaps we may read. Others may exist nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VisibleConfigMaps {
    /// All: from a directory, or with a role for all namespaces.
    All,
    /// Those of these namespaces.
    Namespaces(Arc<BTreeSet<Arc<str>>>),
    /// These: `--config-map-names`.
    Listed(Arc<BTreeSet<ObjectName>>),
}

impl VisibleConfigMaps {
    /// Whether this one may be read.
    pub(crate) fn has(&self, name: &ObjectName) -> bool {
        match self {
            Self::All => true,
            Self::Namespaces(namespaces) => namespaces.contains(&name.namespace),
            Self::Listed(listed) => listed.contains(name),
        }
    }
}

impl Settings {
    /// The ConfigMap of another controller that is followed, of whichever.
    pub fn config_map(&self) -> Option<&ObjectName> {
        self.nginx_config_map.as_ref().or(self.haproxy_config_map.as_ref())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            class: "tidegate".into(),
            controller: "tidegate.dev/ingress-controller".into(),
            serve_classless: false,
            default_class_applies: false,
            class_lookup: true,
            secrets: VisibleSecrets::All,
            config_maps: VisibleConfigMaps::All,
            secrets_across_namespaces: false,
            config_maps_across_namespaces: false,
            allowed_response_headers: Arc::default(),
            default_certificate: None,
            default_backend: None,
            self_service: None,
            replicas: NonZeroU32::MIN,
            shared_keys: None,
            host_ownership: HostOwnership::Shared,
            certificate_namespaces: BTreeSet::new(),
            dialects: Dialects::default(),
            nginx_config_map: None,
            haproxy_config_map: None,
            given: Arc::default(),
            global: None,
            believed: None,
            profile: Profile::default(),
            ssl_redirect: true,
            policy: Arc::default(),
            allow_loopback: false,
            external_names: ExternalNames::Resolved,
            place: Place::default(),
            own: Arc::default(),
            streams: Arc::default(),
            now: 0,
        }
    }
}
