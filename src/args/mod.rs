//! The command line: every setting, its unit, its default and where it comes from. The environment is read here only.
//!
//! The structs are plain values in groups; `app` hands each part of the program the group that configures it.

mod container;
mod data_plane;
mod endpoint;
mod interfaces;
mod memory_gauge;
mod migrate;
mod observe;
mod replicas;
mod report;
mod routing;
mod runtime_api;
mod source;
mod stats;
mod streams;
mod units;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::translate::annotations::DialectName;

pub use container::Container;
pub use data_plane::{BalanceChoice, Http2Args, LimitArgs, TimeoutArgs, UpstreamArgs};
pub use endpoint::{EndpointArgs, EndpointOf, EndpointWish};
pub use interfaces::interface_addresses;
pub use memory_gauge::MemoryGauge;
pub use migrate::{MigrateArgs, ReportFormat};
pub use observe::{
    AccessLogFormat, AccessLogTo, DebugViewsChoice, EscapeChoice, LogFormat, LogLevel, MetricsCompat, ObserveArgs,
};
pub use replicas::ReplicaArgs;
pub use report::{Pod, ReportArgs};
pub use routing::{
    ExternalNameChoice, HostOwnershipChoice, NginxSnippetsChoice, ProfileChoice, RoutingArgs, TlsArgs, WafMissingChoice,
};
pub use runtime_api::RuntimeApiArgs;
pub use source::{CertificateArgs, ConfigMapAccess, ManifestArgs, SecretAccess, SourceArgs};
pub use stats::{SocketArgs, StatsArgs};
pub use streams::StreamArgs;
pub use units::{Auto, Bytes, MemoryLimit, ServiceRef};

/// A Kubernetes Ingress controller that is its own proxy.
///
/// Tidegate reads Ingress, IngressClass, Service, EndpointSlice and Secret objects and routes HTTP and HTTPS straight
/// to pod endpoints. It renders no configuration and reloads nothing: a change is compiled and swapped in while
/// traffic flows.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, propagate_version = true, subcommand_required = true, max_term_width = 110)]
// Who adds to the options that a chart sets, overrides them.
#[command(args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve traffic.
    ///
    /// Every option can also be given in the environment, as shown beside it; the command line wins. Of an option given
    /// more than once the last value counts; those that take several, with commas between, take all of them. Durations are
    /// whole numbers with a unit (500ms, 10s, 5m, 1h), sizes are bytes or have a unit (8192, 32KiB, 1MiB).
    /// SIGTERM or SIGINT drains and exits with 0, a second one exits at once; bad options exit with 2.
    Serve(Box<ServeArgs>),
    /// Print every problem of a directory of manifests and exit.
    ///
    /// One line for each: severity, object, field, what is wrong and what to do about it. Exits with 1 if any of them is an
    /// error, with 0 if there are none or only warnings. With --compare-dialects, what changes for each Ingress instead: exits with
    /// 1 if anything does, with 0 if nothing. Opens no sockets.
    Check(CheckArgs),
    /// Tell what would become of a request, and why: Ingress, rule, Service, endpoints, and what comes close.
    ///
    /// With --manifests by a directory of objects, without it by a running process, asked at --admin. Exits with 0 if
    /// the request would be forwarded or redirected, with 1 if it would be answered with an error, with 2 if it cannot
    /// be told.
    Explain(ExplainArgs),
    /// Tell what moving from ingress-nginx comes to, for a cluster or for manifests, and write the values of Tidegate's Helm chart.
    ///
    /// Nothing is installed or changed: a cluster is only listed, with the rights of the kubeconfig. Each Ingress of ingress-nginx works
    /// unchanged, differs, or is refused in part, by the same translation that serve uses; the controller's ConfigMap, flags
    /// and Service are told with what they become here. Exits with 0 if everything works unchanged, with 1 if something
    /// differs, is refused or is not served, or if there is no Ingress of the class, with 2 if it cannot be told or written.
    Migrate(MigrateArgs),
    /// Ask for a URL once and print the status and body of the answer.
    ///
    /// For containers that have nothing else to ask with, as in `helm test` and probes. Exits with 0 if the status is below
    /// 400, with 1 if it is an error, with 2 if there is no answer in 10 s.
    Get(GetArgs),
    /// Send commands to the stats socket of a running process and print the answer.
    ///
    /// For kubectl exec, as the image has no shell. Exits with 0 if there is an answer, whatever it says, with 2 if there is none.
    Socket(SocketArgs),
    /// Drain, maintain or weigh an endpoint of a Service on all replicas, until it is taken back.
    ///
    /// Writes the annotation tidegate.dev/endpoint-overrides of the Service, with the rights of the kubeconfig: get and patch of Services,
    /// list of EndpointSlices. Entries name the pod and its UID; those of pods that are gone are removed. Exits with 0 if it is
    /// as was asked for, with 2 if not.
    Endpoint(EndpointArgs),
}

/// Options of `tidegate serve`.
#[derive(Debug, Clone, Args)]
#[expect(missing_docs, reason = "each group is documented at its type")]
pub struct ServeArgs {
    #[command(flatten, next_help_heading = "Sources")]
    pub source: SourceArgs,
    #[command(flatten, next_help_heading = "Reports")]
    pub report: ReportArgs,
    #[command(flatten, next_help_heading = "Listeners")]
    pub listen: ListenArgs,
    #[command(flatten, next_help_heading = "Routing")]
    pub routing: RoutingArgs,
    #[command(flatten, next_help_heading = "TLS")]
    pub tls: TlsArgs,
    #[command(flatten, next_help_heading = "Limits")]
    pub limits: LimitArgs,
    #[command(flatten, next_help_heading = "HTTP/2")]
    pub http2: Http2Args,
    #[command(flatten, next_help_heading = "Timeouts")]
    pub timeouts: TimeoutArgs,
    #[command(flatten, next_help_heading = "Upstreams")]
    pub upstream: UpstreamArgs,
    #[command(flatten, next_help_heading = "Observability")]
    pub observe: ObserveArgs,
    #[command(flatten, next_help_heading = "Statistics")]
    pub stats: StatsArgs,
    #[command(flatten, next_help_heading = "Run-time API")]
    pub runtime_api: RuntimeApiArgs,
    #[command(flatten, next_help_heading = "Replicas")]
    pub replicas: ReplicaArgs,
    #[command(flatten, next_help_heading = "Life cycle")]
    pub lifecycle: LifecycleArgs,
}

/// Options of `tidegate check`.
#[derive(Debug, Clone, Args)]
#[expect(missing_docs, reason = "each group is documented at its type")]
pub struct CheckArgs {
    #[command(flatten, next_help_heading = "Sources")]
    pub source: ManifestArgs,

    /// Tell what changes for each Ingress when the dialects change from these to those of --dialects, with commas between.
    ///
    /// tidegate stands for tidegate.dev alone: what was in force before annotations of ingress-nginx were read. Added, removed and
    /// changed filters, settings and backends of each route, routes that are answered with 503, and new errors.
    #[arg(
        long,
        value_name = "DIALECT",
        value_delimiter = ',',
        value_parser = units::former_dialect,
        help_heading = "Output"
    )]
    pub compare_dialects: Vec<DialectName>,

    /// Form of the output.
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub output: OutputFormat,

    #[command(flatten, next_help_heading = "Routing")]
    pub routing: RoutingArgs,
    #[command(flatten, next_help_heading = "TLS")]
    pub tls: TlsArgs,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
}

/// Options of `tidegate explain`.
#[derive(Debug, Clone, Args)]
#[expect(missing_docs, reason = "each group is documented at its type")]
pub struct ExplainArgs {
    /// The request's URL. Without a scheme it is http.
    #[arg(value_name = "URL", help_heading = "Request")]
    pub url: String,

    /// A header field of the request. May be given more than once; Host takes the place of the URL's.
    #[arg(short = 'H', long, value_name = "NAME: VALUE", help_heading = "Request")]
    pub header: Vec<String>,

    /// Explain by this directory of Kubernetes objects (or one file, or - for standard input), as `check` reads it. May be given
    /// more than once. Default: ask at --admin.
    #[arg(
        long,
        value_name = "DIR",
        env = "TIDEGATE_MANIFESTS",
        value_parser = source::existing_or_stdin,
        help_heading = "Sources"
    )]
    pub manifests: Vec<PathBuf>,

    #[command(flatten, next_help_heading = "Sources")]
    pub certificates: CertificateArgs,

    /// Admin address of the running process that is asked when there is no --manifests, as ADDR or http://ADDR.
    ///
    /// kubectl port-forward leads to that of a pod. The options for routing and TLS are then those of the process.
    #[arg(
        long,
        value_name = "ADDR",
        env = "TIDEGATE_ADMIN",
        default_value = "http://127.0.0.1:9090",
        value_parser = units::admin_address,
        help_heading = "Sources"
    )]
    pub admin: String,

    #[command(flatten, next_help_heading = "Routing")]
    pub routing: RoutingArgs,
    #[command(flatten, next_help_heading = "TLS")]
    pub tls: TlsArgs,
}

/// Options of `tidegate get`.
#[derive(Debug, Clone, Args)]
pub struct GetArgs {
    /// The URL, which begins with http://.
    #[arg(value_name = "URL", help_heading = "Request")]
    pub url: String,

    /// Where to connect to, instead of the URL's host and port. Without a port it is 80.
    #[arg(long, value_name = "HOST:PORT", help_heading = "Request")]
    pub connect: Option<String>,
}

/// What to listen on.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// Address for plain HTTP: HTTP/1.1, and HTTP/2 by prior knowledge.
    #[arg(long, value_name = "ADDR", env = "TIDEGATE_HTTP", default_value = "[::]:8080")]
    pub http: SocketAddr,

    /// Address for HTTPS: HTTP/1.1 and HTTP/2, chosen by ALPN.
    #[arg(long, value_name = "ADDR", env = "TIDEGATE_HTTPS", default_value = "[::]:8443")]
    pub https: SocketAddr,

    /// Address for /healthz, /readyz, /metrics, /debug/snapshot, /debug/problems, /debug/explain and /debug/connections. Keep it inside the cluster.
    #[arg(long, value_name = "ADDR", env = "TIDEGATE_ADMIN", default_value = "[::]:9090")]
    pub admin: SocketAddr,

    /// Address that answers /healthz and /readyz and nothing else: for the health checks of a load balancer.
    ///
    /// Default: none. Anybody may put a PROXY protocol header in front of the request, as an AWS NLB does to whose targets the protocol is spoken; what it says is not used.
    #[arg(long, value_name = "ADDR", env = "TIDEGATE_HEALTH")]
    pub health: Option<SocketAddr>,

    /// Port by which clients reach the http listener from outside: told in X-Forwarded-Port.
    #[arg(
        long,
        value_name = "PORT",
        env = "TIDEGATE_PUBLIC_HTTP_PORT",
        default_value = "80",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub public_http_port: u16,

    /// Port by which clients reach the https listener from outside: told in X-Forwarded-Port, used in redirects to https.
    #[arg(
        long,
        value_name = "PORT",
        env = "TIDEGATE_PUBLIC_HTTPS_PORT",
        default_value = "443",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub public_https_port: u16,

    /// Peers whose X-Forwarded-* headers are believed and appended to, everyone else's are replaced; and who may speak the PROXY protocol.
    ///
    /// Addresses or CIDR ranges, with commas between. Default: nobody. As nginx set_real_ip_from.
    #[arg(
        long,
        value_name = "CIDR",
        env = "TIDEGATE_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_parser = units::address_range
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// Whether connections to the http and https listeners begin with a PROXY protocol header, version 1 or 2, that names the client.
    ///
    /// auto: those of --trusted-proxies may, and nobody else's is read as one; for changing over. require: all must, and
    /// whoever is not in --trusted-proxies is closed. X-Forwarded-* is believed only if the named client is in
    /// --trusted-proxies. A header has 3s from its first byte. As HAProxy accept-proxy, nginx proxy_protocol.
    #[arg(
        long,
        value_name = "MODE",
        env = "TIDEGATE_PROXY_PROTOCOL",
        default_value = "off",
        requires_ifs = [("auto", "trusted_proxies"), ("require", "trusted_proxies")]
    )]
    pub proxy_protocol: ProxyProtocolMode,

    /// Whether TLS has ended in front of the http listener: its requests count as https.
    ///
    /// They are not redirected to https, and pods are told X-Forwarded-Proto: https and --public-https-port, unless
    /// the X-Forwarded-Proto of a trusted peer says otherwise. For a load balancer that passes on plain TCP.
    #[arg(
        long,
        value_name = "BOOL",
        env = "TIDEGATE_HTTP_STANDS_FOR_HTTPS",
        default_value_t = false,
        action = clap::ArgAction::Set
    )]
    pub http_stands_for_https: bool,
}

/// Whether connections begin with a PROXY protocol header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProxyProtocolMode {
    /// None do.
    Off,
    /// Those of trusted peers may.
    Auto,
    /// All must, and come from trusted peers.
    Require,
}

/// How the process starts and ends.
#[derive(Debug, Clone, Args)]
pub struct LifecycleArgs {
    /// File that the objects last read from the Kubernetes API are kept in, so that a restart serves before the API is reached.
    ///
    /// Holds private keys: put it on a tmpfs (emptyDir with medium: Memory). Written at most every 2 s and at the end, mode
    /// 0600, beside the file first. Default: none. Not with --manifests, whose directory is there at the next start anyway.
    #[arg(long, value_name = "PATH", env = "TIDEGATE_SNAPSHOT_FILE")]
    pub snapshot_file: Option<PathBuf>,

    /// Number of data-plane threads, each with sockets and pools of its own.
    ///
    /// Default: the container's CPU limit rounded up, or without a limit the CPUs of the machine. As nginx worker_processes.
    #[arg(long, value_name = "COUNT", env = "TIDEGATE_WORKERS")]
    pub workers: Option<NonZeroUsize>,

    /// How long new connections are still accepted after SIGTERM, while /readyz already says no.
    ///
    /// Load balancers and kube-proxy need that long to notice. May be 0s.
    #[arg(long, value_name = "DURATION", env = "TIDEGATE_DRAIN_DELAY", default_value = "25s", value_parser = units::duration)]
    pub drain_delay: Duration,

    /// How long requests and tunnels may take to finish after that, before they are cut. May be 0s.
    ///
    /// Give the pod a terminationGracePeriodSeconds above the sum of the two. As HAProxy hard-stop-after.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_DRAIN_TIMEOUT",
        default_value = "120s",
        value_parser = units::duration
    )]
    pub drain_timeout: Duration,
}

impl LifecycleArgs {
    /// Whether the options go together with those of the source.
    fn check(&self, source: &SourceArgs) -> Result<(), String> {
        if self.snapshot_file.is_some() && source.manifests.is_some() {
            return Err("--snapshot-file is for objects of the Kubernetes API: with --manifests the directory itself is there at the next start".into());
        }
        Ok(())
    }
}

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Help or the version was asked for: text for standard output, exit code 0.
    Asked(String),
    /// The options are wrong: one line for standard error, exit code 2.
    Wrong(String),
}

/// Reads a command line, the program's name first, and the environment.
pub fn read<I>(line: I) -> Result<Command, Refusal>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let parsed = Cli::command().try_get_matches_from(line).and_then(|matches| {
        let mut command = Cli::from_arg_matches(&matches)?.command;
        if let Some(routing) = command.routing() {
            routing.given = given(&matches);
        }
        Ok(command)
    });
    let command = parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refusal::Asked(error.render().to_string()),
        _ => Refusal::Wrong(one_line(&error)),
    })?;
    match &command {
        Command::Serve(args) => {
            args.source.check().map_err(Refusal::Wrong)?;
            args.lifecycle.check(&args.source).map_err(Refusal::Wrong)?;
            args.routing.check().map_err(Refusal::Wrong)?;
            args.observe.check().map_err(Refusal::Wrong)?;
            args.runtime_api.check(&args.stats, &args.source).map_err(Refusal::Wrong)?;
        }
        Command::Check(args) => args.routing.check().map_err(Refusal::Wrong)?,
        Command::Explain(args) => args.routing.check().map_err(Refusal::Wrong)?,
        Command::Get(_) | Command::Migrate(_) | Command::Socket(_) | Command::Endpoint(_) => {}
    }
    Ok(command)
}

/// The long names of the options that were given, on the command line or in the environment.
fn given(matches: &clap::ArgMatches) -> BTreeSet<Box<str>> {
    let Some((_, matches)) = matches.subcommand() else { return BTreeSet::new() };
    let is_given = |id: &&str| {
        matches.try_contains_id(id).unwrap_or(false)
            && matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    };
    matches.ids().map(clap::Id::as_str).filter(is_given).map(|id| id.replace('_', "-").into()).collect()
}

impl Command {
    fn routing(&mut self) -> Option<&mut RoutingArgs> {
        match self {
            Self::Serve(args) => Some(&mut args.routing),
            Self::Check(args) => Some(&mut args.routing),
            Self::Explain(args) => Some(&mut args.routing),
            Self::Migrate(_) | Self::Get(_) | Self::Socket(_) | Self::Endpoint(_) => None,
        }
    }
}

fn one_line(error: &clap::Error) -> String {
    let missing = matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::Strings(names)) if names.iter().any(|n| n.starts_with("--manifests")));
    if error.kind() == ErrorKind::MissingRequiredArgument && missing {
        return "--manifests DIR is needed: a directory of Kubernetes objects".into();
    }
    if matches!(error.kind(), ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        return "a command is needed: serve, check, explain, migrate, get, socket or endpoint (try tidegate --help)"
            .into();
    }
    let text = error.render().to_string();
    let said = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let said: Vec<_> = said.filter(|line| !line.is_empty() && !line.starts_with("For more information")).collect();
    let said = said.join("; ");
    format!("{} (try --help)", said.strip_prefix("error: ").unwrap_or(&said))
}

#[cfg(test)]
mod tests;
