//! Canaries: objects whose backends get some of the requests of the Service and port that another object has at the same host,
//! with the same path and type of path.

use std::sync::Arc;

use foldhash::HashMap;

use crate::model::{
    Action, Canary, HostPattern, ObjectKind, ObjectName, Origin, PathMatch, Place, Problem, ProblemCode, Reply,
    Severity, UpstreamSpec,
};
use crate::source::objects::{Path, PathKind};

use super::canaries::{Hung, Target};
use super::conflicts;
use super::input::Input;
use super::kin;
use super::lower::{BackendRef, Bid, Claim, RouteClaim};
use super::path::{self, Matched, PathFault, PathReading};
use super::pattern_hosts;
use super::problems::quoted;
use super::service;
use super::tenancy::Say;

/// A backend of a canary, and the main backends that it has found.
struct Share<'a> {
    bid: Bid<'a>,
    /// Its path as it is served; `None`: it is the default backend.
    path: Option<PathMatch>,
    mains: Result<Vec<Bid<'a>>, Missing>,
}

/// Why a canary has no main backend.
#[derive(Clone, Copy, Debug)]
enum Missing {
    /// Nobody has the path.
    Nobody,
    /// An object of another namespace has it.
    OtherNamespace,
    /// Its backend is no Service.
    NoService,
}

/// A rule of a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryRuleOf {
    /// The canary.
    pub ingress: ObjectName,
    /// Where it names the path.
    pub field: String,
    /// At this host.
    pub host: HostPattern,
}

/// The rule by which a canary shares the requests of a route, where that rule is for another route of the same Service and port.
pub fn shared_by_other(input: &Input, route: &Origin) -> Option<CanaryRuleOf> {
    let Origin::Object { kind: ObjectKind::Ingress, name, place } = route else { return None };
    let ingress = input.objects().ingress(name)?;
    let backend = match place {
        Place::Rule { rule, entry } => {
            let paths = ingress.rules.get(usize::from(*rule))?.paths.as_deref()?;
            &paths.get(usize::from(*entry))?.backend
        }
        Place::DefaultBackend => ingress.default_backend.as_ref()?,
        Place::Listener(_) | Place::Unknown => return None,
    };
    let hung = input.canaries().of(BackendRef { namespace: &name.namespace, backend })?;
    let (ingress, field, host) = (hung.by.name().clone(), hung.field.to_string(), hung.host.clone());
    (hung.main != *route).then_some(CanaryRuleOf { ingress, field, host })
}

/// The action of a route, shared with the canary of its backend if there is one.
pub(crate) fn shared(input: &Input, bid: Bid<'_>, action: Action) -> Action {
    let Some(hung) = input.canaries().of(bid.backend) else { return action };
    let (main, canary, rule) = (backend_of(&action), hung.backend.clone(), hung.rule.clone());
    Action::Canary(Arc::new(Canary { main, canary, rule }))
}

/// The only backend of a route.
fn backend_of(action: &Action) -> Result<Arc<UpstreamSpec>, Reply> {
    match action {
        Action::Forward(upstream) => Ok(Arc::clone(upstream)),
        Action::Reply(reply) => Err(*reply),
        // No route is shared yet.
        Action::Split(_) | Action::Canary(_) => Err(Reply::BackendUnavailable),
    }
}

/// What canaries at a host have found. `None`: none is there.
pub(super) fn hung(input: &Input, host: &HostPattern) -> Option<Vec<Hung>> {
    let say = Say::at(input, host);
    if !input.index().claims(host).iter().any(|claim| claim.by.options().is_canary()) {
        return None;
    }
    // A host that no rule names has no rules of its own.
    if kin::of(host, &say).is_some() {
        return Some(Vec::new());
    }
    let claims = || kin::naming(host, &say);
    let reading = pattern_hosts::reading_of(input, host, claims());
    let mut found = Vec::new();
    for Share { bid, path: _, mains } in shares(host, &claims, reading, &mut Vec::new()) {
        let Some(rule) = bid.by.options().canary() else { continue };
        let backend = service::resolve(input, bid.backend.namespace, bid.backend.backend, bid.by.options());
        let backend = backend.map(Arc::new).map_err(|fault| fault.reply);
        for main in mains.unwrap_or_default() {
            let Some(of) = Target::named(main.backend) else { continue };
            found.push(Hung {
                by: bid.by.clone(),
                field: bid.field,
                asked: bid.backend.backend.clone(),
                host: host.clone(),
                main: main.origin(),
                of,
                backend: backend.clone(),
                rule: rule.clone(),
            });
        }
    }
    Some(found)
}

/// Tells canaries at a host what becomes of them.
pub(crate) fn tell<'a, C: Iterator<Item = &'a Claim>>(
    input: &'a Input,
    host: &HostPattern,
    claims: &dyn Fn() -> C,
    reading: PathReading,
    problems: &mut Vec<Problem>,
) {
    for Share { bid, path, mains } in shares(host, claims, reading, problems) {
        // What is wrong with a default backend is said by the unit of the object.
        if path.is_some() {
            let resolved = service::resolve(input, bid.backend.namespace, bid.backend.backend, bid.by.options());
            // Its requests stay with the main backend, as while it has no endpoint.
            let fault = resolved.err().map(|fault| fault.followed_by("it gets no requests of the main Ingress"));
            problems.extend(fault.map(|fault| service::on_backend(bid, &format!("{}.backend", bid.field), fault)));
        }
        match mains {
            Ok(mains) => problems.extend(mains.into_iter().filter_map(|main| lost(input, bid, main))),
            Err(missing) => problems.push(without_main(path.as_ref(), bid, missing)),
        }
    }
}

/// What a canary is told where another one shares the requests of its main backend.
fn lost(input: &Input, bid: Bid<'_>, main: Bid<'_>) -> Option<Problem> {
    let winner = input.canaries().of(main.backend)?;
    let does_the_same = winner.bid().backend == bid.backend && Some(&winner.rule) == bid.by.options().canary().as_ref();
    if winner.is(bid) || does_the_same {
        return None;
    }
    Some(conflicts::over_canary(&winner.of.service, bid, winner.bid()))
}

/// The backends of canaries at a host, each with the main backends that it has found, in order.
fn shares<'a, C: Iterator<Item = &'a Claim>>(
    host: &HostPattern,
    claims: &dyn Fn() -> C,
    reading: PathReading,
    problems: &mut Vec<Problem>,
) -> Vec<Share<'a>> {
    let mut asked = Vec::new();
    for claim in claims().filter(|claim| claim.by.options().is_canary()) {
        if *host == HostPattern::Any {
            asked.extend(claim.fallback(host).map(|bid| (bid, None)));
        }
        claim.each_route(&mut |RouteClaim { bid, path, matched }| match read(reading, path, matched) {
            Ok(matched) => asked.push((bid, Some((path, matched)))),
            Err(fault) => problems.push(bid.invalid_path(fault)),
        });
    }
    if asked.is_empty() {
        return Vec::new();
    }
    let mains = Mains::at(host, claims, reading);
    let share = |(bid, at): (Bid<'a>, Option<(&Path, Matched)>)| match at {
        Some((path, Matched { path: as_served, key })) => {
            Share { bid, path: Some(as_served), mains: mains.of_path(bid, path, &key).map(|main| vec![main]) }
        }
        None => Share { bid, path: None, mains: mains.of_default(bid) },
    };
    asked.into_iter().map(share).collect()
}

/// What a path matches at a host whose paths are read like this.
pub(crate) fn read(
    reading: PathReading,
    path: &Path,
    matched: Result<Matched, PathFault>,
) -> Result<Matched, PathFault> {
    if reading == PathReading::Elements { matched } else { path::matched_as(reading, path) }
}

/// What objects that are no canaries have at a host.
struct Mains<'a> {
    /// Their paths: who has them, of which type.
    paths: HashMap<PathMatch, (Bid<'a>, &'a PathKind)>,
    /// Who has what no path takes.
    fallback: Option<Bid<'a>>,
}

impl<'a> Mains<'a> {
    fn at<C: Iterator<Item = &'a Claim>>(host: &HostPattern, claims: &dyn Fn() -> C, reading: PathReading) -> Self {
        let mut paths = HashMap::default();
        let mains = || claims().filter(|claim| !claim.by.options().is_canary());
        for claim in mains() {
            claim.each_route(&mut |RouteClaim { bid, path, matched }| {
                if let Ok(matched) = read(reading, path, matched) {
                    paths.entry(matched.key).or_insert((bid, &path.kind));
                }
            });
        }
        Self { paths, fallback: mains().find_map(|claim| claim.fallback(host)) }
    }

    /// The main backend of a path. A default backend is that of `/`, where no path is.
    fn of_path(&self, bid: Bid<'a>, path: &Path, key: &PathMatch) -> Result<Bid<'a>, Missing> {
        let same_type = self.paths.get(key).filter(|(_, kind)| **kind == path.kind).map(|(main, _)| *main);
        let is_root = path.kind == PathKind::Prefix && &*path.path == "/";
        let fallback = self.fallback.filter(|_| is_root && !self.paths.contains_key(key));
        let main = same_type.or(fallback).ok_or(Missing::Nobody)?;
        if main.by.name().namespace != bid.by.name().namespace {
            return Err(Missing::OtherNamespace);
        }
        Target::named(main.backend).map(|_| main).ok_or(Missing::NoService)
    }

    /// The main backends of the default backend of a canary: all that the namespace has at the host, those of each Service and port
    /// once.
    fn of_default(&self, bid: Bid<'a>) -> Result<Vec<Bid<'a>>, Missing> {
        let all = self.paths.values().map(|(main, _)| *main).chain(self.fallback);
        let is_main = |main: &Bid<'_>| {
            main.by.name().namespace == bid.by.name().namespace && Target::named(main.backend).is_some()
        };
        let mut mains: Vec<_> = all.filter(is_main).collect();
        mains.sort_unstable_by_key(|main| (main.by.created(), main.by.name(), main.field.order()));
        let mut kept: Vec<Bid<'_>> = Vec::new();
        for main in mains {
            if kept.iter().all(|other| other.backend != main.backend) {
                kept.push(main);
            }
        }
        if kept.is_empty() { Err(Missing::Nobody) } else { Ok(kept) }
    }
}

fn without_main(path: Option<&PathMatch>, bid: Bid<'_>, missing: Missing) -> Problem {
    let what = path.map_or_else(
        || "the default backend".to_owned(),
        |path| format!("{} path {}", path.kind(), quoted(path.path())),
    );
    let (why, remedy) = match (missing, path) {
        (Missing::Nobody, Some(_)) => (
            "is that of no other Ingress of this host",
            "Give the main Ingress the same host, path and pathType, or remove the annotation canary",
        ),
        (Missing::Nobody, None) => (
            "is beside no backend of this namespace for requests to any host",
            "Name the path and host of the main Ingress in a rule, or remove the annotation canary",
        ),
        (Missing::OtherNamespace, _) => {
            ("belongs to another namespace", "Put the canary into the namespace of the main Ingress")
        }
        (Missing::NoService, _) => (
            "has a main backend that is no Service",
            "Give the main Ingress a Service, or remove the annotation canary",
        ),
    };
    let message = format!("{what} of a canary {why}, so it gets no requests");
    bid.by.problem(bid.field.to_string(), ProblemCode::CanaryWithoutMain, Severity::Warning, message, remedy)
}
