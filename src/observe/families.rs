//! The definition of every metric family: the one list that registration, the text output and `docs/metrics.md` share.
//!
//! Labels come from configured objects or from closed sets, never from what clients send.

/// What a family counts or shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows, starts at zero with the process (or with the object it belongs to).
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by upper bound.
    Histogram,
}

impl FamilyKind {
    /// The name of the type in the text format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Full name, with prefix and unit.
    pub name: &'static str,
    /// Its type.
    pub kind: FamilyKind,
    /// Names of its labels, in the order of their values.
    pub labels: &'static [&'static str],
    /// What it means, one sentence without a final full stop.
    pub meaning: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Family {
    Family { name, kind: FamilyKind::Counter, labels, meaning }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Family {
    Family { name, kind: FamilyKind::Gauge, labels, meaning }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Family {
    Family { name, kind: FamilyKind::Histogram, labels, meaning }
}

const ROUTE: &[&str] = &["namespace", "ingress", "service"];
const UPSTREAM: &[&str] = &["namespace", "service", "port"];

pub(crate) const REQUESTS: Family = counter(
    "tidegate_requests_total",
    &["namespace", "ingress", "service", "code"],
    "Requests answered, by status code: exactly for the usual ones (`200`, `404`, `503`), by class for others (`4xx`), `499` when the client left before an answer, `none` when there was none otherwise; `code=~\"5..\"` takes all server errors",
);
pub(crate) const REQUEST_DURATION: Family = histogram(
    "tidegate_request_duration_seconds",
    ROUTE,
    "Time from the first byte of a request's head to the last byte of its answer",
);
pub(crate) const REQUEST_BYTES: Family =
    counter("tidegate_request_bytes_total", ROUTE, "Bytes of requests received: heads that could be read, and bodies");
pub(crate) const RESPONSE_BYTES: Family =
    counter("tidegate_response_bytes_total", ROUTE, "Bytes of answers sent: bodies, without heads and framing");
pub(crate) const REQUESTS_REFUSED: Family =
    counter("tidegate_requests_refused_total", &["reason"], "Requests refused before a route was looked up");
pub(crate) const FILTER_ANSWERS: Family = counter(
    "tidegate_filter_answers_total",
    &["filter"],
    "Requests that a filter of their route answered: a redirect, or a refusal (`rules`, `limits`, `sources`, `auth`)",
);
pub(crate) const MIRRORED: Family = counter(
    "tidegate_mirrored_requests_total",
    &["result"],
    "Copies of requests for `mirror-target`: `answered`, `failed`, or `dropped` as too many were under way or the body was too long or broke off",
);
pub(crate) const CLIENTS_FORGOTTEN: Family = counter(
    "tidegate_limit_clients_forgotten_total",
    &[],
    "Clients of rate limits whose requests were forgotten for those of others, for want of room",
);

pub(crate) const UPSTREAM_ATTEMPTS: Family = counter(
    "tidegate_upstream_attempts_total",
    UPSTREAM,
    "Attempts to pass a request to an endpoint; a retried request counts several times",
);
pub(crate) const UPSTREAM_FAILURES: Family = counter(
    "tidegate_upstream_failures_total",
    &["namespace", "service", "port", "reason"],
    "Attempts that failed; a reason appears with its first failure",
);
pub(crate) const UPSTREAM_WAITING: Family =
    gauge("tidegate_upstream_queue_requests", UPSTREAM, "Requests that wait for an endpoint that is not full");
pub(crate) const UPSTREAM_QUEUED: Family =
    counter("tidegate_upstream_queued_total", UPSTREAM, "Requests that have waited for an endpoint that is not full");
pub(crate) const UPSTREAM_EJECTIONS: Family = counter(
    "tidegate_upstream_ejections_total",
    UPSTREAM,
    "Times that endpoints were left out because they failed too often",
);
pub(crate) const UPSTREAM_DOWN: Family =
    gauge("tidegate_upstream_endpoints_down", UPSTREAM, "Endpoints that are down by their health checks");
pub(crate) const UPSTREAM_CHECKS: Family = counter(
    "tidegate_upstream_checks_total",
    &["namespace", "service", "port", "result"],
    "Health checks of endpoints: `good` or `bad`",
);
pub(crate) const UPSTREAM_RETRIES: Family =
    counter("tidegate_upstream_retries_total", UPSTREAM, "Attempts made because an earlier one failed");
pub(crate) const UPSTREAM_CONNECTS: Family =
    counter("tidegate_upstream_connections_total", UPSTREAM, "Connections opened to endpoints");
pub(crate) const UPSTREAM_HANDSHAKES: Family = counter(
    "tidegate_upstream_tls_handshakes_total",
    &["namespace", "service", "port", "result"],
    "TLS handshakes with endpoints: `ok` in full, `resumed` with the keys of an earlier session, others failed: \
     `timeout`, `closed` by the endpoint, `not_tls` for an answer that is no TLS, `certificate` that was refused, \
     `refused` by the endpoint, `failed` otherwise; a result appears with its first handshake",
);
pub(crate) const UPSTREAM_HEAD: Family = histogram(
    "tidegate_upstream_response_head_seconds",
    UPSTREAM,
    "Time from when a connection had the request to the complete response head",
);
pub(crate) const UPSTREAM_ENDPOINTS: Family =
    gauge("tidegate_upstream_endpoints", UPSTREAM, "Endpoints that requests can go to now");
pub(crate) const UPSTREAM_IDLE: Family = gauge(
    "tidegate_upstream_idle_connections",
    &[],
    "HTTP/1 connections to endpoints kept open for the next request, as counted once a second",
);

pub(crate) const PASSWORDS: Family = counter(
    "tidegate_passwords_total",
    &["answer"],
    "Names with passwords that requests gave where annotations ask for them: `right`, `wrong`, or not looked at, as too many \
     others waited or the answer took too long (`busy`, 503) or the client was wrong too often (`limited`, 429)",
);

pub(crate) const CONNECTIONS_OPEN: Family =
    gauge("tidegate_connections_open", &["listener"], "Client connections open now");
pub(crate) const CONNECTIONS: Family =
    counter("tidegate_connections_total", &["listener"], "Client connections accepted");
pub(crate) const CONNECTIONS_SHED: Family = counter(
    "tidegate_connections_shed_total",
    &["reason"],
    "Client connections closed in favour of others: without a request at `--max-connections` (`limit`), without a request \
     (`memory_idle`) or with one that did not go on (`memory_stalled`) as memory ran short, or within a handshake as too \
     many were under way (`handshakes`)",
);
pub(crate) const PROXY_PROTOCOL: Family = counter(
    "tidegate_proxy_protocol_total",
    &["listener", "result"],
    "Client connections that might or had to begin with a PROXY protocol header, by what came of it: `v1`, `v2` and \
     `local` had one, `absent` was served without, all others were closed",
);
pub(crate) const HTTP2_LIMITS: Family = counter(
    "tidegate_http2_limits_total",
    &["side", "limit"],
    "Times that an HTTP/2 peer, a `client` or a `pod`, went beyond a limit: [http2.md](http2.md#limits) tells what each \
     is and what follows; `protocol` is any other broken rule",
);
pub(crate) const TLS_HANDSHAKES: Family = counter(
    "tidegate_tls_handshakes_total",
    &["result", "version"],
    "TLS handshakes with clients; `version` is `none` unless they succeeded",
);
pub(crate) const TLS_HANDSHAKE_DURATION: Family =
    histogram("tidegate_tls_handshake_duration_seconds", &[], "Time of successful TLS handshakes with clients");

const STREAM: &[&str] = &["transport", "port"];

pub(crate) const STREAM_CONNECTIONS: Family = counter(
    "tidegate_stream_connections_total",
    STREAM,
    "Connections accepted; with `udp` clients that began to send datagrams",
);
pub(crate) const STREAM_OPEN: Family = gauge(
    "tidegate_stream_connections_open",
    STREAM,
    "Connections open now; with `udp` clients that sent or got a datagram lately",
);
pub(crate) const STREAM_RECEIVED: Family =
    counter("tidegate_stream_received_bytes_total", STREAM, "Bytes that clients have sent");
pub(crate) const STREAM_SENT: Family =
    counter("tidegate_stream_sent_bytes_total", STREAM, "Bytes that were sent to clients");
pub(crate) const STREAM_FAILURES: Family = counter(
    "tidegate_stream_failures_total",
    &["transport", "port", "reason"],
    "Connections that came to nothing, or ended otherwise than by both sides: `proxy_header`, `no_stream`, `no_endpoint`, `full`, \
     `connect_refused`, `connect_timeout`, `connect_other`, broken off by the client (`client_reset`) or the pod (`pod_reset`), `idle`, \
     refused or, with `udp`, forgotten because there were too many (`limit`); a reason appears with its first failure",
);
pub(crate) const STREAM_DROPPED: Family = counter(
    "tidegate_stream_datagrams_dropped_total",
    &["transport", "port", "reason"],
    "Datagrams dropped: `too_many_clients`, `memory` where it was short and the client new, `no_endpoint`, or `socket` where the \
     system took them not; a reason appears with its first drop",
);
pub(crate) const STREAM_PORTS: Family = gauge(
    "tidegate_stream_ports",
    &["state"],
    "Ports of streams: `open`, or `unavailable` where the system does not give them",
);

pub(crate) const TABLE_BUILDS: Family =
    counter("tidegate_table_builds_total", &["scope"], "Routing tables published: built in full or by changed units");
pub(crate) const TABLE_BUILD_DURATION: Family = histogram(
    "tidegate_table_build_duration_seconds",
    &[],
    "Time from taking a batch of changes to the published routing table",
);
pub(crate) const TABLE_HOSTS: Family = gauge("tidegate_table_hosts", &[], "Hosts in the published routing table");
pub(crate) const TABLE_ROUTES: Family = gauge("tidegate_table_routes", &[], "Routes in the published routing table");
pub(crate) const TABLE_UPSTREAMS: Family =
    gauge("tidegate_table_upstreams", &[], "Upstreams that the published routing table forwards to");
pub(crate) const CONFIG_CHANGED: Family = gauge(
    "tidegate_config_last_change_timestamp_seconds",
    &[],
    "Unix time of the last published change to the routing table; 0 before the first",
);
pub(crate) const CHANGES: Family = counter(
    "tidegate_changes_total",
    &["kind"],
    "Objects that arrived, changed or went, as sources told; those there at the start count too",
);
pub(crate) const PROPAGATION: Family = histogram(
    "tidegate_propagation_seconds",
    &["kind"],
    "Time from when a change was seen to when all traffic follows it; changes after the start that had an effect only",
);
pub(crate) const CONFIG_AGE: Family = gauge(
    "tidegate_config_age_seconds",
    &[],
    "Time since the configuration was last known to be current: 0 while all kinds of objects are followed, else since \
     the first of them was last heard of; with saved objects in use, since these were current",
);
pub(crate) const REPLICAS: Family = gauge(
    "tidegate_replicas_ready",
    &[],
    "Replicas of this installation that are ready, this one among them once it is, by the EndpointSlices of `--self-service`; 0 without that option",
);
pub(crate) const SNAPSHOT_IN_USE: Family = gauge(
    "tidegate_snapshot_in_use",
    &[],
    "1 while saved objects are served because not everything was read from the API server yet",
);
pub(crate) const SNAPSHOT_WRITTEN: Family = gauge(
    "tidegate_snapshot_written_timestamp_seconds",
    &[],
    "Unix time at which this process last saved its objects; 0 before the first",
);
pub(crate) const SNAPSHOT_BYTES: Family =
    gauge("tidegate_snapshot_bytes", &[], "Size of the file of saved objects as last written or read");
pub(crate) const SNAPSHOT_ERRORS: Family =
    counter("tidegate_snapshot_write_errors_total", &[], "Attempts to save the objects that failed");
pub(crate) const SNAPSHOT_REJECTED: Family = counter(
    "tidegate_snapshot_rejected_total",
    &["reason"],
    "Files of saved objects found at the start that were not used; a reason appears with its first file",
);
pub(crate) const PROBLEMS: Family =
    gauge("tidegate_problems", &["code", "severity"], "Findings about configured objects that stand now");
pub(crate) const CERTIFICATE_EXPIRY: Family = gauge(
    "tidegate_certificate_expiry_timestamp_seconds",
    &["namespace", "secret"],
    "Unix time at which a certificate that is served expires",
);

pub(crate) const DNS_LOOKUPS: Family = counter(
    "tidegate_dns_lookups_total",
    &["result"],
    "Look-ups of external names: `ok`, `no_such_name` (NXDOMAIN), `no_address`, `server_failure` (SERVFAIL), `refused`, \
     `timeout`, `unreachable`, `malformed`, `no_server` in `resolv.conf`; `too_many_names` counts names that are not looked up, as there are too many",
);
pub(crate) const DNS_NAMES: Family = gauge(
    "tidegate_dns_names",
    &[],
    "External names that are followed: those of ExternalName Services that are routed to",
);
pub(crate) const DNS_LAST_ANSWER: Family = gauge(
    "tidegate_dns_last_answer_timestamp_seconds",
    &[],
    "Unix time at which DNS last gave the addresses of an external name; 0 before the first",
);

pub(crate) const LEADER: Family =
    gauge("tidegate_leader", &[], "Whether this process holds the Lease and so writes status and Events: 1 or 0");
pub(crate) const STATUS_WRITES: Family = counter(
    "tidegate_status_writes_total",
    &["result"],
    "Writes of an Ingress's status by how they ended; `unchanged` found the addresses there already",
);
pub(crate) const EVENTS_WRITTEN: Family = counter(
    "tidegate_events_written_total",
    &["result"],
    "Events about problems by what became of them; `dropped` ones were over a limit",
);

pub(crate) const ACCESS_LOG_LINES: Family = counter("tidegate_access_log_lines_total", &[], "Access log lines written");
pub(crate) const ACCESS_LOG_DROPPED: Family = counter(
    "tidegate_access_log_dropped_total",
    &[],
    "Access log lines, and changes of state, lost because the output did not keep up or was away",
);

pub(crate) const WATCH_CONNECTED: Family = gauge(
    "tidegate_watch_connected",
    &["kind"],
    "Whether all objects of the kind are followed at present (1) or changes are being missed (0)",
);
pub(crate) const WATCH_EVENTS: Family = counter(
    "tidegate_watch_events_total",
    &["kind"],
    "Objects that came, changed or went, and objects that were listed again",
);
pub(crate) const WATCH_ERRORS: Family = counter(
    "tidegate_watch_errors_total",
    &["kind", "reason"],
    "Failures to list or watch the kind; a reason appears with its first failure",
);
pub(crate) const WATCH_RELISTS: Family = counter(
    "tidegate_watch_relists_total",
    &["kind"],
    "Lists of the kind after the first one: the server had forgotten where the watch was, sent what cannot \
     be right, or was silent",
);

pub(crate) const MEMORY_LIMIT: Family =
    gauge("tidegate_memory_limit_bytes", &[], "Memory that the process may use (`--memory-limit`); 0 is no limit");
pub(crate) const MEMORY_USED: Family = gauge(
    "tidegate_memory_used_bytes",
    &[],
    "Memory in use as the system counts it against the limit, with what connections took since it was asked",
);
pub(crate) const MEMORY_RELIEF: Family = gauge(
    "tidegate_memory_relief",
    &[],
    "What is done to save memory now: 0 nothing, 1 buffers are freed, 2 idle connections are closed, 3 streams are refused, \
     4 new connections wait",
);
pub(crate) const MEMORY_RELIEFS: Family = counter(
    "tidegate_memory_reliefs_total",
    &["step"],
    "How often each was begun: `free_buffers`, `close_idle`, `refuse_streams`, `refuse_connections`",
);
pub(crate) const LOG_LOST: Family = counter(
    "tidegate_log_lines_lost_total",
    &[],
    "Lines of the process's own log lost because the output did not keep up",
);
pub(crate) const PANICS: Family = counter(
    "tidegate_panics_total",
    &[],
    "Panics, each a defect that ended a task (a connection, mostly) and nothing else",
);
pub(crate) const BUILD: Family =
    gauge("tidegate_build_info", &["version"], "Always 1; the label tells the version that runs");
pub(crate) const PROCESS_CPU: Family =
    counter("process_cpu_seconds_total", &[], "CPU time of the process, user and system");
pub(crate) const PROCESS_OPEN_FDS: Family = gauge("process_open_fds", &[], "File descriptors open");
pub(crate) const PROCESS_MAX_FDS: Family =
    gauge("process_max_fds", &[], "File descriptors that may be open (soft limit)");
pub(crate) const PROCESS_RESIDENT: Family = gauge("process_resident_memory_bytes", &[], "Resident memory");
pub(crate) const PROCESS_VIRTUAL: Family = gauge("process_virtual_memory_bytes", &[], "Virtual memory");
pub(crate) const PROCESS_THREADS: Family = gauge("process_threads", &[], "Threads");
pub(crate) const PROCESS_START: Family = gauge("process_start_time_seconds", &[], "Unix time of the start");

/// Families that belong together, for the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Heading.
    pub title: &'static str,
    /// What holds for all of them; may be empty.
    pub note: &'static str,
    /// The families, in the order they are documented.
    pub families: &'static [Family],
}

/// Every family there is.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Requests",
        note: "One set of series for each Service that an Ingress routes to, from its first request until the last \
               route to it is gone. Requests that no route took are counted under `_none`; should there be more than \
               50,000 sets, the rest share `_more`.",
        families: &[
            REQUESTS,
            REQUEST_DURATION,
            REQUEST_BYTES,
            RESPONSE_BYTES,
            REQUESTS_REFUSED,
            FILTER_ANSWERS,
            MIRRORED,
            PASSWORDS,
        ],
    },
    Group {
        title: "Upstreams",
        note: "One set of series for each Service port that is routed to, for as long as it is.",
        families: &[
            UPSTREAM_ATTEMPTS,
            UPSTREAM_FAILURES,
            UPSTREAM_RETRIES,
            UPSTREAM_WAITING,
            UPSTREAM_QUEUED,
            UPSTREAM_EJECTIONS,
            UPSTREAM_CHECKS,
            UPSTREAM_DOWN,
            UPSTREAM_CONNECTS,
            UPSTREAM_HANDSHAKES,
            UPSTREAM_HEAD,
            UPSTREAM_ENDPOINTS,
            UPSTREAM_IDLE,
        ],
    },
    Group {
        title: "Connections and TLS",
        note: "",
        families: &[
            CONNECTIONS_OPEN,
            CONNECTIONS,
            CONNECTIONS_SHED,
            PROXY_PROTOCOL,
            HTTP2_LIMITS,
            TLS_HANDSHAKES,
            TLS_HANDSHAKE_DURATION,
        ],
    },
    Group {
        title: "Streams",
        note: "One set of series for each port that is opened for TCP or UDP, for as long as it is, or a connection of it. See \
               [streams.md](streams.md).",
        families: &[
            STREAM_CONNECTIONS,
            STREAM_OPEN,
            STREAM_RECEIVED,
            STREAM_SENT,
            STREAM_FAILURES,
            STREAM_DROPPED,
            STREAM_PORTS,
        ],
    },
    Group {
        title: "Configuration",
        note: "",
        families: &[
            TABLE_BUILDS,
            TABLE_BUILD_DURATION,
            TABLE_HOSTS,
            TABLE_ROUTES,
            TABLE_UPSTREAMS,
            CONFIG_CHANGED,
            PROBLEMS,
            CERTIFICATE_EXPIRY,
        ],
    },
    Group {
        title: "Kubernetes API",
        note: "Only when objects come from a Kubernetes API.",
        families: &[WATCH_CONNECTED, WATCH_EVENTS, WATCH_ERRORS, WATCH_RELISTS],
    },
    Group {
        title: "Following the cluster",
        note: "`kind` is `Ingress`, `IngressClass`, `Service`, `EndpointSlice`, `Secret` or `ConfigMap`. Propagation has upper bounds \
               of 50 µs to 10 s. See [api-outages.md](api-outages.md).",
        families: &[
            CHANGES,
            PROPAGATION,
            CONFIG_AGE,
            REPLICAS,
            SNAPSHOT_IN_USE,
            SNAPSHOT_WRITTEN,
            SNAPSHOT_BYTES,
            SNAPSHOT_ERRORS,
            SNAPSHOT_REJECTED,
        ],
    },
    Group {
        title: "External names",
        note: "Of ExternalName Services: see [ingress.md](ingress.md#externalname-services).",
        families: &[DNS_LOOKUPS, DNS_NAMES, DNS_LAST_ANSWER],
    },
    Group {
        title: "Reports",
        note: "What is written back to the Kubernetes API: see `docs/status-and-events.md`.",
        families: &[LEADER, STATUS_WRITES, EVENTS_WRITTEN],
    },
    Group { title: "Access log", note: "", families: &[ACCESS_LOG_LINES, ACCESS_LOG_DROPPED] },
    Group {
        title: "Process",
        note: "`process_*` are read from `/proc/self` at each scrape.",
        families: &[
            BUILD,
            LOG_LOST,
            MEMORY_LIMIT,
            MEMORY_USED,
            MEMORY_RELIEF,
            MEMORY_RELIEFS,
            CLIENTS_FORGOTTEN,
            PANICS,
            PROCESS_CPU,
            PROCESS_OPEN_FDS,
            PROCESS_MAX_FDS,
            PROCESS_RESIDENT,
            PROCESS_VIRTUAL,
            PROCESS_THREADS,
            PROCESS_START,
        ],
    },
];
