//! What annotations can set of who answers instead of pods that tell of errors.

use std::sync::Arc;

use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorOptions {
    /// Statuses of answers that are replaced.
    pub(super) statuses: Option<Box<[u16]>>,
    /// The Service that answers instead.
    pub(crate) service: Option<Arc<str>>,
    /// Whether no answer that a pod gives is replaced.
    pub(super) is_off: Option<bool>,
}

impl ErrorOptions {
    /// The statuses of answers that are replaced, in order.
    pub(crate) fn statuses(&self) -> &[u16] {
        self.statuses.as_deref().unwrap_or_default()
    }

    /// Whether answers of pods are replaced too.
    pub(crate) fn intercepts(&self) -> bool {
        !self.is_off.unwrap_or(false)
    }

    /// Whether what takes requests that nothing matches answers instead.
    pub(crate) fn falls_back(&self) -> bool {
        self.statuses.is_some()
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { statuses, service, is_off } = other;
        let differs = [
            take_over(&mut self.statuses, statuses),
            take_over(&mut self.service, service),
            take_over(&mut self.is_off, is_off),
        ];
        differs.contains(&true)
    }
}
