//! Answers: JSON, problems, and streams of events.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};

use super::problem::Problem;
use super::watch::Events;
use crate::control_http::{JSON, respond};
use crate::stats::Scope;

/// Says whom an answer concerns.
const SCOPE: &str = "tidegate-scope";

/// An answer.
pub(super) type Answer = Response<Either<Full<Bytes>, Events>>;

/// Which of the two APIs is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Ours.
    Own,
    /// HAProxy's Data Plane API.
    DataPlane,
}

/// JSON.
pub(super) fn json(body: String) -> Answer {
    let mut answer = respond(StatusCode::OK, JSON, body).map(Either::Left);
    answer.headers_mut().insert(SCOPE, HeaderValue::from_static("this-replica"));
    answer
}

/// What an endpoint is after an action.
pub(super) fn acted(body: String, scope: Scope) -> Answer {
    let mut answer = json(body);
    answer.headers_mut().insert(SCOPE, HeaderValue::from_static(scope.as_str()));
    answer
}

/// A refusal.
pub(super) fn problem(problem: Problem, dialect: Dialect) -> Answer {
    let (kind, body) = match dialect {
        Dialect::Own => ("application/problem+json", problem.details()),
        // Clients of Data Plane API know this type alone.
        Dialect::DataPlane => (JSON, problem.of_data_plane()),
    };
    let mut answer = respond(problem.status, kind, body).map(Either::Left);
    if let Some(allow) = problem.allow {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(challenge) = problem.challenge {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// Server-sent events (WHATWG HTML, section 9.2).
pub(super) fn events(events: Events) -> Answer {
    let mut answer = respond(StatusCode::OK, "text/event-stream", String::new()).map(|_| Either::Right(events));
    answer.headers_mut().insert(SCOPE, HeaderValue::from_static("this-replica"));
    answer
}
