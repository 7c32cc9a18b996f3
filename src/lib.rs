//! Tidegate: a Kubernetes Ingress controller that is its own proxy. See `docs/architecture.md` for the picture.

pub mod model;
pub mod source;
