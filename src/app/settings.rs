//! From the command line to the settings of each part.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::SystemTime;

use crate::admin::DebugViews;
use crate::args::{
    self, AccessLogTo, Auto, Container, DebugViewsChoice, EscapeChoice, ExternalNameChoice, HostOwnershipChoice,
    Http2Args, LimitArgs, ListenArgs, MemoryLimit, MetricsCompat, NginxSnippetsChoice, Pod, ProfileChoice,
    ProxyProtocolMode, RoutingArgs, ServeArgs, SourceArgs, StreamArgs, TimeoutArgs, TlsArgs, UpstreamArgs,
    WafMissingChoice,
};
use crate::model::{ObjectName, RoutePolicy, RouteTimeouts};
use crate::observe::logging::{self, LogFormat, LoggingError};
use crate::observe::{AccessLog, AccessLogFormat, Captures, Compat, ControllerNames, LineEscape, Metrics};
use crate::proxy::PortSettings;
use crate::proxy::config::{
    ClientLimits, ClientTimeouts, Forwarding, Http2Config, ListenerConfig, Plain, PodConfig, ProxyConfig, ProxyProtocol,
};
use crate::routing::Believed;
use crate::source::api::{self, ClassAccess, ConfigMapAccess, SecretAccess};
use crate::stats::socket::SocketAt;
use crate::translate::annotations::{Choices, DialectName, Dialects, MissingWaf, Snippets};
use crate::translate::{
    ExternalNames, HostOwnership, OwnSockets, Place, Profile, Settings, StreamSettings, VisibleConfigMaps,
    VisibleSecrets,
};

/// Starts the process's log.
pub fn logging(args: &ServeArgs) -> Result<(), LoggingError> {
    let format = match args.observe.log_format {
        args::LogFormat::Json => LogFormat::Json,
        args::LogFormat::Text => LogFormat::Text,
    };
    logging::start(format, args.observe.log_level.as_str())
}

/// Number of shards.
pub(super) fn workers(args: &ServeArgs) -> usize {
    args.lifecycle.workers.unwrap_or_else(|| Container::read().cpus).get()
}

pub(super) fn access_log(args: &ServeArgs) -> AccessLogFormat {
    let escape = match args.observe.access_log_format_escape {
        EscapeChoice::Default => LineEscape::Default,
        EscapeChoice::Json => LineEscape::Json,
        EscapeChoice::None => LineEscape::None,
    };
    match (args.observe.access_log, &args.observe.access_log_format) {
        (args::AccessLogFormat::Off, _) => AccessLogFormat::Off,
        (_, Some(format)) => AccessLogFormat::Lines(format.clone().escaped(escape)),
        (args::AccessLogFormat::Json, None) => AccessLogFormat::Json,
        (args::AccessLogFormat::Common, None) => AccessLogFormat::Common,
        (args::AccessLogFormat::Haproxy, None) => {
            let (request, answer) =
                (&args.observe.access_log_capture_request, &args.observe.access_log_capture_response);
            // The command line was checked.
            AccessLogFormat::Haproxy(Captures::new(request, answer).unwrap_or_default())
        }
        // The command line has a format then.
        (args::AccessLogFormat::Custom, None) => AccessLogFormat::Json,
    }
}

/// Starts the access log.
pub(super) fn start_access_log(args: &ServeArgs, metrics: &Metrics) -> io::Result<AccessLog> {
    let format = access_log(args);
    match &args.observe.access_log_to {
        AccessLogTo::Stdout => AccessLog::start(format, AccessLog::stdout()?, metrics),
        AccessLogTo::Syslog(target) => {
            let target = target.clone().from_host(Pod::machine().as_deref());
            AccessLog::start_syslog(format, &target, metrics)
        }
    }
}

/// The metrics of the process. `election` is the name of the Lease, where somebody is elected.
pub(super) fn metrics(args: &ServeArgs, election: Option<String>) -> Metrics {
    let metrics = metrics_by_names(args, election);
    let is_read = args.stats.are_asked_for() || args.runtime_api.runtime_api.is_some();
    if is_read || in_the_manner_of_haproxy(args) { metrics.with_tallies() } else { metrics }
}

/// Whether /metrics has HAProxy's names.
pub(super) fn in_the_manner_of_haproxy(args: &ServeArgs) -> bool {
    args.observe.metrics_compat == MetricsCompat::Haproxy
}

/// The same by whose names they have.
fn metrics_by_names(args: &ServeArgs, election: Option<String>) -> Metrics {
    let wanted = match (args.observe.metrics_compat, access_log(args)) {
        (MetricsCompat::IngressNginx, _) => Compat::Metrics,
        (MetricsCompat::Off | MetricsCompat::Haproxy, AccessLogFormat::Lines(_)) => Compat::Names,
        (
            MetricsCompat::Off | MetricsCompat::Haproxy,
            AccessLogFormat::Off | AccessLogFormat::Json | AccessLogFormat::Common | AccessLogFormat::Haproxy(_),
        ) => return Metrics::new(),
    };
    let pod = Pod::read();
    let controller = ControllerNames {
        class: args.routing.controller_name.clone(),
        namespace: pod.namespace.unwrap_or_default(),
        pod: pod.name.or(pod.host).unwrap_or_default(),
        election,
    };
    Metrics::new().in_the_manner_of_nginx(wanted, controller)
}

/// Who may see the debug views.
pub(super) fn debug_views(args: &ServeArgs) -> DebugViews {
    match args.observe.debug_views {
        DebugViewsChoice::Loopback => DebugViews::Loopback,
        DebugViewsChoice::All => DebugViews::All,
        DebugViewsChoice::Off => DebugViews::Off,
    }
}

/// What the controllers of classes of haproxytech's kubernetes-ingress begin with.
const HAPROXY_CONTROLLER: &str = "haproxy.org/ingress-controller";

/// The dialects. Where our classes are those of haproxytech's controller its own dialect wins over that of ingress-nginx.
fn dialects(routing: &RoutingArgs) -> Dialects {
    let is_of_haproxy = routing.controller_name.starts_with(HAPROXY_CONTROLLER);
    let is_first = |name: &&DialectName| is_of_haproxy && **name == DialectName::Haproxy;
    let first = routing.dialects.iter().filter(is_first);
    Dialects::new(first.chain(&routing.dialects).copied())
}

/// The settings of translation for `serve`.
pub(super) fn translation(args: &ServeArgs) -> Settings {
    let streams =
        StreamSettings { trusts_proxies: !args.listen.trusted_proxies.is_empty(), ..streams(&args.routing.streams) };
    let settings = Settings {
        own: Arc::new(own_sockets(args)),
        streams: Arc::new(streams),
        self_service: args.replicas.self_service.clone(),
        shared_keys: args.replicas.shared_keys.clone(),
        ..translation_of(&args.routing, &args.tls, policy(args))
    };
    match args.source.manifests {
        Some(_) => settings,
        // The API server applies the default class when an Ingress is created.
        None => Settings {
            default_class_applies: false,
            class_lookup: args.source.ingress_class_lookup,
            secrets: match args.source.secret_access {
                args::SecretAccess::Cluster | args::SecretAccess::Namespaces => VisibleSecrets::Allowed,
                args::SecretAccess::Names => VisibleSecrets::Listed(Arc::new(
                    secret_names(&args.source, &args.tls).chain(&args.replicas.shared_keys).cloned().collect(),
                )),
            },
            config_maps: match args.source.config_map_access {
                args::ConfigMapAccess::Cluster => VisibleConfigMaps::All,
                args::ConfigMapAccess::Namespaces => {
                    let namespaces = config_map_namespaces(&args.source).iter().cloned();
                    VisibleConfigMaps::Namespaces(Arc::new(namespaces.collect()))
                }
                args::ConfigMapAccess::Names => {
                    VisibleConfigMaps::Listed(Arc::new(args.source.config_map_names.iter().cloned().collect()))
                }
            },
            allow_loopback: false,
            ..settings
        },
    }
}

/// Where this process listens. A port that the system chooses is not known yet; nobody runs it so but tests.
fn own_sockets(args: &ServeArgs) -> OwnSockets {
    let ServeArgs { listen, stats, runtime_api, .. } = args;
    let addresses = [
        Some(listen.http),
        Some(listen.https),
        Some(listen.admin),
        listen.health,
        stats.stats,
        runtime_api.runtime_api,
    ];
    let sockets = stats.stats_socket.iter().filter_map(|place| match place.at {
        SocketAt::Tcp(address) => Some(address),
        SocketAt::Unix { .. } => None,
    });
    let ports = addresses.into_iter().flatten().chain(sockets).map(|address| address.port()).filter(|port| *port != 0);
    OwnSockets { addresses: args::interface_addresses(), ports: ports.collect() }
}

/// The settings of the source that reads a Kubernetes API.
pub(super) fn api(serve: &ServeArgs) -> api::Settings {
    let ServeArgs { source: args, tls, routing, replicas, .. } = serve;
    let StreamArgs { tcp_services_configmap, udp_services_configmap, .. } = &routing.streams;
    let of_controllers = routing.nginx_configmap.iter().chain(&routing.haproxy_configmap);
    let of_options = of_controllers.chain(tcp_services_configmap).chain(udp_services_configmap);
    api::Settings {
        signature: None,
        shared_keys: replicas.shared_keys.clone(),
        self_service: replicas.self_service.clone(),
        config_maps_of_options: of_options.cloned().collect(),
        namespaces: args.watch_namespace.clone(),
        classes: if args.ingress_class_lookup { ClassAccess::Listed } else { ClassAccess::None },
        secrets: match args.secret_access {
            args::SecretAccess::Cluster => SecretAccess::Cluster,
            args::SecretAccess::Names => SecretAccess::Names(secret_names(args, tls).cloned().collect()),
            args::SecretAccess::Namespaces if args.secret_namespaces.is_empty() => {
                SecretAccess::Namespaces(args.watch_namespace.clone())
            }
            args::SecretAccess::Namespaces => SecretAccess::Namespaces(args.secret_namespaces.clone()),
        },
        config_maps: match args.config_map_access {
            args::ConfigMapAccess::Cluster => ConfigMapAccess::Cluster,
            args::ConfigMapAccess::Namespaces => ConfigMapAccess::Namespaces(config_map_namespaces(args).to_vec()),
            args::ConfigMapAccess::Names => ConfigMapAccess::Names(args.config_map_names.iter().cloned().collect()),
        },
    }
}

/// The namespaces of ConfigMaps that may be read.
fn config_map_namespaces(args: &SourceArgs) -> &[Arc<str>] {
    if args.config_map_namespaces.is_empty() { &args.watch_namespace } else { &args.config_map_namespaces }
}

/// The Secrets that may be read by name: that of the default certificate is one of them.
fn secret_names<'a>(args: &'a SourceArgs, tls: &'a TlsArgs) -> impl Iterator<Item = &'a ObjectName> {
    args.secret_names.iter().chain(&tls.default_certificate)
}

/// The settings of translation for a directory. `policy` is that of routes whose Ingress asks for nothing else.
pub(super) fn translation_of(routing: &RoutingArgs, tls: &TlsArgs, policy: RoutePolicy) -> Settings {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Settings {
        class: Arc::from(routing.ingress_class.as_str()),
        controller: Arc::from(routing.controller_name.as_str()),
        serve_classless: routing.watch_ingress_without_class,
        // A directory has no API server to apply the default class.
        default_class_applies: true,
        class_lookup: true,
        secrets: VisibleSecrets::All,
        config_maps: VisibleConfigMaps::All,
        config_maps_across_namespaces: routing.config_maps_across_namespaces,
        secrets_across_namespaces: routing.secrets_across_namespaces,
        allowed_response_headers: Arc::new(routing.allowed_response_headers.iter().cloned().collect()),
        default_certificate: tls.default_certificate.clone(),
        default_backend: routing.default_backend.clone().map(|backend| (backend.service, backend.port)),
        host_ownership: match routing.host_ownership {
            HostOwnershipChoice::Shared => HostOwnership::Shared,
            HostOwnershipChoice::Namespace => {
                HostOwnership::Namespace { owners: Arc::new(routing.host_owners.iter().cloned().collect()) }
            }
        },
        self_service: None,
        replicas: NonZeroU32::MIN,
        shared_keys: None,
        certificate_namespaces: tls.certificate_namespaces.iter().cloned().collect(),
        dialects: dialects(routing).with(choices(routing)),
        nginx_config_map: routing.nginx_configmap.clone(),
        haproxy_config_map: routing.haproxy_configmap.clone(),
        given: Arc::new(routing.given.clone()),
        global: None,
        believed: None,
        profile: match routing.profile {
            ProfileChoice::Tidegate => Profile::Tidegate,
            ProfileChoice::IngressNginx => Profile::IngressNginx,
        },
        ssl_redirect: routing.ssl_redirect,
        policy: Arc::new(policy),
        allow_loopback: true,
        external_names: match routing.external_name {
            ExternalNameChoice::On => ExternalNames::Resolved,
            ExternalNameChoice::Off => ExternalNames::Off,
        },
        place: Place {
            zone: routing.zone.as_deref().filter(|zone| !zone.is_empty()).map(Arc::from),
            node: routing.node.as_deref().filter(|node| !node.is_empty()).map(Arc::from),
        },
        own: Arc::default(),
        streams: Arc::new(streams(&routing.streams)),
        now: i64::try_from(now).unwrap_or(i64::MAX),
    }
}

/// Which ports are opened for what is no HTTP.
fn streams(args: &StreamArgs) -> StreamSettings {
    StreamSettings {
        tcp_config_map: args.tcp_services_configmap.clone(),
        udp_config_map: args.udp_services_configmap.clone(),
        allowed_ports: args.allow_ports.clone(),
        namespaces: args.stream_namespaces.iter().cloned().collect(),
        // Without a process nobody says whom it would trust.
        trusts_proxies: true,
    }
}

/// What is done with annotations that nothing here can do.
fn choices(routing: &RoutingArgs) -> Choices {
    Choices {
        snippets: match routing.nginx_snippets {
            NginxSnippetsChoice::Refuse => Snippets::Refused,
            NginxSnippetsChoice::Translate => Snippets::Translated,
        },
        waf: match routing.waf_missing {
            WafMissingChoice::Serve => MissingWaf::Served,
            WafMissingChoice::Fail => MissingWaf::Closed,
        },
    }
}

/// The policy of routes whose Ingress says nothing else.
fn policy(args: &ServeArgs) -> RoutePolicy {
    let ServeArgs { limits, timeouts, upstream, .. } = args;
    RoutePolicy {
        balance: upstream.balance.into(),
        attempts: usize::from(upstream.connect_attempts),
        body_bytes: limits.max_body_bytes.map(|bytes| bytes.0),
        upstream_requests: match upstream.upstream_max_requests {
            Auto::Auto => (connections(limits) / 8 * 7).max(1),
            Auto::Count(count) => count.get(),
        },
        timeouts: RouteTimeouts {
            connect: upstream.connect_timeout,
            response: upstream.response_timeout,
            upload: upstream.response_timeout,
            response_gap: upstream.response_timeout,
            body_gap: timeouts.body_gap_timeout,
            body_rate: timeouts.body_min_rate.0,
            write: timeouts.send_timeout,
            tunnel_idle: timeouts.tunnel_idle_timeout,
            stream_idle: timeouts.stream_idle_timeout,
            udp_session: timeouts.udp_session_timeout,
            ..RouteTimeouts::default()
        },
        ..RoutePolicy::default()
    }
}

/// Most client connections.
fn connections(args: &LimitArgs) -> usize {
    match args.max_connections {
        Auto::Auto => Container::read().connections().get(),
        Auto::Count(count) => count.get(),
    }
}

/// Memory that the process may use, in bytes; `None` is no limit.
pub(super) fn memory_limit(args: &ServeArgs) -> Option<u64> {
    match args.limits.memory_limit {
        MemoryLimit::Auto => Container::read().memory_limit(),
        MemoryLimit::Off => None,
        MemoryLimit::Bytes(bytes) => Some(bytes.0),
    }
}

/// Where ports of streams are bound: where plain HTTP is.
pub(super) fn ports(args: &ServeArgs) -> PortSettings {
    PortSettings {
        address: args.listen.http.ip(),
        own: args::interface_addresses(),
        shards: workers(args),
        keepalive: args.timeouts.tcp_keepalive,
    }
}

/// The settings of the data plane.
pub(super) fn proxy(args: &ServeArgs) -> ProxyConfig {
    let connections = connections(&args.limits);
    ProxyConfig {
        connections,
        pod_connections: Container::read().pod_connections(connections),
        shards: workers(args),
        listener: listener(args),
        pods: pods(&args.upstream),
    }
}

fn listener(args: &ServeArgs) -> ListenerConfig {
    ListenerConfig {
        limits: limits(&args.limits),
        timeouts: timeouts(&args.timeouts),
        http2: http2(&args.http2),
        forwarding: forwarding(&args.listen),
        explain_to: args.observe.explain_to.clone(),
    }
}

fn limits(args: &LimitArgs) -> ClientLimits {
    ClientLimits {
        head_bytes: args.max_head_bytes.as_usize(),
        fields: usize::from(args.max_head_fields),
        target_bytes: args.max_target_bytes.as_usize(),
        requests_per_connection: u64::from(args.max_requests_per_connection.get()),
    }
}

fn timeouts(args: &TimeoutArgs) -> ClientTimeouts {
    ClientTimeouts {
        head: args.head_timeout,
        handshake: args.handshake_timeout,
        idle: args.idle_timeout,
        body_gap: args.body_gap_timeout,
        body_rate: args.body_min_rate.0,
        write: args.send_timeout,
    }
}

fn http2(args: &Http2Args) -> Http2Config {
    let window = |bytes: args::Bytes| u32::try_from(bytes.0).unwrap_or(u32::MAX);
    Http2Config {
        streams: args.h2_max_streams,
        head_bytes: args.h2_max_head_bytes.map(args::Bytes::as_usize),
        heads_memory: args.h2_max_heads_memory.map_or_else(|| Container::read().heads_memory(), |bytes| bytes.0),
        stream_window: window(args.h2_stream_window),
        connection_window: window(args.h2_connection_window),
        pending_resets: args.h2_max_pending_resets.get() as usize,
        local_resets: args.h2_max_local_resets.get() as usize,
        websocket: args.h2_websocket,
        age: args.h2_max_age,
    }
}

fn pods(args: &UpstreamArgs) -> PodConfig {
    PodConfig { idle: args.upstream_idle_timeout, stall: args.response_timeout }
}

fn forwarding(args: &ListenArgs) -> Forwarding {
    Forwarding {
        trusted: args.trusted_proxies.clone(),
        believed: Believed::default(),
        http_port: args.public_http_port,
        https_port: args.public_https_port,
        proxy_protocol: match args.proxy_protocol {
            ProxyProtocolMode::Off => ProxyProtocol::Off,
            ProxyProtocolMode::Auto => ProxyProtocol::Auto,
            ProxyProtocolMode::Require => ProxyProtocol::Require,
        },
        plain: if args.http_stands_for_https { Plain::Https } else { Plain::Http },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Command;

    #[test]
    fn ports_of_our_own_are_those_of_statistics_too() {
        let line = [
            "tidegate",
            "serve",
            "--manifests",
            "/",
            "--health=[::]:8081",
            "--stats=[::]:8404",
            "--stats-socket=127.0.0.1:9999",
            "--stats-socket=/run/s.sock",
        ];
        let Ok(Command::Serve(args)) = args::read(line) else { panic!("these are options of serve") };
        assert_eq!(own_sockets(&args).ports, [8080, 8443, 9090, 8081, 8404, 9999].into_iter().collect());
    }
}
