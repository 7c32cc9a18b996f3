//! The values of Tidegate's Helm chart that stand for an installation of ingress-nginx, while they are collected.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::fields;

/// Longest time that an option takes: a year. Seconds.
const LONGEST: u64 = 365 * 24 * 3600;
/// What is trusted where ingress-nginx trusts everybody: the private ranges (RFC 1918, RFC 4193). Never everybody.
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"];
/// A limit that no body reaches, as the profile has one: a pebibyte.
const NO_LIMIT: &str = "1048576GiB";

/// What a setting of ingress-nginx becomes.
pub(super) type Set = fn(&mut Plan, &str) -> Option<String>;

/// Values of the chart.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By path, in the order in which they were set.
    values: Vec<Entry>,
    /// Options of `tidegate serve` for `extraArgs`.
    options: BTreeMap<&'static str, String>,
    /// Whether connections begin with a PROXY protocol header.
    proxy_protocol: bool,
    /// Whether the header fields of somebody in front are believed.
    forwarded: bool,
    /// Whose.
    trusted: Option<Vec<String>>,
}

/// A value of the chart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Path, with dots.
    pub(super) path: &'static str,
    /// The value.
    pub(super) value: Value,
    /// A line about it; may be empty.
    pub(super) comment: String,
}

impl Plan {
    /// Sets a value. Returns it in words.
    pub(super) fn set(&mut self, path: &'static str, value: impl Into<Value>, comment: &str) -> Option<String> {
        let value = value.into();
        let said = format!("`{path}: {value}`");
        self.values.retain(|entry| entry.path != path);
        self.values.push(Entry { path, value, comment: comment.to_owned() });
        Some(said)
    }

    /// The value of a path, if it is set.
    pub(super) fn get(&self, path: &str) -> Option<&Value> {
        self.values.iter().find(|entry| entry.path == path).map(|entry| &entry.value)
    }

    /// Leaves out an option, and what came with it. Returns whether it was there.
    pub(super) fn leave_out(&mut self, option: &str) -> bool {
        if option == "--response-timeout" {
            self.options.remove("--tunnel-idle-timeout");
        }
        self.options.remove(option).is_some()
    }

    fn option(&mut self, option: &'static str, value: String) -> Option<String> {
        let said = format!("`{option}={value}` (`extraArgs`)");
        self.options.insert(option, value);
        Some(said)
    }

    /// An option whose value is a time, from whole seconds.
    pub(super) fn seconds(&mut self, option: &'static str, text: &str) -> Option<String> {
        let seconds = seconds(text).filter(|seconds| *seconds > 0)?;
        self.option(option, format!("{seconds}s"))
    }

    /// The same where two settings become one option: the longer one counts.
    pub(super) fn longer(&mut self, option: &'static str, text: &str) -> Option<String> {
        let other =
            self.options.get(option).and_then(|value| value.strip_suffix('s')?.parse::<u64>().ok()).unwrap_or(0);
        let seconds = seconds(text).filter(|seconds| *seconds > 0)?.max(other);
        self.option(option, format!("{seconds}s"))
    }

    /// An option whose value is a number within bounds; one outside of them becomes the bound.
    pub(super) fn number(&mut self, option: &'static str, text: &str, least: u64, most: u64) -> Option<String> {
        let number = number(text)?.clamp(least, most);
        self.option(option, number.to_string())
    }

    /// An option with a word.
    pub(super) fn word(&mut self, option: &'static str, word: &str) -> Option<String> {
        self.option(option, word.to_owned())
    }

    /// The longest body; 0 is none.
    pub(super) fn body(&mut self, text: &str) -> Option<String> {
        let said = match size(text)? {
            0 => self.option("--max-body-bytes", NO_LIMIT.into())?,
            bytes => self.option("--max-body-bytes", readable(bytes))?,
        };
        Some(said)
    }

    /// `large-client-header-buffers`: a number and a size.
    pub(super) fn head(&mut self, text: &str) -> Option<String> {
        let (buffers, bytes) = text.trim().split_once(' ')?;
        let bytes = number(buffers)?.checked_mul(size(bytes.trim())?)?.clamp(1 << 10, 256 << 10);
        self.option("--max-head-bytes", bytes.to_string())
    }

    /// A boolean of a value of the chart.
    pub(super) fn boolean(&mut self, path: &'static str, text: &str, comment: &str) -> Option<String> {
        let is_true = boolean(text)?;
        self.set(path, is_true, comment)
    }

    /// A time of a value of the chart, from whole seconds.
    pub(super) fn duration(&mut self, path: &'static str, text: &str, comment: &str) -> Option<String> {
        let seconds = seconds(text)?;
        self.set(path, format!("{seconds}s"), comment)
    }

    /// `use-proxy-protocol`.
    pub(super) fn proxy_protocol(&mut self, text: &str) -> Option<String> {
        self.proxy_protocol = boolean(text)?;
        Some(
            if self.proxy_protocol { "`proxyProtocol: require` and `trustedProxies`" } else { "`proxyProtocol: off`" }
                .into(),
        )
    }

    /// `use-forwarded-headers`, `enable-real-ip`.
    pub(super) fn forwarded(&mut self, text: &str) -> Option<String> {
        let is_true = boolean(text)?;
        self.forwarded |= is_true;
        Some(if is_true { "`trustedProxies`" } else { "nobody is trusted, as by default" }.into())
    }

    /// `proxy-real-ip-cidr`. Everybody is nobody: see `finish`.
    pub(super) fn trusted(&mut self, text: &str) -> Option<String> {
        let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
        let ranges: Vec<&str> = ranges.collect();
        let is_range =
            |range: &&str| range.parse::<ipnet::IpNet>().is_ok() || range.parse::<std::net::IpAddr>().is_ok();
        if !ranges.iter().all(is_range) {
            return None;
        }
        let everybody = |range: &&&str| range.ends_with("/0");
        if ranges.iter().any(|range| everybody(&range)) {
            return Some("`trustedProxies`: private ranges, as everybody is never trusted".into());
        }
        self.trusted = Some(ranges.into_iter().map(str::to_owned).collect());
        Some("`trustedProxies`".into())
    }

    /// All values. Returns what is to be told besides.
    pub(super) fn finish(mut self) -> (Vec<Entry>, Vec<String>) {
        let mut notes = Vec::new();
        if self.proxy_protocol {
            self.set("proxyProtocol", "require", "use-proxy-protocol");
        }
        if self.proxy_protocol || self.forwarded {
            let is_known = self.trusted.is_some();
            let ranges = self.trusted.take().unwrap_or_else(|| PRIVATE.map(str::to_owned).to_vec());
            let comment = if is_known {
                "proxy-real-ip-cidr"
            } else {
                "ingress-nginx trusts everybody; Tidegate never does. Narrow this down to the load balancer's addresses"
            };
            self.set("trustedProxies", json!(ranges), comment);
            if !is_known {
                notes.push(
                    "ingress-nginx believes what anybody says about the client's address (proxy-real-ip-cidr is 0.0.0.0/0). The \
                     values trust private address ranges instead: narrow trustedProxies down to the load balancer's"
                        .into(),
                );
            }
        }
        if !self.options.is_empty() {
            let options: Vec<_> = self.options.iter().map(|(option, value)| format!("{option}={value}")).collect();
            self.set("extraArgs", json!(options), "");
        }
        (self.values, notes)
    }
}

/// `true` or `false`, in the spellings that Go reads.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Whole seconds, with or without the unit, and in the other units of nginx.
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, factor) = match text.as_bytes().last()? {
        b's' => (&text[..text.len() - 1], 1),
        b'm' => (&text[..text.len() - 1], 60),
        b'h' => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    number(digits)?.checked_mul(factor).filter(|seconds| *seconds <= LONGEST)
}

/// `8k` and the like.
fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    number(digits)?.checked_mul(factor)
}

fn readable(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (1 << 30) == 0 => format!("{}GiB", bytes >> 30),
        bytes if bytes % (1 << 20) == 0 => format!("{}MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{}KiB", bytes >> 10),
        bytes => bytes.to_string(),
    }
}

/// Names of namespaces, with commas between; `None` if one is none.
pub(super) fn namespaces(text: &str) -> Option<Vec<String>> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| fields::is_label(name).then(|| name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_nginx_become_options_and_nonsense_none() {
        let mut plan = Plan::default();
        assert_eq!(plan.seconds("--idle-timeout", "75"), Some("`--idle-timeout=75s` (`extraArgs`)".into()));
        assert_eq!(plan.body("50m"), Some("`--max-body-bytes=50MiB` (`extraArgs`)".into()));
        assert!(plan.body("0").is_some_and(|said| said.contains(NO_LIMIT)));
        assert_eq!(plan.head("4 16k"), Some("`--max-head-bytes=65536` (`extraArgs`)".into()));
        assert!(
            plan.longer("--response-timeout", "600").is_some() && plan.longer("--response-timeout", "60s").is_some()
        );
        assert!(plan.number("--h2-max-streams", "5000", 1, 1000).is_some());
        for text in ["", "-1", "1.5", "x", "99999999999999999999", "1m\n--x", "1 --http=0.0.0.0:1"] {
            assert_eq!(plan.seconds("--idle-timeout", text), None, "{text:?}");
            assert_eq!(plan.head(text), None, "{text:?}");
        }
        assert_eq!((plan.body("18446744073709551615g"), plan.boolean("sslRedirect", "maybe", "")), (None, None));
        let (values, notes) = plan.finish();
        let options = json!([
            "--h2-max-streams=1000",
            "--idle-timeout=75s",
            "--max-body-bytes=1048576GiB",
            "--max-head-bytes=65536",
            "--response-timeout=600s",
        ]);
        assert_eq!((values.len(), &values[0].value, notes.len()), (1, &options, 0));
    }

    #[test]
    fn everybody_is_never_trusted() {
        for text in ["0.0.0.0/0", "10.0.0.0/8,::/0"] {
            let mut plan = Plan::default();
            plan.forwarded("true");
            plan.trusted(text);
            let (values, notes) = plan.finish();
            assert_eq!((&values[0].value, notes.len()), (&json!(PRIVATE), 1), "{text}");
        }
        let mut plan = Plan::default();
        assert_eq!(plan.trusted("10.0.0.0/8, nonsense"), None);
        plan.trusted("192.0.2.0/24, 2001:db8::1");
        plan.proxy_protocol("true");
        let (values, notes) = plan.finish();
        let values: Vec<_> = values.iter().map(|entry| (entry.path, &entry.value)).collect();
        let trusted = json!(["192.0.2.0/24", "2001:db8::1"]);
        assert_eq!(values, [("proxyProtocol", &json!("require")), ("trustedProxies", &trusted)]);
        assert!(notes.is_empty());
        let mut plan = Plan::default();
        plan.trusted("192.0.2.0/24");
        assert_eq!(plan.finish().0, [], "nobody in front is believed");
    }
}
