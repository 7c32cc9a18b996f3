//! Whether a backend can take requests, before it is translated.

use std::sync::Arc;

use crate::model::ProblemCode;
use crate::source::objects::Backend;

use super::annotations::Options;
use super::input::Input;
use super::{endpoints, service};

/// Whether a backend can take requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendReadiness {
    /// It has endpoints that can be used.
    Ready,
    /// It has none yet: its Service, port or endpoints may still be created.
    NotYet,
    /// It will have none until the backend or its Service is changed to another kind.
    Never,
}

/// Whether this backend of an object in this namespace can take requests. What its annotations say makes no difference to that:
/// pods of one port are the same ones, whatever is spoken to them, also behind the address of their Service.
pub fn backend_readiness(input: &Input, namespace: &Arc<str>, backend: &Backend) -> BackendReadiness {
    match service::resolve(input, namespace, backend, &Options::UNSET) {
        Ok(upstream) if endpoints::endpoints(input, &upstream.key).is_empty() => BackendReadiness::NotYet,
        Ok(_) => BackendReadiness::Ready,
        Err(fault) if matches!(fault.code, ProblemCode::ServiceNotFound | ProblemCode::PortNotFound) => {
            BackendReadiness::NotYet
        }
        Err(_) => BackendReadiness::Never,
    }
}
