//! Where lines go: `syslog:udp://logs.example:514?facility=local2&format=rfc5424&tag=edge`.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::sync::Arc;

/// The port of syslog (RFC 5426 §3.3), where none is named.
const PORT: u16 = 514;

/// Longest tag (RFC 3164 §4.1.3). Bytes.
const TAG_LIMIT: usize = 32;

/// A syslog server, and what messages to it look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogTarget {
    pub(super) place: Place,
    pub(super) facility: Facility,
    pub(super) form: SyslogForm,
    pub(super) tag: Arc<str>,
    pub(super) host: Arc<str>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It takes datagrams at a host, which is a name or an address, and a port.
    Udp(Arc<str>, u16),
    /// It takes connections there.
    Tcp(Arc<str>, u16),
    /// It takes datagrams at a path of this machine.
    Unix(PathBuf),
}

/// The form of a message's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SyslogForm {
    /// `<134>Jan  2 03:04:05 host tag[1]: …`, the older one. Times are UTC.
    #[default]
    Rfc3164,
    /// `<134>1 2026-01-02T03:04:05.678Z host tag 1 - - …`.
    Rfc5424,
}

/// Which part of a system a line is from (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

/// The names that HAProxy has for them, in the order of their numbers.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp", "ntp", "audit",
    "alert", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// Why a text names no syslog server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyslogError {
    /// It does not begin as one does.
    #[error("write syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT or syslog:unix:///PATH")]
    Scheme,
    /// What stands between is no host with a port.
    #[error("{0:?} is no host with a port, as logs.example:514 or [2001:db8::1]:514")]
    Place(String),
    /// The path is not absolute.
    #[error("the path of a socket begins with a slash, as in syslog:unix:///dev/log")]
    Path,
    /// A setting that there is not.
    #[error("{0:?} is no setting; those are facility=, format= and tag=, with & between")]
    Setting(String),
    /// A facility that there is not.
    #[error("{0:?} is no facility; those are {list}", list = FACILITIES.join(", "))]
    Facility(String),
    /// A form that there is not.
    #[error("{0:?} is no format; those are rfc3164 and rfc5424")]
    Form(String),
    /// A tag that messages cannot have.
    #[error("{0:?} is no tag: 1 to {TAG_LIMIT} letters, digits, hyphens, underscores, dots and slashes")]
    Tag(String),
}

impl Facility {
    fn named(name: &str) -> Option<Self> {
        let index = FACILITIES.iter().position(|known| known.eq_ignore_ascii_case(name));
        // The usual name of HAProxy's auth2.
        let index = index.or_else(|| name.eq_ignore_ascii_case("authpriv").then_some(10));
        index.and_then(|index| u8::try_from(index).ok()).map(Self)
    }

    pub(super) fn number(self) -> u8 {
        self.0
    }
}

impl Default for Facility {
    /// `local0`.
    fn default() -> Self {
        Self(16)
    }
}

impl SyslogTarget {
    /// Reads a target, with the scheme `syslog:` in front. Defaults: port 514, facility `local0`, format `rfc3164`, tag `tidegate`.
    pub fn parse(text: &str) -> Result<Self, SyslogError> {
        let text = text.strip_prefix("syslog:").ok_or(SyslogError::Scheme)?;
        let (address, settings) = text.split_once('?').unwrap_or((text, ""));
        let place = if let Some(address) = address.strip_prefix("udp://") {
            let (host, port) = host_and_port(address)?;
            Place::Udp(host, port)
        } else if let Some(address) = address.strip_prefix("tcp://") {
            let (host, port) = host_and_port(address)?;
            Place::Tcp(host, port)
        } else {
            let path = address.strip_prefix("unix://").ok_or(SyslogError::Scheme)?;
            if !path.starts_with('/') || path.bytes().any(|byte| byte == 0) {
                return Err(SyslogError::Path);
            }
            Place::Unix(path.into())
        };
        let mut target = Self {
            place,
            facility: Facility::default(),
            form: SyslogForm::default(),
            tag: "tidegate".into(),
            host: "-".into(),
        };
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            target.set(setting)?;
        }
        Ok(target)
    }

    fn set(&mut self, setting: &str) -> Result<(), SyslogError> {
        let told = |text: &str| text.chars().take(64).collect::<String>();
        match setting.split_once('=') {
            Some(("facility", name)) => {
                self.facility = Facility::named(name).ok_or_else(|| SyslogError::Facility(told(name)))?;
            }
            Some(("format", "rfc3164")) => self.form = SyslogForm::Rfc3164,
            Some(("format", "rfc5424")) => self.form = SyslogForm::Rfc5424,
            Some(("format", other)) => return Err(SyslogError::Form(told(other))),
            Some(("tag", tag)) => {
                let is_tag = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
                if tag.is_empty() || tag.len() > TAG_LIMIT || !tag.bytes().all(is_tag) {
                    return Err(SyslogError::Tag(told(tag)));
                }
                self.tag = tag.into();
            }
            Some(_) | None => return Err(SyslogError::Setting(told(setting))),
        }
        Ok(())
    }

    /// The same with the name of the machine or pod that messages are from.
    #[must_use]
    pub fn from_host(mut self, host: Option<&str>) -> Self {
        let name: String = host.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(255).collect();
        if !name.is_empty() {
            self.host = name.into();
        }
        self
    }
}

/// As it was given, without its settings.
impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |f: &mut fmt::Formatter<'_>, scheme: &str, host: &str, port: u16| match host.contains(':') {
            true => write!(f, "syslog:{scheme}://[{host}]:{port}"),
            false => write!(f, "syslog:{scheme}://{host}:{port}"),
        };
        match &self.place {
            Place::Udp(host, port) => at(f, "udp", host, *port),
            Place::Tcp(host, port) => at(f, "tcp", host, *port),
            Place::Unix(path) => write!(f, "syslog:unix://{}", path.display()),
        }
    }
}

fn host_and_port(text: &str) -> Result<(Arc<str>, u16), SyslogError> {
    let fault = || SyslogError::Place(text.chars().take(64).collect());
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, behind) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(fault)?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_host = match text.starts_with('[') {
        true => host.parse::<Ipv6Addr>().is_ok(),
        false => {
            let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (1..=253).contains(&host.len()) && host.bytes().all(is_of_names)
        }
    };
    let port = match behind.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0),
        None => behind.is_empty().then_some(PORT),
    };
    port.filter(|_| is_host).map(|port| (host.into(), port)).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_with_their_settings() {
        let target =
            SyslogTarget::parse("syslog:udp://127.0.0.1:5514?facility=local2&format=rfc5424&tag=edge").unwrap();
        let place = Place::Udp("127.0.0.1".into(), 5514);
        assert_eq!(
            target,
            SyslogTarget {
                place,
                facility: Facility(18),
                form: SyslogForm::Rfc5424,
                tag: "edge".into(),
                host: "-".into()
            }
        );
        let usual = SyslogTarget::parse("syslog:tcp://logs.example").unwrap();
        assert_eq!((&usual.place, usual.form), (&Place::Tcp("logs.example".into(), PORT), SyslogForm::Rfc3164));
        assert_eq!((usual.facility.number(), &*usual.tag), (16, "tidegate"));
        for (text, told) in [
            ("syslog:unix:///dev/log?facility=AuthPriv", "syslog:unix:///dev/log"),
            ("syslog:udp://[2001:db8::1]:1514", "syslog:udp://[2001:db8::1]:1514"),
            ("syslog:udp://[::1]", "syslog:udp://[::1]:514"),
            ("syslog:tcp://logs.example:601/", "syslog:tcp://logs.example:601"),
        ] {
            assert_eq!(SyslogTarget::parse(text).unwrap().to_string(), told);
        }
    }

    #[test]
    fn what_is_no_target_is_told_with_its_fault() {
        for (text, expected) in [
            ("udp://a:1", "write syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT or syslog:unix:///PATH"),
            ("syslog:tls://a:1", "write syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT or syslog:unix:///PATH"),
            ("syslog:unix://dev/log", "the path of a socket begins with a slash, as in syslog:unix:///dev/log"),
            ("syslog:udp://", "\"\" is no host with a port, as logs.example:514 or [2001:db8::1]:514"),
            ("syslog:udp://a:0", "\"a:0\" is no host with a port, as logs.example:514 or [2001:db8::1]:514"),
            ("syslog:udp://a b:1", "\"a b:1\" is no host with a port, as logs.example:514 or [2001:db8::1]:514"),
            ("syslog:udp://[::1]x", "\"[::1]x\" is no host with a port, as logs.example:514 or [2001:db8::1]:514"),
            (
                "syslog:udp://a?level=info",
                "\"level=info\" is no setting; those are facility=, format= and tag=, with & between",
            ),
            ("syslog:udp://a?format=rfc", "\"rfc\" is no format; those are rfc3164 and rfc5424"),
            (
                "syslog:udp://a?tag=a:b",
                "\"a:b\" is no tag: 1 to 32 letters, digits, hyphens, underscores, dots and slashes",
            ),
        ] {
            assert_eq!(SyslogTarget::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        let error = SyslogTarget::parse("syslog:udp://a?facility=local8").unwrap_err().to_string();
        assert!(error.starts_with("\"local8\" is no facility; those are kern, user, ") && error.ends_with("local7"));
    }

    #[test]
    fn facilities_have_their_numbers() {
        for (name, number) in
            [("kern", 0), ("daemon", 3), ("cron", 9), ("authpriv", 10), ("local0", 16), ("local7", 23)]
        {
            assert_eq!(Facility::named(name).unwrap().number(), number);
        }
    }
}
