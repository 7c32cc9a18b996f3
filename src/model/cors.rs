//! Which pages of other origins browsers let read answers (CORS, WHATWG Fetch §3.2), as data.

use std::fmt;
use std::sync::Arc;

use super::pattern::Pattern;

/// What browsers are told. Texts are values of fields as they are sent: they were read and found to be lists of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cors {
    /// The origins of pages that may read answers.
    pub origins: Origins,
    /// Methods that pages may use: `Access-Control-Allow-Methods`.
    pub methods: Arc<str>,
    /// Fields that pages may send: `Access-Control-Allow-Headers`.
    pub headers: Arc<str>,
    /// Fields that pages may read: `Access-Control-Expose-Headers`. `None`: what the pod says.
    pub exposed: Option<Arc<str>>,
    /// Whether browsers send credentials along.
    pub credentials: Credentials,
    /// How long browsers may keep what they are told. Seconds.
    pub max_age: u32,
}

/// Whether browsers send cookies and passwords along with requests of pages of other origins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Credentials {
    /// They do.
    #[default]
    Allowed,
    /// They do not.
    Withheld,
}

/// Origins of pages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origins {
    /// All. Browsers are told `*`, also those that name no origin.
    Any,
    /// These. Browsers are told the one that they name.
    Listed(Box<[OriginPattern]>),
}

/// One origin or several.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OriginPattern {
    /// This one.
    Exact(Box<str>),
    /// Those that have one label between these two: of `https://*.a.example:8443` they are `https://` and `.a.example:8443`.
    OneLabel(Box<str>, Box<str>),
    /// Those of which any part matches (HAProxy `-m reg`).
    Matching(Pattern),
}

impl Origins {
    /// Whether pages of this origin may read answers. `None` is a request that names no origin.
    pub fn allow(&self, origin: Option<&[u8]>) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(patterns) => {
                origin.is_some_and(|origin| patterns.iter().any(|pattern| pattern.matches(origin)))
            }
        }
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Listed(patterns) => patterns.iter().enumerate().try_for_each(|(at, pattern)| {
                f.write_str(if at == 0 { "" } else { ", " })?;
                match pattern {
                    OriginPattern::Exact(text) => f.write_str(text),
                    OriginPattern::OneLabel(front, behind) => write!(f, "{front}*{behind}"),
                    OriginPattern::Matching(pattern) => f.write_str(pattern.text()),
                }
            }),
        }
    }
}

impl OriginPattern {
    /// Reads one: `null`, or a scheme, a host that may begin with `*.`, and perhaps a port.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Exact(text.into()));
        }
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'));
        let name = host.strip_prefix("*.").unwrap_or(host);
        let is_name =
            |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !(is_scheme && is_port && name.split('.').all(is_name)) {
            return None;
        }
        Some(match text.split_once('*') {
            Some((front, behind)) => Self::OneLabel(front.into(), behind.into()),
            None => Self::Exact(text.into()),
        })
    }

    /// Whether this is the origin, or one of them. Case does not count.
    fn matches(&self, origin: &[u8]) -> bool {
        match self {
            Self::Exact(text) => origin.eq_ignore_ascii_case(text.as_bytes()),
            Self::Matching(pattern) => pattern.regex().is_match(origin),
            Self::OneLabel(front, behind) => {
                let Some((head, rest)) = origin.split_at_checked(front.len()) else { return false };
                let Some(length) = rest.len().checked_sub(behind.len()) else { return false };
                let (label, tail) = rest.split_at(length);
                head.eq_ignore_ascii_case(front.as_bytes())
                    && tail.eq_ignore_ascii_case(behind.as_bytes())
                    && !label.is_empty()
                    && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_j2_origins_have_a_scheme_a_host_and_perhaps_a_port() {
        for text in [
            "https://a.example",
            "http://a.example:8080",
            "https://*.a.example",
            "https://*.a.example:8443",
            "http://localhost",
            "http://127.0.0.1:3000",
            "capacitor://localhost",
            "null",
        ] {
            let read = OriginPattern::parse(text).map(|origin| Origins::Listed([origin].into()).to_string());
            assert_eq!(read.as_deref(), Some(text));
        }
        for text in [
            "",
            "*",
            "a.example",
            "//a.example",
            "://a.example",
            "https://",
            "https://a.example/",
            "https://a.example:",
            "https://a.example:x",
            "https://a.example:+1",
            "https://a.example:65536",
            "https://a.example:1:2",
            "https://a..example",
            "https://a.*.example",
            "https://*a.example",
            "https://*.*.example",
            "https://*",
            "*://a.example",
            "https://a.example\r\nX: y",
            "https://a.example\";",
            "https://ä.example",
            "1://a.example",
            "https ://a.example",
        ] {
            assert_eq!(OriginPattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn nginx_j2_origins_are_compared_as_a_whole_and_a_star_is_one_label() {
        let one = "https://a.example:8443";
        let below = "https://*.a.example";
        for (pattern, origin, expected) in [
            (one, "https://a.example:8443", true),
            (one, "HTTPS://A.Example:8443", true),
            (one, "https://a.example", false),
            (one, "https://a.example:84430", false),
            (one, "http://a.example:8443", false),
            (one, "https://b.a.example:8443", false),
            (below, "https://b.a.example", true),
            (below, "https://B-1.A.example", true),
            (below, "https://c.b.a.example", false),
            (below, "https://a.example", false),
            (below, "https://.a.example", false),
            (below, "https://evil/.a.example", false),
            (below, "https://b.a.example:443", false),
            (below, "https://b.a.example.evil", false),
            (below, "", false),
            ("null", "null", true),
        ] {
            let origins = Origins::Listed([OriginPattern::parse(pattern).unwrap()].into());
            assert_eq!(origins.allow(Some(origin.as_bytes())), expected, "{pattern} {origin}");
        }
        assert!(!Origins::Listed([OriginPattern::parse(one).unwrap()].into()).allow(None));
        assert!(Origins::Any.allow(None) && Origins::Any.allow(Some(b"anything")));
    }
}
