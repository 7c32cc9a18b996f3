//! Hosts that no rule names and annotations add: other names of a host, and the one with or without `www.` in front. A host that
//! a rule names is never one of them.

use crate::model::{HostPattern, Hostname, Problem, ProblemCode, Severity};

use super::lower::{Claim, RoutingObject};
use super::tenancy::Say;

/// What a host is that no rule names.
pub(crate) enum Kin<'a> {
    /// Another name of this host.
    Alias {
        /// Of this one.
        of: HostPattern,
    },
    /// Its requests are sent to the host with or without `www.` in front.
    Www {
        /// To this one.
        to: Hostname,
        /// Who asks for that.
        by: &'a Claim,
    },
}

/// What a host is, where annotations alone name it.
pub(crate) fn of<'a>(host: &HostPattern, say: &Say<'a>) -> Option<Kin<'a>> {
    // Nearly all objects end here.
    if say.served().all(|claim| !claim.by.adds_hosts()) || is_taken(host, say) {
        return None;
    }
    let mains = || say.served().filter(|claim| !claim.by.options().is_canary());
    let alias = mains().find(|claim| claim.by.annotations().hosts().contains(host));
    // nginx takes the first server of a name, and ingress-nginx writes them by their host.
    if let Some(of) = alias.and_then(|claim| claim.by.hosts_of_rules().into_iter().min()) {
        return Some(Kin::Alias { of });
    }
    mains().find_map(|by| {
        let named = by.by.hosts_of_rules().into_iter().find(|named| named.with_other_www().as_ref() == Some(host));
        match named? {
            HostPattern::Exact(to) => Some(Kin::Www { to, by }),
            HostPattern::Wildcard { .. } | HostPattern::Any => None,
        }
    })
}

/// Whether a rule names the host. Those of canaries make no host.
fn is_taken(host: &HostPattern, say: &Say<'_>) -> bool {
    say.served().any(|claim| !claim.by.options().is_canary() && is_named(claim, host))
}

/// The claims of canaries of which rules name a host that is another one's alias.
pub(crate) fn canaries_named<'a>(host: &HostPattern, say: &Say<'a>) -> impl Iterator<Item = &'a Claim> {
    say.served().filter(move |claim| claim.by.options().is_canary() && is_named(claim, host))
}

/// Whether a rule of the object names the host.
fn is_named(claim: &Claim, host: &HostPattern) -> bool {
    match claim.by.object() {
        RoutingObject::Ingress(_) => {
            claim.fallback(host).is_some() && claim.rules.is_empty() || {
                !claim.rules.is_empty() && claim.by.hosts_of_rules().contains(host)
            }
        }
    }
}

/// The claims that say what is served for a host that rules name, without those of objects that only add it.
pub(crate) fn naming<'a>(host: &HostPattern, say: &Say<'a>) -> impl Iterator<Item = &'a Claim> {
    say.served().filter(move |claim| !claim.by.adds_hosts() || is_named(claim, host))
}

/// What those are told who add a host that a rule names.
pub(crate) fn overruled<'a>(host: &'a HostPattern, say: &'a Say<'_>) -> impl Iterator<Item = Problem> + 'a {
    let adds = |claim: &&Claim| claim.by.annotations().hosts().contains(host) && !is_named(claim, host);
    let is_taken = is_taken(host, say);
    say.served().filter(move |claim| is_taken && adds(claim)).map(move |claim| {
        let message = format!("a rule names host {host}, so it is no other name of the host of this Ingress");
        let remedy = "Leave the host out of server-alias";
        claim.by.problem("metadata.annotations", ProblemCode::Conflict, Severity::Warning, message, remedy)
    })
}
