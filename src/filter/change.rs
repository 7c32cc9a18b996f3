//! What filters change of a request on its way to the pod.

use super::affinity::Session;
use super::head_edit::HeadEdit;
use crate::model::Preference;

/// Changes of one request. Its memory is meant to be reused.
#[derive(Clone, Debug, Default)]
pub struct RequestChange {
    /// Fields that stay behind, and fields that are added.
    pub fields: HeadEdit,
    /// Path and query in place of the client's own. Empty: those go on as they are.
    pub target: Vec<u8>,
    /// The endpoint that the request prefers.
    pub preference: Option<Preference>,
    /// The session of the client.
    pub session: Option<Session>,
}

impl RequestChange {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        let Self { fields, target, preference, session } = self;
        fields.clear();
        target.clear();
        (*preference, *session) = (None, None);
    }
}
