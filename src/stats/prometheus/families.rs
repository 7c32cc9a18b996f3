//! The families: HAProxy's names and types, and what each shows of a row.

use crate::observe::FamilyKind::{self, Counter, Gauge};
use crate::stats::columns::Column as C;
use crate::stats::fields::RowKind::{self, Backend, Frontend, Server};

/// A family that each of some kinds of rows has.
pub(super) struct Family {
    /// Its name behind `haproxy_frontend_` and the like.
    pub(super) name: &'static str,
    pub(super) kind: FamilyKind,
    pub(super) of: &'static [RowKind],
    pub(super) shows: Shows,
    /// One sentence without a final full stop.
    pub(super) meaning: &'static str,
}

/// What a family shows of a row.
#[derive(Clone, Copy)]
pub(super) enum Shows {
    /// A column.
    Number(C),
    /// A column of milliseconds, as seconds.
    Millis(C),
    /// Answers by class of status: label `code`.
    Answers,
    /// The state: label `state`, a series for each that there is, of which one is 1.
    State,
    /// What the last check came to: label `state` likewise.
    Check,
    /// Endpoints by state: label `state`.
    StatesOfServers,
    /// Endpoints by what their last checks came to: label `state`.
    ChecksOfServers,
}

use Shows::{Answers, Check, ChecksOfServers, Millis, Number, State, StatesOfServers};

/// Columns of answers by class of status, with values of `code`.
pub(super) const ANSWERS: [(C, &str); 6] = [
    (C::Hrsp1xx, "1xx"),
    (C::Hrsp2xx, "2xx"),
    (C::Hrsp3xx, "3xx"),
    (C::Hrsp4xx, "4xx"),
    (C::Hrsp5xx, "5xx"),
    (C::HrspOther, "other"),
];

/// States of listeners and upstreams.
pub(super) const STATES: &[&str] = &["DOWN", "UP"];

/// States of endpoints. None is ever `NOLB` here.
pub(super) const SERVER_STATES: &[&str] = &["DOWN", "UP", "MAINT", "DRAIN", "NOLB"];

/// What checks come to, in HAProxy's words. Some never happen here: there are neither agents nor checks by programs.
pub(super) const CHECKS: &[&str] = &[
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP", "L7OK", "L7OKC",
    "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
];

const ALL: &[RowKind] = &[Frontend, Backend, Server];
/// Upstreams and endpoints.
const PODS: &[RowKind] = &[Backend, Server];

const fn family(
    name: &'static str,
    kind: FamilyKind,
    of: &'static [RowKind],
    shows: Shows,
    meaning: &'static str,
) -> Family {
    Family { name, kind, of, shows, meaning }
}

/// All, in HAProxy's order.
pub(super) const FAMILIES: &[Family] = &[
    family("current_queue", Gauge, PODS, Number(C::Qcur), "Requests that wait"),
    family("max_queue", Gauge, PODS, Number(C::Qmax), "Most requests that have waited at once"),
    family("current_sessions", Gauge, ALL, Number(C::Scur), "Connections of a listener, else requests, now"),
    family("max_sessions", Gauge, ALL, Number(C::Smax), "The most of them at once"),
    family("limit_sessions", Gauge, &[Frontend], Number(C::Slim), "Most connections of all listeners"),
    family("sessions_total", Counter, ALL, Number(C::Stot), "Connections of a listener, else requests"),
    family("bytes_in_total", Counter, ALL, Number(C::Bin), "Bytes of requests: heads and bodies"),
    family("bytes_out_total", Counter, ALL, Number(C::Bout), "Bytes of bodies of answers"),
    family("requests_denied_total", Counter, &[Frontend], Number(C::Dreq), "Requests that a filter refused"),
    family("responses_denied_total", Counter, &[Frontend], Number(C::Dresp), "Always 0: no answer is refused"),
    family("request_errors_total", Counter, &[Frontend], Number(C::Ereq), "Requests that are wrong"),
    family("connection_errors_total", Counter, PODS, Number(C::Econ), "Attempts without a connection"),
    family("response_errors_total", Counter, PODS, Number(C::Eresp), "Attempts whose connection or answer failed"),
    family("retry_warnings_total", Counter, PODS, Number(C::Wretr), "Further attempts"),
    family("redispatch_warnings_total", Counter, PODS, Number(C::Wredis), "Further attempts at another endpoint"),
    family("status", Gauge, ALL, State, "State: 1 for the one it is in"),
    family("weight", Gauge, PODS, Number(C::Weight), "Share, or the sum of those of endpoints that get requests"),
    family("active_servers", Gauge, &[Backend], Number(C::Act), "Endpoints that get requests"),
    family("backup_servers", Gauge, &[Backend], Number(C::Bck), "Always 0: there are no backup servers"),
    family("check_failures_total", Counter, &[Server], Number(C::Chkfail), "Bad checks"),
    family("check_up_down_total", Counter, &[Server], Number(C::Chkdown), "Times that checks took it down"),
    family("check_last_change_seconds", Gauge, &[Server], Number(C::Lastchg), "Seconds since its state changed"),
    family("downtime_seconds_total", Counter, &[Server], Number(C::Downtime), "Seconds that it was down by its checks"),
    family("loadbalanced_total", Counter, PODS, Number(C::Lbtot), "Requests"),
    family("limit_session_rate", Gauge, &[Frontend], Number(C::RateLim), "Always 0: there is no such limit"),
    family("max_session_rate", Gauge, ALL, Number(C::RateMax), "Most sessions within a second"),
    family("check_status", Gauge, &[Server], Check, "What the last check came to: 1 for what it did"),
    family("check_code", Gauge, &[Server], Number(C::CheckCode), "Status of the answer to the last check"),
    family("check_duration_seconds", Gauge, &[Server], Millis(C::CheckDuration), "Time that the last check took"),
    family("http_responses_total", Counter, ALL, Answers, "Answers by class of status; other: there was none"),
    family("http_requests_rate_max", Gauge, &[Frontend], Number(C::ReqRateMax), "Most requests within a second"),
    family("http_requests_total", Counter, &[Frontend, Backend], Number(C::ReqTot), "Requests"),
    family("client_aborts_total", Counter, PODS, Number(C::CliAbrt), "Requests whose client went"),
    family("server_aborts_total", Counter, PODS, Number(C::SrvAbrt), "Answers that an endpoint cut"),
    family("connections_rate_max", Gauge, &[Frontend], Number(C::ConnRateMax), "Most new connections within a second"),
    family("connections_total", Counter, &[Frontend], Number(C::ConnTot), "Connections"),
    family(
        "last_session_seconds",
        Gauge,
        PODS,
        Number(C::Lastsess),
        "Seconds since the last request; -1: there was none",
    ),
    family("queue_time_average_seconds", Gauge, PODS, Millis(C::Qtime), "Mean time of waiting, of some 1024 requests"),
    family("connect_time_average_seconds", Gauge, PODS, Millis(C::Ctime), "Mean time until a connection has a request"),
    family(
        "response_time_average_seconds",
        Gauge,
        PODS,
        Millis(C::Rtime),
        "Mean time from then to the head of the answer",
    ),
    family("total_time_average_seconds", Gauge, PODS, Millis(C::Ttime), "Mean time of all of it"),
    family("max_queue_time_seconds", Gauge, PODS, Millis(C::QtimeMax), "Longest time of waiting"),
    family(
        "max_connect_time_seconds",
        Gauge,
        PODS,
        Millis(C::CtimeMax),
        "Longest time until a connection has a request",
    ),
    family(
        "max_response_time_seconds",
        Gauge,
        PODS,
        Millis(C::RtimeMax),
        "Longest time from then to the head of the answer",
    ),
    family("max_total_time_seconds", Gauge, PODS, Millis(C::TtimeMax), "Longest time of all of it"),
    family("uweight", Gauge, PODS, Number(C::Uweight), "The same as weight"),
    family("agg_server_status", Gauge, &[Backend], StatesOfServers, "Endpoints by state"),
    family(
        "agg_server_check_status",
        Gauge,
        &[Backend],
        StatesOfServers,
        "The same, under the name of HAProxy before 2.7",
    ),
    family("agg_check_status", Gauge, &[Backend], ChecksOfServers, "Checked endpoints by what the last check came to"),
];
