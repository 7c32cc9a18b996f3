//! Which certificates a host gets (semantics 52 to 56).

use std::sync::Arc;

use crate::model::{Certificate, HostPattern, Problem, ProblemCode, Severity, TenantTls, TlsSpec};

use super::conflicts;
use super::input::Input;
use super::lower::{Claim, Field, TlsClaim};
use super::problems::some_of;
use super::tenancy::{self, Say};
use super::validity::{Validity, usable, validity};

/// A certificate that an object offers for the host and that covers it.
struct Offer<'a> {
    /// Where the object names its Secret.
    field: Field,
    certificate: &'a Arc<Certificate>,
}

/// The TLS that comes of what objects ask for at a host.
#[derive(Default)]
pub(crate) struct Chosen {
    /// For the hosts whose requests the unit takes.
    pub(crate) own: Option<TlsSpec>,
    /// Of a wildcard, for hosts of other units (`model::Tenancy`).
    pub(crate) of_tenants: Box<[TenantTls]>,
}

/// What an object that is served offers.
struct Offers<'a> {
    claim: &'a Claim,
    /// Whether its entries count for the hosts whose requests the unit takes.
    counts: bool,
    certificates: Vec<Offer<'a>>,
}

/// The TLS side of a host, from the objects that have a say in it, oldest first. The oldest one that offers a usable
/// certificate gives it: a broken Secret does not take TLS of a shared host down.
pub(crate) fn choose(input: &Input, host: &HostPattern, say: &Say<'_>, problems: &mut Vec<Problem>) -> Chosen {
    if say.claims().iter().all(|claim| claim.tls.is_empty()) {
        return Chosen::default();
    }
    let is_wildcard = matches!(host, HostPattern::Wildcard { .. });
    let (counting, mut all) = (say.counting(), Vec::new());
    for &claim in say.claims().iter().filter(|claim| !claim.tls.is_empty()) {
        let counts = counting.takes(input, claim);
        if !counts {
            problems.extend(tenancy::uncounted(host, claim));
        }
        if counts || is_wildcard {
            all.push(Offers { claim, counts, certificates: offers(input, host, claim, problems) });
        }
    }
    let (own, conflicts) = pick(input, host, all.iter().filter(|offers| offers.counts));
    problems.extend(conflicts);
    let of_tenants = if is_wildcard { of_tenants(input, host, &all, problems) } else { Box::default() };
    Chosen { own, of_tenants }
}

/// The TLS of a wildcard for hosts of other units, by the namespace that has rules for them.
fn of_tenants(input: &Input, host: &HostPattern, all: &[Offers<'_>], problems: &mut Vec<Problem>) -> Box<[TenantTls]> {
    let tenant = |offers: &Offers<'_>| {
        (!tenancy::is_for_all(input, offers.claim)).then(|| offers.claim.by.name().namespace.clone())
    };
    let mut of_tenants: Vec<(usize, TenantTls)> = Vec::new();
    for first in all {
        let namespace = tenant(first);
        if of_tenants.iter().any(|(_, other)| other.namespace == namespace) {
            continue;
        }
        let theirs = || all.iter().filter(|offers| tenant(offers) == namespace);
        let (tls, conflicts) = pick(input, host, theirs());
        if !first.counts {
            problems.extend(conflicts);
        }
        // Who has a certificate comes first, the oldest of them before all.
        let is_usable = |offers: &&Offers<'_>| !offers.certificates.is_empty();
        let winner = theirs().find(is_usable).map_or(usize::MAX, |winner| {
            all.iter().position(|offers| std::ptr::eq(offers, winner)).unwrap_or(usize::MAX)
        });
        of_tenants.extend(tls.map(|tls| (winner, TenantTls { namespace, tls })));
    }
    of_tenants.sort_by_key(|(winner, _)| *winner);
    of_tenants.into_iter().map(|(_, of)| of).collect()
}

/// The TLS that comes of these offers, and what those are told whose certificates are not used. Without offers there is none.
fn pick<'o, 'a: 'o>(
    input: &Input,
    host: &HostPattern,
    all: impl Iterator<Item = &'o Offers<'a>>,
) -> (Option<TlsSpec>, Vec<Problem>) {
    let (mut tls, mut winner, mut problems) = (None, None, Vec::new());
    for Offers { claim, counts: _, certificates: offers } in all {
        let TlsSpec { certificates } = tls.get_or_insert_with(|| TlsSpec { certificates: Box::default() });
        if offers.is_empty() {
            continue;
        }
        let winner = *winner.get_or_insert_with(|| {
            *certificates = best(offers, input.settings().now).into();
            claim
        });
        let unused = offers.iter().filter(|offer| !certificates.contains(offer.certificate));
        problems.extend(unused.map(|offer| conflicts::over_certificate(host, offer.field, &claim.by, &winner.by)));
    }
    (tls, problems)
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
    // Where the entry does not list the host, it cannot be removed from there.
    let or_else = if matches!(of_host, Field::TlsHost { .. }) { ", or remove the host from this entry" } else { "" };
    let remedy = format!("Issue a certificate that covers {host}{or_else}");
    claim.by.problem(of_host.to_string(), ProblemCode::CertificateMismatch, Severity::Error, message, remedy)
}
