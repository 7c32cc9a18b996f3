//! Errors for which another backend answers (nginx `error_page`), and what it is told of them, as ingress-nginx tells it.

use super::change::RequestChange;
use super::head_edit::{FieldName, Fields};
use crate::http1::RequestHead;
use crate::model::{ErrorPages, Filter};

const CODE: FieldName<'_> = FieldName::other(b"x-code");
const FORMAT: FieldName<'_> = FieldName::other(b"x-format");
const INGRESS: FieldName<'_> = FieldName::other(b"x-ingress-name");
const NAMESPACE: FieldName<'_> = FieldName::other(b"x-namespace");
const ORIGINAL_URI: FieldName<'_> = FieldName::other(b"x-original-uri");
const SERVICE: FieldName<'_> = FieldName::other(b"x-service-name");
const SERVICE_PORT: FieldName<'_> = FieldName::other(b"x-service-port");

/// An error, for the backend that answers instead.
#[derive(Clone, Copy, Debug)]
pub struct ErrorFacts<'a> {
    /// The status that the client does not get.
    pub status: u16,
    /// Namespace and name of the object whose route it is.
    pub object: [&'a str; 2],
    /// The Service and its port; empty where they are not known.
    pub service: [&'a str; 2],
    /// Path and query of the request, where the backend gets others.
    pub uri: Option<&'a [u8]>,
}

/// Which errors of a route another backend answers.
pub fn error_pages(filters: &[Filter]) -> Option<&ErrorPages> {
    filters.iter().find_map(|filter| if let Filter::Errors(pages) = filter { Some(&**pages) } else { None })
}

/// Whether answers of pods with this status are replaced.
pub fn intercepts(filters: &[Filter], status: u16) -> bool {
    let is_listed = |pages: &ErrorPages| pages.intercepts && pages.statuses.contains(&status);
    status >= 300 && error_pages(filters).is_some_and(is_listed)
}

/// Whether what is answered with this status where no pod answers is replaced.
pub fn replaces(filters: &[Filter], status: u16) -> bool {
    status >= 300 && error_pages(filters).is_some_and(|pages| pages.statuses.contains(&status))
}

/// Whether another backend answers instead of this filter, where it answers with this status. Redirects, questions for a password
/// and what asks for a certificate stay, and so does the answer of a filter that cannot be read and closes its routes.
pub fn replaces_own(filters: &[Filter], by: &Filter, status: u16) -> bool {
    let is_refusal =
        matches!(by, Filter::Limits(_) | Filter::Sources(_) | Filter::Rules(_) | Filter::Auth(_)) && !by.closes();
    is_refusal && status >= 400 && status != 401 && replaces(filters, status)
}

/// Tells the backend. What a client says under these names stays behind.
pub fn tell(facts: &ErrorFacts<'_>, request: &RequestHead, head: &[u8], change: &mut RequestChange) {
    let ErrorFacts { status, object: [namespace, ingress], service: [service, port], uri } = *facts;
    let fields = Fields { bytes: head, list: &request.fields };
    let accepted = request.fields.iter().find(|field| field.name.of(head).eq_ignore_ascii_case(b"accept"));
    let accepted = accepted.map(|field| field.value.of(head)).unwrap_or_default();
    let code = status.to_string();
    for (name, value) in [
        (CODE, code.as_bytes()),
        (FORMAT, accepted),
        (ORIGINAL_URI, uri.unwrap_or_default()),
        (NAMESPACE, namespace.as_bytes()),
        (INGRESS, ingress.as_bytes()),
        (SERVICE, service.as_bytes()),
        (SERVICE_PORT, port.as_bytes()),
    ] {
        change.fields.remove(fields, name);
        change.fields.remove_spellings(fields, name);
        if !value.is_empty() {
            change.fields.add(name, value);
        }
    }
}
