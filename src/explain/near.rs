//! Near misses: what names the host or could match the path and does not take the request, and why.

use crate::model::{
    HostPattern, Hostname, ObjectKind, ObjectName, Origin, PathMatch, Problem, ProblemCode, UnitKey, is_slip,
};
use crate::routing::{self, RouteTable};
use crate::source::objects::Path;
use crate::translate::{self, Claimant, Input};

use super::{named, shown};

/// The route that takes the request.
pub(super) struct Winner<'a> {
    pub(super) origin: &'a Origin,
    pub(super) path: &'a PathMatch,
    /// Whether it takes the requests that no path takes.
    pub(super) is_fallback: bool,
}

/// What is known about the request before near misses are looked for.
pub(super) struct Around<'a> {
    pub(super) input: &'a Input,
    /// The host as it is compared.
    pub(super) host: Option<&'a str>,
    /// The path in canonical form; `None` where it has none.
    pub(super) path: Option<&'a str>,
    /// The pattern whose rules apply.
    pub(super) owner: Option<&'a HostPattern>,
    pub(super) winner: Option<Winner<'a>>,
    /// Problems of the owner's unit.
    pub(super) problems: &'a [Problem],
}

/// How near a miss is. Misses are shown in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// It would take the request.
    Match,
    /// It would, if it were ours.
    Foreign,
    /// Almost: a slash, a letter's case.
    Almost,
    /// Another pattern for the host.
    Pattern,
    /// Something else of the host.
    Other,
}

type Miss = (Nearness, String);

/// The patterns that a host can belong to, the most specific first.
pub(super) fn patterns(host: Option<&str>) -> Vec<HostPattern> {
    let name = host.and_then(|host| Hostname::parse(host).ok());
    let parent = name.as_ref().and_then(Hostname::parent).and_then(|parent| Hostname::parse(parent).ok());
    let wildcard = parent.map(HostPattern::wildcard);
    name.map(HostPattern::Exact).into_iter().chain(wildcard).chain([HostPattern::Any]).collect()
}

/// The near misses in words, nearest first.
pub(super) fn misses<T>(around: &Around<'_>, table: &RouteTable<T>) -> Vec<String> {
    let mut misses = Vec::new();
    for pattern in patterns(around.host) {
        let claimants = translate::claimants(around.input, &pattern);
        for claimant in claimants.iter().filter(|claimant| !claimant.is_ours) {
            misses.push(foreign(around, claimant));
        }
        if around.owner == Some(&pattern) {
            of_owner(around, &claimants, &mut misses);
        } else {
            misses.extend(refused(around, &pattern));
            misses.extend(of_other(around, &pattern, table));
        }
    }
    misses.extend(farther_wildcards(around, table));
    if around.owner.is_none_or(|owner| *owner == HostPattern::Any) {
        misses.extend(alike(around, table));
    }
    misses.sort_by_key(|(nearness, _)| *nearness);
    shown(misses.into_iter().map(|(_, text)| text).collect())
}

fn foreign(around: &Around<'_>, claimant: &Claimant) -> Miss {
    let Claimant { ingress, is_ours: _, class, rules: _ } = claimant;
    let (objects, settings) = (around.input.objects(), around.input.settings());
    let why = match class {
        None => "it names no class".into(),
        Some(name) => match objects.class(name) {
            Some(class) => format!("its class {name:?} is of controller {}", class.controller),
            None if !settings.class_lookup => format!("its class {name:?} is not {}", settings.class),
            None => format!("its class {name:?} does not exist"),
        },
    };
    (Nearness::Foreign, format!("Ingress {}: not ours, {why}", ingress.name))
}

fn of_owner(around: &Around<'_>, claimants: &[Claimant], misses: &mut Vec<Miss>) {
    let mut has_met_winner = false;
    let reading = around.owner.map(|owner| translate::path_reading(around.input, owner)).unwrap_or_default();
    for claimant in claimants.iter().filter(|claimant| claimant.is_ours) {
        let ingress = &claimant.ingress.name;
        for (field, entry) in claimant.paths() {
            let text = format!("{} of Ingress {ingress} {field}", described(entry));
            let matched = translate::path_match(entry, reading);
            let would_take = matched.as_ref().zip(around.path).is_some_and(|(rule, path)| routing::takes(rule, path));
            if let Some(fault) = finding(around.problems, ingress, &field) {
                let nearness = match (would_take, &matched) {
                    (true, _) => Nearness::Match,
                    (false, None) => Nearness::Almost,
                    (false, Some(_)) => Nearness::Other,
                };
                misses.push((nearness, format!("{text}: {}", fault.message)));
                continue;
            }
            let is_winner = around.winner.as_ref().is_some_and(|winner| {
                !winner.is_fallback && winner.origin.label() == ingress && matched.as_ref() == Some(winner.path)
            });
            if is_winner && !has_met_winner {
                has_met_winner = true;
            } else if !would_take && let Some(doubt) = pattern(around.problems, ingress, &field) {
                misses.push((Nearness::Almost, format!("{text}: {}", doubt.message)));
            } else {
                let (nearness, why) = lost(around, entry, matched.as_ref(), would_take);
                misses.push((nearness, format!("{text}: {why}")));
            }
        }
    }
    for problem in around.problems.iter().filter(|problem| problem.field == "spec.defaultBackend") {
        misses.push((Nearness::Match, format!("{} spec.defaultBackend: {}", problem.object, problem.message)));
    }
}

/// The rules for a pattern that are refused because another namespace owns the host.
fn refused(around: &Around<'_>, pattern: &HostPattern) -> impl Iterator<Item = Miss> {
    let problems = translate::unit(around.input, &UnitKey::Host(pattern.clone().into())).problems;
    let refused = problems
        .into_iter()
        .filter(|problem| problem.code == ProblemCode::HostNotOwned && !problem.field.starts_with("spec.tls"));
    refused.map(|problem| (Nearness::Foreign, format!("{} {}: {}", problem.object, problem.field, problem.message)))
}

/// The problem because of which an entry is not served. A problem of its backend is not one: such an entry keeps its path.
fn finding<'a>(problems: &'a [Problem], ingress: &ObjectName, field: &str) -> Option<&'a Problem> {
    problems.iter().find(|problem| {
        let below = problem.field.strip_prefix(field);
        problem.object.kind == ObjectKind::Ingress
            && problem.object.name == *ingress
            && problem.code != ProblemCode::PatternPath
            && (below.is_some_and(|below| matches!(below, "" | ".path" | ".pathType")) || is_of_rule(problem, field))
    })
}

/// The problem of an entry whose path is meant as a pattern.
fn pattern<'a>(problems: &'a [Problem], ingress: &ObjectName, field: &str) -> Option<&'a Problem> {
    problems.iter().find(|problem| {
        problem.code == ProblemCode::PatternPath
            && problem.object.name == *ingress
            && problem.field.strip_suffix(".path") == Some(field)
    })
}

/// Whether a problem refuses the rule that a field is in.
fn is_of_rule(problem: &Problem, field: &str) -> bool {
    let below = field.strip_prefix(&problem.field);
    problem.code == ProblemCode::HostNotOwned && below.is_some_and(|below| below.starts_with('.'))
}

/// Why an entry that is served does not take the request.
fn lost(around: &Around<'_>, entry: &Path, rule: Option<&PathMatch>, would_take: bool) -> (Nearness, &'static str) {
    let (Some(rule), Some(path)) = (rule, around.path) else { return (Nearness::Other, "the path is refused") };
    if would_take {
        let why = match around.winner.as_ref().map(|winner| winner.path) {
            Some(PathMatch::Exact(_)) => "an Exact path comes first",
            Some(PathMatch::Prefix(_) | PathMatch::Text(_)) => "it is shorter",
            Some(PathMatch::Pattern(_)) => "the other pattern is longer, or comes first of two as long",
            None => "the path is refused",
        };
        return (Nearness::Match, why);
    }
    let written = &*entry.path;
    match rule {
        PathMatch::Pattern(_) => (Nearness::Other, "the pattern does not match"),
        _ if path.eq_ignore_ascii_case(written) && path != written => (Nearness::Almost, "paths are case-sensitive"),
        PathMatch::Exact(_) if path.trim_end_matches('/') == written.trim_end_matches('/') => {
            (Nearness::Almost, "Exact is the whole path, and it differs in the slash at the end")
        }
        PathMatch::Exact(_) if path.starts_with(written) => (Nearness::Almost, "Exact is the whole path"),
        PathMatch::Exact(_) => (Nearness::Other, "the path differs"),
        PathMatch::Prefix(_) if path.starts_with(written) => {
            (Nearness::Almost, "Prefix goes element by element, and the path goes on within the last one")
        }
        PathMatch::Prefix(_) | PathMatch::Text(_) => (Nearness::Other, "the path does not begin so"),
    }
}

fn described(path: &Path) -> String {
    use crate::source::objects::PathKind;
    let kind = match &path.kind {
        PathKind::Exact => "Exact",
        PathKind::Prefix => "Prefix",
        PathKind::ImplementationSpecific => "ImplementationSpecific",
        PathKind::Unknown(kind) if kind.is_empty() => "(no pathType)",
        PathKind::Unknown(kind) => kind,
    };
    format!("{kind} {}", path.path)
}

/// Why the rules of a pattern that covers the host do not apply.
fn of_other<T>(around: &Around<'_>, pattern: &HostPattern, table: &RouteTable<T>) -> Option<Miss> {
    let unit = table.host(pattern)?;
    if unit.routes().is_empty() && unit.fallback().is_none() && unit.tls().is_some() {
        let why = match pattern {
            HostPattern::Exact(_) | HostPattern::Wildcard { .. } => format!("host {pattern}"),
            HostPattern::Any => "no host".into(),
        };
        let claimants = translate::claimants(around.input, pattern);
        let namers = if claimants.is_empty() { "files of --certificate-dir" } else { "TLS entries" };
        if !claimants.iter().any(|c| c.is_ours && !c.rules.is_empty()) {
            return Some((Nearness::Pattern, format!("{why}: only {namers} name it, which take no requests")));
        }
    }
    let owner = around.owner?;
    if *pattern == HostPattern::Any
        && around.winner.as_ref().is_none_or(|winner| winner.is_fallback)
        && let Some(fallback) = unit.fallback()
        && table.host(owner).is_some_and(|owner| !fallback.spec.takes_from(owner.tenants()))
    {
        let why = "another namespace has rules for the host";
        return Some((Nearness::Match, format!("{} spec.defaultBackend: {why}", named(&fallback.spec.origin))));
    }
    let is_catch_all = around.winner.as_ref().is_some_and(|winner| winner.is_fallback);
    match pattern {
        HostPattern::Exact(_) => None,
        HostPattern::Wildcard { .. } => {
            Some(format!("host {pattern}: the exact host {owner} has rules and comes first"))
        }
        HostPattern::Any if unit.routes().is_empty() => None,
        HostPattern::Any if is_catch_all => {
            Some("paths of rules without a host: a host that rules name keeps its requests".into())
        }
        HostPattern::Any => Some(format!("rules without a host: host {owner} has rules and comes first")),
    }
    .map(|text| (Nearness::Pattern, text))
}

/// Wildcards that would cover the host if they stood for more than one label.
fn farther_wildcards<T>(around: &Around<'_>, table: &RouteTable<T>) -> Vec<Miss> {
    let parents = std::iter::successors(around.host, |host| parent(host)).skip(2);
    let wildcards = parents.filter_map(|parent| Hostname::parse(parent).ok()).map(HostPattern::wildcard);
    let served = wildcards.filter(|wildcard| table.host(wildcard).is_some());
    served
        .map(|wildcard| (Nearness::Pattern, format!("host {wildcard}: a wildcard stands for exactly one label")))
        .collect()
}

/// Served hosts that differ from the host in one label, or by a slip.
fn alike<T>(around: &Around<'_>, table: &RouteTable<T>) -> Vec<Miss> {
    let Some(host) = around.host else { return Vec::new() };
    let sibling_of = parent(host).filter(|parent| parent.contains('.'));
    let is_alike = |name: &str| {
        let above = parent(name);
        above == Some(host)
            || parent(host) == Some(name)
            || sibling_of.is_some() && above == sibling_of
            || is_slip(name, host)
    };
    let mut names: Vec<_> = table
        .hosts()
        .filter_map(|unit| match unit.pattern() {
            HostPattern::Exact(name) if is_alike(name.as_str()) => Some(name),
            HostPattern::Exact(_) | HostPattern::Wildcard { .. } | HostPattern::Any => None,
        })
        .collect();
    names.sort_unstable();
    names.truncate(3);
    let told = names.into_iter().map(|name| match alias_of(around.input, name) {
        Some(ingress) => format!("host {name}, a server-alias of Ingress {ingress}: another host"),
        None => format!("host {name}: another host"),
    });
    told.map(|text| (Nearness::Other, text)).collect()
}

/// The Ingress that has a host as an alias, where no rule names it.
fn alias_of(input: &Input, host: &Hostname) -> Option<ObjectName> {
    let claimants = translate::claimants(input, &HostPattern::Exact(host.clone()));
    let mut ours = claimants.iter().filter(|claimant| claimant.is_ours && !claimant.rules.is_empty());
    let names_it = |claimant: &&Claimant| claimant.ingress.rules.iter().any(|rule| *rule.host == *host.as_str());
    if ours.clone().any(|claimant| names_it(&claimant)) {
        return None;
    }
    ours.next().map(|claimant| claimant.ingress.name.clone())
}

/// The part behind the first dot.
fn parent(host: &str) -> Option<&str> {
    host.split_once('.').map(|(_, parent)| parent)
}

/// The route that takes the request, in words.
pub(super) fn taken(winner: &Winner<'_>, field: Option<&str>) -> String {
    let path = match winner.path {
        _ if winner.is_fallback => "what no path takes".into(),
        PathMatch::Exact(path) => format!("Exact {path}"),
        PathMatch::Prefix(path) => format!("Prefix {path}"),
        PathMatch::Text(path) => format!("Text {path}"),
        PathMatch::Pattern(pattern) => format!("Pattern {}", pattern.text()),
    };
    match field {
        Some(field) => format!("{}  {field}  {path}", named(winner.origin)),
        None => format!("{}  {path}", named(winner.origin)),
    }
}
