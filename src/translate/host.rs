//! The unit of a host: what all served Ingresses that name it make of it together.

use std::sync::Arc;

use foldhash::HashMap;

use crate::model::{Action, HostPattern, HostSpec, ObjectKind, ObjectRef, Origin, PathMatch, Place};
use crate::model::{Problem, ProblemCode, RouteMatch, RouteSpec, Severity, Unmatched};
use crate::source::objects::{Backend, Path};

use super::annotations::{self, Options};
use super::conflicts::{self, Bid};
use super::filters::filters;
use super::index::Claim;
use super::input::Input;
use super::path::{self, Matched};
use super::problems::on_ingress;
use super::service::{self, BackendFault};
use super::{classes, tls};

/// Translates the unit of a host. `None`: nothing is served for it.
pub(crate) fn translate(input: &Input, host: &HostPattern) -> (Option<Arc<HostSpec>>, Vec<Problem>) {
    let is_ours = |claim: &&Claim| classes::is_ours(&claim.ingress, input.objects(), input.settings());
    let claims: Vec<&Claim> = input.index().claims(host).iter().filter(is_ours).collect();
    let mut problems = Vec::new();
    let mut spec = HostSpec::empty(host.clone());
    spec.routes = routes(input, host, &claims, &mut problems);
    let mut fallback = fallback(input, host, &claims, &mut problems);
    spec.tls = tls::choose(input, host, &claims, &mut problems);
    if *host == HostPattern::Any && fallback.is_none() {
        fallback = default_backend(input, &mut problems);
    }
    if fallback.is_some() || claims.iter().any(|claim| !claim.rules.is_empty()) {
        spec.unmatched = Unmatched::Keep(fallback.map(Arc::new));
    }
    let spec = if spec.is_empty() { None } else { Some(Arc::new(spec)) };
    (spec, problems)
}

/// One route for each distinct match: the oldest Ingress keeps it, within an Ingress the first entry.
fn routes(input: &Input, host: &HostPattern, claims: &[&Claim], problems: &mut Vec<Problem>) -> Box<[Arc<RouteSpec>]> {
    let mut routes = Vec::new();
    let mut taken: HashMap<PathMatch, Bid<'_>> = HashMap::default();
    for claim in claims {
        let ingress = &*claim.ingress;
        let (options, _) = annotations::read(ingress);
        for (rule, at, path) in paths(claim) {
            let field = || format!("spec.rules[{rule}].http.paths[{at}]");
            let Matched { path: matched, key } = match path::matched(path) {
                Ok(matched) => matched,
                Err(fault) => {
                    let field = format!("{}.{}", field(), fault.field);
                    let code = ProblemCode::InvalidPath;
                    problems.push(on_ingress(ingress, field, code, Severity::Error, fault.message, fault.remedy));
                    continue;
                }
            };
            let bid = Bid { ingress, backend: &path.backend };
            if let Some(winner) = taken.get(&key) {
                problems.push(conflicts::over_path(host, &matched, field(), bid, *winner));
                continue;
            }
            taken.insert(key.clone(), bid);
            let (route, fault) = route(input, matched, bid, &options, Place::rule(rule, at));
            routes.push((key, route));
            problems.extend(fault.map(|fault| on_backend(bid, &format!("{}.backend", field()), fault)));
        }
    }
    routes.sort_unstable_by(|(a, _), (b, _)| precedence(a).cmp(&precedence(b)));
    routes.into_iter().map(|(_, route)| Arc::new(route)).collect()
}

/// The path entries of a claim, with the positions of rule and entry.
fn paths(claim: &Claim) -> impl Iterator<Item = (usize, usize, &Path)> {
    claim.rules.iter().flat_map(|&rule| {
        let paths = claim.ingress.rules[rule].paths.iter().flatten();
        paths.enumerate().map(move |(at, path)| (rule, at, path))
    })
}

/// Order of precedence: Exact first, then the longer path, then alphabetically to have an order at all.
fn precedence(path: &PathMatch) -> (bool, std::cmp::Reverse<usize>, &str) {
    let is_prefix = match path {
        PathMatch::Exact(_) => false,
        PathMatch::Prefix(_) => true,
    };
    (is_prefix, std::cmp::Reverse(path.path().len()), path.path())
}

/// What takes the requests that no route takes: the default backend of the oldest Ingress that has rules for this host
/// or, for all other hosts, that has hostless rules or no rules at all.
fn fallback(input: &Input, host: &HostPattern, claims: &[&Claim], problems: &mut Vec<Problem>) -> Option<RouteSpec> {
    let has_say = |claim: &&&Claim| !claim.rules.is_empty() || *host == HostPattern::Any;
    let mut bids = claims.iter().filter(has_say).filter_map(|claim| {
        let backend = claim.ingress.default_backend.as_ref()?;
        Some(Bid { ingress: &claim.ingress, backend })
    });
    let winner = bids.next()?;
    problems.extend(bids.map(|loser| conflicts::over_fallback(host, loser, winner)));
    let (options, _) = annotations::read(winner.ingress);
    // What is wrong with the backend is said once, by the unit of the Ingress.
    let (route, _) = route(input, everything(), winner, &options, Place::DefaultBackend);
    Some(route)
}

fn route(
    input: &Input,
    path: PathMatch,
    bid: Bid<'_>,
    options: &Options,
    place: Place,
) -> (RouteSpec, Option<BackendFault>) {
    let settings = input.settings();
    let Bid { ingress, backend } = bid;
    let (action, fault) = service::action(service::resolve(input.objects(), &ingress.name.namespace, backend));
    let (filters, policy) = (filters(options, settings), options.policy(&settings.policy));
    let origin = Origin::ingress(ingress.name.clone(), place);
    (RouteSpec { matches: RouteMatch::path(path), action, filters, policy, origin }, fault)
}

/// The route of `--default-backend`.
fn default_backend(input: &Input, problems: &mut Vec<Problem>) -> Option<RouteSpec> {
    let settings = input.settings();
    let (service, port) = settings.default_backend.clone()?;
    let resolved = service::resolve_service(input.objects(), service.clone(), port);
    let (action, fault): (Action, _) = service::action(resolved);
    problems.extend(fault.map(|fault| {
        let BackendFault { reply: _, field: _, code, message, remedy } = fault;
        let object = ObjectRef { kind: ObjectKind::Service, name: service };
        Problem { object, field: "--default-backend".into(), code, severity: BackendFault::SEVERITY, message, remedy }
    }));
    let (filters, policy) = (filters(&Options::default(), settings), Arc::clone(&settings.policy));
    let (matches, origin) = (RouteMatch::path(everything()), Origin::DefaultBackend);
    Some(RouteSpec { matches, action, filters, policy, origin })
}

/// The problem of a backend at this field.
pub(crate) fn on_backend(bid: Bid<'_>, field: &str, fault: BackendFault) -> Problem {
    let BackendFault { reply: _, field: below, code, message, remedy } = fault;
    on_ingress(bid.ingress, format!("{field}{below}"), code, BackendFault::SEVERITY, message, remedy)
}

fn everything() -> PathMatch {
    PathMatch::Prefix("/".into())
}

/// What is wrong with the default backend of an Ingress.
pub(crate) fn default_backend_problem(input: &Input, bid: Bid<'_>) -> Option<Problem> {
    let backend: &Backend = bid.backend;
    let resolved = service::resolve(input.objects(), &bid.ingress.name.namespace, backend);
    resolved.err().map(|fault| on_backend(bid, "spec.defaultBackend", fault))
}
