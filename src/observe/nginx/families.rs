//! The families that ingress-nginx has, as far as they are known here.

use crate::observe::families::{Family, FamilyKind};

const fn family(
    kind: FamilyKind,
    name: &'static str,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Family {
    Family { name, kind, labels, meaning }
}

use FamilyKind::{Counter, Gauge, Histogram};

/// Those of requests, beside the labels of the controller.
const REQUEST: &[&str] = &["namespace", "ingress", "service", "host", "path", "method", "status", "canary"];
/// Only the labels of the controller: `controller_class`, `controller_namespace`, `controller_pod`.
const CONTROLLER: &[&str] = &[];

pub(super) const REQUESTS: Family =
    family(Counter, "nginx_ingress_controller_requests", REQUEST, "Requests that are over");
pub(super) const REQUEST_DURATION: Family = family(
    Histogram,
    "nginx_ingress_controller_request_duration_seconds",
    REQUEST,
    "Time from the first byte of a request's head to the last byte of its answer",
);
pub(super) const RESPONSE_DURATION: Family = family(
    Histogram,
    "nginx_ingress_controller_response_duration_seconds",
    REQUEST,
    "Time from the start of the last attempt at a pod to the last byte of the answer",
);
pub(super) const HEADER_DURATION: Family = family(
    Histogram,
    "nginx_ingress_controller_header_duration_seconds",
    REQUEST,
    "Time from the start of the last attempt at a pod to the head of the answer",
);
pub(super) const CONNECT_DURATION: Family = family(
    Histogram,
    "nginx_ingress_controller_connect_duration_seconds",
    REQUEST,
    "Time from the start of the last attempt at a pod to when a connection, with its TLS, had the request; next to nothing \
     on one that was open",
);
pub(super) const UPSTREAM_LATENCY: Family = family(
    Counter,
    "nginx_ingress_controller_ingress_upstream_latency_seconds_sum",
    &["namespace", "ingress", "service", "canary"],
    "The same times summed, seconds",
);
pub(super) const UPSTREAM_LATENCIES: Family = family(
    Counter,
    "nginx_ingress_controller_ingress_upstream_latency_seconds_count",
    &["namespace", "ingress", "service", "canary"],
    "How many of these times there were",
);
pub(super) const REQUEST_SIZE: Family = family(
    Histogram,
    "nginx_ingress_controller_request_size",
    REQUEST,
    "Bytes of requests: heads and bodies. Sum and count; the only bucket is `+Inf`",
);
pub(super) const RESPONSE_SIZE: Family = family(
    Histogram,
    "nginx_ingress_controller_response_size",
    REQUEST,
    "Bytes of answers: bodies, without heads. Sum and count; the only bucket is `+Inf`",
);
pub(super) const BYTES_SENT: Family = family(
    Histogram,
    "nginx_ingress_controller_bytes_sent",
    REQUEST,
    "The same as `nginx_ingress_controller_response_size`",
);
pub(super) const CONNECTIONS: Family = family(
    Gauge,
    "nginx_ingress_controller_nginx_process_connections",
    &["state"],
    "Client connections: `active` all that are open now; as counted once a second `reading` (a TLS handshake), \
     `waiting` (for a request), and `writing` all others",
);
pub(super) const CONNECTIONS_TOTAL: Family = family(
    Counter,
    "nginx_ingress_controller_nginx_process_connections_total",
    &["state"],
    "Client connections so far: `accepted`, and `handled`, which is the same",
);
pub(super) const REQUESTS_TOTAL: Family = family(
    Counter,
    "nginx_ingress_controller_nginx_process_requests_total",
    CONTROLLER,
    "Requests that are over, of Ingresses that are gone too",
);
pub(super) const CPU: Family = family(
    Counter,
    "nginx_ingress_controller_nginx_process_cpu_seconds_total",
    CONTROLLER,
    "CPU time of the process, user and system",
);
pub(super) const RESIDENT: Family = family(
    Gauge,
    "nginx_ingress_controller_nginx_process_resident_memory_bytes",
    CONTROLLER,
    "Resident memory of the process",
);
pub(super) const VIRTUAL: Family = family(
    Gauge,
    "nginx_ingress_controller_nginx_process_virtual_memory_bytes",
    CONTROLLER,
    "Virtual memory of the process",
);
pub(super) const PROCESSES: Family =
    family(Gauge, "nginx_ingress_controller_nginx_process_num_procs", CONTROLLER, "Always 1: there is one process");
pub(super) const START: Family = family(
    Gauge,
    "nginx_ingress_controller_nginx_process_oldest_start_time_seconds",
    CONTROLLER,
    "Unix time of the start",
);
pub(super) const CONFIG_HASH: Family = family(
    Gauge,
    "nginx_ingress_controller_config_hash",
    CONTROLLER,
    "A number that is another one after each change of the routing table: how many were published. Dashboards read its labels",
);
pub(super) const RELOAD_SUCCESSFUL: Family = family(
    Gauge,
    "nginx_ingress_controller_config_last_reload_successful",
    CONTROLLER,
    "1 once a routing table is published, 0 before. No change can fail as a reload can: what is wrong in an object is left \
     out, and counted in `tidegate_problems`",
);
pub(super) const RELOADED: Family = family(
    Gauge,
    "nginx_ingress_controller_config_last_reload_successful_timestamp_seconds",
    CONTROLLER,
    "Unix time of the last published change to the routing table; 0 before the first",
);
pub(super) const SUCCESS: Family =
    family(Counter, "nginx_ingress_controller_success", CONTROLLER, "Routing tables published");
pub(super) const ERRORS: Family =
    family(Counter, "nginx_ingress_controller_errors", CONTROLLER, "Always 0: there is no reload that could fail");
pub(super) const SSL_EXPIRE: Family = family(
    Gauge,
    "nginx_ingress_controller_ssl_expire_time_seconds",
    &["class", "namespace", "host", "secret_name"],
    "Unix time at which the certificate of a host expires; `_` is the default certificate. `class` and `namespace` are the \
     controller's, as in ingress-nginx; `secret_name` is namespace and name",
);
pub(super) const ORPHAN: Family = family(
    Gauge,
    "nginx_ingress_controller_orphan_ingress",
    &["namespace", "ingress", "type"],
    "1 for an Ingress with a backend whose Service does not exist (`no-service`), or has had no endpoint for 30 s (`no-endpoint`)",
);
pub(super) const BUILD: Family = family(
    Gauge,
    "nginx_ingress_controller_build_info",
    &["release", "build", "repository"],
    "Always 1; `release` and `build` are the version of Tidegate",
);
pub(super) const LEADER: Family = family(
    Gauge,
    "nginx_ingress_controller_leader_election_status",
    &["name"],
    "Whether this process holds the Lease of this name: 1 or 0; only where something is written back to the Kubernetes API",
);

/// All of them, in the order they are written.
pub(in crate::observe) const FAMILIES: &[Family] = &[
    REQUESTS,
    REQUEST_DURATION,
    RESPONSE_DURATION,
    HEADER_DURATION,
    CONNECT_DURATION,
    REQUEST_SIZE,
    RESPONSE_SIZE,
    BYTES_SENT,
    UPSTREAM_LATENCY,
    UPSTREAM_LATENCIES,
    CONNECTIONS,
    CONNECTIONS_TOTAL,
    REQUESTS_TOTAL,
    CPU,
    RESIDENT,
    VIRTUAL,
    PROCESSES,
    START,
    CONFIG_HASH,
    RELOAD_SUCCESSFUL,
    RELOADED,
    SUCCESS,
    ERRORS,
    SSL_EXPIRE,
    ORPHAN,
    BUILD,
    LEADER,
];
