//! `/debug/snapshot`: the present table as JSON. Certificates show their names, never their keys.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::{
    Action, Affinity, AnswerUrls, AuthService, BasicAuth, CertificateForwarding, ClientAuth, ClientCertificate,
    ClientRule, Cors, Credentials, EndpointState, EnoughPassword, ErrorPages, Excused, ExternalAuth, Filter,
    HeaderOfClients, HeaderVersion, HttpsRedirect, KnownLimits, Location, Mirror, MirrorBody, PodTls, Protocol, Rate,
    Replacement, Reply, RequestLimits, Rewrite, RewriteStep, RouteSpec, Rules, Sni, Sources, StreamRoute, StreamSpec,
    Template, TlsVersions, UpstreamSpec, Verification, Weight,
};
use crate::routing::{CompiledHost, CompiledStream, Route, RouteTable};
use crate::upstream::{Backend, CheckNote, Destination, Endpoint, Target};

/// The whole table, hosts in order.
pub(super) fn snapshot(table: &RouteTable<Target>) -> String {
    let mut hosts: Vec<_> = table.hosts().collect();
    hosts.sort_by_key(|host| host.pattern());
    let hosts: Vec<_> = hosts.into_iter().map(host).collect();
    let default = table.default_certificate().map(|certificate| json!(certificate.names()));
    let mut view = json!({ "hosts": hosts, "defaultCertificate": default });
    let streams: Vec<_> = table.streams().map(|(_, one)| stream(one)).collect();
    if !streams.is_empty() {
        view["streams"] = json!(streams);
    }
    format!("{view:#}\n")
}

fn stream(stream: &CompiledStream<Target>) -> Value {
    let StreamSpec { listener, from_clients, to_pods, routes: _ } = &**stream.spec();
    let mut view = json!({ "port": listener.port, "transport": listener.transport.as_str() });
    if *from_clients == HeaderOfClients::Required {
        view["proxyIn"] = json!("required");
    }
    match to_pods {
        None => {}
        Some(HeaderVersion::V1) => view["proxyOut"] = json!("v1"),
        Some(HeaderVersion::V2) => view["proxyOut"] = json!("v2"),
    }
    let of_stream = |(of, to): (&StreamRoute, &Arc<Route<Target>>)| {
        let mut view = route(to);
        if let Some(fields) = view.as_object_mut() {
            // What routes of HTTP have.
            fields.retain(|name, _| {
                matches!(name.as_str(), "service" | "port" | "endpoints" | "waiting" | "answers" | "shares")
            });
        }
        view["object"] = json!(of.origin.object().map(|object| object.to_string()));
        if let Some(name) = &of.server_name {
            view["serverName"] = json!(name.to_string());
        }
        view
    };
    view["to"] = stream.routes().map(of_stream).collect();
    view
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
    });
    if let Some(condition) = matches.predicates.as_deref().and_then(|predicates| predicates.condition.as_ref()) {
        view["condition"] = json!(condition.to_string());
    }
    show_filters(filters, &mut view);
    if let Action::Forward(upstream) = action {
        let UpstreamSpec { key, port, for_https } = &**upstream;
        view["service"] = json!(key.service.to_string());
        view["port"] = json!(port.to_string());
        view["protocol"] = json!(key.protocol.as_str());
        if let Some(for_https) = for_https {
            view["protocolForHttps"] = json!(for_https.key.protocol.as_str());
        }
        if let Protocol::Tls(tls) = &key.protocol {
            view["tls"] = pod_tls(tls);
        }
    }
    match &route.target.destination {
        Destination::Forward(Backend { upstream, metrics: _, for_https: _, checked: _ }) => {
            if upstream.waiting() > 0 {
                view["waiting"] = json!(upstream.waiting());
            }
            view["endpoints"] =
                upstream.endpoints().as_slice().iter().map(|endpoint| self::endpoint(endpoint)).collect();
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

/// What is not as usual stands there only where it is so.
fn endpoint(endpoint: &Endpoint) -> Value {
    let mut view = json!({
        "address": endpoint.address().to_string(),
        "inFlight": endpoint.in_flight(),
        "suspect": endpoint.is_suspect(),
    });
    match endpoint.state() {
        EndpointState::Active => {}
        EndpointState::Draining => view["state"] = json!("drain"),
        EndpointState::Maintenance => view["state"] = json!("maint"),
    }
    if endpoint.weight() != Weight::default() {
        view["weight"] = json!(endpoint.weight().get());
    }
    if endpoint.is_ejected() {
        view["leftOut"] = json!(true);
    }
    if let Some(CheckNote { outcome, took, since, bad, downs, down_for: _, turns: _ }) = endpoint.checked() {
        view["check"] = json!({
            "up": !endpoint.is_failing(),
            "result": outcome.code(),
            "status": outcome.status(),
            "reason": outcome.reason(),
            "millis": took.as_millis() as u64,
            "forSeconds": since.elapsed().as_secs(),
            "bad": bad,
            "wentDown": downs,
        });
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
            Verification::Ca { .. } => true,
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

/// What is done with requests and answers besides forwarding them.
pub(super) fn show_filters(filters: &[Filter], view: &mut Value) {
    let mut redirects = Vec::new();
    view["httpsRedirect"] = json!("Off");
    for filter in filters {
        match filter {
            Filter::ClientAuth(auth) => view["clientCertificates"] = self::client_auth(auth),
            Filter::Rules(rules) => view["rules"] = self::rules(rules),
            Filter::RequestFields(edits) => view["requestHeaders"] = shown(edits),
            Filter::PodHost(host) => view["podHost"] = json!(host.to_string()),
            Filter::ResponseFields(edits) => view["responseHeaders"] = shown(edits),
            Filter::AppRoot(path) => redirects.push(json!({ "of": "/", "status": 302, "location": **path })),
            Filter::Cors(cors) => view["cors"] = self::cors(cors),
            Filter::Redirect(redirect) => {
                let location = match &redirect.location {
                    Location::Fixed(target) | Location::OnHost { path: target, port: _ } => target.to_string(),
                    Location::OtherHost(host) => format!("//{host}"),
                };
                redirects.push(json!({ "of": "everything", "status": redirect.status, "location": location }));
            }
            Filter::HttpsRedirect(HttpsRedirect::Always, _) => view["httpsRedirect"] = json!("Always"),
            Filter::HttpsRedirect(HttpsRedirect::WithTls, _) => view["httpsRedirect"] = json!("WithTls"),
            Filter::Rewrite(rewrite) => view["rewrite"] = self::rewrite(rewrite),
            Filter::AnswerUrls(answer_urls) => view["answer_urls"] = self::answer_urls(answer_urls),
            Filter::Hsts(hsts) => view["hsts"] = json!(hsts.max_age),
            Filter::NginxFields => {}
            Filter::Affinity(affinity) => view["affinity"] = self::affinity(affinity),
            Filter::Limits(limits) => view["limits"] = self::limits(limits),
            Filter::Sources(sources) => view["clients"] = self::sources(sources),
            Filter::BasicAuth(auth) => view["basicAuth"] = self::basic_auth(auth),
            Filter::Mirror(mirror) => view["mirror"] = self::mirror(mirror),
            Filter::Auth(auth) => view["auth"] = self::auth(auth),
            Filter::Errors(pages) => view["errors"] = self::errors(pages),
        }
    }
    if !redirects.is_empty() {
        view["redirects"] = json!(redirects);
    }
}

/// Which certificates clients need.
fn client_auth(auth: &ClientAuth) -> Value {
    match auth {
        ClientAuth::Unknown => json!("Nobody"),
        ClientAuth::ExcusedInClear(auth) => json!({ "inClear": "Everybody", "throughTls": client_auth(auth) }),
        ClientAuth::Rule(ClientRule { need, trust, depth, error_page, subject, forwarding }) => json!({
            "need": need.as_str(),
            "authorities": trust.authorities().certificates().count(),
            "revocationLists": trust.revoked().count(),
            "depth": depth,
            "errorPage": error_page.as_ref().map(ToString::to_string),
            "subject": subject.as_ref().map(|pattern| pattern.text()),
            "forwarded": *forwarding == CertificateForwarding::Whole,
        }),
    }
}

/// The path that pods get.
fn rewrite(rewrite: &Rewrite) -> Value {
    let Rewrite { path, query, keeps_query, prefix, steps } = rewrite;
    let text = |template: &Option<Template>| template.as_ref().map(ToString::to_string);
    if !steps.is_empty() {
        let step = |step: &RewriteStep| json!({ "matching": step.pattern.text(), "path": step.path.to_string() });
        return json!({ "steps": steps.iter().map(step).collect::<Vec<_>>() });
    }
    json!({
        "path": path.to_string(),
        "query": text(query),
        "keepsQuery": keeps_query,
        "forwardedPrefix": text(prefix),
    })
}

/// Which requests are answered at once.
fn rules(rules: &Rules) -> Value {
    match rules {
        Rules::Closed(by) => json!({ "nobodyIsServed": by.as_str() }),
        Rules::Listed(rules) => shown(rules),
    }
}

/// Each as its author may write it.
fn shown<T: ToString>(all: &[T]) -> Value {
    all.iter().map(ToString::to_string).collect()
}

/// Who is served, by address.
fn sources(sources: &Sources) -> Value {
    match sources {
        Sources::Unreadable => json!("Nobody"),
        Sources::Lists { denied, allowed } => {
            json!({ "denied": denied.to_string(), "allowed": allowed.as_ref().map(ToString::to_string) })
        }
    }
}

/// Where copies of requests go.
fn mirror(mirror: &Mirror) -> Value {
    let Mirror { upstream, host, target, body } = mirror;
    json!({
        "service": upstream.key.service.to_string(),
        "port": upstream.port.to_string(),
        "host": host.to_string(),
        "target": target.to_string(),
        "body": *body == MirrorBody::Whole,
    })
}

/// Who answers errors.
fn errors(pages: &ErrorPages) -> Value {
    let ErrorPages { statuses, intercepts, upstream, stands_in } = pages;
    json!({
        "statuses": statuses,
        "ofPodsToo": intercepts,
        "service": upstream.as_ref().map(|upstream| upstream.key.service.to_string()),
        "standsIn": stands_in,
    })
}

/// Who is asked whether a request is served.
fn auth(auth: &ExternalAuth) -> Value {
    match auth {
        ExternalAuth::Unusable => json!("Nobody"),
        ExternalAuth::Service(service) => {
            let AuthService {
                upstream, host, target, method, sign_in, copied, sent, memory, excused, passwords, ..
            } = &**service;
            json!({
                "service": upstream.key.service.to_string(),
                "port": upstream.port.to_string(),
                "host": **host,
                "target": target.to_string(),
                "method": method,
                "signIn": sign_in.as_ref().map(|sign_in| sign_in.url.to_string()),
                "copied": copied,
                // Not the values, which may be secrets.
                "sent": sent.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
                "remembered": memory.is_some(),
                "excused": excused.as_ref().map(self::excused),
                "passwords": passwords.as_ref().map(|EnoughPassword { realm, users }| json!({ "realm": realm, "users": users.len() })),
            })
        }
    }
}

/// Who is asked for a password, and how many users there are. Never who they are.
fn basic_auth(auth: &BasicAuth) -> Value {
    match auth {
        BasicAuth::Unknown => json!("Nobody"),
        BasicAuth::Users { realm, users, excused } => json!({
            "realm": realm,
            "users": users.len(),
            "excused": excused.as_ref().map(self::excused),
        }),
    }
}

/// Which clients are served by their address alone.
fn excused(Excused { allowed, denied }: &Excused) -> Value {
    json!({ "denied": denied.to_string(), "allowed": allowed.to_string() })
}

/// What browsers are told about pages of other origins.
fn cors(cors: &Cors) -> Value {
    let Cors { origins, methods, headers, exposed, credentials, max_age } = cors;
    json!({
        "origins": origins.to_string(),
        "methods": **methods,
        "headers": **headers,
        "exposed": exposed.as_deref(),
        "credentials": *credentials == Credentials::Allowed,
        "maxAge": max_age,
    })
}

/// What is rewritten of pods' answers.
fn answer_urls(answer_urls: &AnswerUrls) -> Value {
    let AnswerUrls { location, base, cookie_domain, cookie_path } = answer_urls;
    let shown = |replacement: &Option<Replacement>| {
        replacement.as_ref().map(|Replacement { from, to }| json!({ "from": from.to_string(), "to": to.to_string() }))
    };
    json!({
        "location": shown(location),
        "pathsBecomeUrls": base.is_some(),
        "cookieDomain": shown(cookie_domain),
        "cookiePath": shown(cookie_path),
    })
}

/// Which requests go to the same endpoint.
fn affinity(affinity: &Affinity) -> Value {
    match affinity {
        Affinity::Text { text, among, empty: _ } => json!({ "text": text.to_string(), "among": among }),
        Affinity::Cookie(cookie) => json!({ "cookie": *cookie.name, "mode": format!("{:?}", cookie.mode) }),
    }
}

/// How much each client may ask for.
fn limits(limits: &RequestLimits) -> Value {
    let rate = |rate: &Option<Rate>| {
        rate.map(|Rate { interval, burst }| json!({ "interval": interval.as_secs_f64(), "burst": burst }))
    };
    match limits {
        RequestLimits::Unreadable => json!("Nobody"),
        RequestLimits::Known(KnownLimits { rates: [per_second, per_minute], in_progress, exempt, statuses }) => json!({
            "statuses": statuses,
            "perSecond": rate(per_second),
            "perMinute": rate(per_minute),
            "inProgress": in_progress,
            "exempt": exempt.to_string(),
        }),
    }
}
