//! Which annotations of other controllers restrict access.

/// Parts of the keys of annotations that restrict access, or may do so, as what they name is not known.
const RESTRICTING: [&str; 21] = [
    "auth",
    "allow-http",
    "allow-list",
    "allowlist",
    "whitelist",
    "deny-list",
    "denylist",
    "blacklist",
    "cidrs",
    "client-ca",
    "ip_allowlist",
    "ip_whitelist",
    "jwt",
    "limit-",
    "middlewares",
    "modsecurity",
    "owasp",
    "plugins",
    "rate-limit",
    "snippet",
    "waf",
];

/// Whether a key without its prefix is that of an annotation that restricts access.
pub(super) fn restricts(short: &str) -> bool {
    RESTRICTING.iter().any(|part| short.contains(part))
}
