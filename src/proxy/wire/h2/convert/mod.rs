//! Heads between HTTP/2 and the HTTP/1 form in which the walk works (RFC 9113 §8.3, §8.2.3).
//!
//! The `h2` crate has checked what RFC 9113 calls malformed; what is written here goes through the strict HTTP/1
//! parser, which refuses everything else that a pod could misread.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use crate::http1::{
    FieldKind, Framing, MAX_TRAILER_BYTES, MAX_TRAILER_FIELDS, RequestError, SyntaxError, may_trail, writer,
};
use crate::proxy::error::ProxyError;

/// Writes a request's head. `has_body` is whether the stream goes on behind it.
pub(crate) fn request_head(
    parts: &Parts,
    has_body: bool,
    max_fields: usize,
    out: &mut Vec<u8>,
) -> Result<(), ProxyError> {
    out.clear();
    if parts.headers.len() > max_fields {
        return Err(RequestError::Syntax(SyntaxError::TooManyFields).into());
    }
    if parts.method == http::Method::CONNECT {
        return Err(ProxyError::MethodNotAllowed);
    }
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // Anything else would be another form of target in HTTP/1.
    if !target.starts_with('/') && target != "*" {
        return Err(RequestError::Target.into());
    }
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    host(parts, out)?;
    let mut has_length = false;
    for (name, value) in &parts.headers {
        if name != header::HOST && name != header::COOKIE {
            has_length |= name == header::CONTENT_LENGTH;
            writer::field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    cookies(&parts.headers, out);
    if has_body && !has_length {
        writer::framing_field(out, Framing::Chunked);
    }
    out.extend_from_slice(writer::HEAD_END);
    Ok(())
}

/// Writes the Host: that of `:authority`. A Host field must agree with it.
fn host(parts: &Parts, out: &mut Vec<u8>) -> Result<(), ProxyError> {
    if parts.uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
        return Err(RequestError::Target.into());
    }
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (host, further) = (hosts.next(), hosts.next());
    if further.is_some() {
        return Err(RequestError::HostRepeated.into());
    }
    match (parts.uri.authority(), host) {
        (Some(authority), Some(host)) if !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) => {
            return Err(RequestError::HostDiffers.into());
        }
        (Some(authority), _) => writer::field(out, b"host", authority.as_str().as_bytes()),
        (None, Some(host)) => writer::field(out, b"host", host.as_bytes()),
        (None, None) => {}
    }
    Ok(())
}

/// Joins the crumbs of the Cookie field (RFC 9113 §8.2.3).
fn cookies(headers: &HeaderMap, out: &mut Vec<u8>) {
    let mut lead: &[u8] = b"cookie: ";
    for crumb in headers.get_all(header::COOKIE) {
        out.extend_from_slice(lead);
        out.extend_from_slice(crumb.as_bytes());
        lead = b"; ";
    }
    if headers.contains_key(header::COOKIE) {
        out.extend_from_slice(b"\r\n");
    }
}

/// Makes a request for a pod out of the head we would send over HTTP/1.
pub(crate) fn request(head: &[u8]) -> Option<http::Request<()>> {
    let mut lines = lines(head);
    let mut start = lines.next()?.split(|&byte| byte == b' ');
    let method = http::Method::from_bytes(start.next()?).ok()?;
    let target = http::uri::PathAndQuery::try_from(start.next()?).ok()?;
    let mut headers = HeaderMap::with_capacity(24);
    let mut authority = None;
    for (name, value) in lines.filter_map(split) {
        match FieldKind::of(name) {
            FieldKind::Host => authority = http::uri::Authority::try_from(value).ok(),
            FieldKind::Connection | FieldKind::TransferEncoding | FieldKind::Upgrade => {}
            _ => {
                headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
            }
        }
    }
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(http::uri::Scheme::HTTP);
    uri.authority = Some(authority?);
    uri.path_and_query = Some(target);
    let mut request = http::Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = http::Uri::from_parts(uri).ok()?;
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = headers;
    Some(request)
}

/// Writes the head of a pod's answer.
pub(crate) fn response_head(parts: &http::response::Parts, out: &mut Vec<u8>) {
    out.clear();
    writer::status_line(out, parts.status.as_u16(), writer::reason(parts.status.as_u16()).as_bytes());
    for (name, value) in &parts.headers {
        writer::field(out, name.as_str().as_bytes(), value.as_bytes());
    }
    out.extend_from_slice(writer::HEAD_END);
}

/// Whole field lines, one after the other.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

/// Name and value of a line.
pub(crate) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

/// Trailers as lines, without fields that must not be trailers (framing, routing, identity). False when there are too
/// many.
pub(crate) fn trailer_lines(trailers: &HeaderMap, out: &mut Vec<u8>) -> bool {
    for (name, value) in trailers {
        if may_trail(name.as_str().as_bytes()) {
            writer::field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    trailers.len() <= MAX_TRAILER_FIELDS && out.len() <= MAX_TRAILER_BYTES
}

/// Lines as trailers.
pub(crate) fn trailer_map(text: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines(text).filter_map(split) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}

#[cfg(test)]
mod tests;
