//! What annotations can set.

use std::sync::Arc;

use crate::model::{Balance, RoutePolicy};

/// What the annotations of an object set, by topic. What is absent leaves the decision to the settings.
///
/// There is one for each object that has any of our annotations. A topic that few objects use and that takes more than a few
/// bytes belongs behind an `Option<Box<_>>`.
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
    pub(crate) always: bool,
}

impl Options {
    /// The policy of the routes: `default` itself where nothing else is asked for, so that most routes share one.
    pub(crate) fn policy(&self, default: &Arc<RoutePolicy>) -> Arc<RoutePolicy> {
        let balance = self.balance.unwrap_or(default.balance);
        if balance == default.balance {
            return Arc::clone(default);
        }
        Arc::new(RoutePolicy { balance, ..RoutePolicy::clone(default) })
    }

    /// Nothing is set.
    pub(crate) const UNSET: Self = Self { redirect: RedirectOptions { with_tls: None, always: false }, balance: None };
}
