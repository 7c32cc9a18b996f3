//! What annotations can set of copies of requests.

use crate::model::{MirrorBody, Template};

use super::service_url::ServiceUrl;
use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct MirrorOptions {
    /// Where they go.
    pub(crate) url: Option<Box<ServiceUrl>>,
    /// What they have of bodies.
    pub(crate) body: Option<MirrorBody>,
    /// The `Host` that they have.
    pub(crate) host: Option<Template>,
}

impl MirrorOptions {
    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { url, body, host } = other;
        let differs = [take_over(&mut self.url, url), take_over(&mut self.body, body), take_over(&mut self.host, host)];
        differs.contains(&true)
    }
}
