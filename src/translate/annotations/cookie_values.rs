//! What annotations of several dialects say of cookies: names and attributes that cannot end the field they stand in.

use crate::model::SameSite;

/// Longest text of a value, bytes.
const LONGEST: usize = 256;

/// Longest time that a cookie may last, seconds: ten years.
const LONGEST_TIME: u64 = 10 * 365 * 24 * 3600;

/// Whether it can be the name of a cookie.
pub(super) fn is_cookie_name(text: &str) -> bool {
    is_text(text, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether it can be a cookie's `Path`.
pub(super) fn is_cookie_path(text: &str) -> bool {
    text.starts_with('/') && is_text(text, |byte| byte.is_ascii_graphic() && !b";,\"\\".contains(&byte))
}

/// Whether it can be a cookie's `Domain`.
pub(super) fn is_cookie_domain(text: &str) -> bool {
    is_text(text, |byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// A time in seconds.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|seconds| is_number && *seconds <= LONGEST_TIME)
}

/// A cookie's `SameSite`, in any case.
pub(super) fn same_site(text: &str) -> Option<SameSite> {
    match text.to_ascii_lowercase().as_str() {
        "none" => Some(SameSite::None { is_conditional: false }),
        "lax" => Some(SameSite::Lax),
        "strict" => Some(SameSite::Strict),
        _ => None,
    }
}

fn is_text(text: &str, is_allowed: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_allowed)
}
