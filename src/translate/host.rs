//! The unit of a host: what all served objects that name it make of it together.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::HashMap;

use crate::model::UpstreamSpec;
use crate::model::{
    Action, AskedWhen, ClientAuth, Condition, Filter, Filters, HostPattern, HostSpec, Hostname, Location, ObjectKind,
    ObjectName, ObjectRef, Origin, PathMatch, Pattern, Place, Precedence, Predicates,
};
use crate::model::{
    Problem, ProblemCode, Redirect, RedirectKind, Reply, RouteMatch, RoutePolicy, RouteSpec, Tenancy, Unmatched,
};
use crate::source::objects::PathKind;

use super::annotations::{Options, Taken};
use super::basic_auth;
use super::canary;
use super::client_auth::OfHost;
use super::conflicts;
use super::external::{self, NameFinding};
use super::filters::{Besides, OwnParts, filters, of_all};
use super::global::REDIRECT;
use super::in_force::{self, InForce};
use super::input::Input;
use super::kin::{self, Kin};
use super::lower::{Bid, Claim, Lowered, RouteClaim};
use super::path::{self, Matched, PathReading};
use super::pattern_hosts::{self, ROOT};
use super::service::{self, BackendFault};
use super::slashes;
use super::tenancy::Say;
use super::tls::{self, Chosen};

/// Translates the unit of a host. `None`: nothing is served for it.
pub(crate) fn translate(input: &Input, host: &HostPattern) -> (Option<Arc<HostSpec>>, Vec<Problem>) {
    let say = Say::at(input, host);
    let mut problems: Vec<Problem> = say.refusals().collect();
    let mut spec = HostSpec::empty(host.clone());
    let Served { routes, mut fallback, has_rules } = match kin::of(host, &say) {
        None => {
            problems.extend(kin::overruled(host, &say));
            served(input, host, &|| kin::naming(host, &say), &mut problems)
        }
        Some(Kin::Alias { of }) => {
            let base = Say::at(input, &of);
            canary::tell(input, host, &|| kin::canaries_named(host, &say), PathReading::default(), &mut problems);
            // What is found there is said by the unit of that host.
            served(input, &of, &|| kin::naming(&of, &base), &mut Vec::new())
        }
        Some(Kin::Www { to, by }) => {
            Served { routes: [Arc::new(www(input, to, by))].into(), fallback: None, has_rules: true }
        }
    };
    spec.routes = routes;
    let mut tenancy = Tenancy::default();
    Chosen { own: spec.tls, of_tenants: tenancy.tls } = tls::choose(input, host, &say, &mut problems);
    if *host == HostPattern::Any {
        let default_backend = default_backend(input, &mut problems).map(Arc::new);
        match fallback {
            Some(_) => tenancy.default_backend = default_backend,
            None => fallback = default_backend,
        }
    }
    if fallback.is_some() || has_rules {
        spec.unmatched = Unmatched::Keep(fallback);
    }
    if *host != HostPattern::Any && !say.has_tenants(spec.tenants()) {
        tenancy.tenants = say.tenants().into_iter().cloned().collect();
    }
    spec.tenancy = (tenancy != Tenancy::default()).then(|| Box::new(tenancy));
    let spec = if spec.is_empty() { None } else { Some(Arc::new(spec)) };
    (spec, problems)
}

/// What is served for the requests of a host.
struct Served {
    routes: Box<[Arc<RouteSpec>]>,
    fallback: Option<Arc<RouteSpec>>,
    /// Whether requests that no route takes belong to the host.
    has_rules: bool,
}

fn served<'a, C: Iterator<Item = &'a Claim>>(
    input: &'a Input,
    host: &HostPattern,
    claims: &dyn Fn() -> C,
    problems: &mut Vec<Problem>,
) -> Served {
    let reading = pattern_hosts::reading_of(input, host, claims());
    let clients = OfHost::of(input, claims());
    canary::tell(input, host, claims, reading, problems);
    let routes = routes(input, host, (claims(), &clients), reading, problems);
    let fallback = fallback(input, host, (claims(), &clients), problems).map(Arc::new);
    Served { routes, fallback, has_rules: claims().any(has_rules) }
}

/// Whether an object claims requests of the host by itself.
fn has_rules(claim: &Claim) -> bool {
    !claim.rules.is_empty() && !claim.by.options().is_canary()
}

/// The route that sends everything to the host with or without `www.` in front.
fn www(input: &Input, to: Hostname, by: &Claim) -> RouteSpec {
    let status = input.settings().global.as_ref().map_or(REDIRECT, |global| global.redirect);
    let redirect = Redirect { kind: RedirectKind::Www, status, location: Location::OtherHost(to) };
    let filters = Filters::new(vec![Filter::Redirect(Arc::new(redirect))]);
    let (policy, besides) = (Arc::clone(&input.settings().policy), Besides::default());
    let treatment = Treatment { filters, policy, clients: None, besides };
    let origin = Origin::Object { kind: by.by.kind(), name: by.by.name().clone(), place: Place::Unknown };
    route(&treatment, everything(), origin, Action::Reply(Reply::NotFound))
}

/// One route for each distinct match: the oldest object keeps it, within an object the first entry.
fn routes<'a>(
    input: &'a Input,
    host: &HostPattern,
    (claims, clients): (impl Iterator<Item = &'a Claim>, &OfHost<'_>),
    reading: PathReading,
    problems: &mut Vec<Problem>,
) -> Box<[Arc<RouteSpec>]> {
    let mut routes = Vec::new();
    let mut taken: HashMap<PathMatch, Bid<'_>> = HashMap::default();
    let (mut last, mut roots, mut shorter) = (None, Vec::new(), Vec::new());
    let mut taken_if: Vec<(PathMatch, Arc<Condition>, Bid<'_>)> = Vec::new();
    let mut closings = Vec::new();
    let claims: Vec<&Claim> = claims.filter(|claim| !claim.by.options().is_canary()).collect();
    let is_shared = are_of_several_namespaces(&claims);
    for claim in claims {
        let of_object = Treatment::of(input, &claim.by, claim.by.options(), host, clients.for_object(&claim.by));
        let mut of_services: Vec<(ObjectName, InForce<'_>, Treatment)> = Vec::new();
        let mut has_root = claim.by.options().locations().is_none_or(|locations| locations.app_root().is_none());
        claim.each_route(&mut |RouteClaim { bid, path, matched }| {
            if !std::mem::replace(&mut has_root, true) {
                roots.push((bid, of_object.clone()));
            }
            let Matched { path: matched, key } = match canary::read(reading, path, matched) {
                Ok(matched) => matched,
                Err(fault) => return problems.push(bid.invalid_path(fault)),
            };
            let (options, treatment) = match in_force::annotated(input, bid.backend.namespace, bid.backend.backend) {
                None => (claim.by.options(), &of_object),
                Some(service) => of_annotated(&mut of_services, service, |service| {
                    let options = in_force::for_service(input, service, claim.by.options());
                    let clients = clients.for_object(&claim.by);
                    let treatment = Treatment::of(input, &claim.by, &options, host, clients);
                    (options, treatment)
                }),
            };
            let (asked, closed) = match options.paths().and_then(|paths| paths.taken()) {
                None => (None, false),
                Some((Taken::If(condition), asked)) => (Some((condition, asked)), false),
                Some((Taken::Never, _)) => (None, true),
            };
            if closed {
                closings.push((key, matched, bid, treatment.clone()));
                return;
            }
            if let Some((condition, asked)) = asked {
                // Nobody takes requests from the path of another namespace, or from paths below his own.
                let asked = if is_shared { AskedWhen::InTurn } else { asked };
                let of_other = |winner: &&Bid<'_>| winner.by.name().namespace != bid.by.name().namespace;
                let same = taken_if.iter().find(|(path, of, _)| *path == key && *of == condition);
                let winner = taken.get(&key).filter(of_other).or(same.map(|(_, _, winner)| winner));
                if let Some(winner) = winner {
                    problems.push(conflicts::over_path(host, &matched, bid, *winner));
                    return;
                }
                taken_if.push((key.clone(), Arc::clone(&condition), bid));
                let own = treatment.of_path(input, options, (&path.path, &path.kind));
                let (action, fault) = action(input, bid, &mut last);
                let mut route = route(own.as_ref().unwrap_or(treatment), matched, bid.origin(), action);
                let predicates = Predicates { condition: Some(condition), asked, ..Predicates::default() };
                route.matches.predicates = Some(Box::new(predicates));
                routes.push((key, route));
                problems.extend(fault.map(|fault| service::on_backend(bid, &format!("{}.backend", bid.field), fault)));
                return;
            }
            let of_other = |(path, _, winner): &&(PathMatch, Arc<Condition>, Bid<'_>)| {
                *path == key && winner.by.name().namespace != bid.by.name().namespace
            };
            let conditional = taken_if.iter().find(of_other).map(|(_, _, winner)| winner);
            if let Some(winner) = taken.get(&key).or(conditional) {
                problems.push(conflicts::over_path(host, &matched, bid, *winner));
                return;
            }
            taken.insert(key.clone(), bid);
            if reading == PathReading::Texts {
                shorter.extend(slashes::without(&key).map(|path| (path, bid)));
            }
            let taken_literally = if reading == PathReading::Patterns { None } else { path::taken_literally(path) };
            if let Some((severity, message, remedy)) = taken_literally {
                let field = format!("{}.path", bid.field);
                problems.push(bid.by.problem(field, ProblemCode::PatternPath, severity, message, remedy));
            }
            let (action, fault) = action(input, bid, &mut last);
            let own = treatment.of_path(input, options, (&path.path, &path.kind));
            let action = canary::shared(input, bid, action);
            let route = route(own.as_ref().unwrap_or(treatment), matched, bid.origin(), action);
            routes.push((key, route));
            problems.extend(fault.map(|fault| service::on_backend(bid, &format!("{}.backend", bid.field), fault)));
        });
    }
    routes.extend(roots.into_iter().filter_map(|(bid, treatment)| root(&mut taken, bid, &treatment)));
    routes.extend(shorter.into_iter().filter_map(|(path, bid)| shorter_path(input, &mut taken, path, bid)));
    for (key, matched, bid, treatment) in closings {
        if let Entry::Vacant(place) = taken.entry(key.clone()) {
            place.insert(bid);
            let reply = Action::Reply(Reply::BackendUnavailable);
            routes.push((key, route(&treatment, matched, bid.origin(), reply)));
        }
    }
    // Routes with conditions stay in the order of their objects.
    routes.sort_by(|(a, one), (b, other)| precedence(a, one).cmp(&precedence(b, other)));
    routes.into_iter().map(|(_, route)| Arc::new(route)).collect()
}

/// Whether objects of more than one namespace have rules among these.
fn are_of_several_namespaces(claims: &[&Claim]) -> bool {
    let mut namespaces = claims.iter().filter(|claim| !claim.rules.is_empty()).map(|claim| &claim.by.name().namespace);
    namespaces.next().is_some_and(|first| namespaces.any(|other| other != first))
}

/// The route for `/` that an object which sends `/` elsewhere (annotation `app-root`) gets beside its own, where nobody has one.
/// It takes nothing but `/`, so it forwards nothing.
fn root<'a>(
    taken: &mut HashMap<PathMatch, Bid<'a>>,
    bid: Bid<'a>,
    treatment: &Treatment,
) -> Option<(PathMatch, RouteSpec)> {
    let exactly = PathMatch::Exact("/".into());
    if taken.contains_key(&exactly) || taken.contains_key(&everything()) {
        return None;
    }
    taken.insert(exactly.clone(), bid);
    let origin = Origin::Object { kind: bid.by.kind(), name: bid.by.name().clone(), place: Place::Unknown };
    Some((exactly.clone(), route(treatment, exactly, origin, Action::Reply(Reply::NotFound))))
}

/// The route that sends requests for a path without the slash of its rule to the path with it, where no rule takes them. Nothing
/// else of the rule holds for it, as in nginx.
fn shorter_path<'a>(
    input: &Input,
    taken: &mut HashMap<PathMatch, Bid<'a>>,
    path: Arc<str>,
    bid: Bid<'a>,
) -> Option<(PathMatch, RouteSpec)> {
    let exactly = slashes::free(path, taken)?;
    taken.insert(exactly.clone(), bid);
    let redirect = slashes::redirect(bid.by.options().redirect.port())?;
    let filters = Filters::new(std::iter::once(redirect).chain(of_all(input.settings())).collect());
    let (policy, besides) = (Arc::clone(&input.settings().policy), Besides::default());
    let treatment = Treatment { filters, policy, clients: None, besides };
    Some((exactly.clone(), route(&treatment, exactly, bid.origin(), Action::Reply(Reply::NotFound))))
}

/// Order of precedence, then that of patterns, then alphabetically to have an order at all.
fn precedence<'a>(path: &'a PathMatch, route: &RouteSpec) -> (Precedence, Option<&'a Pattern>, &'a str) {
    let predicates = route.matches.predicates.as_deref();
    (Precedence::new(path, path.path().len(), predicates), path.pattern(), path.path())
}

/// What takes the requests that no route takes: the default backend of the oldest object that has one and takes part.
fn fallback<'a>(
    input: &'a Input,
    host: &HostPattern,
    (claims, clients): (impl Iterator<Item = &'a Claim>, &OfHost<'_>),
    problems: &mut Vec<Problem>,
) -> Option<RouteSpec> {
    let mains = claims.filter(|claim| !claim.by.options().is_canary());
    let mut bids = mains.filter_map(|claim| claim.fallback(host));
    let winner = bids.next()?;
    problems.extend(bids.map(|loser| conflicts::over_fallback(host, loser, winner)));
    // What is wrong with the backend is said once, by the unit of the object.
    let (action, _) = service::action(resolve(input, winner));
    let action = canary::shared(input, winner, action);
    let options = winner.by.options();
    let annotated = in_force::annotated(input, winner.backend.namespace, winner.backend.backend);
    let options = match &annotated {
        Some(service) => in_force::for_service(input, service, options),
        None => InForce::OfObject(options),
    };
    let treatment = Treatment::of(input, winner.by, &options, host, clients.for_object(winner.by));
    let rewriting = treatment.of_path(input, &options, (ROOT.0, &ROOT.1));
    let path = match (&rewriting, Pattern::new(&ROOT.0.into())) {
        (Some(_), Ok(pattern)) => PathMatch::Pattern(pattern),
        (Some(_), Err(_)) | (None, _) => everything(),
    };
    Some(route(rewriting.as_ref().unwrap_or(&treatment), path, winner.origin(), action))
}

/// What a route to the backend of a bid does. `last` is the last bid whose backend can be used, with the upstream that it is:
/// most paths have the backend of the path before, and share its upstream.
fn action<'a>(
    input: &Input,
    bid: Bid<'a>,
    last: &mut Option<(Bid<'a>, Arc<UpstreamSpec>)>,
) -> (Action, Option<BackendFault>) {
    if let Some((former, upstream)) = last
        && former.backend == bid.backend
        && former.by.options().have_upstreams_of(bid.by.options())
    {
        return (Action::Forward(Arc::clone(upstream)), None);
    }
    let (action, fault) = service::action(resolve(input, bid));
    if let Action::Forward(upstream) = &action {
        *last = Some((bid, Arc::clone(upstream)));
    }
    (action, fault)
}

/// What holds for routes to a Service that has annotations, found out once for an object.
fn of_annotated<'a, 'b>(
    known: &'a mut Vec<(ObjectName, InForce<'b>, Treatment)>,
    service: ObjectName,
    of: impl FnOnce(&ObjectName) -> (InForce<'b>, Treatment),
) -> (&'a Options, &'a Treatment) {
    let at = known.iter().position(|(name, ..)| *name == service).unwrap_or_else(|| {
        let (options, treatment) = of(&service);
        known.push((service, options, treatment));
        known.len() - 1
    });
    let (_, options, treatment) = &known[at];
    (options, treatment)
}

/// What routes of one object have in common.
#[derive(Clone)]
struct Treatment {
    filters: Filters,
    policy: Arc<RoutePolicy>,
    clients: Option<Arc<ClientAuth>>,
    besides: Besides,
}

impl Treatment {
    /// At a host of the object. The options are its own, or those that hold for one of its backends.
    fn of(
        input: &Input,
        object: &Lowered,
        options: &Options,
        host: &HostPattern,
        clients: Option<Arc<ClientAuth>>,
    ) -> Self {
        let settings = input.settings();
        let besides = Besides::of(input, options, &object.name().namespace, host);
        let auth = basic_auth::basic_auth(input, options);
        let parts = OwnParts { rewrite: None, clients: clients.clone(), auth, besides: besides.clone() };
        let (filters, policy) =
            (filters(options, settings, parts), options.policy(&settings.policy, settings.replicas));
        Self { filters, policy, clients, besides }
    }

    /// That of a path for which pods get another one, or that asks for no password or certificate where others do; `None` for
    /// other paths.
    fn of_path(&self, input: &Input, options: &Options, path: (&str, &PathKind)) -> Option<Self> {
        let rewrite = options.paths().and_then(|paths| paths.rewrite(path.0, path.1));
        let open = input.settings().global.as_ref().and_then(|global| global.open_paths.as_deref());
        let asks_somebody = options.rare().is_some_and(|rare| {
            let auth = &rare.external_auth;
            auth.asked().is_some() && (auth.is_global || open.is_some())
        });
        let is_exempt = (options.auth().is_some() || asks_somebody) && basic_auth::is_exempt(path.0, open);
        // Paths that ingress-nginx's ConfigMap opens are open to clients without a password, not to those without a certificate.
        let is_challenge = self.clients.is_some() && basic_auth::is_exempt(path.0, None);
        if rewrite.is_none() && !is_exempt && !is_challenge {
            return None;
        }
        let excused = |auth: &Arc<ClientAuth>| match (is_challenge, &**auth) {
            (true, ClientAuth::Rule(_)) => Arc::new(ClientAuth::ExcusedInClear(Arc::clone(auth))),
            (true, ClientAuth::Unknown | ClientAuth::ExcusedInClear(_)) | (false, _) => Arc::clone(auth),
        };
        let clients = self.clients.as_ref().map(excused);
        let auth = if is_exempt { None } else { basic_auth::basic_auth(input, options) };
        let besides = if is_exempt && asks_somebody { self.besides.without_auth() } else { self.besides.clone() };
        let parts = OwnParts { rewrite, clients: clients.clone(), auth, besides: besides.clone() };
        let filters = filters(options, input.settings(), parts);
        Some(Self { filters, policy: Arc::clone(&self.policy), clients, besides })
    }
}

fn route(treatment: &Treatment, path: PathMatch, origin: Origin, action: Action) -> RouteSpec {
    let Treatment { filters, policy, clients: _, besides: _ } = treatment.clone();
    RouteSpec { matches: RouteMatch::path(path), action, filters, policy, origin }
}

/// The route of `--default-backend`.
fn default_backend(input: &Input, problems: &mut Vec<Problem>) -> Option<RouteSpec> {
    let settings = input.settings();
    let (service, port) = settings.default_backend.clone()?;
    let options = in_force::for_service(input, &service, &Options::UNSET);
    let resolved = service::resolve_service(input, service.clone(), port, &options);
    let object = ObjectRef { kind: ObjectKind::Service, name: service };
    let upstream = resolved.as_ref().ok().map(|spec| &spec.key);
    problems.extend(external::finding(input, &object.name, upstream).map(|finding| {
        let NameFinding { code, severity, message, remedy } = finding;
        super::problems::on(&object, "--default-backend", code, severity, message, remedy)
    }));
    let (action, fault): (Action, _) = service::action(resolved);
    problems.extend(fault.map(|fault| {
        let (message, code, severity) = (fault.message(), fault.code, BackendFault::SEVERITY);
        Problem { object, field: "--default-backend".into(), code, severity, message, remedy: fault.remedy }
    }));
    let (besides, policy) = (Besides::default(), options.policy(&settings.policy, settings.replicas));
    let filters = filters(&options, settings, OwnParts::default());
    Some(route(&Treatment { filters, policy, clients: None, besides }, everything(), Origin::DefaultBackend, action))
}

fn everything() -> PathMatch {
    PathMatch::Prefix("/".into())
}

/// What is wrong with the default backend of an object.
pub(crate) fn default_backend_problem(input: &Input, bid: Bid<'_>) -> Option<Problem> {
    resolve(input, bid).err().map(|fault| service::on_backend(bid, &bid.field.to_string(), fault))
}

fn resolve(input: &Input, bid: Bid<'_>) -> Result<UpstreamSpec, BackendFault> {
    service::resolve(input, bid.backend.namespace, bid.backend.backend, bid.by.options())
}
