//! What lines with a format of their own ask about a request, besides its entry.

use std::time::Duration;

use crate::model::{UpstreamSpec, Variable};
use crate::observe::nginx::RouteNames;

/// A request that is over. Only a format that names it asks for it.
pub trait Details {
    /// Gives what a variable comes to, once; an empty value, or nothing, where the request has no such thing.
    fn request(&self, variable: &Variable, give: &mut dyn FnMut(&[u8]));

    /// The name given with a password (Basic authentication), right or not.
    fn user(&self) -> Option<String>;

    /// What became of it.
    fn facts(&self) -> Facts<'_>;

    /// Gives the last value of a field of the request, if there is one.
    fn field(&self, name: &str, give: &mut dyn FnMut(&[u8]));

    /// How it went, in HAProxy's terms.
    fn course(&self) -> Course<'_>;
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

/// What a line in HAProxy's form says about a request besides its entry (HAProxy's manual, "HTTP log format").
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// The client's port.
    pub remote_port: u16,
    /// Whether it came over TLS.
    pub is_tls: bool,
    /// Where its route leads; `None` when no route took it, or the route answers itself.
    pub backend: Option<&'a UpstreamSpec>,
    /// TR: from the first byte of its head to the last; `None` when the head was not understood.
    pub received: Option<Duration>,
    /// Tw: how long it waited for an endpoint that was not full; `None` when it wanted none.
    pub queued: Option<Duration>,
    /// Tc: until a connection had it; `None` when none had.
    pub connect: Option<Duration>,
    /// Tr: from then to the head of the answer; `None` when there was none.
    pub head: Option<Duration>,
    /// What the client was told: 0 for nothing.
    pub status: u16,
    /// Who ended it, and in which phase: two letters of HAProxy's ("Session state at disconnection").
    pub state: [u8; 2],
    /// What was open besides.
    pub connections: Connections,
    /// Attempts behind the first.
    pub retries: u8,
    /// The fields of the answer that are shown, with their braces.
    pub answer: Option<&'a [u8]>,
}

/// Counts at the end of a request, which is counted too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// actconn: clients' connections of the process.
    pub process: u64,
    /// feconn: those of the listener.
    pub frontend: u64,
    /// beconn: requests at all endpoints of the Service's port.
    pub backend: u64,
    /// srv_conn: requests at the endpoint.
    pub server: u64,
}
