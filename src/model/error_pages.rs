//! Who answers instead of pods that tell of errors, as data.

use std::sync::Arc;

use super::upstream::UpstreamSpec;

/// Another backend for errors (annotations `custom-http-errors` and `default-backend`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorPages {
    /// Statuses of answers that it gives instead, in order.
    pub statuses: Box<[u16]>,
    /// Whether answers of pods are replaced too, and not only what is said where none answers.
    pub intercepts: bool,
    /// The backend; `None`: 404 of ours.
    pub upstream: Option<Arc<UpstreamSpec>>,
    /// Whether it also takes the requests of a backend that has no endpoint.
    pub stands_in: bool,
}
