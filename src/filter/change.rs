//! What filters change of a request on its way to the pod.

use super::head_edit::HeadEdit;
use crate::model::Preference;

/// Changes of one request. Its memory is meant to be reused.
#[derive(Clone, Debug, Default)]
pub struct RequestChange {
    /// Fields that stay behind, and fields that are added.
    pub fields: HeadEdit,
    /// Path and query in place of the client's own. Empty: those go on as they are.
    pub target: Vec<u8>,
    /// The host that the pod is asked for. Empty: what the route's policy says, or the client.
    pub host: Vec<u8>,
    /// Path and query of a copy for another service, and its host where the request says it ([`copied`](super::copied)). Empty: there
    /// is none.
    pub copy: Vec<u8>,
    /// The endpoint that the request prefers.
    pub preference: Option<Preference>,
    /// The session of the client.
    pub session: Option<Session>,
}

/// What is known of the client's session when its request has passed the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// What the cookie says; `None`: there is none.
    pub told: Option<u64>,
    /// The key of a session that begins.
    pub new: u64,
    /// Whether the client uses https.
    pub is_https: bool,
    /// Whether the client's browser misunderstands `SameSite=None`.
    pub misunderstands_none: bool,
}

impl RequestChange {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        let Self { fields, target, host, copy, preference, session } = self;
        fields.clear();
        target.clear();
        host.clear();
        copy.clear();
        (*preference, *session) = (None, None);
    }
}
