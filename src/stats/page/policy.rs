//! What stands in the page itself, and what a browser may do with the page: run this one script and this one style, and nothing else.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The style of the page.
pub(super) const STYLE: &str = include_str!("style.css");
/// Its script, without which it works too.
pub(super) const SCRIPT: &str = include_str!("script.js");

/// Content Security Policy level 3. Hashes need no random numbers, and the script cannot be another one.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT),
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// Adds what browsers obey.
pub(crate) fn guard(headers: &mut HeaderMap) {
    headers.insert(http::header::CONTENT_SECURITY_POLICY, POLICY.clone());
    for (name, value) in [
        (http::header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: with it, browsers send `Origin: null` with forms.
        (http::header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
