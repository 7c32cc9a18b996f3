//! What operators see: metrics, access log, logging.
//!
//! Those who count hold handles that were resolved when a table was built or a shard started; nothing on the data path
//! looks a label up. Knows the model's names and problems, and nothing of routing or proxying.

mod access_log;
mod clock;
mod config_metrics;
mod dns_metrics;
mod document;
mod durations;
mod exposition;
mod families;
mod freshness;
mod http2_metrics;
mod labels;
mod live;
mod log_queue;
pub mod logging;
mod memory_metrics;
mod metrics;
mod nginx;
pub mod panics;
mod process;
mod register;
mod report_metrics;
mod route_metrics;
mod state_log;
mod stream_metrics;
mod syslog;
mod tally;
mod upstream_metrics;

pub use access_log::{
    AccessLog, AccessLogFormat, AnswerCaptures, Capture, CaptureError, Captures, Connections, Course, Details, Entry,
    Facts, LineEscape, LineFormat, LineFormatError, RoutePart, ShardLog, StreamEntry, TlsPart, UpstreamPart,
};
pub use config_metrics::ConfigMetrics;
pub use dns_metrics::DnsMetrics;
pub use document::document;
pub(crate) use exposition::{Exposition, label};
pub use families::{Family, FamilyKind, GROUPS, Group};
pub use freshness::Freshness;
pub use http2_metrics::{Http2Limit, Http2Side};
pub use labels::{Handshake, Listener, Mirrored, PodHandshake, ProxyHeader, Refusal, Relief, Scope, Shed};
pub use metrics::{ListenerMetrics, Metrics, OpenConnection, TableSize};
pub use nginx::{Compat, ConnectionStates, ControllerNames, HostCertificate, RouteDetail, RouteNames, Served};
pub(crate) use process::resident_memory;
pub use report_metrics::{EventWrite, ReportMetrics, StatusWrite};
pub use route_metrics::RouteMetrics;
pub use state_log::{Left, StateLog};
pub use stream_metrics::{DatagramDrop, OpenStream, StreamFailure, StreamMetrics};
pub use syslog::{Facility, SyslogError, SyslogForm, SyslogTarget};
pub use tally::{Count, FlowNumbers, Forgotten, ListenerTally, Span, SpanNumbers, Tally, TallyNumbers};
pub use upstream_metrics::{UpstreamFailure, UpstreamMetrics};
