//! Which namespaces have a say at a host (docs/security.md).
//!
//! Namespaces stand for tenants. Whatever `--host-ownership` says, TLS entries count for a host only from a namespace with a
//! rule for it, if any has; and what a hostless default backend takes is a matter of `model::Tenancy`. With `namespace` a
//! host has one owner, the namespace of its oldest rule, and the rules of others are refused.

use std::sync::Arc;

use crate::model::{HostPattern, Problem, ProblemCode, Severity};

use super::input::Input;
use super::lower::{Claim, Field};
use super::rulers::{has_rules, namespaces};
use super::settings::HostOwnership;

/// Who has a say at a host.
pub(crate) struct Say<'a> {
    input: &'a Input,
    host: &'a HostPattern,
    /// What objects of ours claim, oldest first.
    claims: Vec<&'a Claim>,
    /// The namespace that alone may have rules. `None`: all may.
    owner: Option<&'a Arc<str>>,
}

/// Whose TLS entries count.
pub(crate) enum Counting<'a> {
    /// Those of every namespace.
    All,
    /// Those of these namespaces, and those of `--certificate-namespaces`.
    Of(Vec<&'a Arc<str>>),
}

impl<'a> Say<'a> {
    pub(crate) fn at(input: &'a Input, host: &'a HostPattern) -> Self {
        let claims = input.rulers().ours(host).collect();
        let mut say = Self { input, host, claims, owner: None };
        say.owner = say.find_owner();
        say
    }

    /// What objects of ours claim, oldest first, rules that are refused among it.
    pub(crate) fn claims(&self) -> &[&'a Claim] {
        &self.claims
    }

    /// What is claimed by those that may have rules, oldest first.
    pub(crate) fn served(&self) -> impl Iterator<Item = &'a Claim> {
        self.claims.iter().copied().filter(|claim| self.may_have_rules(claim))
    }

    /// The namespace that alone may have rules, if there is one.
    pub(crate) fn owner(&self) -> Option<&'a Arc<str>> {
        self.owner
    }

    /// The namespaces whose rules for the host are served, the oldest first.
    pub(crate) fn tenants(&self) -> Vec<&'a Arc<str>> {
        namespaces(self.served())
    }

    /// Whether these are they. Nearly always there is one.
    pub(crate) fn has_tenants(&self, tenants: &[Arc<str>]) -> bool {
        match tenants {
            [] => self.served().all(|claim| claim.rules.is_empty()),
            [one] => self.served().all(|claim| claim.rules.is_empty() || claim.by.name().namespace == *one),
            [_, _, ..] => self.tenants().into_iter().eq(tenants),
        }
    }

    /// Whose TLS entries count for the host.
    pub(crate) fn counting(&self) -> Counting<'a> {
        let mut tenants = self.tenants();
        if tenants.is_empty() {
            match self.owner {
                Some(owner) => tenants.push(owner),
                // Its requests go to the rules of the wildcard.
                None => {
                    tenants = self
                        .host
                        .wildcard_above()
                        .map_or_else(Vec::new, |host| namespaces(self.input.rulers().ours(&host)))
                }
            }
        }
        if tenants.is_empty() { Counting::All } else { Counting::Of(tenants) }
    }

    /// What those are told whose rules are refused.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = Problem> {
        let refused = self.claims.iter().filter(|claim| has_rules(claim, self.host) && !self.may_have_rules(claim));
        refused.flat_map(|claim| {
            let fields: Vec<_> = match claim.rules.as_slice() {
                [] => vec![Field::DefaultBackend],
                rules => rules.iter().map(|&rule| Field::Rule { rule }).collect(),
            };
            fields.into_iter().map(|field| {
                let what = match field {
                    Field::DefaultBackend => "default backend",
                    Field::Rule { .. } | Field::Path { .. } | Field::TlsSecret { .. } | Field::TlsHost { .. } => "rule",
                };
                let host = match self.host {
                    HostPattern::Exact(_) | HostPattern::Wildcard { .. } => format!("host {} belongs", self.host),
                    HostPattern::Any => "what is for all other hosts belongs".into(),
                };
                let message = format!("{host} to another namespace (--host-ownership), so this {what} is not served");
                let remedy = "Use a host of this namespace, or ask the operator who is to own the host";
                claim.by.problem(field.to_string(), ProblemCode::HostNotOwned, Severity::Error, message, remedy)
            })
        })
    }

    fn may_have_rules(&self, claim: &Claim) -> bool {
        self.owner.is_none_or(|owner| *owner == claim.by.name().namespace)
    }

    fn find_owner(&self) -> Option<&'a Arc<str>> {
        let owners = match &self.input.settings().host_ownership {
            HostOwnership::Shared => return None,
            HostOwnership::Namespace { owners } => owners,
        };
        let wildcard = self.host.wildcard_above();
        let configured = owners.get(self.host).or_else(|| owners.get(wildcard.as_ref()?));
        configured.or_else(|| {
            let here = self.claims.iter().copied().find(|claim| has_rules(claim, self.host));
            let above = wildcard.and_then(|host| self.input.rulers().ours(&host).find(|claim| has_rules(claim, &host)));
            let oldest = here.into_iter().chain(above).min_by_key(|claim| claim.by.object().seniority());
            oldest.map(|claim| &claim.by.name().namespace)
        })
    }
}

impl Counting<'_> {
    /// Whether the TLS entries of a claim count.
    pub(crate) fn takes(&self, input: &Input, claim: &Claim) -> bool {
        let namespace = &claim.by.name().namespace;
        match self {
            Self::All => true,
            Self::Of(tenants) => tenants.contains(&namespace) || is_for_all(input, claim),
        }
    }
}

/// Whether the TLS entries of a claim count for every host.
pub(crate) fn is_for_all(input: &Input, claim: &Claim) -> bool {
    input.settings().certificate_namespaces.contains(&claim.by.name().namespace)
}

/// What the namespace is told whose TLS entries do not count for the host.
pub(crate) fn uncounted<'a>(host: &'a HostPattern, claim: &'a Claim) -> impl Iterator<Item = Problem> + 'a {
    // Who also has rules that are refused is told of these.
    let fields = claim.rules.is_empty().then(|| claim.tls_fields()).into_iter().flatten();
    fields.map(move |field| {
        let (severity, message) = match host {
            HostPattern::Wildcard { .. } => (
                Severity::Warning,
                format!(
                    "another namespace has rules for host {host}, so this entry counts only for hosts that this namespace has rules for"
                ),
            ),
            HostPattern::Exact(_) | HostPattern::Any => (
                Severity::Error,
                format!("another namespace has rules for host {host} and this one has none, so this entry does not count there"),
            ),
        };
        let remedy =
            "Leave the host to those who have rules for it, or ask the operator for --certificate-namespaces";
        claim.by.problem(field.to_string(), ProblemCode::HostNotOwned, severity, message, remedy)
    })
}
