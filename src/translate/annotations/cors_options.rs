//! What annotations can set of pages of other origins.

use std::sync::Arc;

use crate::model::{Cors, Credentials, Origins};

use super::take_over::take_over;

const METHODS: &str = "GET, PUT, POST, DELETE, PATCH, OPTIONS";
const HEADERS: &str =
    "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization";
/// Twenty days.
const MAX_AGE: u32 = 1_728_000;

/// What holds where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Usual {
    /// As in ingress-nginx.
    #[default]
    OfNginx,
    /// As in haproxytech's controller.
    OfHaproxy,
}

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct CorsOptions {
    /// Whether browsers are told anything.
    pub(super) enabled: Option<bool>,
    /// What holds where nothing is said.
    pub(super) usual: Option<Usual>,
    /// Pages that may read answers.
    pub(super) origins: Option<Origins>,
    /// Methods that they may use.
    pub(super) methods: Option<Arc<str>>,
    /// Fields that they may send.
    pub(super) headers: Option<Arc<str>>,
    /// Fields that they may read.
    pub(super) exposed: Option<Arc<str>>,
    /// Whether browsers send credentials along.
    pub(super) credentials: Option<Credentials>,
    /// How long browsers may keep what they are told. Seconds.
    pub(super) max_age: Option<u32>,
}

impl CorsOptions {
    /// What browsers are told; `None`: nothing.
    pub(crate) fn rule(&self) -> Option<Cors> {
        let Self { enabled, usual, origins, methods, headers, exposed, credentials, max_age } = self;
        if !enabled.unwrap_or(false) {
            return None;
        }
        let (all_methods, all_headers, sent, age) = match usual.unwrap_or_default() {
            Usual::OfNginx => (METHODS, HEADERS, Credentials::Allowed, MAX_AGE),
            Usual::OfHaproxy => ("*", "*", Credentials::Withheld, 5),
        };
        Some(Cors {
            origins: origins.clone().unwrap_or(Origins::Any),
            methods: methods.clone().unwrap_or_else(|| all_methods.into()),
            headers: headers.clone().unwrap_or_else(|| all_headers.into()),
            exposed: exposed.clone(),
            credentials: credentials.unwrap_or(sent),
            max_age: max_age.unwrap_or(age),
        })
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { enabled, usual, origins, methods, headers, exposed, credentials, max_age } = other;
        let differs = [
            take_over(&mut self.enabled, enabled),
            take_over(&mut self.usual, usual),
            take_over(&mut self.origins, origins),
            take_over(&mut self.methods, methods),
            take_over(&mut self.headers, headers),
            take_over(&mut self.exposed, exposed),
            take_over(&mut self.credentials, credentials),
            take_over(&mut self.max_age, max_age),
        ];
        differs.contains(&true)
    }
}
