//! The keys of ingress-nginx's own ConfigMap, by topic.

use super::super::choices::Snippets;
use super::super::table::Verdict;
use super::global::{blocked, boolean, map_name, names, paths, refused, seconds, status};
use super::key::{Key, Meaning, Told};
use crate::model::Networks;

const EXACT: Verdict = Verdict::Exact;
/// It concerns how nginx is built inside.
const INSIDE: Verdict = Verdict::NoEffect("it is a setting of nginx alone, and there is no nginx");
/// It is set for the process.
const AT_START: &str = "it is said at the start, for all connections";
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

/// A key without effect. Its usual values are not told.
const fn nothing(key: &'static str, default: &'static str, usual: &'static [&'static str], verdict: Verdict) -> Key {
    Key { key, meaning: Meaning::Nothing { usual, verdict }, default, option: None }
}

/// A key whose effect something else has.
const fn refused_key(
    key: &'static str,
    default: &'static str,
    usual: &'static [&'static str],
    why: &'static str,
    instead: &'static str,
) -> Key {
    nothing(key, default, usual, Verdict::Refused { why, instead })
}

/// All, in alphabetical order.
pub(super) static KEYS: &[Key] = &[
    nothing("access-log-params", "a file", &[], Verdict::NoEffect("logs go to standard output and error")),
    nothing("access-log-path", "a file", &[], Verdict::NoEffect("logs go to standard output and error")),
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
    refused_key(
        "allow-backend-server-header",
        "`false`",
        &["false"],
        "clients get the name of this server",
        "leave it out",
    ),
    Key {
        key: "allow-cross-namespace-resources",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| boolean(text).map(|is_on| keys.across_namespaces = Some(is_on)),
            verdict: Verdict::Different(
                "for ConfigMaps, not for Secrets: those are always of the namespace of the Ingress",
            ),
            doc: "Whether annotations may name ConfigMaps of other namespaces.",
        },
        default: "`false`",
        option: Some("--config-maps-across-namespaces"),
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
    refused_key(
        "annotation-value-word-blocklist",
        "none",
        &[],
        "no value of an annotation is ever written into a configuration, so no word of it can do harm",
        "leave it out",
    ),
    nothing(
        "annotations-risk-level",
        "`High`",
        &["Low", "Medium", "High", "Critical"],
        Verdict::NoEffect(
            "every annotation is read into typed values; snippets are a matter of `allow-snippet-annotations`",
        ),
    ),
    refused_key("bind-address", "all", &[], AT_START, "use --http and --https"),
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
    nothing("brotli-level", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("brotli-min-length", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("brotli-types", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    annotation("client-body-buffer-size", "client-body-buffer-size", "`8k`", None),
    refused_key("client-body-timeout", "`60`", &[], AT_START, "use --body-gap-timeout"),
    refused_key("client-header-buffer-size", "`1k`", &[], AT_START, "use --max-head-bytes"),
    refused_key("client-header-timeout", "`60`", &[], AT_START, "use --head-timeout"),
    nothing(
        "compute-full-forwarded-for",
        "`false`",
        &["true"],
        Verdict::NoEffect("the peer is always appended to what a believed proxy says"),
    ),
    annotation("custom-http-errors", "custom-http-errors", "none", None),
    nothing("debug-connections", "of nginx", &[], INSIDE),
    refused_key(
        "default-type",
        "`text/html`",
        &["text/html"],
        "it is the pods that say what they send",
        "leave it out",
    ),
    annotation("denylist-source-range", "denylist-source-range", "none", None),
    Key {
        key: "disable-access-log",
        meaning: Meaning::Global {
            values: BOOLEAN,
            read: |keys, text| boolean(text).map(|is_off| keys.is_unlogged = Some(is_off)),
            verdict: EXACT,
            doc: "Whether requests have no line in the access log, as with `enable-access-log` of an Ingress.",
        },
        default: "`false`",
        option: None,
    },
    refused_key("disable-ipv6", "`false`", &["false"], AT_START, "use --http 0.0.0.0:8080 and --https 0.0.0.0:8443"),
    nothing("disable-ipv6-dns", "`false`", &["true", "false"], Verdict::NoEffect("addresses of both kinds are used")),
    annotation("disable-proxy-intercept-errors", "disable-proxy-intercept-errors", "`false`", None),
    nothing(
        "enable-access-log-for-default-backend",
        "`false`",
        &["true"],
        Verdict::NoEffect("requests of the default backend are logged as all are"),
    ),
    nothing("enable-aio-write", "of nginx", &[], INSIDE),
    refused_key("enable-brotli", "`false`", &["false"], "answers are not compressed", "let pods compress them"),
    annotation("enable-modsecurity", "enable-modsecurity", "`false`", None),
    nothing("enable-multi-accept", "of nginx", &[], INSIDE),
    refused_key(
        "enable-ocsp",
        "`false`",
        &["false"],
        "no answers of OCSP are stapled",
        "leave it out: certificate authorities give OCSP up",
    ),
    annotation("enable-opentelemetry", "enable-opentelemetry", "`false`", None),
    annotation("enable-owasp-modsecurity-crs", "enable-owasp-core-rules", "`false`", None),
    refused_key(
        "enable-real-ip",
        "`false`",
        &["false"],
        "it would say who clients are and leave the other fields alone",
        "use use-forwarded-headers with proxy-real-ip-cidr, or --trusted-proxies",
    ),
    nothing("enable-serial-reloads", "of nginx", &[], INSIDE),
    refused_key(
        "enable-syslog",
        "`false`",
        &["false"],
        "the log goes to standard error and output",
        "let the container runtime take it",
    ),
    refused_key(
        "enable-underscores-in-headers",
        "`false`",
        &[],
        "fields with `_` in their names pass, or with `--profile ingress-nginx` do not",
        "choose the profile",
    ),
    refused_key("error-log-level", "`notice`", &["notice"], AT_START, "use --log-level"),
    nothing("error-log-path", "a file", &[], Verdict::NoEffect("logs go to standard output and error")),
    annotation("force-ssl-redirect", "force-ssl-redirect", "`false`", None),
    refused_key(
        "forwarded-for-header",
        "`X-Forwarded-For`",
        &["X-Forwarded-For"],
        "clients are known by X-Forwarded-For or the PROXY protocol alone, so address lists and limits may take another client for them",
        "let the proxy in front send X-Forwarded-For",
    ),
    nothing("generate-request-id", "`true`", &["true"], Verdict::NoEffect("requests always have an X-Request-ID")),
    Key {
        key: "global-allowed-response-headers",
        meaning: Meaning::Global {
            values: "names of fields with commas between",
            read: |keys, text| names(text).map(|names| keys.allowed = Some(names)),
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
    nothing("global-rate-limit-memcached-host", "of nginx", &[], INSIDE),
    nothing("global-rate-limit-memcached-port", "of nginx", &[], INSIDE),
    nothing("global-rate-limit-status-code", "of nginx", &[], INSIDE),
    nothing("grpc-buffer-size-kb", "of nginx", &[], INSIDE),
    nothing("gzip-disable", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("gzip-level", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("gzip-min-length", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("gzip-types", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    Key {
        key: "hide-headers",
        meaning: Meaning::Global {
            values: "names of fields with commas between",
            read: |keys, text| names(text).map(|names| keys.hidden = names),
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
    nothing("http-access-log-path", "a file", &[], Verdict::NoEffect("logs go to standard output and error")),
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
    refused_key(
        "http-snippet",
        "none",
        &[],
        "it is no part of a server or location, so what it restricts is not known and not restricted",
        "use other keys, or annotations",
    ),
    refused_key("http2-max-concurrent-streams", "`128`", &["128"], AT_START, "use --h2-max-streams"),
    refused_key("http2-max-field-size", "`4k`", &[], AT_START, "use --h2-max-head-bytes"),
    refused_key("http2-max-header-size", "`16k`", &[], AT_START, "use --h2-max-head-bytes"),
    refused_key("http2-max-requests", "`1000`", &[], AT_START, "use --max-requests-per-connection"),
    nothing(
        "ignore-invalid-headers",
        "`true`",
        &["true"],
        Verdict::NoEffect("fields whose names are no tokens are refused with the request"),
    ),
    nothing("jaeger-collector-host", "of nginx", &[], INSIDE),
    refused_key("keep-alive", "`75`", &[], AT_START, "use --idle-timeout"),
    refused_key("keep-alive-requests", "`1000`", &[], AT_START, "use --max-requests-per-connection"),
    refused_key("large-client-header-buffers", "`4 8k`", &[], AT_START, "use --max-head-bytes"),
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
    refused_key(
        "limit-conn-zone-variable",
        "`$binary_remote_addr`",
        &["$binary_remote_addr"],
        "connections are counted by the address of the client",
        "leave it out",
    ),
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
    refused_key("log-format-escape-json", "`false`", &["false"], AT_START, "use --access-log json"),
    nothing("log-format-escape-none", "of nginx", &[], INSIDE),
    nothing("log-format-stream", "of nginx", &[], INSIDE),
    refused_key("log-format-upstream", "the combined format", &[], AT_START, "use --access-log"),
    nothing("lua-shared-dicts", "of nginx", &[], INSIDE),
    refused_key("main-snippet", "none", &[], "there is no nginx", "use options of Tidegate"),
    nothing("map-hash-bucket-size", "of nginx", &[], INSIDE),
    refused_key("max-worker-connections", "`16384`", &["16384", "0"], AT_START, "use --max-connections"),
    nothing("max-worker-open-files", "of nginx", &[], INSIDE),
    annotation("modsecurity-snippet", "modsecurity-snippet", "none", None),
    nothing("nginx-status-ipv4-whitelist", "of nginx", &[], INSIDE),
    nothing("nginx-status-ipv6-whitelist", "of nginx", &[], INSIDE),
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
    refused_key(
        "no-tls-redirect-locations",
        "`/.well-known/acme-challenge`",
        &["/.well-known/acme-challenge"],
        "requests for `/.well-known/acme-challenge/` are not redirected to https, and all others are",
        "use the annotation ssl-redirect of an Ingress for these paths",
    ),
    nothing("opentelemetry-config", "of nginx", &[], INSIDE),
    annotation("opentelemetry-operation-name", "opentelemetry-operation-name", "none", None),
    annotation("opentelemetry-trust-incoming-span", "opentelemetry-trust-incoming-span", "`true`", None),
    nothing("otel-max-export-batch-size", "of nginx", &[], INSIDE),
    nothing("otel-max-queuesize", "of nginx", &[], INSIDE),
    nothing("otel-sampler", "of nginx", &[], INSIDE),
    nothing("otel-sampler-parent-based", "of nginx", &[], INSIDE),
    nothing("otel-sampler-ratio", "of nginx", &[], INSIDE),
    nothing("otel-schedule-delay-millis", "of nginx", &[], INSIDE),
    nothing("otel-service-name", "of nginx", &[], INSIDE),
    nothing("otlp-collector-host", "of nginx", &[], INSIDE),
    nothing("otlp-collector-port", "of nginx", &[], INSIDE),
    refused_key("plugins", "none", &[], "Lua is not run", "leave it out"),
    annotation("preserve-trailing-slash", "preserve-trailing-slash", "`false`", None),
    refused_key(
        "proxy-add-original-uri-header",
        "`false`",
        &["false"],
        "pods get no X-Original-URI",
        "use proxy-set-headers with $request_uri",
    ),
    annotation("proxy-body-size", "proxy-body-size", "`1m`", Some("--max-body-bytes")),
    annotation("proxy-buffer-size", "proxy-buffer-size", "`4k`", None),
    annotation("proxy-buffering", "proxy-buffering", "`off`", None),
    annotation("proxy-buffers-number", "proxy-buffers-number", "`4`", None),
    annotation("proxy-busy-buffers-size", "proxy-busy-buffers-size", "`8k`", None),
    annotation("proxy-connect-timeout", "proxy-connect-timeout", "`5`", Some("--connect-timeout")),
    annotation("proxy-cookie-domain", "proxy-cookie-domain", "`off`", None),
    annotation("proxy-cookie-path", "proxy-cookie-path", "`off`", None),
    nothing("proxy-headers-hash-bucket-size", "of nginx", &[], INSIDE),
    nothing("proxy-headers-hash-max-size", "of nginx", &[], INSIDE),
    annotation("proxy-http-version", "proxy-http-version", "`1.1`", None),
    annotation("proxy-max-temp-file-size", "proxy-max-temp-file-size", "`1024m`", None),
    annotation("proxy-next-upstream", "proxy-next-upstream", "`error timeout`", None),
    annotation("proxy-next-upstream-timeout", "proxy-next-upstream-timeout", "`0`", None),
    annotation("proxy-next-upstream-tries", "proxy-next-upstream-tries", "`3`", Some("--connect-attempts")),
    nothing(
        "proxy-protocol-header-timeout",
        "`5s`",
        &["5s"],
        Verdict::NoEffect("a header of the PROXY protocol has 3 s"),
    ),
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
    nothing("proxy-ssl-location-only", "of nginx", &[], INSIDE),
    nothing("proxy-stream-next-upstream", "of nginx", &[], INSIDE),
    nothing("proxy-stream-next-upstream-timeout", "of nginx", &[], INSIDE),
    nothing("proxy-stream-next-upstream-tries", "of nginx", &[], INSIDE),
    nothing("proxy-stream-responses", "of nginx", &[], INSIDE),
    nothing("proxy-stream-timeout", "of nginx", &[], INSIDE),
    annotation("relative-redirects", "relative-redirects", "`false`", None),
    refused_key(
        "retry-non-idempotent",
        "`false`",
        &["false"],
        "a request that a pod may have processed is not repeated unless an Ingress asks for it",
        "use the annotation proxy-next-upstream with non_idempotent",
    ),
    nothing("reuse-port", "of nginx", &[], INSIDE),
    nothing("server-name-hash-bucket-size", "of nginx", &[], INSIDE),
    nothing("server-name-hash-max-size", "of nginx", &[], INSIDE),
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
    nothing("server-tokens", "`false`", &["false"], Verdict::NoEffect("the version of the server is never told")),
    annotation("service-upstream", "service-upstream", "`false`", None),
    refused_key(
        "skip-access-log-urls",
        "none",
        &[],
        "lines of single URLs are not left out",
        "use the annotation enable-access-log",
    ),
    nothing("ssl-buffer-size", "of nginx", &[], INSIDE),
    refused_key(
        "ssl-ciphers",
        "eight suites",
        &[],
        "the suites are those of the TLS library, all with forward secrecy",
        "leave it out",
    ),
    refused_key("ssl-dh-param", "none", &[], "key exchange is by elliptic curves alone", "leave it out"),
    nothing("ssl-early-data", "of nginx", &[], INSIDE),
    refused_key("ssl-ecdh-curve", "`auto`", &["auto"], "the curves are those of the TLS library", "leave it out"),
    annotation("ssl-prefer-server-ciphers", "ssl-prefer-server-ciphers", "`true`", None),
    refused_key(
        "ssl-protocols",
        "`TLSv1.2 TLSv1.3`",
        &["TLSv1.2 TLSv1.3", "TLSv1.3 TLSv1.2"],
        "TLS 1.2 and 1.3 are spoken",
        "leave it out",
    ),
    annotation("ssl-redirect", "ssl-redirect", "`true`", Some("--ssl-redirect")),
    refused_key(
        "ssl-reject-handshake",
        "`false`",
        &["false"],
        "clients that name no known host get the default certificate",
        "use an Ingress for each host that is served",
    ),
    nothing("ssl-session-cache", "`true`", &["true", "false"], Verdict::NoEffect("sessions are resumed by tickets")),
    nothing("ssl-session-cache-size", "of nginx", &[], INSIDE),
    nothing("ssl-session-ticket-key", "of nginx", &[], INSIDE),
    nothing(
        "ssl-session-tickets",
        "`false`",
        &["true", "false"],
        Verdict::NoEffect("sessions are resumed by tickets whose keys change"),
    ),
    nothing("ssl-session-timeout", "of nginx", &[], INSIDE),
    nothing("stream-access-log-path", "a file", &[], Verdict::NoEffect("logs go to standard output and error")),
    refused_key(
        "stream-snippet",
        "none",
        &[],
        "connections that are no HTTP are not served",
        "use a Service of type LoadBalancer for them",
    ),
    nothing(
        "strict-validate-path-type",
        "`true`",
        &["true", "false"],
        Verdict::NoEffect("paths are read by their types, and what looks like a pattern is reported"),
    ),
    refused_key(
        "syslog-host",
        "none",
        &[],
        "the log goes to standard error and output",
        "let the container runtime take it",
    ),
    nothing("syslog-port", "of nginx", &[], INSIDE),
    nothing("upstream-keepalive-connections", "of nginx", &[], INSIDE),
    nothing("upstream-keepalive-requests", "of nginx", &[], INSIDE),
    nothing("upstream-keepalive-time", "of nginx", &[], INSIDE),
    refused_key("upstream-keepalive-timeout", "`60`", &["60"], AT_START, "use --upstream-idle-timeout"),
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
    refused_key("use-geoip", "`true`", &["true", "false"], "countries of clients are not known", "leave it out"),
    refused_key("use-geoip2", "`false`", &["false"], "countries of clients are not known", "leave it out"),
    refused_key("use-gzip", "`false`", &["false"], "answers are not compressed", "let pods compress them"),
    refused_key("use-http2", "`true`", &["true"], "HTTP/2 is always offered", "leave it out"),
    annotation("use-port-in-redirects", "use-port-in-redirects", "`false`", None),
    refused_key(
        "use-proxy-protocol",
        "`false`",
        &["false"],
        AT_START,
        "use --proxy-protocol with --trusted-proxies (chart: proxyProtocol)",
    ),
    nothing("variables-hash-bucket-size", "of nginx", &[], INSIDE),
    nothing("variables-hash-max-size", "of nginx", &[], INSIDE),
    annotation("whitelist-source-range", "whitelist-source-range", "none", None),
    nothing("worker-cpu-affinity", "of nginx", &[], INSIDE),
    refused_key("worker-processes", "the CPUs", &["auto"], AT_START, "use --workers"),
    refused_key("worker-shutdown-timeout", "`240s`", &[], AT_START, "use --drain-timeout"),
];

const SNIPPET: Verdict = Verdict::Different(
    "refused unless `--nginx-snippets` is `translate` or `allow-snippet-annotations` is `true`; one that restricts access, or may do \
     so, and is refused lets nobody in: 503",
);
