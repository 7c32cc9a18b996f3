//! The keys of ingress-nginx's ConfigMap, and what each becomes here: knowledge, and nothing else.

use super::plan::Plan;
use super::setting::{Becomes, Row};
use crate::observe::LineFormat;

use Becomes::{NoEffect, NotServed, Sets};

const fn row(name: &'static str, default: &'static str, becomes: Becomes) -> Row {
    Row { name, default, becomes }
}

const LOGS: Becomes = NoEffect("logs go to standard output and standard error, where Kubernetes takes them");
const STREAMED: Becomes = NoEffect("bodies are passed on as they come, within --memory-limit");
const BUFFERED: Becomes = NoEffect(
    "bodies are passed on as they come: set the annotation of the same name on Ingresses whose pods must not wait for slow clients",
);
const INTERNAL: Becomes = NoEffect("it sizes a table inside nginx");
const GONE: Becomes = NoEffect("ingress-nginx itself has it no longer");
const RAW: Becomes = NotServed("no text becomes configuration: use annotations on the Ingresses that need it");
const COMPRESSION: Becomes = NotServed("answers are not compressed: compress in the application, or in a CDN in front");
const TRACING: Becomes = NotServed("there are no traces; X-Request-ID goes to the pods and into the access log");
const WAF: Becomes =
    NotServed("there is no ModSecurity: put a web application firewall in front, or set wafMissing: fail");
const GLOBAL_AUTH: Becomes =
    NotServed("it restricts access: set the annotations auth-url and the like on every Ingress before you move");
const HSTS: Becomes =
    NotServed("the profile sends max-age=31536000; includeSubDomains: set another with tidegate.dev/response-headers");
const STREAM_PROXY: Becomes = NotServed("TCP and UDP services are not served yet");
const STATUS_OF_LIMITS: Becomes = NotServed("requests over a limit are answered with 503");
const ON_INGRESSES: Becomes = NotServed("set the annotation of the same name on the Ingresses");
const LISTS: Becomes =
    NotServed("it restricts access: set the annotation of the same name on every Ingress before you move");
const BLOCKS: Becomes = NotServed(
    "it restricts access: use the annotation denylist-source-range for addresses, and a firewall in front for the rest",
);
const TICKETS: Becomes = NoEffect("sessions are resumed by tickets, whose keys are made anew by themselves");

/// By key. The default is what ingress-nginx does without the key: with that value a key that is not served changes nothing.
pub(super) const ROWS: &[Row] = &[
    row("access-log-params", "", LOGS),
    row("access-log-path", "/var/log/nginx/access.log", LOGS),
    row("add-headers", "", NotServed("set tidegate.dev/response-headers on the Ingresses")),
    row("allow-backend-server-header", "false", NoEffect("the Server field of pods goes to clients anyway")),
    row(
        "allow-cross-namespace-resources",
        "false",
        NotServed("Secrets of another namespace are not used: copy them to the Ingress's"),
    ),
    row("allow-snippet-annotations", "false", Sets("`nginxSnippets`", snippets)),
    row("annotation-value-word-blocklist", "", NoEffect("no text of an annotation becomes configuration")),
    row("annotations-risk-level", "High", NoEffect("no text of an annotation becomes configuration")),
    row("bind-address", "", NotServed("set bindAddress, one address")),
    row("block-cidrs", "", BLOCKS),
    row("block-referers", "", BLOCKS),
    row("block-user-agents", "", BLOCKS),
    row("brotli-level", "4", COMPRESSION),
    row("brotli-min-length", "20", COMPRESSION),
    row("brotli-types", "", COMPRESSION),
    row("client-body-buffer-size", "8k", STREAMED),
    row(
        "client-body-timeout",
        "60",
        Sets("`--body-gap-timeout`", |plan, value| plan.seconds("--body-gap-timeout", value)),
    ),
    row("client-header-buffer-size", "1k", NoEffect("buffers of heads grow as needed, up to --max-head-bytes")),
    row("client-header-timeout", "60", Sets("`--head-timeout`", |plan, value| plan.seconds("--head-timeout", value))),
    row(
        "compute-full-forwarded-for",
        "false",
        NoEffect("where the sender is trusted its list is appended to, otherwise it is replaced"),
    ),
    row(
        "custom-http-errors",
        "",
        NotServed("set the annotations custom-http-errors and default-backend on the Ingresses"),
    ),
    row("debug-connections", "", LOGS),
    row("default-type", "text/html", NoEffect("pods say what type their answers have")),
    row("denylist-source-range", "", LISTS),
    row("disable-access-log", "false", Sets("`accessLog: off`", no_access_log)),
    row("disable-http-access-log", "false", Sets("`accessLog: off`", no_access_log)),
    row("disable-ipv6", "false", Sets("`bindAddress: 0.0.0.0`", no_ipv6)),
    row("disable-ipv6-dns", "false", NoEffect("pods are reached by the addresses of their EndpointSlices")),
    row("disable-proxy-intercept-errors", "false", ON_INGRESSES),
    row("disable-stream-access-log", "false", STREAM_PROXY),
    row("enable-access-log-for-default-backend", "false", NoEffect("all requests are logged")),
    row("enable-aio-write", "true", INTERNAL),
    row("enable-brotli", "false", COMPRESSION),
    row("enable-modsecurity", "false", WAF),
    row("enable-multi-accept", "true", INTERNAL),
    row("enable-ocsp", "false", NotServed("no OCSP answers are stapled; most authorities no longer give any")),
    row("enable-opentelemetry", "false", TRACING),
    row("enable-opentracing", "false", GONE),
    row("enable-owasp-modsecurity-crs", "false", WAF),
    row("enable-real-ip", "false", Sets("`trustedProxies`", |plan, value| plan.forwarded(value))),
    row("enable-serial-reloads", "false", NoEffect("nothing is reloaded")),
    row("enable-syslog", "false", LOGS),
    row(
        "enable-underscores-in-headers",
        "false",
        NotServed("the profile drops fields with _ in their name: without profile: ingress-nginx they go to pods"),
    ),
    row("error-log-level", "notice", Sets("`logLevel`", log_level)),
    row("error-log-path", "/var/log/nginx/error.log", LOGS),
    row("force-ssl-redirect", "false", NotServed("set the annotation force-ssl-redirect on the Ingresses")),
    row(
        "forwarded-for-header",
        "X-Forwarded-For",
        NotServed("the client's address is taken from X-Forwarded-For only"),
    ),
    row("generate-request-id", "true", NotServed("every request has an X-Request-ID")),
    row("geoip-database", "", NotServed("there is no database of countries")),
    row("global-allowed-response-headers", "", NotServed("see what is said of the annotation custom-headers")),
    row("global-auth-always-set-cookie", "false", GLOBAL_AUTH),
    row("global-auth-cache-duration", "200 202 401 5m", GLOBAL_AUTH),
    row("global-auth-cache-key", "", GLOBAL_AUTH),
    row("global-auth-method", "", GLOBAL_AUTH),
    row("global-auth-request-redirect", "", GLOBAL_AUTH),
    row("global-auth-response-headers", "", GLOBAL_AUTH),
    row("global-auth-signin", "", GLOBAL_AUTH),
    row("global-auth-signin-redirect-param", "rd", GLOBAL_AUTH),
    row("global-auth-snippet", "", GLOBAL_AUTH),
    row("global-auth-url", "", GLOBAL_AUTH),
    row("global-rate-limit-memcached-host", "", GONE),
    row("global-rate-limit-memcached-port", "11211", GONE),
    row("global-rate-limit-status-code", "429", GONE),
    row("grpc-buffer-size-kb", "0", STREAMED),
    row("gzip-disable", "", COMPRESSION),
    row("gzip-level", "1", COMPRESSION),
    row("gzip-min-length", "256", COMPRESSION),
    row("gzip-types", "", COMPRESSION),
    row("hide-headers", "", NotServed("set tidegate.dev/response-headers on the Ingresses")),
    row("hsts", "true", HSTS),
    row("hsts-include-subdomains", "true", HSTS),
    row("hsts-max-age", "31536000", HSTS),
    row("hsts-preload", "false", HSTS),
    row("http-access-log-path", "", LOGS),
    row("http-redirect-code", "308", NotServed("the redirect to https has the code 308")),
    row("http-snippet", "", RAW),
    row(
        "http2-max-concurrent-streams",
        "128",
        Sets("`--h2-max-streams`", |plan, value| plan.number("--h2-max-streams", value, 1, 1000)),
    ),
    row("http2-max-field-size", "", GONE),
    row("http2-max-header-size", "", GONE),
    row("http2-max-requests", "0", GONE),
    row("ignore-invalid-headers", "true", NotServed("requests with header fields that are not valid are refused")),
    row("keep-alive", "75", Sets("`--idle-timeout`", |plan, value| plan.seconds("--idle-timeout", value))),
    row(
        "keep-alive-requests",
        "1000",
        Sets("`--max-requests-per-connection`", |plan, value| {
            plan.number("--max-requests-per-connection", value, 1, u64::from(u32::MAX))
        }),
    ),
    row("large-client-header-buffers", "4 8k", Sets("`--max-head-bytes`", |plan, value| plan.head(value))),
    row("limit-conn-status-code", "503", STATUS_OF_LIMITS),
    row("limit-conn-zone-variable", "$binary_remote_addr", NotServed("clients are counted by their address")),
    row("limit-rate", "0", ON_INGRESSES),
    row("limit-rate-after", "0", ON_INGRESSES),
    row("limit-req-status-code", "503", STATUS_OF_LIMITS),
    row("load-balance", "round_robin", Sets("`--balance`", balance)),
    row("location-snippet", "", RAW),
    row("log-format-escape-json", "false", Sets("`accessLogFormatEscape: json`", escape_json)),
    row("log-format-escape-none", "false", Sets("`accessLogFormatEscape: none`", escape_none)),
    row("log-format-stream", "", STREAM_PROXY),
    row("log-format-upstream", "", Sets("`accessLogFormat`", log_format)),
    row("lua-shared-dicts", "", INTERNAL),
    row("main-snippet", "", RAW),
    row("map-hash-bucket-size", "64", INTERNAL),
    row("max-worker-connections", "16384", NoEffect("--max-connections is worked out from the memory limit")),
    row("max-worker-open-files", "0", NoEffect("the limit of open files is raised as far as the system allows")),
    row("modsecurity-snippet", "", WAF),
    row(
        "nginx-status-ipv4-whitelist",
        "127.0.0.1",
        NoEffect("there is no status page of nginx; metrics are at :9090/metrics"),
    ),
    row(
        "nginx-status-ipv6-whitelist",
        "::1",
        NoEffect("there is no status page of nginx; metrics are at :9090/metrics"),
    ),
    row(
        "no-auth-locations",
        "/.well-known/acme-challenge",
        NotServed("only /.well-known/acme-challenge asks for no password"),
    ),
    row(
        "no-tls-redirect-locations",
        "/.well-known/acme-challenge",
        NotServed("only /.well-known/acme-challenge is not redirected to https"),
    ),
    row("opentelemetry-config", "", TRACING),
    row("opentelemetry-operation-name", "", TRACING),
    row("opentelemetry-trust-incoming-span", "true", TRACING),
    row("otel-max-export-batch-size", "512", TRACING),
    row("otel-max-queuesize", "2048", TRACING),
    row("otel-sampler", "AlwaysOn", TRACING),
    row("otel-sampler-parent-based", "true", TRACING),
    row("otel-sampler-ratio", "0.01", TRACING),
    row("otel-schedule-delay-millis", "5000", TRACING),
    row("otel-service-name", "nginx", TRACING),
    row("otlp-collector-host", "", TRACING),
    row("otlp-collector-port", "4317", TRACING),
    row("plugins", "", RAW),
    row("preserve-trailing-slash", "false", ON_INGRESSES),
    row("proxy-add-original-uri-header", "false", NotServed("pods get no X-Original-URI")),
    row("proxy-body-size", "1m", Sets("`--max-body-bytes`", |plan, value| plan.body(value))),
    row("proxy-buffer-size", "4k", NoEffect("heads of answers of up to 64 KiB are taken, whatever the value")),
    row("proxy-buffering", "off", STREAMED),
    row("proxy-buffers-number", "4", STREAMED),
    row("proxy-busy-buffers-size", "8k", STREAMED),
    row(
        "proxy-connect-timeout",
        "5",
        Sets("`--connect-timeout`", |plan, value| plan.seconds("--connect-timeout", value)),
    ),
    row("proxy-cookie-domain", "off", ON_INGRESSES),
    row("proxy-cookie-path", "off", ON_INGRESSES),
    row("proxy-headers-hash-bucket-size", "64", INTERNAL),
    row("proxy-headers-hash-max-size", "512", INTERNAL),
    row("proxy-http-version", "1.1", ON_INGRESSES),
    row("proxy-max-temp-file-size", "1024m", STREAMED),
    row("proxy-next-upstream", "error timeout", ON_INGRESSES),
    row("proxy-next-upstream-timeout", "0", ON_INGRESSES),
    row("proxy-next-upstream-tries", "3", Sets("`--connect-attempts`", tries)),
    row("proxy-protocol-header-timeout", "5s", NoEffect("the header has 3 s")),
    row("proxy-read-timeout", "60", Sets("`--response-timeout`, for WebSockets `--tunnel-idle-timeout`", read_timeout)),
    row(
        "proxy-real-ip-cidr",
        "0.0.0.0/0",
        Sets(
            "`trustedProxies`; everybody (`/0`) is never trusted: private ranges are, until you narrow them down",
            |plan, value| plan.trusted(value),
        ),
    ),
    row("proxy-redirect-from", "off", ON_INGRESSES),
    row("proxy-redirect-to", "off", ON_INGRESSES),
    row("proxy-request-buffering", "on", BUFFERED),
    row(
        "proxy-send-timeout",
        "60",
        Sets("`--response-timeout`", |plan, value| plan.longer("--response-timeout", value)),
    ),
    row("proxy-set-headers", "", NotServed("set tidegate.dev/request-headers on the Ingresses")),
    row("proxy-ssl-location-only", "false", INTERNAL),
    row("proxy-stream-next-upstream", "true", STREAM_PROXY),
    row("proxy-stream-next-upstream-timeout", "600s", STREAM_PROXY),
    row("proxy-stream-next-upstream-tries", "3", STREAM_PROXY),
    row("proxy-stream-responses", "1", STREAM_PROXY),
    row("proxy-stream-timeout", "600s", STREAM_PROXY),
    row("relative-redirects", "false", NotServed("set the annotation relative-redirects on the Ingresses")),
    row(
        "retry-non-idempotent",
        "false",
        NotServed("set the annotation proxy-next-upstream with non_idempotent on the Ingresses"),
    ),
    row("reuse-port", "true", INTERNAL),
    row("server-name-hash-bucket-size", "", INTERNAL),
    row("server-name-hash-max-size", "1024", INTERNAL),
    row("server-snippet", "", RAW),
    row("server-tokens", "false", NoEffect("no version is told to clients")),
    row("service-upstream", "false", NotServed("set the annotation service-upstream on the Ingresses")),
    row("skip-access-log-urls", "", NotServed("set the annotation enable-access-log on the Ingresses")),
    row("ssl-buffer-size", "4k", INTERNAL),
    row("ssl-ciphers", "", NotServed("the ciphers are those of TLS 1.3, and of TLS 1.2 with ECDHE and AEAD")),
    row("ssl-dh-param", "", NoEffect("no cipher with these parameters is offered")),
    row("ssl-early-data", "false", NotServed("no request is taken before the handshake is done")),
    row("ssl-ecdh-curve", "auto", NoEffect("X25519, P-256 and P-384 are offered")),
    row("ssl-protocols", "TLSv1.2 TLSv1.3", NotServed("TLS 1.2 and 1.3 are offered, no others")),
    row(
        "ssl-redirect",
        "true",
        Sets("`sslRedirect`", |plan, value| plan.boolean("sslRedirect", value, "ssl-redirect")),
    ),
    row("ssl-reject-handshake", "false", NotServed("clients that name no known host get the default certificate")),
    row("ssl-session-cache", "true", TICKETS),
    row("ssl-session-cache-size", "10m", TICKETS),
    row("ssl-session-ticket-key", "", TICKETS),
    row("ssl-session-tickets", "false", TICKETS),
    row("ssl-session-timeout", "10m", TICKETS),
    row("stream-access-log-path", "", STREAM_PROXY),
    row("stream-snippet", "", RAW),
    row("strict-validate-path-type", "true", NoEffect("paths of type Exact and Prefix are never patterns")),
    row("syslog-host", "", LOGS),
    row("syslog-port", "514", LOGS),
    row(
        "upstream-keepalive-connections",
        "320",
        NoEffect("idle connections to pods are kept as long as pods keep them"),
    ),
    row(
        "upstream-keepalive-requests",
        "10000",
        NoEffect("idle connections to pods are kept as long as pods keep them"),
    ),
    row("upstream-keepalive-time", "1h", NoEffect("idle connections to pods are kept as long as pods keep them")),
    row(
        "upstream-keepalive-timeout",
        "60",
        Sets("`--upstream-idle-timeout`", |plan, value| plan.seconds("--upstream-idle-timeout", value)),
    ),
    row("use-forwarded-headers", "false", Sets("`trustedProxies`", |plan, value| plan.forwarded(value))),
    row("use-geoip", "true", NoEffect("there is no database of countries, and no annotation needs one")),
    row("use-geoip2", "false", NotServed("there is no database of countries")),
    row("use-gzip", "false", COMPRESSION),
    row("use-http2", "true", NotServed("HTTP/2 is always offered")),
    row("use-port-in-redirects", "false", NotServed("set the annotation use-port-in-redirects on the Ingresses")),
    row(
        "use-proxy-protocol",
        "false",
        Sets("`proxyProtocol: require`, and `trustedProxies`", |plan, value| plan.proxy_protocol(value)),
    ),
    row("variables-hash-bucket-size", "256", INTERNAL),
    row("variables-hash-max-size", "2048", INTERNAL),
    row("whitelist-source-range", "", LISTS),
    row("worker-cpu-affinity", "", INTERNAL),
    row("worker-processes", "auto", Sets("`workers`", workers)),
    row(
        "worker-shutdown-timeout",
        "240s",
        Sets("`drain.timeout`", |plan, value| plan.duration("drain.timeout", value, "worker-shutdown-timeout")),
    ),
];

/// Keys that begin like this belong to tracers that ingress-nginx has dropped.
pub(super) const DROPPED: [&str; 3] = ["jaeger-", "zipkin-", "datadog-"];

/// What becomes of those.
pub(super) const OF_DROPPED: Becomes = GONE;

fn snippets(plan: &mut Plan, value: &str) -> Option<String> {
    match super::plan::boolean(value)? {
        true => plan.set("nginxSnippets", "translate", "allow-snippet-annotations"),
        false => plan.set("nginxSnippets", "refuse", "allow-snippet-annotations"),
    }
}

fn no_access_log(plan: &mut Plan, value: &str) -> Option<String> {
    match super::plan::boolean(value)? {
        true => plan.set("accessLog", "off", "disable-access-log"),
        false => Some("`accessLog: json`, the default".into()),
    }
}

/// A format with a variable that is not known would stop the start.
fn log_format(plan: &mut Plan, value: &str) -> Option<String> {
    LineFormat::parse(value).ok()?;
    plan.set("accessLogFormat", value, "log-format-upstream")
}

fn escape_json(plan: &mut Plan, value: &str) -> Option<String> {
    escape(plan, value, "json", "log-format-escape-json")
}

fn escape_none(plan: &mut Plan, value: &str) -> Option<String> {
    escape(plan, value, "none", "log-format-escape-none")
}

fn escape(plan: &mut Plan, value: &str, escape: &str, key: &str) -> Option<String> {
    match super::plan::boolean(value)? {
        true => plan.set("accessLogFormatEscape", escape, key),
        false => Some("`accessLogFormatEscape: default`, the default".into()),
    }
}

fn no_ipv6(plan: &mut Plan, value: &str) -> Option<String> {
    match super::plan::boolean(value)? {
        true => plan.set("bindAddress", "0.0.0.0", "disable-ipv6"),
        false => Some("`bindAddress: \"::\"`, the default".into()),
    }
}

fn log_level(plan: &mut Plan, value: &str) -> Option<String> {
    let level = match value.trim() {
        "debug" => "debug",
        "info" | "notice" => "info",
        "warn" => "warn",
        "error" | "crit" | "alert" | "emerg" => "error",
        _ => return None,
    };
    plan.set("logLevel", level, "error-log-level")
}

fn balance(plan: &mut Plan, value: &str) -> Option<String> {
    match value.trim() {
        "round_robin" => plan.word("--balance", "round-robin"),
        "ewma" => plan.word("--balance", "ewma"),
        _ => None,
    }
}

fn tries(plan: &mut Plan, value: &str) -> Option<String> {
    // 0 is no limit.
    plan.number("--connect-attempts", if value.trim() == "0" { "3" } else { value }, 1, 3)
}

fn read_timeout(plan: &mut Plan, value: &str) -> Option<String> {
    let said = plan.longer("--response-timeout", value)?;
    let tunnels = plan.seconds("--tunnel-idle-timeout", value)?;
    Some(format!("{said}, for WebSockets {tunnels}"))
}

fn workers(plan: &mut Plan, value: &str) -> Option<String> {
    match value.trim() {
        "auto" => Some("`workers`: the CPU limit, the default".into()),
        count => match count.parse::<u16>() {
            Ok(count @ 1..) => plan.set("workers", count, "worker-processes"),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_stand_once() {
        assert!(
            ROWS.is_sorted_by(|a, b| a.name < b.name),
            "{:?}",
            ROWS.windows(2).find(|w| w[0].name >= w[1].name).map(|w| w[1].name)
        );
        assert!(ROWS.iter().all(|row| !matches!(row.becomes, Becomes::Same(_))));
    }
}
