//! The rules once more, as plainly as they can be written: no index, no sharing, no regard for speed.

use super::*;

/// The name of the route, by going through all units and rules.
pub(super) fn find(units: &[HostSpec], host: &str, path: &str, has: &[&str]) -> Result<Option<String>, PathRefusal> {
    let of_spelling = |path: &str| {
        let (mut route, mut asked) = (None, None);
        for unit in claimants(units, host) {
            asked = Some(unit);
            route = route.or(best(&unit.routes, path, has)).or(unit.fallback());
            if matches!(unit.unmatched, Unmatched::Keep(_)) {
                break;
            }
        }
        let any = units.iter().find(|unit| unit.key.pattern == HostPattern::Any);
        let route = route.or(any.zip(asked).and_then(|(any, asked)| catch_all(any, asked)));
        route.map(|route| route.origin.label().name.to_string())
    };
    let segments = decode(path)?;
    if segments.iter().any(|segment| hides_dots(segment)) {
        return Err(PathRefusal::Ambiguous);
    }
    let first = of_spelling(&resolve_dots(segments.iter().filter(|s| !is_empty(s)), ends_in_slash(&segments))?);
    let last = of_spelling(&resolve_dots(segments.iter(), ends_in_slash(&segments))?);
    let raw = of_spelling(&decode(path)?.iter().map(|segment| format!("/{segment}")).collect::<String>());
    if first == last && first == raw { Ok(first) } else { Err(PathRefusal::Ambiguous) }
}

/// What takes requests that no unit for the host takes: the fallback of the unit without a host, if all who have rules for
/// the host are of its namespace, else the default backend.
fn catch_all<'a>(any: &'a HostSpec, asked: &HostSpec) -> Option<&'a Arc<RouteSpec>> {
    let fallback = any.fallback()?;
    let is_theirs = |tenant: &Arc<str>| *tenant == fallback.origin.label().namespace;
    if asked.tenants().iter().all(is_theirs) {
        return Some(fallback);
    }
    any.tenancy.as_ref()?.default_backend.as_ref()
}

/// Whether a TLS entry covers the host: one of the unit whose rules apply, one of a more specific unit, or one of a less
/// specific unit that counts for those who have rules. That of the unit without a host does where no other has rules.
pub(super) fn has_tls(units: &[HostSpec], host: &str) -> bool {
    let is_any = |unit: &HostSpec| unit.key.pattern == HostPattern::Any;
    let owner = claimants(units, host).first().copied();
    by_specificity(units, host).into_iter().any(|unit| match owner {
        Some(owner) if specificity(unit) > specificity(owner) => {
            let of = unit.tenancy.iter().flat_map(|tenancy| &tenancy.tls);
            let mut namespaces = of.map(|of| of.namespace.as_ref());
            !is_any(unit) && namespaces.any(|of| of.is_none_or(|of| owner.tenants().contains(of)))
        }
        Some(_) | None => unit.tls.is_some(),
    })
}

/// The units that are asked for a route, the most specific first.
fn claimants<'a>(units: &'a [HostSpec], host: &str) -> Vec<&'a HostSpec> {
    let has_rules = |unit: &&HostSpec| !unit.routes.is_empty() || matches!(unit.unmatched, Unmatched::Keep(_));
    by_specificity(units, host).into_iter().filter(has_rules).collect()
}

fn by_specificity<'a>(units: &'a [HostSpec], host: &str) -> Vec<&'a HostSpec> {
    let mut units: Vec<_> = units.iter().filter(|unit| matches(&unit.key.pattern, host)).collect();
    units.sort_by_key(|unit| specificity(unit));
    units
}

fn specificity(unit: &HostSpec) -> (usize, usize) {
    match &unit.key.pattern {
        HostPattern::Exact(_) => (0, 0),
        HostPattern::Wildcard { parent: _, labels: Labels::One } => (1, 0),
        HostPattern::Wildcard { parent, labels: Labels::OneOrMore } => (2, usize::MAX - parent.as_str().len()),
        HostPattern::Any => (3, 0),
    }
}

fn matches(pattern: &HostPattern, host: &str) -> bool {
    let labels: Vec<_> = host.split('.').collect();
    let behind = |parent: &Hostname| parent.as_str().split('.').map(str::to_owned).collect::<Vec<_>>();
    match pattern {
        HostPattern::Exact(name) => name.as_str() == host,
        HostPattern::Wildcard { parent, labels: Labels::One } => labels[1..] == behind(parent),
        HostPattern::Wildcard { parent, labels: Labels::OneOrMore } => {
            (1..labels.len()).any(|first| labels[first..] == behind(parent))
        }
        HostPattern::Any => true,
    }
}

/// Whether a request has what is asked for. It has methods, fields and parameters by name alone.
pub(super) fn holds(predicates: &Predicates, has: &[&str]) -> bool {
    let Predicates { method, headers, query, .. } = predicates;
    method.as_ref().is_none_or(|method| has.contains(&&**method))
        && headers.iter().all(|header| has.contains(&&*header.name))
        && query.iter().all(|parameter| has.contains(&&*parameter.name))
}

fn best<'a>(routes: &'a [Arc<RouteSpec>], path: &str, has: &[&str]) -> Option<&'a Arc<RouteSpec>> {
    let takes = |route: &&Arc<RouteSpec>| {
        let predicates = route.matches.predicates.as_deref();
        takes_path(&route.matches.path, path) && predicates.is_none_or(|predicates| holds(predicates, has))
    };
    routes.iter().filter(takes).reduce(|best, next| if beats(&next.matches, &best.matches) { next } else { best })
}

fn takes_path(rule: &PathMatch, path: &str) -> bool {
    match rule {
        PathMatch::Exact(rule) => **rule == *path,
        PathMatch::Prefix(rule) => {
            let rule: Vec<_> = rule.strip_suffix('/').unwrap_or(rule).split('/').collect();
            path.split('/').collect::<Vec<_>>().starts_with(&rule)
        }
        PathMatch::Text(text) => path.starts_with(&**text),
        PathMatch::Pattern(pattern) => pattern.regex().is_match(path.as_bytes()),
    }
}

/// Whether a match comes before one that stands before it in the list.
fn beats(next: &RouteMatch, best: &RouteMatch) -> bool {
    let rank = |rule: &RouteMatch| match rule.path {
        PathMatch::Exact(_) => 0,
        PathMatch::Prefix(_) | PathMatch::Text(_) => 1,
        PathMatch::Pattern(_) => 2,
    };
    if rank(next) != rank(best) {
        return rank(next) < rank(best);
    }
    let length = |rule: &RouteMatch| rule.path.path().len();
    if length(next) != length(best) {
        return length(next) > length(best);
    }
    let none = Predicates::default();
    let (next, best) = (next.predicates.as_deref().unwrap_or(&none), best.predicates.as_deref().unwrap_or(&none));
    if next.method.is_some() != best.method.is_some() {
        return next.method.is_some();
    }
    if next.headers.len() != best.headers.len() {
        return next.headers.len() > best.headers.len();
    }
    next.query.len() > best.query.len()
}

fn decode(path: &str) -> Result<Vec<String>, PathRefusal> {
    let decode_segment = |segment: &str| {
        let mut pieces = segment.split('%');
        let mut decoded = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (digits, rest) = piece.split_at_checked(2).ok_or(PathRefusal::Invalid)?;
            let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
            let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(PathRefusal::Invalid)?;
            match char::from(byte) {
                c if c.is_ascii_control() => return Err(PathRefusal::Invalid),
                c if c.is_ascii_alphanumeric() || "-._~".contains(c) => decoded.push(c),
                _ => decoded += &format!("%{byte:02X}"),
            }
            decoded += rest;
        }
        Ok(decoded)
    };
    path.split('/').skip(1).map(decode_segment).collect()
}

/// Whether a segment has several parts for who takes an encoded slash for a slash, and one of them is a dot segment.
fn hides_dots(segment: &str) -> bool {
    let parts: Vec<_> = segment.split("%2F").flat_map(|part| part.split("%5C")).collect();
    parts.len() > 1 && parts.iter().any(|part| [".", ".."].contains(&without_parameters(part)))
}

fn resolve_dots<'a>(segments: impl Iterator<Item = &'a String>, slash: bool) -> Result<String, PathRefusal> {
    let mut stack: Vec<&str> = Vec::new();
    for segment in segments {
        match without_parameters(segment) {
            "." => {}
            ".." => {
                stack.pop().ok_or(PathRefusal::Invalid)?;
            }
            "" => stack.push(""),
            _ => stack.push(segment),
        }
    }
    stack.retain(|segment| !segment.is_empty());
    let path = stack.iter().map(|segment| format!("/{segment}")).collect::<String>();
    Ok(if slash || path.is_empty() { path + "/" } else { path })
}

fn ends_in_slash(segments: &[String]) -> bool {
    matches!(without_parameters(segments.last().unwrap()), "" | "." | "..")
}

fn is_empty(segment: &str) -> bool {
    without_parameters(segment).is_empty()
}

fn without_parameters(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(name, _)| name)
}
