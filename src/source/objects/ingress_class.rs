//! The plain view of an IngressClass.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An IngressClass (networking.k8s.io/v1). Cluster-scoped: the namespace of its name is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressClass {
    /// Name.
    pub name: Arc<str>,
    /// `spec.controller`.
    pub controller: Arc<str>,
    /// `spec.parameters`, as `kind/name`.
    pub parameters: Option<Arc<str>>,
    /// Annotation `ingressclass.kubernetes.io/is-default-class: "true"`.
    pub is_default: bool,
}

impl IngressClass {
    /// A class of this controller, without parameters and not the default.
    pub fn new(name: impl Into<Arc<str>>, controller: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), controller: controller.into(), parameters: None, is_default: false }
    }
}
