//! Canaries: objects whose backends get some of the requests of another object with the same host, path and type of path.

use std::sync::Arc;

use foldhash::HashMap;

use crate::model::{Action, Canary, CanaryRule, PathMatch, Problem, ProblemCode, RouteSpec, Severity, UpstreamSpec};
use crate::model::{HostPattern, Reply};

use super::conflicts;
use super::lower::Bid;
use super::problems::quoted;

/// A path of a canary.
pub(crate) struct CanaryBid<'a> {
    pub(crate) bid: Bid<'a>,
    /// As the rule gives it.
    pub(crate) path: PathMatch,
    /// The same, as it is compared.
    pub(crate) key: PathMatch,
    pub(crate) rule: CanaryRule,
    /// Where its share goes.
    pub(crate) backend: Result<Arc<UpstreamSpec>, Reply>,
}

/// Gives canaries their part of the routes that have their paths, of which `taken` says whose they are.
pub(crate) fn share(
    host: &HostPattern,
    routes: &mut [(PathMatch, RouteSpec)],
    taken: &HashMap<PathMatch, Bid<'_>>,
    canaries: Vec<CanaryBid<'_>>,
    problems: &mut Vec<Problem>,
) {
    let mut first: HashMap<PathMatch, Bid<'_>> = HashMap::default();
    for CanaryBid { bid, path, key, rule, backend } in canaries {
        let owner = taken.get(&key);
        let is_same_namespace = owner.is_some_and(|main| main.by.name().namespace == bid.by.name().namespace);
        let route = routes.iter_mut().find(|(of, _)| *of == key).filter(|_| is_same_namespace);
        let Some((_, route)) = route else {
            problems.push(without_main(&path, bid, owner.is_some()));
            continue;
        };
        if let Some(winner) = first.get(&key) {
            problems.push(conflicts::over_path(host, &path, bid, *winner));
            continue;
        }
        first.insert(key, bid);
        let main = backend_of(&route.action);
        route.action = Action::Canary(Arc::new(Canary { main, canary: backend, rule }));
    }
}

/// The only backend of a route.
pub(crate) fn backend_of(action: &Action) -> Result<Arc<UpstreamSpec>, Reply> {
    match action {
        Action::Forward(upstream) => Ok(Arc::clone(upstream)),
        Action::Reply(reply) => Err(*reply),
        // No route is shared yet.
        Action::Split(_) | Action::Canary(_) => Err(Reply::BackendUnavailable),
    }
}

fn without_main(path: &PathMatch, bid: Bid<'_>, is_of_others: bool) -> Problem {
    let path = format!("{} path {}", path.kind(), quoted(path.path()));
    let (why, remedy) = if is_of_others {
        ("belongs to another namespace", "Put the canary into the namespace of the main Ingress")
    } else {
        (
            "is that of no other Ingress of this host",
            "Give the main Ingress the same host, path and pathType, or remove the annotation canary",
        )
    };
    let message = format!("{path} of a canary {why}, so it gets no requests");
    bid.by.problem(bid.field.to_string(), ProblemCode::CanaryWithoutMain, Severity::Warning, message, remedy)
}
