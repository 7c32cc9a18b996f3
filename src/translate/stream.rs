//! The unit of a port of streams: which object gets it, where its connections go, and what everybody else is told who asks for it.

use std::sync::Arc;

use crate::model::{
    Action, Affinity, Captures, ListenerKey, ObjectKind, Origin, Place, Problem, ProblemCode, RoutePolicy, Severity,
    StreamAffinity, StreamRoute, StreamSpec, Template, Transport, UpstreamSpec,
};

use super::annotations::Options;
use super::external::{self, NameFinding};
use super::in_force;
use super::input::Input;
use super::service::{self, BackendFault};
use super::stream_claims::{Claim, refusal};

/// Translates the unit of a listener. `None`: it is not opened.
pub(crate) fn translate(input: &Input, key: ListenerKey) -> (Option<Arc<StreamSpec>>, Vec<Problem>) {
    let (mut spec, mut problems, mut winner) = (None, Vec::new(), None::<&Claim>);
    for claim in input.streams().claims(key) {
        if let Some(refusal) = refusal(input.settings(), claim) {
            problems.push(refusal);
            continue;
        }
        if let Some(winner) = winner {
            problems.push(taken(claim, winner));
            continue;
        }
        winner = Some(claim);
        match upstream(input, claim) {
            Ok(upstream) => {
                problems.extend(finding(input, claim, &upstream));
                spec = Some(Arc::new(stream(input, claim, upstream)));
            }
            Err(fault) => {
                let fault = fault.followed_by("the port is not opened");
                let message = fault.message();
                problems.push(claim.problem(fault.code, BackendFault::SEVERITY, message, fault.remedy));
            }
        }
    }
    (spec, problems)
}

fn upstream(input: &Input, claim: &Claim) -> Result<UpstreamSpec, BackendFault> {
    let (service, port) = (claim.service.clone(), claim.port.clone());
    match claim.listener.transport {
        Transport::Tcp => {
            let options = in_force::for_service(input, &service, &Options::UNSET);
            // What would be wrong with TLS to its pods does not matter: whoever connects speaks it.
            let shared = service::resolve_service(input, service.clone(), port.clone(), &options);
            let of_port = || service::resolve_service(input, service, port, &Options::UNSET);
            let upstream = if options.pod_tls().is_some() { shared.or_else(|_| of_port()) } else { shared };
            upstream.map(|spec| UpstreamSpec { for_https: None, ..spec })
        }
        Transport::Udp => service::resolve_datagrams(input, service, port),
    }
}

fn stream(input: &Input, claim: &Claim, upstream: UpstreamSpec) -> StreamSpec {
    let options = in_force::for_service(input, &claim.service, &Options::UNSET);
    let route = StreamRoute {
        server_name: None,
        action: Action::Forward(Arc::new(upstream)),
        affinity: affinity(&options),
        policy: policy(input, claim, &options),
        origin: Origin::Object {
            kind: claim.by.kind,
            name: claim.by.name.clone(),
            place: Place::Listener(claim.listener),
        },
    };
    let Claim { listener, from_clients, to_pods, .. } = claim;
    StreamSpec { listener: *listener, from_clients: *from_clients, to_pods: *to_pods, routes: [route].into() }
}

/// Datagrams are neither asked whether a pod is well nor do they tell it: checks speak TCP, and a session fails at no connection.
fn policy(input: &Input, claim: &Claim, options: &Options) -> Arc<RoutePolicy> {
    let policy = options.policy(&input.settings().policy, input.settings().replicas);
    let is_checked = policy.checks.is_some() || policy.ejection.is_some();
    if claim.listener.transport == Transport::Udp && is_checked {
        return Arc::new(RoutePolicy { checks: None, ejection: None, ..RoutePolicy::clone(&policy) });
    }
    policy
}

/// Of what requests have in common nothing is known of connections but the address of the client.
fn affinity(options: &Options) -> StreamAffinity {
    let rule = options.rare().and_then(|rare| rare.affinity.rule());
    let address = Template::parse("$remote_addr", Captures::Refused);
    match (rule, address) {
        (Some(Affinity::Text { text, among: 1, empty: _ }), Ok(address)) if text == address => {
            StreamAffinity::ClientAddress
        }
        _ => StreamAffinity::None,
    }
}

/// What DNS says of the Service.
fn finding(input: &Input, claim: &Claim, upstream: &UpstreamSpec) -> Option<Problem> {
    let NameFinding { code, severity, message, remedy } = external::finding(input, &claim.service, [&upstream.key])?;
    Some(claim.problem(code, severity, message, remedy))
}

/// What an object is told whose port another one has. Authors are not told the names of objects in other namespaces.
fn taken(loser: &Claim, winner: &Claim) -> Problem {
    let (kind, of_other) = (winner.by.kind.as_str(), winner.by.name.namespace != loser.by.name.namespace);
    let whose = match winner.by.kind {
        ObjectKind::ConfigMap => "a ConfigMap of the operator".to_owned(),
        _ if winner.by == loser.by => format!("another entry of this {kind}"),
        _ if of_other && winner.created < loser.created => format!("an older {kind} of another namespace"),
        _ if of_other => format!("a {kind} of another namespace, which is as old and comes first by name"),
        _ if winner.created < loser.created => format!("the older {kind} {}", winner.by.name),
        _ => format!("{kind} {}, which is as old and comes first by name", winner.by.name),
    };
    let message = format!("{} belongs to {whose}, so this entry is not served", loser.listener);
    let severity = if winner.leads_where(loser) { Severity::Warning } else { Severity::Error };
    loser.problem(ProblemCode::Conflict, severity, message, "Ask for another port, or remove one of the two entries")
}
