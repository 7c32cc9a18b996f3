//! HTTP for operators and their programs, beside the traffic: one request per connection, a deadline for each, and a bounded number
//! of them. What is answered, others say.

mod answers;
mod connections;
mod io;
mod prefix;

use std::convert::Infallible;
use std::future::Future;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;

pub use answers::{JSON, TEXT, refuse, respond, view};
pub use connections::{Arrived, Front, accept};

pub(crate) use connections::DEADLINE;
pub(crate) use io::HyperIo;

#[cfg(test)]
pub(crate) use connections::{ANSWERED, ARRIVING};

/// Longest head of a request: the smallest buffer that hyper accepts. Bytes.
pub(crate) const HEAD_LIMIT: usize = 8 << 10;

/// Fields of a request's head.
pub(crate) const FIELD_LIMIT: usize = 64;

/// An answer.
pub type Answer = Response<Full<Bytes>>;

/// Answers the request of a connection.
pub async fn serve<F>(arrived: Arrived, answer: impl Fn(Request<Incoming>) -> F) -> hyper::Result<()>
where
    F: Future<Output = Answer>,
{
    let Arrived { socket, bytes, .. } = arrived;
    let service = service_fn(move |request| {
        let answered = answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD_LIMIT).max_headers(FIELD_LIMIT).header_read_timeout(None);
    http.serve_connection(io::HyperIo::new(bytes, socket), service).await
}
