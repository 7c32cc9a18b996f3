//! What operators see: logs, metrics, debug views.

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::units;
use crate::observe::{Capture, Captures, LineFormat, SyslogError, SyslogTarget};

/// What operators see.
#[derive(Debug, Clone, Args)]
pub struct ObserveArgs {
    /// Access log, one line for each request. haproxy writes the lines of HAProxy's option httplog; --access-log-format means custom.
    #[arg(
        long,
        value_name = "FORMAT",
        env = "TIDEGATE_ACCESS_LOG",
        default_value = "json",
        requires_if("custom", "access_log_format")
    )]
    pub access_log: AccessLogFormat,

    /// Where the access log goes: stdout, or syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT, syslog:unix:///PATH.
    ///
    /// Behind it may stand ?facility=local0&format=rfc3164&tag=tidegate, here with the defaults; the other format is rfc5424, and
    /// facilities have HAProxy's names. The port is 514 if it is not given. Lines have severity info. Services that get their first
    /// endpoint or lose the last one are told there too, with notice, alert and emerg. Lines that the server does not take are
    /// lost and counted (docs/access-log.md). As HAProxy log.
    #[arg(
        long,
        value_name = "TARGET",
        env = "TIDEGATE_ACCESS_LOG_TO",
        default_value = "stdout",
        value_parser = AccessLogTo::parse
    )]
    pub access_log_to: AccessLogTo,

    /// Header fields of requests that lines of --access-log haproxy show, with commas between. As HAProxy capture request header.
    ///
    /// Of a field that comes more than once the last value is shown. It is cut at LENGTH bytes, default 64; all together may have 1024.
    #[arg(
        long,
        value_name = "NAME[:LENGTH]",
        env = "TIDEGATE_ACCESS_LOG_CAPTURE_REQUEST",
        value_delimiter = ',',
        value_parser = Capture::parse
    )]
    pub access_log_capture_request: Vec<Capture>,

    /// The same of the answers of pods, as the pods sent them. As HAProxy capture response header.
    #[arg(
        long,
        value_name = "NAME[:LENGTH]",
        env = "TIDEGATE_ACCESS_LOG_CAPTURE_RESPONSE",
        value_delimiter = ',',
        value_parser = Capture::parse
    )]
    pub access_log_capture_response: Vec<Capture>,

    /// Form of the lines of the access log, as nginx's log_format: text with variables (docs/access-log.md). Unless --access-log is off.
    ///
    /// ingress-nginx stands for the form of its lines where log-format-upstream is not set. As ingress-nginx log-format-upstream.
    #[arg(long, value_name = "TEXT", env = "TIDEGATE_ACCESS_LOG_FORMAT", value_parser = LineFormat::parse)]
    pub access_log_format: Option<LineFormat>,

    /// How values are written in lines of --access-log-format. As nginx's log_format escape.
    #[arg(
        long,
        value_name = "ESCAPE",
        env = "TIDEGATE_ACCESS_LOG_FORMAT_ESCAPE",
        default_value = "default",
        requires_if("json", "access_log_format"),
        requires_if("none", "access_log_format")
    )]
    pub access_log_format_escape: EscapeChoice,

    /// Form of the program's own log, on standard error.
    #[arg(long, value_name = "FORMAT", env = "TIDEGATE_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Least level of the program's own log: info tells of changes of state, debug of connections, trace of requests.
    #[arg(long, value_name = "LEVEL", env = "TIDEGATE_LOG_LEVEL", default_value = "info")]
    pub log_level: LogLevel,

    /// Whose names metrics have on /metrics besides our own: with ingress-nginx or haproxy the dashboards and alerts made for it go on (docs/metrics.md).
    ///
    /// With ingress-nginx each path, method and status of a request has series of its own, some 60 of them, as there. With haproxy
    /// each endpoint has some 60, of the numbers of --stats, which are counted then.
    #[arg(long, value_name = "NAMES", env = "TIDEGATE_METRICS_COMPAT", default_value = "off")]
    pub metrics_compat: MetricsCompat,

    /// Who is shown /debug/snapshot, /debug/problems, /debug/explain and /debug/connections of the admin address: all tenants' hosts, addresses of pods and clients, and names of Secrets.
    ///
    /// loopback: connections from 127.0.0.0/8 and ::1, as those of kubectl port-forward are. Others get 403;
    /// /healthz, /readyz and /metrics are for everybody.
    #[arg(long, value_name = "WHO", env = "TIDEGATE_DEBUG_VIEWS", default_value = "loopback")]
    pub debug_views: DebugViewsChoice,

    /// Clients that get the header Tidegate-Explanation (route, Service, endpoint) when they send Tidegate-Explain: 1.
    ///
    /// Addresses or CIDR ranges, with commas between; X-Forwarded-For does not count. With --proxy-protocol require it is the
    /// client that the header names; with auto, where clients may write one themselves, that and the connection's other
    /// end must both be in a range. Default: nobody.
    #[arg(
        long,
        value_name = "CIDR",
        env = "TIDEGATE_EXPLAIN_TO",
        value_delimiter = ',',
        value_parser = units::address_range
    )]
    pub explain_to: Vec<IpNet>,
}

/// Whose names metrics have besides our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MetricsCompat {
    /// Nobody's.
    Off,
    /// Those of ingress-nginx.
    IngressNginx,
    /// Those of HAProxy's own exporter.
    Haproxy,
}

/// Who may see the debug views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DebugViewsChoice {
    /// Connections from loopback addresses.
    Loopback,
    /// Whoever reaches the admin address.
    All,
    /// Nobody.
    Off,
}

/// Form of the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AccessLogFormat {
    /// No access log.
    Off,
    /// One JSON object on a line.
    Json,
    /// The Combined Log Format, then host, endpoint, times, attempts, route and request id.
    Common,
    /// HAProxy's HTTP log format (option httplog).
    Haproxy,
    /// That of --access-log-format.
    Custom,
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogTo {
    /// To standard output.
    Stdout,
    /// To a syslog server.
    Syslog(SyslogTarget),
}

impl AccessLogTo {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "stdout" => Ok(Self::Stdout),
            text => SyslogTarget::parse(text).map(Self::Syslog).map_err(|error| match error {
                SyslogError::Scheme => format!("write stdout, or {}", error.to_string().trim_start_matches("write ")),
                error => error.to_string(),
            }),
        }
    }
}

impl ObserveArgs {
    /// Whether the options go together.
    pub(super) fn check(&self) -> Result<(), String> {
        for (option, list) in [
            ("--access-log-capture-request", &self.access_log_capture_request),
            ("--access-log-capture-response", &self.access_log_capture_response),
        ] {
            if list.is_empty() {
                continue;
            }
            if self.access_log != AccessLogFormat::Haproxy || self.access_log_format.is_some() {
                return Err(format!("{option} is for lines of --access-log haproxy alone"));
            }
            Captures::new(list, &[]).map_err(|error| format!("{option}: {error}"))?;
        }
        Ok(())
    }
}

/// How values of the access log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EscapeChoice {
    /// Quotes, backslashes and what is not printable ASCII as \xNN; - for what there is not.
    Default,
    /// As strings of JSON.
    Json,
    /// As they are, but for control characters.
    None,
}

/// Form of the program's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object on a line.
    Json,
}

/// Least level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the usual names")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// The level's name, lower case: what log filters take.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
