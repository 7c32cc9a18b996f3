//! Which requests are calls of gRPC. Their messages come when they happen: streams are silent for as long as they like, in
//! both directions.

use crate::http1::{Method, RequestHead};

/// Whether a request whose head lies in `head` is one of gRPC, or of gRPC-Web: POST with `content-type: application/grpc…`.
pub(crate) fn is_grpc(request: &RequestHead, head: &[u8]) -> bool {
    if request.method != Method::Post {
        return false;
    }
    let mut fields = request.fields.iter().filter(|field| field.name.of(head).eq_ignore_ascii_case(b"content-type"));
    fields.any(|field| field.value.of(head).starts_with(b"application/grpc"))
}
