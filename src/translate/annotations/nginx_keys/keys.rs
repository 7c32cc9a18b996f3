//! The keys of ingress-nginx's own ConfigMap that set something.

use super::super::choices::Snippets;
use super::super::table::Verdict;
use super::global::{blocked, boolean, map_name, names, paths, refused, seconds, status};
use super::key::{Key, Meaning};
use super::told::Told;
use crate::model::Networks;

const EXACT: Verdict = Verdict::Exact;
const BOOLEAN: &str = "`true` or `false`";

/// A key that annotations have too.
const fn annotation(
    key: &'static str,
    annotation: &'static str,
    default: &'static str,
    option: Option<&'static str>,
) -> Key {
    Key { key, meaning: Meaning::Annotation(annotation), default, option }
}

/// All, in alphabetical order.
pub(super) static ACTING: &[Key] = &[
    Key {
        key: "add-headers",
        meaning: Meaning::Global {
            values: "`namespace/name` of a ConfigMap",
            read: |keys, text| map_name(text).map(|name| keys.for_clients = name),
            verdict: Verdict::Different("a variable that is not known is refused: its field is not set"),
            doc: "The ConfigMap with fields for all answers, in place of what pods send; variables. It is followed, and must be one that may be read (`--config-map-names`).",
        },
        default: "none",
        option: None,
    },
    Key {
        key: "allow-cross-namespace-resources",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| boolean(text).map(|is_on| keys.across_namespaces = Some(is_on)),
            verdict: Verdict::Exact,
            doc: "Whether annotations may name ConfigMaps and Secrets of other namespaces; where `--config-maps-across-namespaces` or `--secrets-across-namespaces` is given, it wins for the one or the other.",
        },
        default: "`false`",
        option: None,
    },
    Key {
        key: "allow-snippet-annotations",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| {
                keys.snippets = Some(if boolean(text)? { Snippets::Translated } else { Snippets::Refused });
                Ok(())
            },
            verdict: Verdict::Different(
                "as `--nginx-snippets translate`: what filters can do, all of a snippet or nothing",
            ),
            doc: "With `true` snippets of annotations are translated.",
        },
        default: "`false`",
        option: Some("--nginx-snippets"),
    },
    Key {
        key: "block-cidrs",
        meaning: Meaning::Global {
            values: "addresses and networks (CIDR), with commas between",
            read: blocked,
            verdict: Verdict::Different("also where an Ingress has lists of its own"),
            doc: "Answers clients of these addresses with 403. A list that cannot be read lets nobody in: 503.",
        },
        default: "none",
        option: None,
    },
    Key {
        key: "block-referers",
        meaning: Meaning::Global {
            values: "texts, and regular expressions behind `~` or `~*`, with commas between",
            read: |keys, text| refused(keys, "$http_referer", text),
            verdict: EXACT,
            doc: "The same for `Referer`.",
        },
        default: "none",
        option: None,
    },
    Key {
        key: "block-user-agents",
        meaning: Meaning::Global {
            values: "texts, and regular expressions behind `~` or `~*`, with commas between",
            read: |keys, text| refused(keys, "$http_user_agent", text),
            verdict: EXACT,
            doc: "Answers requests with 403 whose `User-Agent` is, in upper or lower case, one of the texts, or matches. An expression that cannot be read lets nobody in: 503.",
        },
        default: "none",
        option: None,
    },
    annotation("client-body-buffer-size", "client-body-buffer-size", "`8k`", None),
    annotation("custom-http-errors", "custom-http-errors", "none", None),
    annotation("denylist-source-range", "denylist-source-range", "none", None),
    Key {
        key: "disable-access-log",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| {
                boolean(text).map(|is_off| keys.is_unlogged = Some(is_off || keys.is_unlogged == Some(true)))
            },
            verdict: EXACT,
            doc: "Whether requests have no line in the access log, as with `enable-access-log` of an Ingress.",
        },
        default: "`false`",
        option: None,
    },
    Key {
        key: "disable-http-access-log",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| {
                boolean(text).map(|is_off| keys.is_unlogged = Some(is_off || keys.is_unlogged == Some(true)))
            },
            verdict: EXACT,
            doc: "The same, as only requests of HTTP have lines.",
        },
        default: "`false`",
        option: None,
    },
    annotation("disable-proxy-intercept-errors", "disable-proxy-intercept-errors", "`false`", None),
    annotation("enable-modsecurity", "enable-modsecurity", "`false`", None),
    annotation("enable-opentelemetry", "enable-opentelemetry", "`false`", None),
    annotation("enable-owasp-modsecurity-crs", "enable-owasp-core-rules", "`false`", None),
    annotation("force-ssl-redirect", "force-ssl-redirect", "`false`", None),
    Key {
        key: "global-allowed-response-headers",
        meaning: Meaning::Global {
            values: "names of fields with commas between",
            read: |keys, text| names(text, keys.allowed.insert(Vec::new())),
            verdict: Verdict::Different("names are compared in upper and lower case alike"),
            doc: "The fields that `custom-headers` may set.",
        },
        default: "none",
        option: Some("--allowed-response-headers"),
    },
    annotation("global-auth-always-set-cookie", "auth-always-set-cookie", "none", None),
    annotation("global-auth-cache-duration", "auth-cache-duration", "none", None),
    annotation("global-auth-cache-key", "auth-cache-key", "none", None),
    annotation("global-auth-method", "auth-method", "none", None),
    annotation("global-auth-request-redirect", "auth-request-redirect", "none", None),
    annotation("global-auth-response-headers", "auth-response-headers", "none", None),
    annotation("global-auth-signin", "auth-signin", "none", None),
    annotation("global-auth-signin-redirect-param", "auth-signin-redirect-param", "none", None),
    annotation("global-auth-snippet", "auth-snippet", "none", None),
    annotation("global-auth-url", "auth-url", "none", None),
    Key {
        key: "hide-headers",
        meaning: Meaning::Global {
            values: "names of fields with commas between",
            read: |keys, text| names(text, &mut keys.hidden),
            verdict: EXACT,
            doc: "Fields of pods that clients do not get.",
        },
        default: "none",
        option: None,
    },
    Key {
        key: "hsts",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| boolean(text).map(|is_on| keys.hsts = Some(is_on)),
            verdict: EXACT,
            doc: "`Strict-Transport-Security` with all answers over https, in place of the pod's own. Without this key only `--profile ingress-nginx` sends it.",
        },
        default: "`true`",
        option: None,
    },
    Key {
        key: "hsts-include-subdomains",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| boolean(text).map(|is_on| keys.hsts_subdomains = Some(is_on)),
            verdict: EXACT,
            doc: "Whether hosts below the host are meant, too.",
        },
        default: "`true`",
        option: None,
    },
    Key {
        key: "hsts-max-age",
        meaning: Meaning::Global {
            values: "seconds",
            read: |keys, text| seconds(text).map(|age| keys.hsts_age = Some(age)),
            verdict: EXACT,
            doc: "How long browsers keep to https.",
        },
        default: "`31536000`",
        option: None,
    },
    Key {
        key: "hsts-preload",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| boolean(text).map(|is_on| keys.hsts_preload = Some(is_on)),
            verdict: EXACT,
            doc: "Whether browsers may have it built in.",
        },
        default: "`false`",
        option: None,
    },
    Key {
        key: "http-redirect-code",
        meaning: Meaning::Global {
            values: "`301`, `302`, `303`, `307` or `308`",
            read: |keys, text| {
                let code = status(text, |code| matches!(code, 301 | 302 | 303 | 307 | 308))?;
                keys.redirect = Some(code);
                Ok(())
            },
            verdict: EXACT,
            doc: "The status of redirects to https and of `from-to-www-redirect`.",
        },
        default: "`308`",
        option: None,
    },
    Key {
        key: "limit-conn-status-code",
        meaning: Meaning::Global {
            values: "a status from `400` to `599`",
            read: |keys, text| status(text, |code| (400..600).contains(&code)).map(|code| keys.limits[1] = Some(code)),
            verdict: EXACT,
            doc: "The status of requests beyond `limit-connections`.",
        },
        default: "`503`",
        option: None,
    },
    annotation("limit-rate", "limit-rate", "`0`", None),
    annotation("limit-rate-after", "limit-rate-after", "`0`", None),
    Key {
        key: "limit-req-status-code",
        meaning: Meaning::Global {
            values: "a status from `400` to `599`",
            read: |keys, text| status(text, |code| (400..600).contains(&code)).map(|code| keys.limits[0] = Some(code)),
            verdict: EXACT,
            doc: "The status of requests beyond `limit-rps` and `limit-rpm`.",
        },
        default: "`503`",
        option: None,
    },
    annotation("load-balance", "load-balance", "`round_robin`", Some("--balance")),
    Key {
        key: "location-snippet",
        meaning: Meaning::Global {
            values: "directives of nginx",
            read: |_, _| Ok(()),
            verdict: SNIPPET,
            doc: "Directives for all locations: for the routes of all Ingresses, as `configuration-snippet`.",
        },
        default: "none",
        option: None,
    },
    annotation("modsecurity-snippet", "modsecurity-snippet", "none", None),
    Key {
        key: "no-auth-locations",
        meaning: Meaning::Global {
            values: "paths with commas between",
            read: |keys, text| paths(text).map(|paths| keys.open_paths = Some(paths)),
            verdict: EXACT,
            doc: "Paths of rules that begin with one of these ask for no password, and no service whether they are served.",
        },
        default: "`/.well-known/acme-challenge`",
        option: None,
    },
    annotation("opentelemetry-operation-name", "opentelemetry-operation-name", "none", None),
    annotation("opentelemetry-trust-incoming-span", "opentelemetry-trust-incoming-span", "`true`", None),
    annotation("preserve-trailing-slash", "preserve-trailing-slash", "`false`", None),
    annotation("proxy-body-size", "proxy-body-size", "`1m`", Some("--max-body-bytes")),
    annotation("proxy-buffer-size", "proxy-buffer-size", "`4k`", None),
    annotation("proxy-buffering", "proxy-buffering", "`off`", None),
    annotation("proxy-buffers-number", "proxy-buffers-number", "`4`", None),
    annotation("proxy-busy-buffers-size", "proxy-busy-buffers-size", "`8k`", None),
    annotation("proxy-connect-timeout", "proxy-connect-timeout", "`5`", Some("--connect-timeout")),
    annotation("proxy-cookie-domain", "proxy-cookie-domain", "`off`", None),
    annotation("proxy-cookie-path", "proxy-cookie-path", "`off`", None),
    annotation("proxy-http-version", "proxy-http-version", "`1.1`", None),
    annotation("proxy-max-temp-file-size", "proxy-max-temp-file-size", "`1024m`", None),
    annotation("proxy-next-upstream", "proxy-next-upstream", "`error timeout`", None),
    annotation("proxy-next-upstream-timeout", "proxy-next-upstream-timeout", "`0`", None),
    annotation("proxy-next-upstream-tries", "proxy-next-upstream-tries", "`3`", Some("--connect-attempts")),
    annotation("proxy-read-timeout", "proxy-read-timeout", "`60`", Some("--response-timeout")),
    Key {
        key: "proxy-real-ip-cidr",
        meaning: Meaning::Global {
            values: "addresses and networks (CIDR), with commas between",
            read: |keys, text| match super::super::ingress_nginx::networks(text) {
                Some(networks) => {
                    keys.believed = Some(Networks::new(networks));
                    Ok(())
                }
                None => {
                    keys.believed = Some(Networks::default());
                    Err(Told("so the X-Forwarded- fields of nobody are believed"))
                }
            },
            verdict: Verdict::Different(
                "it counts with `use-forwarded-headers` alone; a list that cannot be read has nobody",
            ),
            doc: "Whose `X-Forwarded-` fields are believed, with `use-forwarded-headers`.",
        },
        default: "`0.0.0.0/0`",
        option: Some("--trusted-proxies"),
    },
    annotation("proxy-redirect-from", "proxy-redirect-from", "`off`", None),
    annotation("proxy-redirect-to", "proxy-redirect-to", "`off`", None),
    annotation("proxy-request-buffering", "proxy-request-buffering", "`on`", None),
    annotation("proxy-send-timeout", "proxy-send-timeout", "`60`", Some("--response-timeout")),
    Key {
        key: "proxy-set-headers",
        meaning: Meaning::Global {
            values: "`namespace/name` of a ConfigMap",
            read: |keys, text| map_name(text).map(|name| keys.for_pods = name),
            verdict: Verdict::Different(
                "a variable that is not known, `Host` and `X-Forwarded-For` are refused: the field is not set",
            ),
            doc: "The ConfigMap with fields for all pods; variables. It is followed, and must be one that may be read (`--config-map-names`).",
        },
        default: "none",
        option: None,
    },
    annotation("relative-redirects", "relative-redirects", "`false`", None),
    Key {
        key: "server-snippet",
        meaning: Meaning::Global {
            values: "directives of nginx",
            read: |_, _| Ok(()),
            verdict: SNIPPET,
            doc: "Directives for the servers: for the routes of all Ingresses, as `configuration-snippet`.",
        },
        default: "none",
        option: None,
    },
    annotation("service-upstream", "service-upstream", "`false`", None),
    annotation("ssl-prefer-server-ciphers", "ssl-prefer-server-ciphers", "`true`", None),
    annotation("ssl-redirect", "ssl-redirect", "`true`", Some("--ssl-redirect")),
    Key {
        key: "use-forwarded-headers",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| {
                keys.believes = Some(boolean(text)?);
                Ok(())
            },
            verdict: Verdict::Different(
                "without `proxy-real-ip-cidr` peers with private addresses are believed, and not everybody; the peer is always appended to `X-Forwarded-For`; the PROXY protocol is another matter",
            ),
            doc: "Believes the `X-Forwarded-` fields of peers in `proxy-real-ip-cidr`, from their next connection on.",
        },
        default: "`false`",
        option: Some("--trusted-proxies"),
    },
    annotation("use-port-in-redirects", "use-port-in-redirects", "`false`", None),
    annotation("whitelist-source-range", "whitelist-source-range", "none", None),
];

const SNIPPET: Verdict = Verdict::Different(
    "refused unless `--nginx-snippets` is `translate` or `allow-snippet-annotations` is `true`; one that restricts access, or may do \
     so, and is refused lets nobody in: 503",
);
