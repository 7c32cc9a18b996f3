//! The intermediate representation: what translation produces and the data plane executes.
//!
//! Plain immutable data: comparable, printable, free of Kubernetes types, sockets and async code. A snapshot is a
//! set of *units*, one for each host; a change to the cluster replaces the units it touches and nothing else.

mod buckets;
mod certificate;
mod host;
mod names;
mod problem;
mod snapshot;
mod upstream;

pub use buckets::Buckets;
pub use certificate::{Certificate, CertificateError, PrivateKey};
pub use host::{Action, HostSpec, HttpsRedirect, PathMatch, Reply, RouteSpec, TlsSpec};
pub use names::{HostPattern, Hostname, HostnameError, ObjectKind, ObjectName, ObjectRef};
pub use problem::{Problem, ProblemCode, Severity};
pub use snapshot::{Snapshot, UnitKey};
pub use upstream::{Balance, EndpointPort, PortRef, Protocol, UpstreamSpec};
