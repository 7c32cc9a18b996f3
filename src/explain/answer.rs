//! From a question to its explanation, in the order in which a request is decided.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::filter::{
    self, BodyTooLarge, Circumstances, FieldName, NotRedirected, RequestChange, RequestView, Response, Uncounted,
    Verdict,
};
use crate::model::{
    Action, CanaryRule, ClientAuth, Filter, HostPattern, HttpsRedirect, ObjectKind, ObjectName, ObjectRef, Origin,
    Predicates, Problem, RedirectKind, Reply, RouteSpec, Rule, RuleAnswer, Rules, UnitKey,
};
use crate::routing::{self, Draw, Found, Holds, PathRefusal, Route, normalize_host, normalize_name};
use crate::translate::{self, CanaryRuleOf, Input};

use super::clients::{apart, closed, for_pages, for_whom, with_certificate};
use super::near::{self, Around, Winner};
use super::question::QuestionHead;
use super::{Explanation, Facts, Outcome, Question, Subject, View, backing, certificate, named, shown};

/// Explains what would become of a request.
pub fn explain<T>(question: &Question, view: &View<'_, T>) -> Explanation {
    let mut explanation =
        Explanation { outcome: Outcome::Refused, status: None, facts: Facts::default(), sections: Vec::new() };
    let head = match question.head() {
        Ok(head) => head,
        Err(error) => {
            refuse(question, error.status(), &error.to_string(), &mut explanation);
            return explanation;
        }
    };
    if !filter::is_routable(&head.request) {
        refuse(question, 405, "the method is not allowed", &mut explanation);
        return explanation;
    }
    let mut lowered = String::new();
    let host = head.request.host_name.and_then(|name| normalize_name(name.of(&head.bytes), &mut lowered));
    // The parser takes visible ASCII only.
    let path = String::from_utf8_lossy(head.request.path(&head.bytes));
    let canonical = routing::canonical_path(&path);
    explanation.say(Subject::Request, [request(question, &head, host)]);
    if let Ok(canonical) = &canonical
        && *canonical != path
    {
        explanation.say(Subject::Path, [format!("{path} is compared as {canonical} and forwarded as it is")]);
    }

    let mut scratch = String::new();
    // Who asks is not known, and what is drawn by chance is always the same.
    let around = Circumstances { client: &|| None, random: &|| 0 };
    let holds = |predicates: &Predicates| filter::holds(predicates, &head.request, &head.bytes, around);
    let found = view.table.find(host, &path, &holds, &mut scratch);
    let owner = match &found {
        Ok(found) => found.host.cloned(),
        // The host does not depend on the path.
        Err(_) => view.table.find(host, "/", &holds, &mut String::new()).ok().and_then(|found| found.host.cloned()),
    };
    explanation.facts.host.clone_from(&owner);
    explanation.say(Subject::Host, [host_line(view, host, owner.as_ref())]);
    let problems = problems_of_unit(view, owner.as_ref());
    let route = found.as_ref().ok().and_then(|found| found.route);
    let winner = route.map(|route| Winner {
        origin: &route.spec.origin,
        path: &route.spec.matches.path,
        is_fallback: is_fallback(view, owner.as_ref(), route),
    });
    let mut around = Around {
        input: view.input,
        host,
        path: canonical.as_deref().ok(),
        owner: owner.as_ref(),
        winner: None,
        problems: &problems,
    };
    let field = winner.as_ref().and_then(|winner| winner.origin.field());
    if let Some(winner) = &winner {
        explanation.say(Subject::Rule, [near::taken(winner, field.as_deref())]);
        let predicates = route.and_then(|route| route.spec.matches.predicates.as_deref());
        let condition = predicates.and_then(|predicates| predicates.condition.as_ref());
        let asked =
            |condition| format!("it takes requests for which this holds: {condition}; the client is not known here");
        explanation.say(Subject::Rule, condition.map(asked));
    }
    around.winner = winner;

    let mut concerned = Concerned { origin: route.map(|route| route.spec.origin.clone()), service: None, field };
    explanation.facts.origin.clone_from(&concerned.origin);
    explanation.facts.field.clone_from(&concerned.field);
    match &found {
        Ok(found) => decide(question, view, &head, found, &mut concerned, &mut explanation),
        Err(refusal) => refuse_path(view, host, &path, &holds, *refusal, &mut explanation),
    }
    explanation.say(Subject::NotTaken, near::misses(&around, view.table));
    tls(question, view, &mut explanation);
    explanation.say(Subject::Problems, problems_concerned(view, problems, &concerned, &owner));
    explanation
}

/// The objects a request has to do with.
struct Concerned {
    origin: Option<Origin>,
    service: Option<ObjectName>,
    field: Option<String>,
}

impl Concerned {
    /// Whether a problem of the source may have to do with the request. An Ingress that cannot be read may be the one
    /// that the request needs, and so may anything in a file that cannot be read.
    fn may_be(&self, problem: &Problem) -> bool {
        match problem.object.kind {
            ObjectKind::File => true,
            ObjectKind::Ingress => self.origin.as_ref().is_none_or(|origin| origin.is_object(&problem.object)),
            ObjectKind::Service => self.service.as_ref() == Some(&problem.object.name),
            ObjectKind::EndpointSlice | ObjectKind::Secret | ObjectKind::ConfigMap => {
                self.service.as_ref().is_some_and(|service| service.namespace == problem.object.name.namespace)
            }
            ObjectKind::IngressClass => false,
        }
    }
}

fn request(question: &Question, head: &QuestionHead, host: Option<&str>) -> String {
    let Question { is_https: _, authority, target, fields: _ } = question;
    let named = String::from_utf8_lossy(head.request.authority.of(&head.bytes));
    let path = String::from_utf8_lossy(head.request.path(&head.bytes));
    let compared = match host {
        Some(host) => format!("host {host}"),
        None => format!("no host name: {named} is an address or no name a rule can have"),
    };
    format!("GET {}://{authority}{target}  ({compared}, path {path})", question.scheme())
}

fn host_line<T>(view: &View<'_, T>, host: Option<&str>, pattern: Option<&HostPattern>) -> String {
    let host = host.unwrap_or("the host");
    let mut line = match pattern {
        Some(HostPattern::Exact(name)) => format!("{name}: exact host"),
        Some(pattern @ HostPattern::Wildcard { .. }) => format!("{pattern}: wildcard, as no rule names {host}"),
        Some(HostPattern::Any) => {
            format!("any: no rule names {host} or a wildcard for it, so what is for all hosts applies")
        }
        None => format!("no rule is for {host}"),
    };
    if let Some(owner) = pattern.and_then(|pattern| translate::host_owner(view.input, pattern)) {
        line.extend([" (owned by namespace ", &owner, ")"]);
    }
    line
}

fn is_fallback<T>(view: &View<'_, T>, owner: Option<&HostPattern>, route: &std::sync::Arc<Route<T>>) -> bool {
    let of = |pattern: &HostPattern| view.table.host(pattern).and_then(|unit| unit.fallback());
    let is_it = |other: &std::sync::Arc<Route<T>>| std::sync::Arc::ptr_eq(other, route);
    let default = view.table.host(&HostPattern::Any).and_then(|unit| unit.default_backend());
    owner.and_then(of).is_some_and(is_it) || of(&HostPattern::Any).is_some_and(is_it) || default.is_some_and(is_it)
}

/// What the route does with the request.
fn decide<T>(
    question: &Question,
    view: &View<'_, T>,
    head: &QuestionHead,
    found: &Found<'_, T>,
    concerned: &mut Concerned,
    explanation: &mut Explanation,
) {
    let Some(route) = found.route else {
        let has_catch_all = view.table.host(&HostPattern::Any).is_some_and(|any| any.fallback().is_some());
        let why = match found.host {
            Some(_) if has_catch_all => "no path of this host takes it, and the default backend is another namespace's",
            Some(_) => "no path of this host takes it, and there is no default backend",
            None => "no rule is for this host, and there is no default backend",
        };
        return conclude(explanation, Outcome::Refused, Some(404), vec![format!("404 because {why}")]);
    };
    let shared = shared(view.input, &route.spec);
    // Of a split, which shares its requests at random, the first backend stands for all, and of a canary the main one.
    let route = route.choose(&Draw {
        random: &|| 0,
        asks: &|rule| filter::canary(rule, &head.request, &head.bytes).or(Some(false)),
        lives: &|_| true,
    });
    let path = String::from_utf8_lossy(head.request.path(&head.bytes));
    let canonical = routing::canonical_path(&path).unwrap_or_default();
    // The client is not known. It counts as one that is not trusted.
    let request = RequestView {
        head: &head.bytes,
        request: &head.request,
        is_tls: question.is_https,
        is_https: question.is_https,
        is_trusted: false,
        has_tls: found.has_tls,
        port: if question.is_https { view.https_port } else { 80 },
        http_port: 80,
        https_port: view.https_port,
        client: None,
        decoded_path: &routing::decoded(&canonical),
        pattern: route.spec.matches.path.pattern(),
        route: Some(&route.spec),
        random: 0,
        meter: &Uncounted,
        identity: &filter::Assumed,
    };
    let (filters, of_clients) = apart(&route.spec.filters);
    let mut answer = misdirected(question, view, head);
    let too_large = filter::body_size(route.spec.policy.body_bytes, &head.request).err();
    let refusal = match &route.spec.action {
        Action::Forward(spec) => {
            concerned.service = Some(spec.key.service.clone());
            let living = (view.living)(&route.target);
            let (lines, has_endpoint) =
                backing::describe(view.input, spec, &route.spec.policy, living, &mut explanation.facts);
            explanation.say(Subject::Upstream, lines);
            (!has_endpoint).then(|| (503, "no endpoint can get it".to_owned()))
        }
        Action::Split(_) | Action::Canary(_) => Some((503, "no backend has a weight".to_owned())),
        Action::Reply(reply) => {
            let status = match reply {
                Reply::BackendUnavailable => 503,
                Reply::NotFound => 404,
            };
            let fault = backend_fault(view, concerned, found.host);
            Some((
                status,
                fault.map_or_else(|| "the backend of the route cannot be used".into(), |fault| fault.message),
            ))
        }
    };
    let (outcome, status) = if let Some(BodyTooLarge { length, limit }) = too_large {
        let is_default = view.input.settings().policy.body_bytes == Some(limit);
        let by = if is_default { "--max-body-bytes" } else { "proxy-body-size" };
        answer.push(format!("413 because a body of {length} bytes is longer than {limit} bytes ({by})"));
        (Outcome::Refused, Some(413))
    } else {
        let mut change = RequestChange::default();
        // Another Service takes the requests of one without endpoints, and that is told in words.
        let stands_in = filter::error_pages(&route.spec.filters).is_some_and(|pages| pages.stands_in);
        let refusal = refusal.filter(|(status, _)| !(stands_in && *status == 503));
        let refusal = closed(of_clients).map(|why| (503, why.to_owned())).or(refusal);
        match (filter::request(filters, &request, &mut change), refusal) {
            // Its filter is not among these.
            (Verdict::Ask(_), _) => (Outcome::Refused, Some(401)),
            (Verdict::Respond(response), _) => {
                answer.extend(of_filter(route, filters, &request, &response));
                let is_redirect = (300..400).contains(&response.status);
                (if is_redirect { Outcome::Redirected } else { Outcome::Refused }, Some(response.status))
            }
            // Who is to be asked is among those that are told in words.
            (Verdict::Continue | Verdict::Call(_), Some((status, why))) => {
                answer.push(format!("{status} because {why}"));
                (Outcome::Refused, Some(status))
            }
            (Verdict::Continue | Verdict::Call(_), None) => {
                answer.extend(with_certificate(filters));
                answer.extend(for_pages(filters));
                answer.extend(for_whom(of_clients));
                answer.extend(shared);
                answer.push(format!("forwarded{}{}", rewritten(&change), exempt(filters, &request)));
                (Outcome::Forwarded, None)
            }
        }
    };
    conclude(explanation, outcome, status, answer);
}

/// What becomes of the other requests of a route with a canary.
fn shared(input: &Input, route: &RouteSpec) -> Option<String> {
    let Action::Canary(canary) = &route.action else { return None };
    let CanaryRule { header, cookie, weight, total, has_no_sessions: _ } = &canary.rule;
    let by = header.iter().map(|header| format!("header {}", header.name));
    let by: Vec<_> = by.chain(cookie.iter().map(|cookie| format!("cookie {cookie}"))).collect();
    let by = if by.is_empty() { String::new() } else { format!(" that say nothing by {}", by.join(" and ")) };
    let to = match &canary.canary {
        Ok(upstream) => format!("Service {}", upstream.key.service),
        Err(_) => "a backend that cannot be used".into(),
    };
    let whose = translate::shared_by_other(input, &route.origin).map(|CanaryRuleOf { ingress, field, host }| {
        let host = match host {
            HostPattern::Exact(_) | HostPattern::Wildcard { .. } => format!("host {host}"),
            HostPattern::Any => "any host".into(),
        };
        format!(" (by {field} of Ingress {ingress} for {host}, as the rule there has the same Service and port)")
    });
    Some(format!("of requests{by}, {weight} of {total} go to the canary: {to}{}", whose.unwrap_or_default()))
}

/// The answer of a filter in words.
fn of_filter<T>(
    route: &Route<T>,
    filters: &[Filter],
    request: &RequestView<'_>,
    response: &Response<'_>,
) -> Vec<String> {
    let Response { by, status, fields: _, text: _, body } = response;
    let to = response.field(FieldName::LOCATION);
    let to = to.map(|url| format!(" to {}", String::from_utf8_lossy(url))).unwrap_or_default();
    let why = match by {
        Filter::Cors(_) => "OPTIONS of pages that may read answers is answered at once (enable-cors)".into(),
        Filter::Rules(rules) => rule_of(rules, response.status, &named(&route.spec.origin)),
        Filter::PodHost(_) => {
            format!("what it says makes no host for the pod of {} (upstream-vhost)", named(&route.spec.origin))
        }
        Filter::ClientAuth(auth) => certificate_of(auth, &named(&route.spec.origin)),
        Filter::RequestFields(_) | Filter::ResponseFields(_) => "of fields that are edited".into(),
        Filter::AppRoot(_) => format!("{} sends / there (app-root)", named(&route.spec.origin)),
        Filter::Redirect(redirect) => {
            let does =
                if body.is_some() { "answers everything with the URL as text" } else { "sends everything there" };
            let what = match redirect.kind {
                RedirectKind::Permanent => format!("{does} (permanent-redirect)"),
                RedirectKind::Temporal => format!("{does} (temporal-redirect)"),
                RedirectKind::Www => format!("{does} (from-to-www-redirect)"),
                RedirectKind::Slash => "has the path with a slash at its end, and nothing has it without".to_owned(),
            };
            format!("{} {what}", named(&route.spec.origin))
        }
        Filter::HttpsRedirect(HttpsRedirect::Always, _) => {
            format!("{} forces it (force-ssl-redirect)", named(&route.spec.origin))
        }
        Filter::Rewrite(_) => format!("{} sends the path there (rewrite-target)", named(&route.spec.origin)),
        Filter::AnswerUrls(_) | Filter::Mirror(_) => "of what is rewritten in answers".into(),
        Filter::Hsts(_) | Filter::NginxFields => "of the profile".into(),
        Filter::Affinity(_) => "of where requests of one client go".into(),
        Filter::Limits(_) | Filter::Sources(_) | Filter::Auth(_) | Filter::Errors(_) => {
            "the address of the client is not known here".into()
        }
        Filter::BasicAuth(_) => "the password of the client is not known here".into(),
        Filter::HttpsRedirect(HttpsRedirect::WithTls, _) => "a TLS entry covers the host (ssl-redirect)".into(),
    };
    let mut lines = vec![format!("{status}{to} because {why}")];
    match filter::request(filters, &RequestView { is_trusted: true, ..*request }, &mut RequestChange::default()) {
        Verdict::Continue => lines
            .push("forwarded instead if the client is one of --trusted-proxies: X-Forwarded-Proto says https".into()),
        Verdict::Respond(_) | Verdict::Ask(_) | Verdict::Call(_) => {}
    }
    lines
}

/// Why a rule of an author answers.
fn rule_of(rules: &Rules, status: u16, by: &str) -> String {
    match rules {
        Rules::Closed(why) => {
            format!("{by} restricts access in a way that is not known here, so nobody is served ({})", why.as_str())
        }
        Rules::Listed(rules) => {
            let answers = |rule: &&Rule| match rule.answer {
                RuleAnswer::Status(of_rule) | RuleAnswer::Redirect { status: of_rule, .. } => of_rule == status,
            };
            let why = rules.iter().find(answers).map_or("rules", |rule| rule.by.as_str());
            format!("a rule of {by} says so ({why})")
        }
    }
}

/// Why nobody is served as far as certificates of clients go, or nobody in clear.
fn certificate_of(auth: &ClientAuth, origin: &str) -> String {
    match auth {
        ClientAuth::Unknown => format!("it is not known whose certificates {origin} is for (auth-tls-secret)"),
        ClientAuth::Rule(_) | ClientAuth::ExcusedInClear(_) => {
            format!("{origin} needs a certificate of the client, which has none without TLS (auth-tls-secret)")
        }
    }
}

/// The path and the host that the pod gets, where they are others.
fn rewritten(change: &RequestChange) -> String {
    let mut said = String::new();
    for (text, what, annotation) in
        [(&change.target, "as", "rewrite-target"), (&change.host, "asked for", "upstream-vhost")]
    {
        if !text.is_empty() {
            said.push_str(&format!(" {what} {} ({annotation})", String::from_utf8_lossy(text)));
        }
    }
    said
}

/// What is special about a request that no filter answers.
fn exempt(filters: &[Filter], request: &RequestView<'_>) -> &'static str {
    let is_challenge = |filter: &Filter| match filter {
        Filter::ClientAuth(_)
        | Filter::AppRoot(_)
        | Filter::Rules(_)
        | Filter::RequestFields(_)
        | Filter::PodHost(_)
        | Filter::ResponseFields(_)
        | Filter::Cors(_)
        | Filter::Redirect(_)
        | Filter::Rewrite(_)
        | Filter::AnswerUrls(_)
        | Filter::Hsts(_)
        | Filter::NginxFields
        | Filter::Affinity(_)
        | Filter::Limits(_)
        | Filter::Sources(_)
        | Filter::BasicAuth(_)
        | Filter::Mirror(_)
        | Filter::Auth(_)
        | Filter::Errors(_) => false,
        Filter::HttpsRedirect(when, _) => match filter::not_redirected(*when, request) {
            Some(NotRedirected::AcmeChallenge) => true,
            Some(NotRedirected::WithoutTls | NotRedirected::Tls | NotRedirected::WithoutHost)
            | Some(NotRedirected::HttpsInFront)
            | None => false,
        },
    };
    if filters.iter().any(is_challenge) {
        ", without the redirect to https: challenges of certificate authorities have none"
    } else {
        ""
    }
}

/// What HTTP/2 answers when the Host is not the one that the TLS connection was made for.
fn misdirected<T>(question: &Question, view: &View<'_, T>, head: &QuestionHead) -> Vec<String> {
    let (mut sni_buffer, mut host_buffer) = (String::new(), String::new());
    let sni = normalize_host(question.authority.as_bytes(), &mut sni_buffer);
    let host = head.request.host_name.and_then(|name| normalize_name(name.of(&head.bytes), &mut host_buffer));
    match (sni, host) {
        (Some(sni), Some(host)) if question.is_https && view.table.misdirects(sni, host) => {
            vec![format!(
                "421 over HTTP/2 because the connection is made for {sni}, which has another certificate than {host}; over HTTP/1.1:"
            )]
        }
        (Some(_) | None, Some(_) | None) => Vec::new(),
    }
}

fn refuse_path<T>(
    view: &View<'_, T>,
    host: Option<&str>,
    path: &str,
    holds: Holds<'_>,
    refusal: PathRefusal,
    explanation: &mut Explanation,
) {
    let mut lines = vec![format!("400 because {refusal}")];
    match refusal {
        PathRefusal::Invalid => {}
        PathRefusal::Ambiguous => {
            let told = |route: Option<&std::sync::Arc<Route<T>>>| {
                route.map_or_else(
                    || "no route".to_owned(),
                    |r| format!("{} {}", named(&r.spec.origin), r.spec.matches.path.path()),
                )
            };
            let canonical = routing::canonical_path(path).unwrap_or_default();
            let as_canonical =
                view.table.find(host, &canonical, holds, &mut String::new()).ok().and_then(|found| found.route);
            let as_written = view.table.find_as_written(host, path, holds).ok().flatten();
            lines.push(format!(
                "as written it leads to {}, as {canonical} to {}",
                told(as_written),
                told(as_canonical)
            ));
        }
    }
    conclude(explanation, Outcome::Refused, Some(400), lines);
}

/// What becomes of a request for which no route is looked for.
fn refuse(question: &Question, status: u16, why: &str, explanation: &mut Explanation) {
    let Question { is_https: _, authority, target, fields: _ } = question;
    explanation.say(Subject::Request, [format!("GET {}://{authority}{target}", question.scheme())]);
    conclude(explanation, Outcome::Refused, Some(status), vec![format!("{status} because {why}")]);
}

fn conclude(explanation: &mut Explanation, outcome: Outcome, status: Option<u16>, lines: Vec<String>) {
    explanation.outcome = outcome;
    explanation.status = status;
    explanation.say(Subject::Answer, lines);
}

fn tls<T>(question: &Question, view: &View<'_, T>, explanation: &mut Explanation) {
    let mut buffer = String::new();
    let name = normalize_host(question.authority.as_bytes(), &mut buffer);
    let hosts = near::patterns(name);
    let mut lines = certificate::describe(view.input, view.table, name, &hosts, &mut explanation.facts);
    lines.extend(certificate::uncounted(view.input, view.table, name, &hosts));
    explanation.say(Subject::Tls, lines);
}

/// The problems of the unit of a host.
fn problems_of_unit<T>(view: &View<'_, T>, owner: Option<&HostPattern>) -> Vec<Problem> {
    owner.map_or_else(Vec::new, |owner| translate::unit(view.input, &UnitKey::Host(owner.clone().into())).problems)
}

/// Why a route's backend is not used.
fn backend_fault<T>(view: &View<'_, T>, concerned: &Concerned, owner: Option<&HostPattern>) -> Option<Problem> {
    let Some(object) = concerned.origin.as_ref()?.object() else {
        let problems = problems_of_unit(view, Some(&HostPattern::Any));
        return problems.into_iter().find(|problem| problem.field == "--default-backend");
    };
    let mut of_ingress = problems_of_unit(view, owner);
    of_ingress.extend(translate::unit(view.input, &UnitKey::Object(object.clone())).problems);
    let field = concerned.field.as_deref()?;
    let is_it = |problem: &Problem| {
        let below = problem.field.strip_prefix(field);
        problem.object == object
            && below.is_some_and(|below| below.starts_with(".backend") || field == "spec.defaultBackend")
    };
    of_ingress.into_iter().find(is_it)
}

/// The problems of the objects that the request has to do with: Ingress, slices, and the files they come from.
fn problems_concerned<T>(
    view: &View<'_, T>,
    of_host: Vec<Problem>,
    concerned: &Concerned,
    owner: &Option<HostPattern>,
) -> Vec<String> {
    let object = |kind, name: &ObjectName| UnitKey::Object(ObjectRef { kind, name: name.clone() });
    let mut problems = Vec::new();
    let mut add = |key: UnitKey| problems.extend(translate::unit(view.input, &key).problems);
    if let Some(origin) = concerned.origin.as_ref().and_then(Origin::object) {
        add(UnitKey::Object(origin));
    }
    for slice in concerned.service.iter().flat_map(|service| view.input.objects().slices_of(service)) {
        add(object(ObjectKind::EndpointSlice, &slice.name));
    }
    let patterns = owner.iter().cloned().chain(owner.is_none().then_some(HostPattern::Any));
    let claimants = patterns.flat_map(|pattern| translate::claimants(view.input, &pattern));
    for claimant in claimants.filter(|claimant| !claimant.is_ours) {
        add(object(ObjectKind::Ingress, &claimant.ingress.name));
    }
    // The problems of other Ingresses are among the near misses. Without a route there are only those.
    let is_own = |problem: &Problem| concerned.origin.as_ref().is_none_or(|origin| origin.is_object(&problem.object));
    let own = of_host.into_iter().filter(is_own);
    let mut all: Vec<Cow<'_, Problem>> = own.chain(problems).map(Cow::Owned).collect();
    all.extend(view.source_problems.iter().filter(|problem| concerned.may_be(problem)).map(Cow::Borrowed));
    let mut told = BTreeSet::new();
    let lines =
        all.into_iter().filter(|problem| told.insert(problem.clone())).map(|problem| problem.to_string()).collect();
    shown(lines)
}
