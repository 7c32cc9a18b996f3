//! `/debug/snapshot`: the present table as JSON. Certificates show their names, never their keys.

use serde_json::{Value, json};

use crate::model::{
    Action, BasicAuth, ClientCertificate, Excused, Filter, HttpsRedirect, Location, PodTls, Protocol, Reply, Rewrite,
    RouteSpec, Sni, Sources, Template, TlsVersions, UpstreamSpec, Verification,
};
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
    let locations = locations(&route.spec.filters);
    if !locations.is_empty() {
        view["redirects"] = json!(locations);
    }
    if let Some(rewrite) = rewrite(&route.spec.filters) {
        view["rewrite"] = rewrite;
    }
    if let Some(sources) = sources(&route.spec.filters) {
        view["clients"] = sources;
    }
    if let Some(auth) = basic_auth(&route.spec.filters) {
        view["basicAuth"] = auth;
    }
    let shares: Vec<_> = route.shares().map(|share| self::route(share)).collect();
    if !shares.is_empty() {
        view["shares"] = json!(shares);
    }
    view
}

/// What differs from TLS that nobody has asked anything of stands there only where it does.
fn pod_tls(tls: &PodTls) -> Value {
    let PodTls { http: _, server_name, sni, verification, versions, client } = tls;
    let mut view = json!({
        "serverName": server_name.as_ref().map(ToString::to_string),
        "verified": match verification {
            Verification::Unverified => false,
            Verification::Ca(_) => true,
        },
    });
    match sni {
        Sni::Sent => {}
        Sni::Withheld => view["sendsServerName"] = json!(false),
    }
    match versions {
        TlsVersions::Both => {}
        TlsVersions::Only12 => view["version"] = json!("1.2"),
        TlsVersions::Only13 => view["version"] = json!("1.3"),
    }
    if let Some(ClientCertificate(certificate)) = client {
        view["clientCertificate"] = json!(certificate.names());
    }
    view
}

fn https_redirect(filters: &[Filter]) -> &'static str {
    let when = filters.iter().find_map(|filter| match filter {
        Filter::HttpsRedirect(when, _) => Some(when),
        Filter::AppRoot(_) | Filter::Redirect(_) | Filter::Rewrite(_) | Filter::Sources(_) | Filter::BasicAuth(_) => {
            None
        }
    });
    match when {
        Some(HttpsRedirect::Always) => "Always",
        Some(HttpsRedirect::WithTls) => "WithTls",
        None => "Off",
    }
}

/// The path that pods get, where it is another.
fn rewrite(filters: &[Filter]) -> Option<Value> {
    filters.iter().find_map(|filter| match filter {
        Filter::Rewrite(rewrite) => {
            let Rewrite { path, query, keeps_query, prefix } = &**rewrite;
            let text = |template: &Option<Template>| template.as_ref().map(ToString::to_string);
            Some(json!({
                "path": path.to_string(),
                "query": text(query),
                "keepsQuery": keeps_query,
                "forwardedPrefix": text(prefix),
            }))
        }
        Filter::AppRoot(_)
        | Filter::Redirect(_)
        | Filter::HttpsRedirect(..)
        | Filter::Sources(_)
        | Filter::BasicAuth(_) => None,
    })
}

/// Who is served, by address.
fn sources(filters: &[Filter]) -> Option<Value> {
    filters.iter().find_map(|filter| match filter {
        Filter::Sources(sources) => Some(match &**sources {
            Sources::Unreadable => json!("Nobody"),
            Sources::Lists { denied, allowed } => {
                json!({ "denied": denied.to_string(), "allowed": allowed.as_ref().map(ToString::to_string) })
            }
        }),
        Filter::AppRoot(_)
        | Filter::Redirect(_)
        | Filter::Rewrite(_)
        | Filter::HttpsRedirect(..)
        | Filter::BasicAuth(_) => None,
    })
}

/// Who is asked for a password, and how many users there are. Never who they are.
fn basic_auth(filters: &[Filter]) -> Option<Value> {
    filters.iter().find_map(|filter| match filter {
        Filter::BasicAuth(auth) => Some(match &**auth {
            BasicAuth::Unknown => json!("Nobody"),
            BasicAuth::Users { realm, users, excused } => json!({
                "realm": realm,
                "users": users.len(),
                "excused": excused.as_ref().map(|Excused { allowed, denied }| {
                    json!({ "denied": denied.to_string(), "allowed": allowed.to_string() })
                }),
            }),
        }),
        Filter::AppRoot(_)
        | Filter::Redirect(_)
        | Filter::Rewrite(_)
        | Filter::HttpsRedirect(..)
        | Filter::Sources(_) => None,
    })
}

/// Where requests are sent instead: by their filters, `/` and all.
fn locations(filters: &[Filter]) -> Vec<Value> {
    let location = |filter: &Filter| match filter {
        Filter::AppRoot(path) => Some(json!({ "of": "/", "status": 302, "location": **path })),
        Filter::Redirect(redirect) => {
            let location = match &redirect.location {
                Location::Fixed(target) | Location::OnHost { path: target, port: _ } => target.to_string(),
                Location::OtherHost(host) => format!("//{host}"),
            };
            Some(json!({ "of": "everything", "status": redirect.status, "location": location }))
        }
        Filter::Rewrite(_) | Filter::HttpsRedirect(..) | Filter::Sources(_) | Filter::BasicAuth(_) => None,
    };
    filters.iter().filter_map(location).collect()
}
