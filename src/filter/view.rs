//! What a decision may see.

use super::head_edit::Fields;
use crate::http1::{FieldKind, RequestHead};

/// A request that has found its route.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The head's bytes.
    pub head: &'a [u8],
    /// The same, understood: method, host, target and fields as offsets into `head`.
    pub request: &'a RequestHead,
    /// Whether it came over TLS that ended here.
    pub is_tls: bool,
    /// Whether the listener stands for https: TLS ended here or in front of us.
    pub is_https: bool,
    /// Whether its sender is one of `--trusted-proxies`, which may say how the client reached them.
    pub is_trusted: bool,
    /// Whether a TLS entry covers the host.
    pub has_tls: bool,
    /// The port clients reach https by.
    pub https_port: u16,
}

impl<'a> RequestView<'a> {
    /// The path as the client sent it, without query.
    pub fn path(&self) -> &'a [u8] {
        self.request.path(self.head)
    }

    /// Whether the client used https. On a plain connection a trusted proxy in front of us knows better than the
    /// listener, if it says either.
    pub fn came_by_https(&self) -> bool {
        let told = if self.is_trusted && !self.is_tls { self.request.field(FieldKind::XForwardedProto) } else { None };
        let told = told.map_or(&b""[..], |field| field.value.of(self.head));
        told.eq_ignore_ascii_case(b"https") || (self.is_https && !told.eq_ignore_ascii_case(b"http"))
    }
}

/// An answer on its way to the client, a pod's or ours.
#[derive(Clone, Copy, Debug)]
pub struct ResponseView<'a> {
    /// The status, 200 to 599, or 101.
    pub status: u16,
    /// The fields that the pod sent; none in an answer of ours.
    pub fields: Fields<'a>,
}
