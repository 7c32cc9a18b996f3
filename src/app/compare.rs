//! `tidegate check --compare-dialects`: what changes for each Ingress when other dialects of annotations are in force.
//!
//! The objects are translated twice, and the routes of each Ingress compared: by the filters, policies and backends that requests
//! meet, not by the texts of annotations.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::view::show_filters;
use crate::model::{
    Action, AnswerRate, Balance, Filter, FilterKind, HostSpec, LogLines, ObjectKind, ObjectName, Origin, Problem,
    Protocol, Reply, RoutePolicy, RouteSpec, RouteTimeouts, Severity, Snapshot, TlsHttp, UpstreamSpec, Verification,
};
use crate::translate::{self, Findings, Input};

/// What objects come to.
pub(super) struct Outcome {
    snapshot: Snapshot,
    findings: Findings,
}

/// A difference of a route.
struct Change {
    /// Host, type of path and path.
    route: String,
    /// `added`, `removed` or `changed`.
    change: &'static str,
    /// What: a filter or a setting by its short name, `route` or `backend`.
    what: &'static str,
    /// In words.
    message: String,
    /// Before; null where there was nothing.
    from: Value,
    /// Now; null where there is nothing.
    to: Value,
}

/// Routes of an Ingress, by host, type of path and path.
type Routes = BTreeMap<String, Arc<RouteSpec>>;

impl Outcome {
    /// Translates everything.
    pub(super) fn of(input: &Input) -> Self {
        let (snapshot, findings) = translate::snapshot(input);
        Self { snapshot, findings }
    }

    fn by_ingress(&self) -> BTreeMap<ObjectName, Routes> {
        let mut all: BTreeMap<ObjectName, Routes> = BTreeMap::new();
        for host in self.snapshot.hosts.values() {
            let HostSpec { key, routes, .. } = &**host;
            let named = routes.iter().map(|route| {
                let path = &route.matches.path;
                (format!("{} {} {}", key.pattern, path.kind(), path.path()), route)
            });
            let fallback = host.fallback().map(|route| (format!("{} (all other paths)", key.pattern), route));
            for (mut place, route) in named.chain(fallback) {
                // Of one path several routes may take some requests each.
                let condition =
                    route.matches.predicates.as_deref().and_then(|predicates| predicates.condition.as_ref());
                if let Some(condition) = condition {
                    place.push_str(&format!(" if {condition}"));
                }
                if let Origin::Object { kind: ObjectKind::Ingress, name, .. } = &route.origin {
                    all.entry(name.clone()).or_default().insert(place, Arc::clone(route));
                }
            }
        }
        all
    }

    fn errors(&self) -> BTreeSet<&Problem> {
        self.findings.values().flatten().filter(|problem| problem.severity == Severity::Error).collect()
    }
}

/// Writes what is other now than before, as text or JSON. Returns whether anything is.
pub(super) fn write(before: &Outcome, now: &Outcome, is_json: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    let [former, present] = [before, now].map(Outcome::by_ingress);
    let known = before.errors();
    let mut errors: BTreeMap<&ObjectName, Vec<&Problem>> = BTreeMap::new();
    for problem in now.errors().into_iter().filter(|problem| !known.contains(problem)) {
        if problem.object.kind == ObjectKind::Ingress {
            errors.entry(&problem.object.name).or_default().push(problem);
        }
    }
    let names: BTreeSet<&ObjectName> = former.keys().chain(present.keys()).chain(errors.keys().copied()).collect();
    let none = Routes::new();
    let all = names.len();
    let mut changed = Vec::new();
    for name in names {
        let [before, now] = [&former, &present].map(|of| of.get(name).unwrap_or(&none));
        let changes = changes(before, now);
        let errors = errors.remove(name).unwrap_or_default();
        if !changes.is_empty() || !errors.is_empty() {
            changed.push((name, changes, errors));
        }
    }
    let refused = changed.iter().flat_map(|(_, changes, _)| changes).filter(|change| change.what == "refused");
    let refused = refused.filter(|change| change.change == "added").count();
    if is_json {
        let ingresses: Vec<_> = changed.iter().map(|(name, changes, errors)| ingress(name, changes, errors)).collect();
        let report = json!({"ingresses": ingresses, "changed": changed.len(), "of": all, "refusedRoutes": refused});
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(!changed.is_empty());
    }
    for (name, changes, errors) in &changed {
        writeln!(out, "Ingress {name}:")?;
        for Change { route, message, .. } in changes {
            writeln!(out, "  {route}: {message}")?;
        }
        for Problem { field, message, remedy, .. } in errors {
            writeln!(out, "  new error, {field}: {message}. {remedy}.")?;
        }
    }
    writeln!(out, "{} of {all} Ingresses change; {refused} of their routes are answered with 503 now.", changed.len())?;
    Ok(!changed.is_empty())
}

fn ingress(name: &ObjectName, changes: &[Change], errors: &[&Problem]) -> Value {
    let change = |change: &Change| {
        let Change { route, change, what, message, from, to } = change;
        json!({"route": route, "change": change, "what": what, "message": message, "from": from, "to": to})
    };
    let error = |problem: &&Problem| {
        let Problem { field, code, message, remedy, .. } = problem;
        json!({"field": field, "code": code.as_str(), "message": message, "remedy": remedy})
    };
    json!({
        "namespace": *name.namespace,
        "name": *name.name,
        "changes": changes.iter().map(change).collect::<Vec<_>>(),
        "newErrors": errors.iter().map(error).collect::<Vec<_>>(),
    })
}

fn changes(before: &Routes, now: &Routes) -> Vec<Change> {
    let mut all = Vec::new();
    let routes: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    for route in routes {
        match (before.get(route), now.get(route)) {
            (Some(before), Some(now)) => compare(route, before, now, &mut all),
            (None, Some(now)) => {
                let to = backend(&now.action);
                let message = format!("served from now on, by {to}");
                let change = Change::new(route, "added", "route", message, Value::Null, json!(to));
                all.push(change);
                compare_filters(route, &[], &now.filters, &mut all);
            }
            (Some(before), None) => {
                let message = "served no more".to_owned();
                all.push(Change::new(route, "removed", "route", message, json!(backend(&before.action)), Value::Null));
            }
            (None, None) => {}
        }
    }
    all
}

fn compare(route: &str, before: &RouteSpec, now: &RouteSpec, all: &mut Vec<Change>) {
    if before.action != now.action {
        let [from, to] = [before, now].map(|route| backend(&route.action));
        let message = format!("goes to {to} instead of {from}");
        all.push(Change::new(route, "changed", "backend", message, json!(from), json!(to)));
    }
    compare_filters(route, &before.filters, &now.filters, all);
    let [from, to] = [before, now].map(|route| settings(&route.policy));
    for ((what, in_words, from), (_, _, to)) in from.into_iter().zip(to) {
        if from != to {
            let message = format!("{in_words}: {to} instead of {from}");
            all.push(Change::new(route, "changed", what, message, json!(from), json!(to)));
        }
    }
}

/// The first thing to know is whether anybody is served at all.
fn compare_filters(route: &str, before: &[Filter], now: &[Filter], all: &mut Vec<Change>) {
    let closed = |filters: &[Filter]| filters.iter().find(|filter| filter.closes()).map(Filter::kind);
    match (closed(before), closed(now)) {
        (None, Some(by)) => {
            let message = format!("all requests are answered with 503, as {} cannot be honoured", what(by).0);
            all.push(Change::new(route, "added", "refused", message, Value::Null, json!(by.as_str())));
        }
        (Some(by), None) => {
            let message = "requests are served again that were answered with 503".to_owned();
            all.push(Change::new(route, "removed", "refused", message, json!(by.as_str()), Value::Null));
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
    for kind in FilterKind::ALL {
        let [before, now] = [before, now].map(|filters| of_kind(filters, kind));
        let (topic, doing) = what(kind);
        let (change, message) = match (before.is_empty(), now.is_empty()) {
            _ if before == now => continue,
            (true, _) => ("added", format!("adds {topic}: {doing}")),
            (false, true) => ("removed", format!("removes {topic}: no more {doing}")),
            (false, false) => ("changed", format!("changes {topic}: {doing}")),
        };
        all.push(Change::new(route, change, kind.as_str(), message, shown(&before), shown(&now)));
    }
}

fn of_kind(filters: &[Filter], kind: FilterKind) -> Vec<Filter> {
    filters.iter().filter(|filter| filter.kind() == kind).cloned().collect()
}

/// The filters of one kind as `/debug/snapshot` shows them; null where there are none.
fn shown(filters: &[Filter]) -> Value {
    if filters.is_empty() {
        return Value::Null;
    }
    let mut view = json!({});
    show_filters(filters, &mut view);
    let is_redirect = filters.iter().any(|filter| matches!(filter, Filter::HttpsRedirect(..)));
    if let Value::Object(fields) = &mut view
        && !is_redirect
    {
        fields.remove("httpsRedirect");
    }
    view
}

/// What a filter is about, and what it does.
fn what(kind: FilterKind) -> (&'static str, &'static str) {
    match kind {
        FilterKind::ClientAuth => ("client certificates", "clients are asked for a certificate"),
        FilterKind::Rules => ("rules", "some requests are answered at once"),
        FilterKind::AppRoot => ("a redirect of /", "requests for / are sent to another path"),
        FilterKind::Cors => ("CORS", "pages of other origins may read answers"),
        FilterKind::Redirect => ("a redirect", "all requests are sent elsewhere"),
        FilterKind::Rewrite => ("a rewrite", "pods get another path"),
        FilterKind::HttpsRedirect => ("the redirect to https", "plain HTTP is sent to https"),
        FilterKind::AnswerUrls => ("edits of URLs", "Location and Set-Cookie of pods are rewritten"),
        FilterKind::Hsts => ("Strict-Transport-Security", "browsers are told to use https alone"),
        FilterKind::NginxFields => ("fields of ingress-nginx", "pods get what ingress-nginx tells them besides"),
        FilterKind::RequestFields => ("header fields for pods", "fields of requests are edited"),
        FilterKind::PodHost => ("the host for pods", "pods are asked for another host"),
        FilterKind::ResponseFields => ("header fields for clients", "fields of answers are edited"),
        FilterKind::Affinity => ("affinity", "requests that belong together go to one pod"),
        FilterKind::Mirror => ("a mirror", "copies of requests go elsewhere"),
        FilterKind::Limits => ("limits", "each client may ask for so much, and is refused beyond it"),
        FilterKind::Sources => ("address lists", "clients are served or refused by their address"),
        FilterKind::BasicAuth => ("passwords", "clients are asked for a name and a password"),
        FilterKind::Auth => ("external authentication", "a service says whether a request is served"),
        FilterKind::Errors => ("error pages", "another backend answers errors"),
    }
}

fn backend(action: &Action) -> String {
    let one = |upstream: &UpstreamSpec| {
        let UpstreamSpec { key, port, for_https: _ } = upstream;
        format!("{}:{port} over {}", key.service, spoken(&key.protocol))
    };
    let or_reply = |upstream: &Result<Arc<UpstreamSpec>, Reply>| match upstream {
        Ok(upstream) => one(upstream),
        Err(reply) => answer(*reply).to_owned(),
    };
    match action {
        Action::Forward(upstream) => one(upstream),
        Action::Canary(canary) => format!("{} and its canary {}", or_reply(&canary.main), or_reply(&canary.canary)),
        Action::Split(split) => {
            let shares = split.backends.iter().map(|share| format!("{} × {}", share.weight, or_reply(&share.upstream)));
            shares.collect::<Vec<_>>().join(", ")
        }
        Action::Reply(reply) => answer(*reply).to_owned(),
    }
}

fn spoken(protocol: &Protocol) -> String {
    let http = |http: TlsHttp| match http {
        TlsHttp::Negotiated => "https",
        TlsHttp::Http2 => "HTTP/2 with TLS",
    };
    match protocol {
        Protocol::Http1 => "HTTP/1.1".into(),
        Protocol::H2c => "HTTP/2 in clear".into(),
        Protocol::Tls(tls) => match &tls.verification {
            Verification::Unverified => format!("{} (not verified)", http(tls.http)),
            Verification::Ca { .. } => format!("{} (verified)", http(tls.http)),
        },
    }
}

fn answer(reply: Reply) -> &'static str {
    match reply {
        Reply::BackendUnavailable => "an answer of 503",
        Reply::NotFound => "an answer of 404",
    }
}

/// The settings of a policy: short name, in words, value.
fn settings(policy: &RoutePolicy) -> Vec<(&'static str, &'static str, String)> {
    let RoutePolicy { balance, attempts, retry, retry_within, body_bytes, response_head_bytes, .. } = policy;
    let RoutePolicy { upstream_requests: _, request_buffer, answer_rate, log, timeouts, pod_head, .. } = policy;
    let RoutePolicy { answer_ahead, endpoint_requests, queue, checks, ejection, slow_start, hash_bound, .. } = policy;
    let RouteTimeouts { connect, response, upload, response_gap, grpc_silence, tunnel_idle, .. } = timeouts;
    let bytes = |bytes: &Option<u64>| bytes.map_or_else(|| "no limit".to_owned(), |bytes| format!("{bytes} bytes"));
    let time = |time: Option<Duration>| time.map_or_else(|| "no limit".to_owned(), |time| format!("{time:?}"));
    let rate = |rate: &Option<AnswerRate>| {
        let of =
            |AnswerRate { bytes_per_second, after }: &AnswerRate| format!("{bytes_per_second} bytes/s after {after}");
        rate.as_ref().map_or_else(|| "no limit".to_owned(), of)
    };
    let buffer = |bytes: &Option<usize>| bytes.map_or_else(|| "nothing".to_owned(), |bytes| format!("{bytes} bytes"));
    let usual = || "as usual".to_owned();
    let in_turn = match balance {
        Balance::LeastInFlight => "the one with the fewest requests",
        Balance::RoundRobin => "in turn",
        Balance::Ewma => "the one that answers sooner",
        Balance::LeastConnections => "the one of all with the fewest requests",
        Balance::Random => "one of two drawn by chance, with fewer requests",
        Balance::First => "the first that is not full",
    };
    let is_logged = match log {
        LogLines::Written => "yes",
        LogLines::LeftOut => "no",
    };
    vec![
        ("balance", "choice of endpoints", in_turn.to_owned()),
        ("attempts", "endpoints tried at the most", attempts.to_string()),
        ("retry", "when another endpoint is tried", retry.as_ref().map_or_else(usual, |retry| format!("{retry:?}"))),
        ("retry_within", "for how long another endpoint is tried", time(*retry_within)),
        ("body_bytes", "longest body of a request", bytes(body_bytes)),
        ("request_buffer", "what of a body a pod is not asked before", buffer(request_buffer)),
        ("response_head_bytes", "longest head of an answer", format!("{response_head_bytes} bytes")),
        ("answer_ahead", "what of an answer is read ahead", buffer(answer_ahead)),
        ("answer_rate", "rate of answers", rate(answer_rate)),
        ("log", "requests in the access log", is_logged.to_owned()),
        ("connect", "wait for a connection to a pod", format!("{connect:?}")),
        ("response", "wait for an answer", format!("{response:?}")),
        ("upload", "wait for a pod to take more of a request", format!("{upload:?}")),
        ("response_gap", "wait for more of an answer", format!("{response_gap:?}")),
        ("grpc_silence", "silence of a call of gRPC", time(*grpc_silence)),
        ("tunnel_idle", "silence of a WebSocket", format!("{tunnel_idle:?}")),
        ("endpoint_requests", "requests in flight of a pod", format!("{endpoint_requests:?}")),
        ("queue", "who waits for a pod that is not full", format!("{queue:?}")),
        ("checks", "health checks", format!("{checks:?}")),
        ("ejection", "when pods that fail are left out", format!("{ejection:?}")),
        ("slow_start", "how pods that come begin", format!("{slow_start:?}")),
        ("hash_bound", "load of pods that a key leads to", format!("{hash_bound:?}")),
        (
            "pod_head",
            "what pods are told of host and connection",
            pod_head.as_ref().map_or_else(usual, |head| format!("{head:?}")),
        ),
    ]
}

impl Change {
    fn new(route: &str, change: &'static str, what: &'static str, message: String, from: Value, to: Value) -> Self {
        Self { route: route.to_owned(), change, what, message, from, to }
    }
}
