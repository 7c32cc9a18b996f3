//! Whether a backend can take requests, for those who ask before it is translated.

use std::sync::Arc;

use crate::model::ProblemCode;
use crate::source::objects::Backend;

use super::input::Input;
use super::{endpoints, service};

/// What stands behind a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Endpoints that can be used.
    Endpoints,
    /// None so far: the Service, its port or its endpoints may be to come.
    NotYet,
    /// None, whatever comes, until the backend or the Service is changed to be of another kind.
    Never,
}

/// What stands behind this backend of an Ingress in this namespace.
pub fn backing(input: &Input, namespace: &Arc<str>, backend: &Backend) -> Backing {
    match service::resolve(input.objects(), namespace, backend) {
        Ok(upstream) if endpoints::endpoints(input.objects(), &upstream.key, input.settings()).is_empty() => {
            Backing::NotYet
        }
        Ok(_) => Backing::Endpoints,
        Err(fault) if matches!(fault.code, ProblemCode::ServiceNotFound | ProblemCode::PortNotFound) => Backing::NotYet,
        Err(_) => Backing::Never,
    }
}
