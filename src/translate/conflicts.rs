//! What the younger of two Ingresses is told that ask for the same thing (semantics 13, 24 and 54).

use crate::model::{HostPattern, PathMatch, Problem, ProblemCode, Severity};
use crate::source::objects::{Backend, Ingress};

use super::problems::{on_ingress, quoted};

/// A claim on a path or on what no path takes: who makes it, for what backend.
#[derive(Clone, Copy)]
pub(crate) struct Bid<'a> {
    /// The Ingress.
    pub(crate) ingress: &'a Ingress,
    /// The backend it asks for.
    pub(crate) backend: &'a Backend,
}

impl Bid<'_> {
    /// Nothing is lost when both ask for the same backend.
    fn severity_against(&self, winner: &Bid<'_>) -> Severity {
        let same = self.ingress.name.namespace == winner.ingress.name.namespace && self.backend == winner.backend;
        if same { Severity::Warning } else { Severity::Error }
    }
}

/// Two entries with the same host, path and match type.
pub(crate) fn over_path(
    host: &HostPattern,
    path: &PathMatch,
    field: String,
    loser: Bid<'_>,
    winner: Bid<'_>,
) -> Problem {
    let what = format!("{} path {} of {}", path.kind(), quoted(path.path()), described(host));
    let message = if loser.ingress.name == winner.ingress.name {
        format!("{what} stands in this Ingress more than once, so only the first entry is served")
    } else {
        format!("{what} belongs to {}, so this entry is not served", senior(winner.ingress, loser.ingress))
    };
    let remedy = "Remove one of the two entries, or change its host or path";
    on_ingress(loser.ingress, field, ProblemCode::Conflict, loser.severity_against(&winner), message, remedy)
}

/// Two default backends for one host.
pub(crate) fn over_fallback(host: &HostPattern, loser: Bid<'_>, winner: Bid<'_>) -> Problem {
    let of_host = match host {
        HostPattern::Exact(_) | HostPattern::Wildcard { .. } => format!(" for host {host}"),
        HostPattern::Any => String::new(),
    };
    let winning = senior(winner.ingress, loser.ingress);
    let message = format!(
        "requests{of_host} that no rule takes go to the default backend of {winning}, so they do not come here"
    );
    let remedy = "Keep one of the two default backends";
    let severity = loser.severity_against(&winner);
    on_ingress(loser.ingress, "spec.defaultBackend", ProblemCode::Conflict, severity, message, remedy)
}

/// A certificate for a host that has one.
pub(crate) fn over_certificate(host: &HostPattern, entry: usize, loser: &Ingress, winner: &Ingress) -> Problem {
    let message = if loser.name == winner.name {
        format!(
            "{} has another certificate of this Ingress with the same kind of key, so this one is not used there",
            described(host)
        )
    } else {
        let winning = senior(winner, loser);
        format!("{} has a certificate from {winning}, so this one is not used there", described(host))
    };
    let remedy = "Name the same Secret in both, or leave the host to one of them";
    let field = format!("spec.tls[{entry}].secretName");
    on_ingress(loser, field, ProblemCode::Conflict, Severity::Warning, message, remedy)
}

/// The winning Ingress, and why it wins.
fn senior(winner: &Ingress, loser: &Ingress) -> String {
    if winner.created < loser.created {
        format!("the older Ingress {}", winner.name)
    } else {
        format!("Ingress {}, which is as old and comes first by name", winner.name)
    }
}

/// The host in words.
fn described(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(_) | HostPattern::Wildcard { .. } => format!("host {host}"),
        HostPattern::Any => "all other hosts".into(),
    }
}
