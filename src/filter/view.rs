//! What a decision may see.

use std::net::IpAddr;

use super::head_edit::Fields;
use super::meter::Meter;
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
    /// The address of the client, whom trusted proxies speak for. `None` where no filter asks for it.
    pub client: Option<IpAddr>,
    /// Counts the requests of clients.
    pub meter: &'a dyn Meter,
}

impl<'a> RequestView<'a> {
    /// The path as the client sent it, without query.
    pub fn path(&self) -> &'a [u8] {
        self.request.path(self.head)
    }

    /// The host as the client wrote it, without a port. Empty where the request names none.
    pub fn host_without_port(&self) -> &'a [u8] {
        let Self { head, request, .. } = *self;
        match (request.host_name, request.port) {
            (Some(name), _) => name.of(head),
            (None, Some(_)) => {
                let authority = request.authority.of(head);
                authority.rsplitn(2, |&byte| byte == b':').last().unwrap_or_default()
            }
            (None, None) => request.authority.of(head),
        }
    }

    /// Whether the client used https. On a plain connection a trusted proxy in front of us knows better than the
    /// listener, if it says either.
    pub fn came_by_https(&self) -> bool {
        let told = if self.is_trusted && !self.is_tls { self.request.field(FieldKind::XForwardedProto) } else { None };
        told.and_then(|field| is_https(field.value.of(self.head))).unwrap_or(self.is_https)
    }
}

/// Whether an `X-Forwarded-Proto` tells of https, or of http; `None` if of neither. Of several schemes the first is what
/// the client used; the others are those of proxies behind it.
pub fn is_https(proto: &[u8]) -> Option<bool> {
    let first = proto.split(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
    let is = |schemes: [&[u8]; 2]| schemes.iter().any(|scheme| first.eq_ignore_ascii_case(scheme));
    if is([b"https", b"wss"]) {
        Some(true)
    } else if is([b"http", b"ws"]) {
        Some(false)
    } else {
        None
    }
}

/// An answer on its way to the client, a pod's or ours.
#[derive(Clone, Copy, Debug)]
pub struct ResponseView<'a> {
    /// The status, 200 to 599, or 101.
    pub status: u16,
    /// The fields that the pod sent; none in an answer of ours.
    pub fields: Fields<'a>,
    /// The origin of the page that asks, as [`origin`](super::origin) finds it.
    pub origin: Option<&'a [u8]>,
}
