//! What annotations can set of external authentication.

use crate::model::{AnswerLife, ObjectName, Template};

use super::service_url::ServiceUrl;
use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExternalAuthOptions {
    /// Who is asked.
    pub(super) url: Option<AuthUrl>,
    /// Whether who is asked for all objects is asked for this one.
    pub(super) takes_global: Option<bool>,
    /// Whether it is asked for all objects.
    pub(crate) is_global: bool,
    /// Whether something is asked for that cannot be done, so that nobody is served.
    pub(super) is_closed: Option<bool>,
    /// The method of the question.
    pub(crate) method: Option<Box<str>>,
    /// Where clients sign in.
    pub(crate) sign_in: Option<Template>,
    /// The parameter that says where to come back to.
    pub(crate) parameter: Option<Box<str>>,
    /// Fields that pods get.
    pub(crate) copied: Option<Box<[Box<str>]>>,
    /// What is sent as the place to come back to.
    pub(crate) redirect: Option<Template>,
    /// The ConfigMap with fields that the service gets besides. One that cannot be named closes.
    pub(crate) sent: Option<ObjectName>,
    /// Under what answers are remembered.
    pub(crate) key: Option<Template>,
    /// For how long.
    pub(crate) lives: Option<Box<[AnswerLife]>>,
    /// Whether all answers carry cookies of the service.
    pub(crate) always_cookies: Option<bool>,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthUrl {
    /// This service.
    Url(Box<ServiceUrl>),
    /// It cannot be read.
    Unreadable,
}

impl ExternalAuthOptions {
    /// Who is asked; `None`: nobody. `Err`: it is not known, so that nobody is served.
    pub(crate) fn asked(&self) -> Option<Result<&ServiceUrl, ()>> {
        match (&self.url, self.is_closed.unwrap_or(false)) {
            (Some(AuthUrl::Unreadable), _) | (Some(_) | None, true) => Some(Err(())),
            (Some(AuthUrl::Url(url)), false) => Some(Ok(url)),
            (None, false) => None,
        }
    }

    /// The same, for all objects: a Service may be of any namespace.
    pub(super) fn for_all(mut self) -> Self {
        self.is_global = true;
        if let Some(AuthUrl::Url(url)) = &mut self.url {
            url.of_any_namespace = true;
        }
        self
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self {
            takes_global,
            is_global: _,
            url,
            is_closed,
            method,
            sign_in,
            parameter,
            copied,
            redirect,
            sent,
            key,
            lives,
            always_cookies,
        } = other;
        let differs = [
            take_over(&mut self.takes_global, takes_global),
            take_over(&mut self.url, url),
            take_over(&mut self.is_closed, is_closed),
            take_over(&mut self.method, method),
            take_over(&mut self.sign_in, sign_in),
            take_over(&mut self.parameter, parameter),
            take_over(&mut self.copied, copied),
            take_over(&mut self.redirect, redirect),
            take_over(&mut self.sent, sent),
            take_over(&mut self.key, key),
            take_over(&mut self.lives, lives),
            take_over(&mut self.always_cookies, always_cookies),
        ];
        differs.contains(&true)
    }
}
