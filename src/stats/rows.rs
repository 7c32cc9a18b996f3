//! The rows: listeners, upstreams and their endpoints, with what is counted of them. Plain data, for all forms and for the page.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::observe::{FlowNumbers, TallyNumbers};

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// `http` and `https`.
    pub frontends: Vec<Frontend>,
    /// The upstreams, in order of their names.
    pub backends: Vec<Backend>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontend {
    /// `http` or `https`.
    pub name: &'static str,
    /// Unique among frontends and backends. HAProxy `iid`.
    pub id: u32,
    /// Its connections.
    pub connections: FlowNumbers,
    /// Most connections of all listeners together.
    pub limit: u64,
    /// Its requests.
    pub requests: TallyNumbers,
}

/// An upstream: a port of a Service.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// `NAMESPACE_svc_SERVICE_PORT`, as haproxytech's controller names it.
    pub name: String,
    /// Unique among frontends and backends for as long as the process lives. HAProxy `iid`.
    pub id: u32,
    /// Its requests.
    pub requests: TallyNumbers,
    /// Requests that wait for an endpoint that is not full.
    pub waiting: u64,
    /// Its endpoints, in order of their addresses.
    pub servers: Vec<Server>,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where it is.
    pub address: SocketAddr,
    /// Unique in the process. HAProxy `sid`.
    pub id: u32,
    /// Its requests.
    pub requests: TallyNumbers,
    /// Whether it gets requests.
    pub standing: Standing,
    /// Whether an operator has said so, and not its objects.
    pub is_commanded: bool,
    /// Its share, beside those of the others.
    pub weight: u16,
    /// What its objects say of that.
    pub initial_weight: u16,
    /// What is known by checks, if it is checked.
    pub check: Option<Check>,
}

/// Whether an endpoint gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does. It is not checked.
    Unchecked,
    /// It does, and its checks are good.
    Up,
    /// It does not: its checks are bad.
    Down,
    /// It does not for a while: it has failed too often.
    Ejected,
    /// It gets only those that a cookie leads there.
    Draining,
    /// It gets none.
    Maintenance,
}

/// What is known of an endpoint by its checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// HAProxy's code for what the last one came to, as `L7OK`.
    pub code: &'static str,
    /// The same in words.
    pub reason: &'static str,
    /// The status of its answer.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// Since when the endpoint is up or down.
    pub since: Duration,
    /// Bad checks.
    pub bad: u64,
    /// How often the endpoint went down.
    pub downs: u64,
    /// How long it was down.
    pub down_for: Duration,
    /// Good checks that bring it up.
    pub rise: u32,
    /// Bad ones that take it down.
    pub fall: u32,
}

impl Standing {
    /// HAProxy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchecked => "no check",
            Self::Up => "UP",
            Self::Down | Self::Ejected => "DOWN",
            Self::Draining => "DRAIN",
            Self::Maintenance => "MAINT",
        }
    }

    /// Whether it gets requests that another one could take.
    pub fn is_up(self) -> bool {
        match self {
            Self::Unchecked | Self::Up => true,
            Self::Down | Self::Ejected | Self::Draining | Self::Maintenance => false,
        }
    }
}

impl Server {
    /// Its address; that of IPv6 without brackets, as haproxytech's controller writes it.
    pub fn name(&self) -> String {
        match self.address.ip() {
            IpAddr::V4(_) => self.address.to_string(),
            IpAddr::V6(ip) => format!("{ip}:{}", self.address.port()),
        }
    }

    /// Since when its standing is what it is.
    pub fn unchanged(&self) -> Duration {
        let by_checks = self.check.as_ref().map_or(Duration::MAX, |check| check.since);
        self.requests.unchanged.min(by_checks)
    }
}

impl Stats {
    /// The upstream of this name, or with this number behind `#`.
    pub fn backend(&self, name: &str) -> Option<&Backend> {
        let number = name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
        self.backends.iter().find(|backend| Some(backend.id) == number || backend.name == name)
    }
}

impl Backend {
    /// Its endpoint of this name, or with this number behind `#`.
    pub fn server(&self, name: &str) -> Option<&Server> {
        let number = name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
        self.servers.iter().find(|server| Some(server.id) == number || server.name() == name)
    }

    /// The endpoints that get requests.
    pub fn up(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| server.standing.is_up())
    }
}
