//! What annotations can set.

use std::sync::Arc;

use crate::model::{Balance, RoutePolicy};

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
    pub(crate) const UNSET: Self = Self { redirect: RedirectOptions { with_tls: None, always: None }, balance: None };

    /// The policy of the routes: `default` itself where nothing else is asked for, so that most routes share one.
    pub(crate) fn policy(&self, default: &Arc<RoutePolicy>) -> Arc<RoutePolicy> {
        let balance = self.balance.unwrap_or(default.balance);
        if balance == default.balance {
            return Arc::clone(default);
        }
        Arc::new(RoutePolicy { balance, ..RoutePolicy::clone(default) })
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { redirect: RedirectOptions { with_tls, always }, balance } = other;
        let differs = [
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

/// Takes a value over where there is none. Returns whether there is another.
fn take_over<T: PartialEq>(mine: &mut Option<T>, other: Option<T>) -> bool {
    match (&*mine, other) {
        (_, None) => false,
        (Some(mine), Some(other)) => *mine != other,
        (None, other @ Some(_)) => {
            *mine = other;
            false
        }
    }
}
