//! `/debug/snapshot`: the present table as JSON. Certificates show their names, never their keys.

use serde_json::{Value, json};

use crate::model::{Action, Filter, HttpsRedirect, PodTls, Protocol, Reply, RouteSpec, UpstreamSpec, Verification};
use crate::routing::{CompiledHost, Route, RouteTable};
use crate::upstream::{Backend, Destination, Target};

/// The whole table, hosts in order.
pub(super) fn snapshot(table: &RouteTable<Target>) -> String {
    let mut hosts: Vec<_> = table.hosts().collect();
    hosts.sort_by_key(|host| host.pattern());
    let hosts: Vec<_> = hosts.into_iter().map(host).collect();
    let default = table.default_certificate().map(|certificate| json!(certificate.names()));
    let view = json!({ "hosts": hosts, "defaultCertificate": default });
    format!("{view:#}\n")
}

fn host(host: &CompiledHost<Target>) -> Value {
    let certificates = host.tls().map(|tls| {
        let names =
            |c: &std::sync::Arc<crate::model::Certificate>| json!({ "names": c.names(), "notAfter": c.not_after() });
        tls.certificates.iter().map(names).collect::<Vec<_>>()
    });
    json!({
        "host": host.pattern().to_string(),
        "routes": host.routes().iter().map(|r| route(r)).collect::<Vec<_>>(),
        "namespaces": host.tenants(),
        "fallback": host.fallback().map(|r| route(r)),
        "defaultBackend": host.default_backend().map(|r| route(r)),
        "certificates": certificates,
    })
}

fn route(route: &Route<Target>) -> Value {
    let RouteSpec { matches, action, filters, policy: _, origin } = &*route.spec;
    let mut view = json!({
        "path": matches.path.path(),
        "pathType": matches.path.kind(),
        "ingress": origin.to_string(),
        "httpsRedirect": https_redirect(filters),
    });
    if let Action::Forward(upstream) = action {
        let UpstreamSpec { key, port } = &**upstream;
        view["service"] = json!(key.service.to_string());
        view["port"] = json!(port.to_string());
        view["protocol"] = json!(key.protocol.as_str());
        if let Protocol::Tls(tls) = &key.protocol {
            view["tls"] = pod_tls(tls);
        }
    }
    match &route.target.destination {
        Destination::Forward(Backend { upstream, metrics: _ }) => {
            view["endpoints"] = upstream
                .endpoints()
                .as_slice()
                .iter()
                .map(|endpoint| {
                    json!({
                        "address": endpoint.address().to_string(),
                        "inFlight": endpoint.in_flight(),
                        "suspect": endpoint.is_suspect(),
                    })
                })
                .collect();
        }
        Destination::Reply(Reply::BackendUnavailable) => view["answers"] = json!(503),
        Destination::Reply(Reply::NotFound) => view["answers"] = json!(404),
    }
    let shares: Vec<_> = route.shares().map(|share| self::route(share)).collect();
    if !shares.is_empty() {
        view["shares"] = json!(shares);
    }
    view
}

fn pod_tls(tls: &PodTls) -> Value {
    let PodTls { http: _, server_name, verification } = tls;
    json!({
        "serverName": server_name.as_ref().map(ToString::to_string),
        "verified": match verification {
            Verification::Unverified => false,
            Verification::Ca(_) => true,
        },
    })
}

fn https_redirect(filters: &[Filter]) -> &'static str {
    match filters.iter().map(|Filter::HttpsRedirect(when)| when).next() {
        Some(HttpsRedirect::Always) => "Always",
        Some(HttpsRedirect::WithTls) => "WithTls",
        None => "Off",
    }
}
