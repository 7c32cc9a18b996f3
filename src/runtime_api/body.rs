//! The body of a request: JSON, whole, and not long.

use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// Longest body. Bytes.
const LONGEST: usize = 4 << 10;
/// What is read of a longer one, so that its sender reads the answer. Bytes.
const READ_OVER: usize = 256 << 10;

/// Types of JSON that are taken.
pub(super) const TYPES: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// The value of a body. Its deadline is that of the connection.
pub(super) async fn json<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Problem> {
    if !is_json(request.headers()) {
        // A form or a script of another site's page cannot send this type without asking first, which nobody answers (Fetch, section 3.2).
        let detail = format!("the body must be of type {}", TYPES.join(" or "));
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let mut body = request.into_body();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::bad("the body is incomplete"))?;
        let Ok(part) = frame.into_data() else { continue };
        length += part.len();
        if length <= LONGEST {
            bytes.extend_from_slice(&part);
        } else if length > READ_OVER {
            break;
        }
    }
    if length > LONGEST {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {LONGEST} bytes")));
    }
    serde_json::from_slice(&bytes).map_err(|error| Problem::bad(format!("the body cannot be used: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return false };
    let value = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    TYPES.iter().any(|known| value.eq_ignore_ascii_case(known.as_bytes()))
}
