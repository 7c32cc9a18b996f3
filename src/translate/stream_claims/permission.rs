//! Which ports objects may open.

use crate::model::{HeaderOfClients, ObjectKind, Problem, ProblemCode, Severity};

use super::super::settings::{Settings, StreamSettings};
use super::claim::Claim;

/// Why a claim does not count; `None`: it does.
pub(crate) fn refusal(settings: &Settings, claim: &Claim) -> Option<Problem> {
    let port = claim.listener.port;
    let refused =
        |message: String, remedy: &str| Some(claim.problem(ProblemCode::PortRefused, Severity::Error, message, remedy));
    if settings.own.ports.contains(&port) {
        let message = format!("port {port} is one of our own, so it is not opened for streams");
        return refused(message, "Ask for another port");
    }
    // The operator has named the ConfigMap.
    if claim.by.kind != ObjectKind::ConfigMap {
        let StreamSettings { allowed_ports, namespaces, .. } = &*settings.streams;
        if !allowed_ports.iter().any(|range| range.contains(&port)) {
            let message = format!("port {port} is none of those that annotations may open, so it is not opened");
            return refused(message, "Ask for another port, or ask the operator to add it to --allow-ports");
        }
        if !namespaces.is_empty() && !namespaces.contains(&claim.by.name.namespace) {
            let message =
                format!("namespace {} may open no ports, so port {port} is not opened", claim.by.name.namespace);
            return refused(message, "Ask the operator to add the namespace to --stream-namespaces");
        }
    }
    if claim.from_clients == HeaderOfClients::Required && !settings.streams.trusts_proxies {
        let message = format!(
            "connections to port {port} must begin with a header of the PROXY protocol, and nobody is trusted to send one, so it is \
             not opened"
        );
        return refused(
            message,
            "Ask the operator to name the load balancers in --trusted-proxies, or leave the header out",
        );
    }
    None
}
