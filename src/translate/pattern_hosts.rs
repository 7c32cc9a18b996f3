//! How the paths of a host are read. In ingress-nginx one Ingress that asks for patterns, or for another path towards pods,
//! asks for all Ingresses of its host.

use crate::model::HostPattern;
use crate::source::objects::PathKind;

use super::input::Input;
use super::lower::Claim;
use super::path::PathReading;
use super::settings::Profile;
use super::tenancy::Say;

/// The path that a default backend stands for.
pub(crate) const ROOT: (&str, PathKind) = ("/", PathKind::ImplementationSpecific);

/// How the paths of a host are read.
pub(crate) fn reading(input: &Input, host: &HostPattern) -> PathReading {
    reading_of(input, host, Say::at(input, host).served())
}

/// How they are read where these claims are served.
pub(crate) fn reading_of<'a>(
    input: &Input,
    host: &HostPattern,
    mut claims: impl Iterator<Item = &'a Claim>,
) -> PathReading {
    if claims.any(|claim| asks(claim, host)) {
        return PathReading::Patterns;
    }
    match input.settings().profile {
        Profile::Tidegate => PathReading::Elements,
        Profile::IngressNginx => PathReading::Texts,
    }
}

fn asks(claim: &Claim, host: &HostPattern) -> bool {
    let Some(options) = claim.by.options().paths() else { return false };
    let (root, kind) = ROOT;
    let mut asks = claim.fallback(host).is_some() && options.makes_patterns(root, &kind);
    claim.each_route(&mut |route| asks |= options.makes_patterns(&route.path.path, &route.path.kind));
    asks
}
