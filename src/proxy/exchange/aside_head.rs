//! The head of a request of our own beside that of a client: it has the fields of the client without those of its connection, and
//! says who the client is as requests for pods do.

use super::request_head;
use crate::filter::{self, FieldName, Fields, HeadEdit};
use crate::http1::{FieldKind, writer};
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;

/// What such a request is.
pub(super) struct AsideHead<'a> {
    pub method: &'a [u8],
    /// Path and query.
    pub target: &'a [u8],
    pub host: &'a str,
    /// In place of what the client sends under these names. One without a value is left out.
    pub fields: &'a [(FieldName<'a>, Vec<u8>)],
    /// Bytes of its body; `None`: it says nothing of one.
    pub length: Option<usize>,
    /// What it says of how the request reached us.
    pub told: Told,
}

/// What it says of how the request reached us, besides the address of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What pods get.
    All,
    /// What a trusted peer says of host and port, and nothing of the scheme, as ingress-nginx asks.
    Client,
}

impl Told {
    /// Whether a field of the client goes on.
    fn keeps(self, kind: FieldKind) -> bool {
        self == Self::All || kind != FieldKind::XForwardedProto
    }

    /// Whether we write a field that nobody has given.
    fn writes(self, kind: FieldKind) -> bool {
        let is_of_way =
            matches!(kind, FieldKind::XForwardedHost | FieldKind::XForwardedPort | FieldKind::XForwardedProto);
        self == Self::All || !is_of_way
    }
}

/// The head as bytes.
pub(super) fn compose(walk: &Walk<'_>, aside: &AsideHead<'_>) -> Vec<u8> {
    let Walk { work, peer, listener, .. } = walk;
    let ExchangeBuffers { head, request, request_id, request_change, .. } = &**work;
    let AsideHead { method, target, host, fields, length, told } = aside;
    let mut out = Vec::with_capacity(head.len() + 1024);
    for part in [method, &b" "[..], target, b" HTTP/1.1\r\n"] {
        out.extend_from_slice(part);
    }
    writer::field(&mut out, b"host", host.as_bytes());
    let of_client = Fields { bytes: head, list: &request.fields };
    let mut edit = HeadEdit::default();
    for (name, value) in *fields {
        if value.is_empty() {
            edit.remove(of_client, *name)
        } else {
            edit.set(of_client, *name, value)
        }
        edit.remove_spellings(of_client, *name);
    }
    filter::tell_beside(&request_change.fields, of_client, &mut edit);
    let is_trusted = peer.is_trusted;
    edit.write(of_client, &mut out, |field| match field.kind {
        FieldKind::Host | FieldKind::XOriginal => false,
        kind => !field.hop && request_head::travels(kind, is_trusted) && told.keeps(kind),
    });
    let is_set = |kind| edit.adds(kind) || !told.writes(kind);
    request_head::forwarded(&mut out, head, request, peer, &listener.forwarding, is_set);
    if !edit.adds(FieldKind::XRequestId) {
        writer::field(&mut out, b"x-request-id", request_id.as_bytes());
    }
    if let Some(length) = length {
        writer::field(&mut out, b"content-length", itoa::Buffer::new().format(*length).as_bytes());
    }
    out.extend_from_slice(writer::HEAD_END);
    out
}
