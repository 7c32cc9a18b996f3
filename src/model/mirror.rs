//! Copies of requests for another service, as data.

use std::sync::Arc;

use super::template::Template;
use super::upstream::UpstreamSpec;

/// Whom copies of requests go to (annotation `mirror-target`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mirror {
    /// Where it is.
    pub upstream: Arc<UpstreamSpec>,
    /// The `Host` that it gets.
    pub host: Template,
    /// Path and query.
    pub target: Template,
    /// What copies have of bodies.
    pub body: MirrorBody,
}

/// What a copy has of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MirrorBody {
    /// All of it.
    Whole,
    /// Nothing.
    Nothing,
}
