//! What redirects may lead to. It is sent to clients as it is, so nothing is taken that could be read as anything else.

use crate::model::Template;

/// Longest one, bytes. Clients and caches take no more than some thousand characters.
pub(super) const LONGEST: usize = 2048;

/// Whether it leads to a web server, by a host that the author or a variable gives.
pub(super) fn is_url(template: &Template) -> bool {
    let (text, has_more) = (template.start(), template.as_text().is_none());
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let (front, rest) = text.split_at_checked(scheme.len())?;
        front.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    rest.is_some_and(|rest| !rest.starts_with(['/', '?', '#', ':', '@']) && (has_more || !rest.is_empty()))
}

/// Whether it leads to a path of the same host. Two slashes would lead to another one.
pub(super) fn is_path(template: &Template) -> bool {
    let text = template.start();
    text.starts_with('/') && !text.starts_with("//")
}

/// Whether all characters of the author may stand in a URI (RFC 3986 §2), in which there is no white space, no control character
/// and no backslash, which browsers take for a slash.
pub(super) fn is_uri(template: &Template) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!&'()*+,;=%".contains(&byte);
    template.texts().all(|text| text.bytes().all(is_allowed))
}
