//! What holds for all routes, besides what their objects ask for.

use std::sync::{Arc, OnceLock};

use crate::model::{FieldEdit, Filters, Hsts, Rules, Sources};

/// The status of redirects to https.
pub(crate) const REDIRECT: u16 = 308;
/// The statuses of requests beyond a rate, and of those beyond a number in progress.
pub(crate) const LIMITED: [u16; 2] = [503, 503];

/// What holds for all routes. `Settings` has one only where something is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// What browsers are told about https.
    pub(crate) hsts: Option<Arc<Hsts>>,
    /// The status of redirects to https and of those from and to `www.`.
    pub(crate) redirect: u16,
    /// The statuses of requests beyond a rate, and of those beyond a number in progress.
    pub(crate) limited: [u16; 2],
    /// Requests that are answered at once.
    pub(crate) rules: Option<Rules>,
    /// Lists of clients, each of which must let a request pass.
    pub(crate) sources: Box<[Arc<Sources>]>,
    /// Fields for pods.
    pub(crate) request: Box<[FieldEdit]>,
    /// Fields for clients.
    pub(crate) response: Box<[FieldEdit]>,
    /// Paths at which nobody is asked for anything: those that begin with one of these. `None`: the usual one.
    pub(crate) open_paths: Option<Box<[Box<str>]>>,
    /// The filters of objects that ask for nothing: most do, and share one list. It follows from everything else.
    pub(crate) usual: Usual,
}

/// A list of filters that is made once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usual(OnceLock<Filters>);

impl Usual {
    /// The list. It is made where there is none yet.
    pub(crate) fn or_make(&self, make: impl FnOnce() -> Filters) -> Filters {
        self.0.get_or_init(make).clone()
    }
}

impl PartialEq for Usual {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Usual {}
