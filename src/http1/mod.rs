//! HTTP/1.1 as bytes: strict, without input or output of its own, used towards clients and towards pods.
//!
//! What it is for: deciding, from the bytes of one message head, where the message ends, what it asks for and which of
//! its lines may travel on; and decoding and writing what a proxy reads and writes. Anything two implementations could
//! read differently is refused, because a proxy that guesses lets requests hide inside others.
//!
//! What it must not know: sockets, time, routes, upstreams, configuration beyond [`Limits`].
//!
//! Where it sits: the first and the last step of every exchange. A head is parsed in place, into offsets ([`Span`]) of
//! the caller's buffer; fields are classified once ([`FieldKind`]) and later copied as whole lines ([`writer`]).
//!
//! The rules are RFC 9110 and RFC 9112, tightened where the record of request smuggling says so.

mod authority;
mod chunked;
mod connection;
mod field;
mod framing;
mod grammar;
mod method;
mod request;
mod response;
mod scan;
mod span;
mod target;
#[cfg(test)]
mod tests;
mod trailers;
pub mod websocket;
mod words;
pub mod writer;

pub use authority::{Authority, AuthorityError, Host, parse_authority};
pub use chunked::{ChunkError, ChunkState, ChunkedDecoder, Decoded};
pub use connection::{ConnectionError, MAX_CONNECTION_TOKENS};
pub use field::{Field, FieldKind};
pub(crate) use field::{Marks, Sole};
pub(crate) use framing::declared;
pub use framing::{Framing, FramingError, MAX_LENGTH};
pub(crate) use grammar::{is_field_value, is_lower_token, is_token, trim};
pub use method::{MAX_METHOD_BYTES, Method, Version};
pub use request::{RequestError, RequestHead, Upgrade};
pub use response::{MAX_INTERIM, RequestContext, ResponseError, ResponseHead};
pub use scan::{Limits, MAX_FIELDS, Progress, SyntaxError};
pub use span::Span;
pub use target::TargetForm;
pub use trailers::{MAX_TRAILER_BYTES, MAX_TRAILER_FIELDS};
pub(crate) use trailers::{may_trail, tells_of_certificate};
