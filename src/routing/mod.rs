//! The compiled table: which route answers for a host and a path, and which certificates for a server name.
//!
//! It executes what `model` says and knows nothing of Kubernetes objects, upstreams or sockets: what a route leads to is
//! a type parameter. The controller compiles a table and publishes it; the proxy asks it once per request.

mod believed;
mod canonical;
mod compiled;
mod host_header;
mod host_index;
mod keys;
mod matcher;
mod path_index;
mod patterns;
mod publish;
mod reading;
mod route;
mod stream;
mod table;
mod texts;

#[cfg(test)]
mod tests;

pub use believed::Believed;
pub use canonical::{PathRefusal, decoded};
pub use compiled::{CompiledHost, Holds};
pub use host_header::{normalize_host, normalize_name};
pub use publish::TableCell;
pub use reading::{canonical_path, takes};
pub use route::{Draw, Route};
pub use stream::CompiledStream;
pub use table::{CertificateSource, Certificates, Found, RouteTable};
