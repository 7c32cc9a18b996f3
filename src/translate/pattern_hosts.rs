//! Hosts of which all paths are patterns. In ingress-nginx one Ingress that asks for patterns, or for another path towards pods,
//! asks for all Ingresses of its host.

use crate::model::HostPattern;
use crate::source::objects::PathKind;

use super::input::Input;
use super::lower::Claim;
use super::tenancy::Say;

/// The path that a default backend stands for.
pub(crate) const ROOT: (&str, PathKind) = ("/", PathKind::ImplementationSpecific);

/// Whether all paths of a host are patterns.
pub(crate) fn has_patterns(input: &Input, host: &HostPattern) -> bool {
    any_asks(host, Say::at(input, host).served())
}

/// Whether one of these claims makes all paths of the host patterns.
pub(crate) fn any_asks<'a>(host: &HostPattern, mut claims: impl Iterator<Item = &'a Claim>) -> bool {
    claims.any(|claim| asks(claim, host))
}

fn asks(claim: &Claim, host: &HostPattern) -> bool {
    let Some(options) = claim.by.options().paths() else { return false };
    let (root, kind) = ROOT;
    let mut asks = claim.fallback(host).is_some() && options.makes_patterns(root, &kind);
    claim.each_route(&mut |route| asks |= options.makes_patterns(&route.path.path, &route.path.kind));
    asks
}
