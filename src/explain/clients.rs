//! What depends on who asks: the client's address, what it has asked for so far, and the page. None of it is known here, so it
//! is told in words.

use crate::model::{
    AuthService, BasicAuth, CertificateNeed, ClientAuth, ClientRule, ErrorPages, Excused, ExternalAuth, Filter,
    KnownLimits, Networks, Origins, Rate, RequestLimits, Sources, Users,
};

/// The filters that decide without the client's address, and those that need it.
pub(super) fn apart(filters: &[Filter]) -> (&[Filter], &[Filter]) {
    let needs_client = |filter: &Filter| match filter {
        Filter::Limits(_) | Filter::Sources(_) | Filter::BasicAuth(_) | Filter::Auth(_) | Filter::Errors(_) => true,
        Filter::ClientAuth(_)
        | Filter::AppRoot(_)
        | Filter::Rules(_)
        | Filter::RequestFields(_)
        | Filter::PodHost(_)
        | Filter::ResponseFields(_)
        | Filter::Cors(_)
        | Filter::Redirect(_)
        | Filter::Rewrite(_)
        | Filter::HttpsRedirect(..)
        | Filter::AnswerUrls(_)
        | Filter::Hsts(_)
        | Filter::NginxFields
        | Filter::Affinity(_)
        | Filter::Mirror(_) => false,
    };
    // They are the last of all.
    filters.split_at(filters.iter().position(needs_client).unwrap_or(filters.len()))
}

/// Why nobody is served; `None` if some are.
pub(super) fn closed(filters: &[Filter]) -> Option<&'static str> {
    filters.iter().find_map(|filter| match filter {
        Filter::Limits(limits) if **limits == RequestLimits::Unreadable => {
            Some("a limit of requests cannot be read, so nobody is served")
        }
        Filter::Sources(sources) if **sources == Sources::Unreadable => {
            Some("a list of addresses cannot be read, so nobody is served")
        }
        Filter::Auth(auth) if **auth == ExternalAuth::Unusable => {
            Some("who is to be asked whether it is served cannot be asked (auth-url)")
        }
        Filter::BasicAuth(auth) if matches!(**auth, BasicAuth::Unknown) => {
            Some("it is not known who has a password (auth-type), so nobody is served")
        }
        Filter::ClientAuth(_)
        | Filter::AppRoot(_)
        | Filter::Rules(_)
        | Filter::RequestFields(_)
        | Filter::PodHost(_)
        | Filter::ResponseFields(_)
        | Filter::Cors(_)
        | Filter::Redirect(_)
        | Filter::Rewrite(_)
        | Filter::HttpsRedirect(..)
        | Filter::AnswerUrls(_)
        | Filter::Hsts(_)
        | Filter::NginxFields
        | Filter::Affinity(_)
        | Filter::Limits(_)
        | Filter::Sources(_)
        | Filter::BasicAuth(_)
        | Filter::Mirror(_)
        | Filter::Auth(_)
        | Filter::Errors(_) => None,
    })
}

/// Which clients are served.
pub(super) fn for_whom(filters: &[Filter]) -> Vec<String> {
    let lines = |filter: &Filter| match filter {
        Filter::Limits(limits) => within(limits),
        Filter::Sources(sources) => listed(sources),
        Filter::BasicAuth(auth) => with_password(auth).into_iter().collect(),
        Filter::Auth(auth) => asked(auth),
        Filter::Errors(pages) => replaced(pages),
        Filter::ClientAuth(_)
        | Filter::AppRoot(_)
        | Filter::Rules(_)
        | Filter::RequestFields(_)
        | Filter::PodHost(_)
        | Filter::ResponseFields(_)
        | Filter::Cors(_)
        | Filter::Redirect(_)
        | Filter::Rewrite(_)
        | Filter::HttpsRedirect(..)
        | Filter::AnswerUrls(_)
        | Filter::Hsts(_)
        | Filter::NginxFields
        | Filter::Affinity(_)
        | Filter::Mirror(_) => Vec::new(),
    };
    filters.iter().flat_map(lines).collect()
}

/// Which certificates clients need.
pub(super) fn with_certificate(filters: &[Filter]) -> Vec<String> {
    let auth =
        filters.iter().find_map(|filter| if let Filter::ClientAuth(auth) = filter { Some(&**auth) } else { None });
    let Some(rule) = auth.and_then(ClientAuth::rule) else { return Vec::new() };
    let ClientRule { need, trust: _, depth, error_page, subject, forwarding: _ } = rule;
    let answer = error_page.as_ref().map_or_else(|| "400".to_owned(), |page| format!("302 to {page}"));
    let whom = match need {
        CertificateNeed::NotAsked => None,
        CertificateNeed::Required => Some("without a certificate, or with one that is not right"),
        CertificateNeed::Optional => Some("with a certificate that is not right"),
        CertificateNeed::OptionalOfAnybody => Some("with a certificate that has expired or is for something else"),
    };
    let listed = whom.map(|whom| {
        let need = need.as_str();
        format!(
            "{answer} for clients {whom} (auth-tls-secret, auth-tls-verify-client {need}, auth-tls-verify-depth {depth}), for others:"
        )
    });
    let matched = subject.as_ref().map(|pattern| {
        format!("403 for clients whose subject does not match {} (auth-tls-match-cn), for others:", pattern.text())
    });
    listed.into_iter().chain(matched).collect()
}

fn within(limits: &RequestLimits) -> Vec<String> {
    let RequestLimits::Known(KnownLimits { rates, in_progress, exempt, statuses }) = limits else { return Vec::new() };
    let whom = if *exempt == Networks::default() { String::new() } else { format!(" that are not in {exempt}") };
    let line = |status: u16, beyond: String, annotation: &str| {
        format!("{status} for clients{whom} beyond {beyond} ({annotation}), for others:")
    };
    let rates = rates.iter().zip(["limit-rps", "limit-rpm"]).filter_map(|(rate, annotation)| {
        let Rate { interval, burst } = (*rate)?;
        Some(line(statuses[0], format!("one request in {interval:?} and {burst} at once"), annotation))
    });
    let in_progress =
        in_progress.map(|most| line(statuses[1], format!("{most} requests in progress"), "limit-connections"));
    rates.chain(in_progress).collect()
}

fn listed(sources: &Sources) -> Vec<String> {
    let Sources::Lists { denied, allowed } = sources else { return Vec::new() };
    let refused = (*denied != Networks::default())
        .then(|| format!("403 for clients in {denied} (denylist-source-range), for others:"));
    let others = allowed
        .as_ref()
        .map(|allowed| format!("403 for clients that are not in {allowed} (allowlist-source-range), for others:"));
    refused.into_iter().chain(others).collect()
}

fn replaced(pages: &ErrorPages) -> Vec<String> {
    let ErrorPages { statuses, intercepts, upstream, stands_in } = pages;
    let of = upstream
        .as_ref()
        .map_or_else(|| "404".into(), |upstream| format!("the answer of Service {}", upstream.key.service));
    let whose = if *intercepts { "" } else { " that no pod has said" };
    let listed: Vec<_> = statuses.iter().map(ToString::to_string).collect();
    let listed =
        (!listed.is_empty()).then(|| format!("{of} for {}{whose} (custom-http-errors), otherwise:", listed.join(", ")));
    let empty = stands_in.then(|| format!("{of} where the Service has no endpoint (default-backend), otherwise:"));
    listed.into_iter().chain(empty).collect()
}

fn asked(auth: &ExternalAuth) -> Vec<String> {
    let ExternalAuth::Service(service) = auth else { return Vec::new() };
    let AuthService { upstream, host, target, excused, passwords, .. } = &**service;
    let port = &upstream.port;
    let without = passwords.as_ref().map(|passwords| {
        format!(" that do not give the password of {} (auth-type, satisfy)", some_of(&passwords.users))
    });
    let outside = excused.as_ref().map(outside);
    let whom: Vec<_> = outside.into_iter().chain(without).collect();
    let whom = if whom.is_empty() { String::new() } else { format!(" of clients{}", whom.join(" and")) };
    vec![format!("what {host}:{port}{target} says{whom}, if that is no 2xx (auth-url), otherwise:")]
}

/// Clients whose address is not enough.
fn outside(Excused { allowed, denied }: &Excused) -> String {
    if *denied == Networks::default() {
        return format!(" that are not in {allowed} (allowlist-source-range, satisfy)");
    }
    format!(" that are not in {allowed} or are in {denied} (allowlist-source-range, denylist-source-range, satisfy)")
}

/// Who has a password, in words.
fn with_password(auth: &BasicAuth) -> Option<String> {
    let BasicAuth::Users { realm: _, users, excused } = auth else { return None };
    let who = excused.as_ref().map(|excused| format!("{} and that", outside(excused))).unwrap_or_default();
    let users = some_of(users);
    let who = if who.is_empty() { " that".to_owned() } else { who };
    Some(format!("401 for clients{who} do not give the password of {users} (auth-type), for others:"))
}

fn some_of(users: &Users) -> String {
    match users.len() {
        1 => "the one user".to_owned(),
        count => format!("one of {count} users"),
    }
}

/// Which pages of other origins browsers let read the answer.
pub(super) fn for_pages(filters: &[Filter]) -> Option<String> {
    let cors = filters.iter().find_map(|filter| if let Filter::Cors(cors) = filter { Some(cors) } else { None })?;
    Some(match &cors.origins {
        Origins::Any => "204 for OPTIONS, and pages of any origin may read answers (enable-cors), otherwise:".into(),
        origins @ Origins::Listed(_) => {
            format!("204 for OPTIONS of pages of {origins}, which may read answers (enable-cors), otherwise:")
        }
    })
}
