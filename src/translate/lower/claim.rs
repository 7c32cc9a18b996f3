//! What an object asks for at a host, in terms that all kinds share.

use std::fmt;
use std::sync::Arc;

use crate::model::{ObjectName, Origin, Place, Problem, ProblemCode, Severity};
use crate::source::objects::{Backend, Path};

use super::super::path::{Matched, PathFault};
use super::Lowered;

/// That an object names a host, and with which of its parts.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The object.
    pub(crate) by: Lowered,
    /// Positions of its rules for the host. None: it names the host in TLS entries only, or it takes all hosts by default.
    pub(crate) rules: Positions,
    /// Its TLS entries that name the host.
    pub(crate) tls: Box<[TlsMention]>,
}

/// The parts of an object that name a host.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) rules: Vec<u32>,
    pub(super) tls: Vec<TlsMention>,
}

impl Parts {
    pub(super) fn into_claim(self, by: Lowered) -> Claim {
        let Self { rules, tls } = self;
        Claim { by, rules: rules.into(), tls: tls.into() }
    }
}

/// Positions in a list of an object. Nearly always it is one, which takes no memory of its own.
#[derive(Clone, Debug)]
pub(crate) enum Positions {
    /// One.
    One(u32),
    /// None, or more than one.
    Others(Box<[u32]>),
}

impl Positions {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Them, in order.
    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(at) => std::slice::from_ref(at),
            Self::Others(all) => all,
        }
    }
}

impl From<Vec<u32>> for Positions {
    fn from(all: Vec<u32>) -> Self {
        match *all {
            [one] => Self::One(one),
            [..] => Self::Others(all.into()),
        }
    }
}

/// Where a TLS entry names a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TlsMention {
    /// Position of the entry.
    pub(crate) entry: u32,
    /// Position among its hosts; `None` when it stands in no list and the host is that of a rule or an annotation.
    pub(crate) host: Option<u32>,
}

impl TlsMention {
    /// The host in the entry or, where it stands in no list, the entry's Secret.
    pub(crate) fn field(self) -> Field {
        let Self { entry, host } = self;
        host.map_or(Field::TlsSecret { entry }, |at| Field::TlsHost { entry, at })
    }
}

/// Where in its object something stands. It becomes text only where there is a finding.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    /// A rule.
    Rule { rule: u32 },
    /// A path of a rule.
    Path { rule: u32, at: u32 },
    /// What takes requests that no rule takes.
    DefaultBackend,
    /// The Secret of a TLS entry.
    TlsSecret { entry: u32 },
    /// A host of a TLS entry.
    TlsHost { entry: u32, at: u32 },
}

impl Field {
    /// Where a backend stands among those of its object; the default backend is the first. `None`: no path has this field.
    pub(crate) fn order(self) -> Option<(u32, u32)> {
        match self {
            Self::Path { rule, at } => Some((rule, at)),
            Self::DefaultBackend | Self::Rule { .. } | Self::TlsSecret { .. } | Self::TlsHost { .. } => None,
        }
    }

    /// The place as routes keep it.
    fn place(self) -> Place {
        match self {
            Self::Path { rule, at } => Place::rule(rule as usize, at as usize),
            Self::DefaultBackend => Place::DefaultBackend,
            Self::Rule { .. } | Self::TlsSecret { .. } | Self::TlsHost { .. } => Place::Unknown,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { rule } => write!(f, "spec.rules[{rule}]"),
            Self::Path { rule, at } => write!(f, "spec.rules[{rule}].http.paths[{at}]"),
            Self::DefaultBackend => f.write_str("spec.defaultBackend"),
            Self::TlsSecret { entry } => write!(f, "spec.tls[{entry}].secretName"),
            Self::TlsHost { entry, at } => write!(f, "spec.tls[{entry}].hosts[{at}]"),
        }
    }
}

/// A backend, with the namespace in which its Service is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackendRef<'a> {
    /// The namespace.
    pub(crate) namespace: &'a Arc<str>,
    /// The backend.
    pub(crate) backend: &'a Backend,
}

/// A claim on a path, or on what no path takes: who makes it, and for which backend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bid<'a> {
    /// The object.
    pub(crate) by: &'a Lowered,
    /// The backend it asks for.
    pub(crate) backend: BackendRef<'a>,
    /// Where the object asks for it.
    pub(crate) field: Field,
}

impl Bid<'_> {
    /// What it is told whose path cannot be served.
    pub(crate) fn invalid_path(&self, fault: PathFault) -> Problem {
        let PathFault { field, message, remedy } = fault;
        let field = format!("{}.{field}", self.field);
        self.by.problem(field, ProblemCode::InvalidPath, Severity::Error, message, remedy)
    }

    /// Where a route that comes of it comes from.
    pub(crate) fn origin(&self) -> Origin {
        Origin::Object { kind: self.by.kind(), name: self.by.name().clone(), place: self.field.place() }
    }
}

/// A route that an object asks for.
#[derive(Debug)]
pub(crate) struct RouteClaim<'a> {
    /// Who asks, for which backend.
    pub(crate) bid: Bid<'a>,
    /// The path as the object has it.
    pub(crate) path: &'a Path,
    /// Which requests it is to take, or why it can take none.
    pub(crate) matched: Result<Matched, PathFault>,
}

/// A certificate that an object names for a host.
#[derive(Debug)]
pub(crate) struct TlsClaim {
    /// The Secret that holds it.
    pub(crate) secret: ObjectName,
    /// Where the object names the Secret.
    pub(crate) field: Field,
    /// Where the object says that it is for the host.
    pub(crate) of_host: Field,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_takes_little() {
        assert_eq!((size_of::<Lowered>(), size_of::<Positions>(), size_of::<TlsMention>()), (16, 16, 12));
        assert_eq!(size_of::<Claim>(), 48);
    }

    #[test]
    fn one_position_is_as_good_as_a_list() {
        for positions in [vec![], vec![7], vec![7, 9]] {
            assert_eq!(Positions::from(positions.clone()).as_slice(), positions);
        }
    }
}
