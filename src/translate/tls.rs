//! Which certificates a host gets (semantics 52 to 56).

use std::sync::Arc;

use crate::model::{Certificate, HostPattern, Problem, ProblemCode, Severity, TlsSpec};

use super::conflicts;
use super::input::Input;
use super::lower::{Claim, Field, TlsClaim};
use super::problems::some_of;
use super::validity::{Validity, usable, validity};

/// A certificate that an object offers for the host and that covers it.
struct Offer<'a> {
    /// Where the object names its Secret.
    field: Field,
    certificate: &'a Arc<Certificate>,
}

/// The TLS side of a host, from the objects that are served, oldest first. The oldest one that offers a usable
/// certificate gives it: a broken Secret does not take TLS of a shared host down.
pub(crate) fn choose(
    input: &Input,
    host: &HostPattern,
    claims: &[&Claim],
    problems: &mut Vec<Problem>,
) -> Option<TlsSpec> {
    if claims.iter().all(|claim| claim.tls.is_empty()) {
        return None;
    }
    let mut winner: Option<&Claim> = None;
    let mut certificates = Vec::new();
    for claim in claims {
        let offers = offers(input, host, claim, problems);
        if offers.is_empty() {
            continue;
        }
        let winner = winner.get_or_insert_with(|| {
            certificates = best(&offers, input.settings().now);
            claim
        });
        let unused = offers.iter().filter(|offer| !certificates.contains(offer.certificate));
        problems.extend(unused.map(|offer| conflicts::over_certificate(host, offer.field, &claim.by, &winner.by)));
    }
    Some(TlsSpec { certificates })
}

fn offers<'a>(input: &'a Input, host: &HostPattern, claim: &Claim, problems: &mut Vec<Problem>) -> Vec<Offer<'a>> {
    let mut offers = Vec::new();
    if *host == HostPattern::Any {
        // No name, no certificate: unknown names get the default one and not some tenant's.
        return offers;
    }
    for tls in claim.certificates() {
        let Some(certificate) = input.objects().secret(&tls.secret).and_then(usable) else { continue };
        if certificate.names().iter().any(|name| host.is_covered_by(name)) {
            offers.push(Offer { field: tls.field, certificate });
        } else {
            problems.push(mismatch(host, claim, &tls, certificate));
        }
    }
    offers
}

/// The certificate a host serves and, when there is one with another kind of key, a second. Those within their time
/// go first, otherwise the order is the author's.
fn best(offers: &[Offer<'_>], now: i64) -> Vec<Arc<Certificate>> {
    let is_valid = |offer: &&Offer<'_>| validity(offer.certificate, now) == Validity::Valid;
    let (valid, rest): (Vec<_>, Vec<_>) = offers.iter().partition(is_valid);
    let mut chosen: Vec<Arc<Certificate>> = Vec::new();
    for offer in valid.into_iter().chain(rest) {
        if chosen.iter().all(|other| other.algorithm() != offer.certificate.algorithm()) {
            chosen.push(offer.certificate.clone());
        }
    }
    chosen
}

fn mismatch(host: &HostPattern, claim: &Claim, tls: &TlsClaim, certificate: &Certificate) -> Problem {
    let TlsClaim { secret, field: _, of_host } = tls;
    let names = match certificate.names() {
        [] => "no names".into(),
        names => format!("only {}", some_of(names)),
    };
    let message = format!(
        "the certificate in Secret {secret} covers {names}, so it is not used for host {host} and the default certificate serves unless another Ingress has one"
    );
    let remedy = format!("Issue a certificate that covers {host}, or remove the host from this entry");
    claim.by.problem(of_host.to_string(), ProblemCode::CertificateMismatch, Severity::Error, message, remedy)
}
