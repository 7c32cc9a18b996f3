//! What annotations can set.

use std::sync::Arc;

use crate::model::{Balance, RoutePolicy};

use super::policy_options::PolicyOptions;
use super::take_over::take_over;

/// What the annotations of an object set, by topic. What is absent leaves the decision to the settings.
///
/// There is one for each object that has any annotation of a dialect in force. A topic that few objects use and that takes more
/// than a few bytes belongs behind an `Option<Box<_>>`.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// When plain HTTP is sent to https.
    pub(crate) redirect: RedirectOptions,
    /// How endpoints are chosen.
    pub(crate) balance: Option<Balance>,
    /// How long requests, their bodies and their pods may take, and how much.
    policy: Option<Box<PolicyOptions>>,
}

/// When plain HTTP is sent to https.
#[derive(Debug, Default)]
pub(crate) struct RedirectOptions {
    /// Where the host has TLS.
    pub(crate) with_tls: Option<bool>,
    /// Whether or not the host has TLS here.
    pub(crate) always: Option<bool>,
}

impl Options {
    /// Nothing is set.
    pub(crate) const UNSET: Self =
        Self { redirect: RedirectOptions { with_tls: None, always: None }, balance: None, policy: None };

    /// What is set of the policy, to set more.
    pub(super) fn of_policy(&mut self) -> &mut PolicyOptions {
        self.policy.get_or_insert_default()
    }

    /// The policy of the routes: `default` itself where nothing else is asked for, so that most routes share one.
    pub(crate) fn policy(&self, default: &Arc<RoutePolicy>) -> Arc<RoutePolicy> {
        if self.balance.is_none() && self.policy.is_none() {
            return Arc::clone(default);
        }
        let mut policy = RoutePolicy::clone(default);
        policy.balance = self.balance.unwrap_or(default.balance);
        self.policy.iter().for_each(|options| options.apply(&mut policy));
        if policy == **default { Arc::clone(default) } else { Arc::new(policy) }
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { redirect: RedirectOptions { with_tls, always }, balance, policy } = other;
        let differs = [
            policy.is_some_and(|policy| self.of_policy().absorb(*policy)),
            take_over(&mut self.redirect.with_tls, with_tls),
            take_over(&mut self.redirect.always, always),
            take_over(&mut self.balance, balance),
        ];
        differs.contains(&true)
    }
}

impl RedirectOptions {
    /// Whether plain HTTP is sent to https whether or not the host has TLS here.
    pub(crate) fn is_always(&self) -> bool {
        self.always.unwrap_or(false)
    }
}
