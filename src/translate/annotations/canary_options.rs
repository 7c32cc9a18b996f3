//! What annotations can set of canaries.

use std::sync::Arc;

use crate::model::{CanaryHeader, CanaryRule, CanaryValue};

use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct CanaryOptions {
    /// Whether the object is a canary.
    pub(super) is_on: Option<bool>,
    /// Name of the header field that may ask for it, in lower case.
    pub(super) header: Option<Arc<str>>,
    /// The value that asks for it.
    pub(super) value: Option<Arc<str>>,
    /// The pattern of values that ask for it.
    pub(super) pattern: Option<CanaryValue>,
    /// Name of the cookie that may ask for it.
    pub(super) cookie: Option<Arc<str>>,
    /// How many of the others it gets.
    pub(super) weight: Option<u32>,
    /// Of how many.
    pub(super) total: Option<u32>,
    /// Whether clients do not stay with it.
    pub(super) has_no_sessions: Option<bool>,
}

/// Least number that a weight is a part of.
const LEAST_TOTAL: u32 = 100;

impl CanaryOptions {
    /// Whether the object is a canary.
    pub(crate) fn is_canary(&self) -> bool {
        self.is_on == Some(true)
    }

    /// Which requests the object gets; `None`: it is no canary.
    pub(crate) fn rule(&self) -> Option<CanaryRule> {
        if !self.is_canary() {
            return None;
        }
        let value = self.value.as_ref().map(|value| CanaryValue::Exact(value.clone()));
        let value = value.or_else(|| self.pattern.clone()).unwrap_or(CanaryValue::Word);
        let header = self.header.as_ref().map(|name| CanaryHeader { name: name.clone(), value });
        let total = self.total.unwrap_or(LEAST_TOTAL).max(LEAST_TOTAL);
        Some(CanaryRule {
            header,
            cookie: self.cookie.clone(),
            weight: self.weight.unwrap_or(0),
            total,
            has_no_sessions: self.has_no_sessions == Some(true),
        })
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { is_on, header, value, pattern, cookie, weight, total, has_no_sessions } = other;
        let differs = [
            take_over(&mut self.is_on, is_on),
            take_over(&mut self.header, header),
            take_over(&mut self.value, value),
            take_over(&mut self.pattern, pattern),
            take_over(&mut self.cookie, cookie),
            take_over(&mut self.weight, weight),
            take_over(&mut self.total, total),
            take_over(&mut self.has_no_sessions, has_no_sessions),
        ];
        differs.contains(&true)
    }
}
