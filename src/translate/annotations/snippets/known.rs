//! What directives of nginx are for: enough to tell whether requests may be served without them.

use super::syntax::Directive;

/// What becomes of requests without a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The same.
    Nothing,
    /// They are served, and something is missing.
    Asks(Intent),
    /// More of them are served than should be.
    Restricts,
    /// It is not known.
    Unknown,
}

/// What a directive asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Intent {
    /// What it asks for, in words.
    pub(super) what: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
}

const fn asks(what: &'static str, instead: &'static str) -> Purpose {
    Purpose::Asks(Intent { what, instead })
}

const ANSWERS: Purpose = asks("fields of answers are edited", "tidegate.dev/response-headers");
const REQUESTS: Purpose = asks("fields that pods get are edited", "tidegate.dev/request-headers");
const REDIRECTS: Purpose = asks("requests are redirected", "tidegate.dev/redirects");
const TIMES: Purpose = asks(
    "times of pods are limited",
    "nginx.ingress.kubernetes.io/proxy-connect-timeout, proxy-read-timeout and proxy-send-timeout",
);
const COMPRESSION: Purpose = asks("answers are compressed", "compression in the application");

/// The purpose of a directive, with all that is in its block.
pub(super) fn purpose(directive: &Directive) -> Purpose {
    let words = directive.words();
    match (&*directive.name, &directive.block) {
        ("location" | "if", Some(block)) => of_all(block),
        ("limit_except", Some(_)) => Purpose::Restricts,
        (name, Some(_)) if name.contains("_by_lua") => Purpose::Restricts,
        (_, Some(_)) => Purpose::Unknown,
        (name, None) => of_plain(name, &words),
    }
}

/// The gravest purpose of several directives.
pub(super) fn of_all(directives: &[Directive]) -> Purpose {
    directives.iter().map(purpose).max_by_key(gravity).unwrap_or(Purpose::Nothing)
}

fn gravity(purpose: &Purpose) -> u8 {
    match purpose {
        Purpose::Nothing => 0,
        Purpose::Asks(_) => 1,
        Purpose::Unknown => 2,
        Purpose::Restricts => 3,
    }
}

fn of_plain(name: &str, words: &[&str]) -> Purpose {
    match name {
        "access_by_lua"
        | "allow"
        | "auth_basic"
        | "auth_basic_user_file"
        | "auth_jwt"
        | "auth_request"
        | "auth_request_set"
        | "deny"
        | "internal"
        | "limit_conn"
        | "limit_conn_status"
        | "limit_rate"
        | "limit_rate_after"
        | "limit_req"
        | "limit_req_status"
        | "modsecurity"
        | "modsecurity_rules"
        | "modsecurity_rules_file"
        | "satisfy"
        | "secure_link"
        | "secure_link_md5"
        | "ssl_client_certificate"
        | "ssl_verify_client"
        | "ssl_verify_depth"
        | "valid_referers" => Purpose::Restricts,
        _ if name.contains("_by_lua") || name.starts_with("auth_") || name.starts_with("limit_") => Purpose::Restricts,
        "return" => of_return(words),
        "rewrite" if matches!(words.last(), Some(&("redirect" | "permanent"))) => REDIRECTS,
        "rewrite" => asks("pods get other paths", "nginx.ingress.kubernetes.io/rewrite-target"),
        "add_header" | "expires" | "more_clear_headers" | "more_set_headers" | "proxy_hide_header" => ANSWERS,
        "grpc_set_header" | "more_clear_input_headers" | "more_set_input_headers" => REQUESTS,
        "proxy_set_header" if is_sent_anyway(words) => Purpose::Nothing,
        "proxy_set_header" => REQUESTS,
        "grpc_connect_timeout"
        | "grpc_read_timeout"
        | "grpc_send_timeout"
        | "proxy_connect_timeout"
        | "proxy_read_timeout"
        | "proxy_send_timeout" => TIMES,
        "client_body_timeout" | "client_header_timeout" | "keepalive_timeout" | "send_timeout" => asks(
            "times of clients are limited",
            "--body-gap-timeout, --head-timeout, --idle-timeout and --send-timeout",
        ),
        "client_max_body_size" => asks("bodies are limited", "nginx.ingress.kubernetes.io/proxy-body-size"),
        "client_header_buffer_size" | "large_client_header_buffers" => {
            asks("heads of requests are limited", "--max-head-bytes")
        }
        "proxy_cookie_domain" | "proxy_cookie_flags" | "proxy_cookie_path" | "proxy_redirect" => asks(
            "what pods say about where they are is rewritten",
            "nginx.ingress.kubernetes.io/proxy-cookie-domain, proxy-cookie-path and proxy-redirect-from",
        ),
        "sub_filter" | "sub_filter_last_modified" | "sub_filter_once" | "sub_filter_types" => {
            asks("texts in answers are replaced", "the right texts in the application")
        }
        "brotli" | "brotli_comp_level" | "brotli_types" | "gzip" | "gzip_comp_level" | "gzip_min_length"
        | "gzip_proxied" | "gzip_static" | "gzip_types" | "gzip_vary" => match words {
            ["off"] => Purpose::Nothing,
            _ => COMPRESSION,
        },
        "error_page" | "proxy_intercept_errors" => {
            asks("pages of errors are replaced", "such pages in the application")
        }
        "real_ip_header" | "real_ip_recursive" | "set_real_ip_from" => {
            asks("the client's address is taken from a field", "--trusted-proxies")
        }
        "proxy_cache" | "proxy_cache_bypass" | "proxy_cache_key" | "proxy_cache_valid" | "proxy_no_cache" => {
            asks("answers are kept and used again", "a cache in front of Tidegate")
        }
        "set" => asks("variables are set", "the values where the variables are used"),
        "access_log" => asks("the access log is another", "nginx.ingress.kubernetes.io/enable-access-log"),
        "proxy_next_upstream" | "proxy_next_upstream_timeout" | "proxy_next_upstream_tries" => asks(
            "requests are tried again",
            "nginx.ingress.kubernetes.io/proxy-next-upstream, proxy-next-upstream-timeout and proxy-next-upstream-tries",
        ),
        "break"
        | "charset"
        | "chunked_transfer_encoding"
        | "client_body_buffer_size"
        | "error_log"
        | "etag"
        | "http2_push_preload"
        | "ignore_invalid_headers"
        | "log_not_found"
        | "merge_slashes"
        | "proxy_buffer_size"
        | "proxy_buffering"
        | "proxy_buffers"
        | "proxy_busy_buffers_size"
        | "proxy_http_version"
        | "proxy_ignore_client_abort"
        | "proxy_max_temp_file_size"
        | "proxy_pass_header"
        | "proxy_pass_request_headers"
        | "proxy_request_buffering"
        | "proxy_socket_keepalive"
        | "rewrite_log"
        | "sendfile"
        | "server_tokens"
        | "tcp_nodelay"
        | "tcp_nopush"
        | "underscores_in_headers" => Purpose::Nothing,
        _ => Purpose::Unknown,
    }
}

fn of_return(words: &[&str]) -> Purpose {
    match words.first().and_then(|code| code.parse().ok()) {
        None | Some(301 | 302 | 303 | 307 | 308) => REDIRECTS,
        Some(200..=299) => {
            asks("requests are answered at once", "such answers in the application, or enable-cors for OPTIONS")
        }
        Some(0..=u16::MAX) => Purpose::Restricts,
    }
}

/// Whether a field for pods is one that they get from here with the same meaning.
pub(super) fn is_sent_anyway(words: &[&str]) -> bool {
    let [name, value] = words else { return false };
    let name = name.to_ascii_lowercase();
    let values: &[&str] = match &*name {
        "connection" => &["upgrade", "Upgrade", "$connection_upgrade", "$http_connection", "", "keep-alive"],
        "host" => &["$best_http_host", "$host", "$http_host", "$host:$server_port"],
        "upgrade" => &["$http_upgrade", "websocket"],
        "x-forwarded-for" => {
            &["$proxy_add_x_forwarded_for", "$remote_addr", "$http_x_forwarded_for", "$full_x_forwarded_for"]
        }
        "x-forwarded-host" => &["$best_http_host", "$host", "$http_host", "$http_x_forwarded_host"],
        "x-forwarded-port" => &["$pass_port", "$server_port", "$pass_server_port", "$http_x_forwarded_port"],
        "x-forwarded-proto" => &["$pass_access_scheme", "$scheme", "$http_x_forwarded_proto"],
        "x-real-ip" => &["$remote_addr", "$the_real_ip", "$realip_remote_addr"],
        "x-request-id" => &["$req_id", "$request_id", "$http_x_request_id"],
        _ => &[],
    };
    values.contains(value)
}
