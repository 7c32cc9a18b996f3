//! The keys of ingress-nginx's ConfigMap that become values of the chart: knowledge, and nothing else. What all other keys are
//! is said where the ConfigMap is read (`translate::annotations`, `nginx_keys`).

use super::plan::{Plan, Set};
use crate::observe::LineFormat;

/// A key that becomes values of the chart, or options.
#[derive(Debug)]
pub(super) struct Row {
    /// Its name.
    pub(super) name: &'static str,
    /// What it becomes, as Markdown.
    pub(super) words: &'static str,
    /// Sets the values and says so; `None` where it cannot read the value.
    pub(super) set: Set,
}

const fn sets(name: &'static str, words: &'static str, set: Set) -> Row {
    Row { name, words, set }
}

/// By key.
pub(super) const ROWS: &[Row] = &[
    sets("allow-snippet-annotations", "`nginxSnippets`", snippets),
    sets("client-body-timeout", "`--body-gap-timeout`", |plan, value| plan.seconds("--body-gap-timeout", value)),
    sets("client-header-timeout", "`--head-timeout`", |plan, value| plan.seconds("--head-timeout", value)),
    sets("disable-access-log", "`accessLog: off`", no_access_log),
    sets("disable-http-access-log", "`accessLog: off`", no_access_log),
    sets("disable-ipv6", "`bindAddress: 0.0.0.0`", no_ipv6),
    sets("enable-real-ip", "`trustedProxies`", |plan, value| plan.forwarded(value)),
    sets("error-log-level", "`logLevel`", log_level),
    sets("http2-max-concurrent-streams", "`--h2-max-streams`", |plan, value| {
        plan.number("--h2-max-streams", value, 1, 1000)
    }),
    sets("keep-alive", "`--idle-timeout`", |plan, value| plan.seconds("--idle-timeout", value)),
    sets("keep-alive-requests", "`--max-requests-per-connection`", |plan, value| {
        plan.number("--max-requests-per-connection", value, 1, u64::from(u32::MAX))
    }),
    sets("large-client-header-buffers", "`--max-head-bytes`", |plan, value| plan.head(value)),
    sets("load-balance", "`--balance`", balance),
    sets("log-format-escape-json", "`accessLogFormatEscape: json`", escape_json),
    sets("log-format-escape-none", "`accessLogFormatEscape: none`", escape_none),
    sets("log-format-upstream", "`accessLogFormat`", log_format),
    sets("proxy-body-size", "`--max-body-bytes`", |plan, value| plan.body(value)),
    sets("proxy-connect-timeout", "`--connect-timeout`", |plan, value| plan.seconds("--connect-timeout", value)),
    sets("proxy-next-upstream-tries", "`--connect-attempts`", tries),
    sets("proxy-read-timeout", "`--response-timeout`, for WebSockets `--tunnel-idle-timeout`", read_timeout),
    sets(
        "proxy-real-ip-cidr",
        "`trustedProxies`; everybody (`/0`) is never trusted: private ranges are, until you narrow them down",
        |plan, value| plan.trusted(value),
    ),
    sets("proxy-send-timeout", "`--response-timeout`", |plan, value| plan.longer("--response-timeout", value)),
    sets("ssl-redirect", "`sslRedirect`", |plan, value| plan.boolean("sslRedirect", value, "ssl-redirect")),
    sets("upstream-keepalive-timeout", "`--upstream-idle-timeout`", |plan, value| {
        plan.seconds("--upstream-idle-timeout", value)
    }),
    sets("use-forwarded-headers", "`trustedProxies`", |plan, value| plan.forwarded(value)),
    sets("use-proxy-protocol", "`proxyProtocol: require`, and `trustedProxies`", |plan, value| {
        plan.proxy_protocol(value)
    }),
    sets("worker-processes", "`workers`", workers),
    sets("worker-shutdown-timeout", "`drain.timeout`", |plan, value| {
        plan.duration("drain.timeout", value, "worker-shutdown-timeout")
    }),
];

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
    use crate::translate::annotations::nginx_key;

    #[test]
    fn keys_are_in_order_and_stand_once() {
        assert!(
            ROWS.is_sorted_by(|a, b| a.name < b.name),
            "{:?}",
            ROWS.windows(2).find(|w| w[0].name >= w[1].name).map(|w| w[1].name)
        );
        assert!(ROWS.iter().all(|row| nginx_key(row.name).is_some()), "a key that nobody reads");
    }
}
