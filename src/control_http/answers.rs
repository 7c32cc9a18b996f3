//! Parts of answers that all addresses beside the traffic share.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::Answer;

/// The type of text.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// The type of JSON.
pub const JSON: &str = "application/json";

/// The answer to anything but a GET or HEAD without a body.
pub fn refuse(request: &Request<Incoming>) -> Option<Answer> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are served here\n".into());
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(response);
    }
    let has_body = !request.body().is_end_stream();
    has_body.then(|| respond(StatusCode::BAD_REQUEST, TEXT, "requests have no body here\n".into()))
}

/// Makes what is shown on a thread for blocking work, while it holds the one permit of `views`.
pub async fn view<F>(views: &Semaphore, content_type: &'static str, make: F) -> Answer
where
    F: FnOnce() -> String + Send + 'static,
{
    // The semaphore is never closed. A view without a permit would only take more CPU from requests.
    let _permit = views.acquire().await;
    match tokio::task::spawn_blocking(make).await {
        Ok(body) => respond(StatusCode::OK, content_type, body),
        Err(error) => {
            tracing::error!(%error, "admin view failed");
            respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "the view failed; the log says why\n".to_owned())
        }
    }
}

/// An answer that nobody keeps.
pub fn respond(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
