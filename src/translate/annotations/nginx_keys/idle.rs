//! The keys of ingress-nginx's own ConfigMap that do nothing here.

use super::super::table::Verdict;
use super::key::{Key, Meaning};

/// It concerns how nginx is built inside.
const INSIDE: Verdict = Verdict::NoEffect("it is a setting of nginx alone, and there is no nginx");
/// It concerns bodies while they pass.
const STREAMED: Verdict = Verdict::NoEffect("bodies are passed on as they come, within --memory-limit");
/// It concerns Services of TCP and UDP.
const STREAMS: Verdict = Verdict::NoEffect("ports of TCP and UDP have settings of their own: docs/streams.md");
/// It concerns connections to pods that rest.
const IDLE_PODS: Verdict = Verdict::NoEffect("idle connections to pods are kept as long as pods keep them");
/// It concerns sessions of TLS.
const TICKETS: Verdict = Verdict::NoEffect("sessions are resumed by tickets, whose keys are made anew by themselves");
/// It says the keys of tickets.
const TICKET_KEY: Verdict =
    Verdict::NoEffect("keys of tickets are made anew by themselves; replicas share some by --shared-keys");
/// It concerns traces.
const TRACES: Verdict = Verdict::NoEffect("no traces are sent");
/// It concerns the page of nginx about itself.
const STATUS: Verdict = Verdict::NoEffect("there is no status page of nginx; metrics are at :9090/metrics");
/// ingress-nginx has lost it.
const GONE: Verdict = Verdict::NoEffect("ingress-nginx itself has it no longer");
/// It is set for the process.
const AT_START: &str = "it is said at the start, for all connections";

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
pub(super) static IDLE: &[Key] = &[
    nothing("access-log-params", "a file", &[], Verdict::NoEffect("logs go to standard output and error")),
    nothing("access-log-path", "a file", &[], Verdict::NoEffect("logs go to standard output and error")),
    nothing(
        "allow-backend-server-header",
        "`false`",
        &["true"],
        Verdict::NoEffect("the field Server of pods goes to clients; the key hide-headers can take it away"),
    ),
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
    nothing("brotli-level", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("brotli-min-length", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("brotli-types", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    refused_key("client-body-timeout", "`60`", &[], AT_START, "use --body-gap-timeout"),
    refused_key("client-header-buffer-size", "`1k`", &[], AT_START, "use --max-head-bytes"),
    refused_key("client-header-timeout", "`60`", &[], AT_START, "use --head-timeout"),
    nothing(
        "compute-full-forwarded-for",
        "`false`",
        &["true"],
        Verdict::NoEffect("the peer is always appended to what a believed proxy says"),
    ),
    nothing("debug-connections", "of nginx", &[], INSIDE),
    refused_key(
        "default-type",
        "`text/html`",
        &["text/html"],
        "it is the pods that say what they send",
        "leave it out",
    ),
    refused_key("disable-ipv6", "`false`", &["false"], AT_START, "use --http 0.0.0.0:8080 and --https 0.0.0.0:8443"),
    nothing("disable-ipv6-dns", "`false`", &["true", "false"], Verdict::NoEffect("addresses of both kinds are used")),
    nothing("disable-stream-access-log", "`false`", &["true", "false"], STREAMS),
    nothing(
        "enable-access-log-for-default-backend",
        "`false`",
        &["true"],
        Verdict::NoEffect("requests of the default backend are logged as all are"),
    ),
    nothing("enable-aio-write", "of nginx", &[], INSIDE),
    refused_key(
        "enable-brotli",
        "`false`",
        &["false"],
        "answers are not compressed",
        "let pods, or a CDN in front, compress them",
    ),
    nothing("enable-multi-accept", "of nginx", &[], INSIDE),
    refused_key(
        "enable-ocsp",
        "`false`",
        &["false"],
        "no answers of OCSP are stapled",
        "leave it out: certificate authorities give OCSP up",
    ),
    nothing("enable-opentracing", "`false`", &["false"], GONE),
    refused_key(
        "enable-real-ip",
        "`false`",
        &["false"],
        "it would say who clients are and leave the other fields alone",
        "use use-forwarded-headers with proxy-real-ip-cidr, or --trusted-proxies",
    ),
    nothing("enable-serial-reloads", "of nginx", &[], Verdict::NoEffect("nothing is reloaded")),
    refused_key(
        "enable-syslog",
        "`false`",
        &["false"],
        "it is said at the start, for all connections",
        "use --access-log-to syslog:udp://HOST:PORT",
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
    refused_key(
        "forwarded-for-header",
        "`X-Forwarded-For`",
        &["X-Forwarded-For"],
        "clients are known by X-Forwarded-For or the PROXY protocol alone, so address lists and limits may take another client for them",
        "let the proxy in front send X-Forwarded-For",
    ),
    nothing("generate-request-id", "`true`", &["true"], Verdict::NoEffect("requests always have an X-Request-ID")),
    nothing("geoip-database", "a file", &[], Verdict::NoEffect("countries of clients are not known")),
    nothing("global-rate-limit-memcached-host", "of nginx", &[], GONE),
    nothing("global-rate-limit-memcached-port", "of nginx", &[], GONE),
    nothing("global-rate-limit-status-code", "of nginx", &[], GONE),
    nothing("grpc-buffer-size-kb", "of nginx", &[], STREAMED),
    nothing("gzip-disable", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("gzip-level", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("gzip-min-length", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("gzip-types", "of nginx", &[], Verdict::NoEffect("answers are not compressed")),
    nothing("http-access-log-path", "a file", &[], Verdict::NoEffect("logs go to standard output and error")),
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
    refused_key("keep-alive", "`75`", &[], AT_START, "use --idle-timeout"),
    refused_key("keep-alive-requests", "`1000`", &[], AT_START, "use --max-requests-per-connection"),
    refused_key("large-client-header-buffers", "`4 8k`", &[], AT_START, "use --max-head-bytes"),
    refused_key(
        "limit-conn-zone-variable",
        "`$binary_remote_addr`",
        &["$binary_remote_addr"],
        "connections are counted by the address of the client",
        "leave it out",
    ),
    refused_key("log-format-escape-json", "`false`", &["false"], AT_START, "use --access-log-format-escape json"),
    refused_key("log-format-escape-none", "`false`", &["false"], AT_START, "use --access-log-format-escape none"),
    nothing("log-format-stream", "of nginx", &[], STREAMS),
    refused_key("log-format-upstream", "the combined format", &[], AT_START, "use --access-log-format"),
    nothing("lua-shared-dicts", "of nginx", &[], INSIDE),
    refused_key("main-snippet", "none", &[], "there is no nginx", "use options of Tidegate"),
    nothing("map-hash-bucket-size", "of nginx", &[], INSIDE),
    refused_key("max-worker-connections", "`16384`", &["16384", "0"], AT_START, "use --max-connections"),
    nothing(
        "max-worker-open-files",
        "of nginx",
        &[],
        Verdict::NoEffect("the limit of open files is raised as far as the system allows"),
    ),
    nothing("nginx-status-ipv4-whitelist", "of nginx", &[], STATUS),
    nothing("nginx-status-ipv6-whitelist", "of nginx", &[], STATUS),
    refused_key(
        "no-tls-redirect-locations",
        "`/.well-known/acme-challenge`",
        &["/.well-known/acme-challenge"],
        "requests for `/.well-known/acme-challenge/` are not redirected to https, and all others are",
        "use the annotation ssl-redirect of an Ingress for these paths",
    ),
    nothing("opentelemetry-config", "of nginx", &[], TRACES),
    nothing("otel-max-export-batch-size", "of nginx", &[], TRACES),
    nothing("otel-max-queuesize", "of nginx", &[], TRACES),
    nothing("otel-sampler", "of nginx", &[], TRACES),
    nothing("otel-sampler-parent-based", "of nginx", &[], TRACES),
    nothing("otel-sampler-ratio", "of nginx", &[], TRACES),
    nothing("otel-schedule-delay-millis", "of nginx", &[], TRACES),
    nothing("otel-service-name", "of nginx", &[], TRACES),
    nothing("otlp-collector-host", "of nginx", &[], TRACES),
    nothing("otlp-collector-port", "of nginx", &[], TRACES),
    refused_key("plugins", "none", &[], "Lua is not run", "leave it out"),
    refused_key(
        "proxy-add-original-uri-header",
        "`false`",
        &["false"],
        "pods get no X-Original-URI",
        "use proxy-set-headers with $request_uri",
    ),
    nothing("proxy-headers-hash-bucket-size", "of nginx", &[], INSIDE),
    nothing("proxy-headers-hash-max-size", "of nginx", &[], INSIDE),
    nothing(
        "proxy-protocol-header-timeout",
        "`5s`",
        &["5s"],
        Verdict::NoEffect("a header of the PROXY protocol has 3 s"),
    ),
    nothing("proxy-ssl-location-only", "of nginx", &[], INSIDE),
    nothing("proxy-stream-next-upstream", "of nginx", &[], STREAMS),
    nothing("proxy-stream-next-upstream-timeout", "of nginx", &[], STREAMS),
    nothing("proxy-stream-next-upstream-tries", "of nginx", &[], STREAMS),
    nothing(
        "proxy-stream-responses",
        "of nginx",
        &[],
        Verdict::NoEffect(
            "a session of UDP ends by time, or gives way to a new one where there are many, however many answers it had",
        ),
    ),
    nothing("proxy-stream-timeout", "of nginx", &[], STREAMS),
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
    nothing("server-tokens", "`false`", &["false"], Verdict::NoEffect("the version of the server is never told")),
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
    nothing(
        "ssl-early-data",
        "`false`",
        &["false"],
        Verdict::NoEffect("no request is taken before the handshake is done"),
    ),
    refused_key("ssl-ecdh-curve", "`auto`", &["auto"], "the curves are those of the TLS library", "leave it out"),
    refused_key(
        "ssl-protocols",
        "`TLSv1.2 TLSv1.3`",
        &["TLSv1.2 TLSv1.3", "TLSv1.3 TLSv1.2"],
        "TLS 1.2 and 1.3 are spoken",
        "leave it out",
    ),
    refused_key(
        "ssl-reject-handshake",
        "`false`",
        &["false"],
        "clients that name no known host get the default certificate",
        "use an Ingress for each host that is served",
    ),
    nothing("ssl-session-cache", "`true`", &["true", "false"], TICKETS),
    nothing("ssl-session-cache-size", "of nginx", &[], TICKETS),
    nothing("ssl-session-ticket-key", "of nginx", &[], TICKET_KEY),
    nothing("ssl-session-tickets", "`false`", &["true", "false"], TICKETS),
    nothing("ssl-session-timeout", "of nginx", &[], TICKETS),
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
        "it is said at the start, for all connections",
        "use --access-log-to syslog:udp://HOST:PORT",
    ),
    nothing("syslog-port", "of nginx", &[], INSIDE),
    nothing("upstream-keepalive-connections", "of nginx", &[], IDLE_PODS),
    nothing("upstream-keepalive-requests", "of nginx", &[], IDLE_PODS),
    nothing("upstream-keepalive-time", "of nginx", &[], IDLE_PODS),
    refused_key("upstream-keepalive-timeout", "`60`", &["60"], AT_START, "use --upstream-idle-timeout"),
    refused_key("use-geoip", "`true`", &["true", "false"], "countries of clients are not known", "leave it out"),
    refused_key("use-geoip2", "`false`", &["false"], "countries of clients are not known", "leave it out"),
    refused_key(
        "use-gzip",
        "`false`",
        &["false"],
        "answers are not compressed",
        "let pods, or a CDN in front, compress them",
    ),
    refused_key("use-http2", "`true`", &["true"], "HTTP/2 is always offered", "leave it out"),
    refused_key(
        "use-proxy-protocol",
        "`false`",
        &["false"],
        AT_START,
        "use --proxy-protocol with --trusted-proxies (chart: proxyProtocol)",
    ),
    nothing("variables-hash-bucket-size", "of nginx", &[], INSIDE),
    nothing("variables-hash-max-size", "of nginx", &[], INSIDE),
    nothing("worker-cpu-affinity", "of nginx", &[], INSIDE),
    refused_key("worker-processes", "the CPUs", &["auto"], AT_START, "use --workers"),
    refused_key("worker-shutdown-timeout", "`240s`", &[], AT_START, "use --drain-timeout"),
];

/// Keys that begin like this belong to tracers that ingress-nginx has dropped.
pub(super) const DROPPED: [&str; 3] = ["datadog-", "jaeger-", "zipkin-"];

/// What all of those are.
pub(super) static OF_DROPPED: Key = nothing("jaeger-", "none", &[], GONE);
