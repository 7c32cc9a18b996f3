//! What filters change of a request on its way to the pod.

use super::head_edit::HeadEdit;

/// Changes of one request. Its memory is meant to be reused.
#[derive(Clone, Debug, Default)]
pub struct RequestChange {
    /// Fields that stay behind, and fields that are added.
    pub fields: HeadEdit,
    /// Path and query in place of the client's own. Empty: those go on as they are.
    pub target: Vec<u8>,
    /// Path and query of a copy for another service. Empty: there is none.
    pub copy: Vec<u8>,
}

impl RequestChange {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        let Self { fields, target, copy } = self;
        fields.clear();
        target.clear();
        copy.clear();
    }
}
