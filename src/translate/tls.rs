//! Which certificates a host gets (semantics 52 to 56).

use std::sync::Arc;

use crate::model::{Certificate, HostPattern, Problem, ProblemCode, Severity, TenantTls, TlsSpec};

use super::certificate_files;
use super::conflicts;
use super::input::Input;
use super::lower::{Claim, Field, TlsClaim};
use super::problems::some_of;
use super::tenancy::{self, Say};
use super::validity::{best, usable};

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
    let is_wildcard = matches!(host, HostPattern::Wildcard { .. });
    if say.claims().iter().all(|claim| claim.tls.is_empty()) {
        let Some(tls) = certificate_files::at(input, host) else { return Chosen::default() };
        let for_all = is_wildcard.then(|| TenantTls { namespace: None, tls: tls.clone() });
        return Chosen { own: Some(tls), of_tenants: for_all.into_iter().collect() };
    }
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
    with_files(input, host, Chosen { own, of_tenants })
}

/// Where the entries of objects come to no certificate, those of files serve.
fn with_files(input: &Input, host: &HostPattern, chosen: Chosen) -> Chosen {
    let Some(files) = certificate_files::covering(input, host) else { return chosen };
    let Chosen { own, of_tenants } = chosen;
    let or_files = |tls: TlsSpec| if tls.certificates.is_empty() { files.clone() } else { tls };
    // Without an entry that counts the wildcard above is asked anyway.
    let own = own.map(or_files).or_else(|| certificate_files::at(input, host));
    let mut of_tenants: Vec<_> = of_tenants.into_iter().collect();
    of_tenants.iter_mut().for_each(|of| of.tls = or_files(std::mem::replace(&mut of.tls, files.clone())));
    // Who has no entry that counts gets those that count for all.
    if matches!(host, HostPattern::Wildcard { .. }) && of_tenants.iter().all(|of| of.namespace.is_some()) {
        of_tenants.push(TenantTls { namespace: None, tls: files });
    }
    Chosen { own, of_tenants: of_tenants.into() }
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
            *certificates = best(offers.iter().map(|offer| offer.certificate), input.settings().now).into();
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
