//! What the younger of two objects is told that ask for the same thing (semantics 13, 24 and 54).

use crate::model::{HostPattern, ObjectName, PathMatch, Problem, ProblemCode, Severity};

use super::lower::{Bid, Field, Lowered};
use super::problems::quoted;

/// Nothing is lost when both ask for the same backend.
fn severity(loser: Bid<'_>, winner: Bid<'_>) -> Severity {
    if loser.backend == winner.backend { Severity::Warning } else { Severity::Error }
}

/// Two entries with the same host, path and match type.
pub(crate) fn over_path(host: &HostPattern, path: &PathMatch, loser: Bid<'_>, winner: Bid<'_>) -> Problem {
    let what = format!("{} path {} of {}", path.kind(), quoted(path.path()), described(host));
    let message = if loser.by.is_same(winner.by) {
        let kind = loser.by.kind().as_str();
        format!("{what} stands in this {kind} more than once, so only the first entry is served")
    } else {
        format!("{what} belongs to {}, so this entry is not served", senior(winner.by, loser.by))
    };
    let remedy = "Remove one of the two entries, or change its host or path";
    loser.by.problem(loser.field.to_string(), ProblemCode::Conflict, severity(loser, winner), message, remedy)
}

/// Two canaries of one Service and port.
pub(crate) fn over_canary(service: &ObjectName, loser: Bid<'_>, winner: Bid<'_>) -> Problem {
    let whose = if loser.by.is_same(winner.by) {
        format!("this {}", loser.by.kind().as_str())
    } else {
        senior(winner.by, loser.by)
    };
    let field = winner.field;
    let message =
        format!("the canary of Service {service} and this port is {field} of {whose}, so this one does not count");
    let remedy = "Keep one canary for each Service and port";
    loser.by.problem(loser.field.to_string(), ProblemCode::Conflict, severity(loser, winner), message, remedy)
}

/// Two default backends for one host.
pub(crate) fn over_fallback(host: &HostPattern, loser: Bid<'_>, winner: Bid<'_>) -> Problem {
    let of_host = match host {
        HostPattern::Exact(_) | HostPattern::Wildcard { .. } => format!(" for host {host}"),
        HostPattern::Any => String::new(),
    };
    let winning = senior(winner.by, loser.by);
    let message = format!(
        "requests{of_host} that no rule takes go to the default backend of {winning}, so they do not come here"
    );
    let remedy = "Keep one of the two default backends";
    loser.by.problem(loser.field.to_string(), ProblemCode::Conflict, severity(loser, winner), message, remedy)
}

/// A certificate for a host that has one.
pub(crate) fn over_certificate(host: &HostPattern, field: Field, loser: &Lowered, winner: &Lowered) -> Problem {
    let message = if loser.is_same(winner) {
        format!(
            "{} has another certificate of this {} with the same kind of key, so this one is not used there",
            described(host),
            loser.kind().as_str()
        )
    } else {
        let winning = senior(winner, loser);
        format!("{} has a certificate from {winning}, so this one is not used there", described(host))
    };
    let remedy = "Name the same Secret in both, or leave the host to one of them";
    loser.problem(field.to_string(), ProblemCode::Conflict, Severity::Warning, message, remedy)
}

/// The winning object, and why it wins. Authors are not told the names of objects in other namespaces.
fn senior(winner: &Lowered, loser: &Lowered) -> String {
    let (kind, name) = (winner.kind().as_str(), winner.name());
    if name.namespace != loser.name().namespace {
        return if winner.created() < loser.created() {
            format!("an older {kind} of another namespace")
        } else {
            format!("an {kind} of another namespace, which is as old and comes first by name")
        };
    }
    if winner.created() < loser.created() {
        format!("the older {kind} {name}")
    } else {
        format!("{kind} {name}, which is as old and comes first by name")
    }
}

/// The host in words.
fn described(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(_) | HostPattern::Wildcard { .. } => format!("host {host}"),
        HostPattern::Any => "all other hosts".into(),
    }
}
