//! What no route can serve, whatever it is: 405.

use crate::http1::{Method, RequestHead, TargetForm};

/// Whether a route may be looked for. CONNECT asks for a tunnel to anywhere, TRACE reflects credentials. `OPTIONS *` asks
/// about the proxy itself, which answers it before.
pub fn is_routable(request: &RequestHead) -> bool {
    let is_method = match request.method {
        Method::Connect | Method::Trace => false,
        Method::Get
        | Method::Head
        | Method::Post
        | Method::Put
        | Method::Delete
        | Method::Options
        | Method::Patch
        | Method::Other => true,
    };
    is_method && request.form != TargetForm::Asterisk
}
