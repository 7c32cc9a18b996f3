//! What lines with a format of their own ask about a request, besides its entry.

use std::time::Duration;

use crate::model::Variable;
use crate::observe::nginx::RouteNames;

/// A request that is over. Only a format that names it asks for it.
pub trait Details {
    /// Gives what a variable comes to, once; an empty value, or nothing, where the request has no such thing.
    fn request(&self, variable: &Variable, give: &mut dyn FnMut(&[u8]));

    /// The name given with a password (Basic authentication), right or not.
    fn user(&self) -> Option<String>;

    /// What became of it.
    fn facts(&self) -> Facts<'_>;
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Names of its route; `None` when no route took it.
    pub names: Option<&'a RouteNames>,
    /// The canary that got it: namespace, Service and port with hyphens between. Empty for none.
    pub canary: &'a str,
    /// Of the last attempt: from its start to when the connection had the request.
    pub connect: Option<Duration>,
    /// Of the last attempt: from its start to the head of the answer.
    pub head: Option<Duration>,
    /// Of the last attempt: from its start to the last byte of the answer.
    pub response: Option<Duration>,
    /// The status that the pod answered with; what we answered where it did not.
    pub answered: u16,
    /// How the client's connection is encrypted, as OpenSSL calls it; `None` in clear text.
    pub cipher: Option<&'static str>,
    /// The client's port.
    pub remote_port: u16,
    /// The port that clients use.
    pub server_port: u16,
}
