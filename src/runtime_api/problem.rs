//! What went wrong with a request: problem details (RFC 9457), and the errors of Data Plane API.

use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::stats::Unadmitted;

/// Why a request is not answered as it wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What is wrong, and what to do about it.
    pub(super) detail: String,
    /// `Allow`: the methods that there are.
    pub(super) allow: Option<&'static str>,
    /// `WWW-Authenticate`.
    pub(super) challenge: Option<HeaderValue>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), allow: None, challenge: None }
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(super) fn absent(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let detail = format!("this has {allow} only");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    pub(super) fn unadmitted(why: Unadmitted) -> Self {
        Self { challenge: why.challenge(), ..Self::new(why.status(), why.as_str()) }
    }

    /// As RFC 9457 writes it.
    pub(super) fn details(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or("Error");
        json!({"type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail})
            .to_string()
    }

    /// As Data Plane API writes it.
    pub(super) fn of_data_plane(&self) -> String {
        json!({"code": self.status.as_u16(), "message": self.detail}).to_string()
    }
}
