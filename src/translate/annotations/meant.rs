//! Keys of ingress-nginx's prefix that it has no longer, or never had, and what people mean by them.

/// What is said of such a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meant {
    /// Why it has no effect, in ingress-nginx neither.
    pub(super) why: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
}

const NEVER: &str = "ingress-nginx has never had it";
const GONE: &str = "ingress-nginx has it no longer";
const GLOBAL: &str = "in ingress-nginx it is a setting of the whole controller";

/// Keys without the prefix, in order.
const KEYS: [(&str, &str, &str); 40] = [
    ("add-base-url", GONE, "Tell the application its base URL, or use tidegate.dev/request-headers"),
    ("add-headers", GLOBAL, "Use tidegate.dev/response-headers"),
    ("add-hosts", NEVER, "Use nginx.ingress.kubernetes.io/server-alias"),
    ("base-url-scheme", GONE, "Tell the application its base URL"),
    ("client-header-buffer-size", GLOBAL, "Use --max-head-bytes"),
    ("client-max-body-size", NEVER, "Use nginx.ingress.kubernetes.io/proxy-body-size"),
    ("connection-timeout", NEVER, "Use nginx.ingress.kubernetes.io/proxy-connect-timeout"),
    ("enable-opentracing", GONE, "Remove it"),
    ("global-rate-limit", GONE, "Use nginx.ingress.kubernetes.io/limit-rps, which counts in each replica"),
    ("global-rate-limit-ignored-cidrs", GONE, "Use nginx.ingress.kubernetes.io/limit-allowlist"),
    ("global-rate-limit-key", GONE, "Remove it: limits count by the client's address"),
    ("global-rate-limit-window", GONE, "Use nginx.ingress.kubernetes.io/limit-rps or limit-rpm"),
    ("grpc-backend", GONE, "Use nginx.ingress.kubernetes.io/backend-protocol with GRPC"),
    ("hsts", GLOBAL, "Use tidegate.dev/response-headers with a line for Strict-Transport-Security"),
    ("hsts-include-subdomains", GLOBAL, "Use tidegate.dev/response-headers with a line for Strict-Transport-Security"),
    ("hsts-max-age", GLOBAL, "Use tidegate.dev/response-headers with a line for Strict-Transport-Security"),
    ("large-client-header-buffers", GLOBAL, "Use --max-head-bytes"),
    ("limit-burst", NEVER, "Use nginx.ingress.kubernetes.io/limit-burst-multiplier"),
    ("limit-status-code", NEVER, "Remove it: what is beyond a limit is answered with 503"),
    ("max-body-size", NEVER, "Use nginx.ingress.kubernetes.io/proxy-body-size"),
    ("opentracing-operation-name", GONE, "Remove it"),
    ("opentracing-trust-incoming-span", GONE, "Remove it"),
    ("proxy-hide-headers", GLOBAL, "Use tidegate.dev/response-headers with a line such as -X-Powered-By"),
    ("proxy-set-header", NEVER, "Use tidegate.dev/request-headers"),
    ("proxy-set-headers", GLOBAL, "Use tidegate.dev/request-headers"),
    ("proxy-timeout", NEVER, "Use nginx.ingress.kubernetes.io/proxy-read-timeout and proxy-send-timeout"),
    ("rate-limit", NEVER, "Use nginx.ingress.kubernetes.io/limit-rps"),
    ("rate-limit-burst", NEVER, "Use nginx.ingress.kubernetes.io/limit-burst-multiplier"),
    ("rate-limit-connections", NEVER, "Use nginx.ingress.kubernetes.io/limit-connections"),
    ("rate-limit-window", NEVER, "Use nginx.ingress.kubernetes.io/limit-rps, for a second, or limit-rpm, for a minute"),
    ("secure-backends", GONE, "Use nginx.ingress.kubernetes.io/backend-protocol with HTTPS"),
    ("secure-verify-ca-secret", GONE, "Use nginx.ingress.kubernetes.io/proxy-ssl-secret and proxy-ssl-verify"),
    ("server-snippets", NEVER, "Use nginx.ingress.kubernetes.io/server-snippet, or better a typed annotation"),
    ("session-cookie-hash", GONE, "Remove it"),
    ("ssl-protocols", GLOBAL, "Remove it: TLS 1.2 and 1.3 are spoken"),
    ("upstream-fail-timeout", GONE, "Use nginx.ingress.kubernetes.io/proxy-next-upstream"),
    ("upstream-max-fails", GONE, "Use nginx.ingress.kubernetes.io/proxy-next-upstream"),
    ("use-forwarded-headers", GLOBAL, "Use --trusted-proxies"),
    ("use-gzip", GLOBAL, "Compress in the application"),
    ("use-proxy-protocol", GLOBAL, "Use --proxy-protocol"),
];

/// What is meant by a key without its prefix.
pub(super) fn meant(short: &str) -> Option<Meant> {
    let (_, why, instead) = KEYS.iter().find(|(key, ..)| *key == short)?;
    Some(Meant { why, instead })
}

#[cfg(test)]
mod tests {
    use super::super::dialects::DialectName;
    use super::*;

    #[test]
    fn keys_are_in_order_and_no_annotation_has_them() {
        assert!(KEYS.is_sorted_by_key(|(key, ..)| key));
        for (key, ..) in KEYS {
            assert!(DialectName::IngressNginx.table().find(key).is_none(), "{key}");
        }
        assert_eq!(meant("rate-limit").map(|meant| meant.why), Some(NEVER));
        assert_eq!(meant("limit-rps"), None);
    }

    #[test]
    fn annotations_that_are_meant_exist() {
        let (ours, theirs) = (DialectName::Own.table(), DialectName::IngressNginx.table());
        for (key, _, instead) in KEYS {
            for word in instead.split(|c: char| c.is_whitespace() || c == ',') {
                if let Some(short) = word.strip_prefix("nginx.ingress.kubernetes.io/") {
                    assert!(theirs.find(short.trim_end_matches('.')).is_some(), "{key}: {short}");
                }
                if let Some(short) = word.strip_prefix("tidegate.dev/") {
                    assert!(ours.find(short).is_some(), "{key}: {short}");
                }
            }
        }
    }
}
