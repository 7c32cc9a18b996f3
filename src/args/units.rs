//! Values with a unit, as people write them on a command line: durations, sizes, references and address ranges.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::{EditedName, HostPattern, ObjectName, PortRef};
use crate::translate::annotations::DialectName;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The number, for code that counts in `usize`; sizes beyond it are cut to it.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A limit that is either worked out at start or given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auto {
    /// Worked out at start from what the container may use.
    Auto,
    /// This many.
    Count(NonZeroUsize),
}

/// A limit of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// That of the container, or half of the machine's memory.
    Auto,
    /// None.
    Off,
    /// This many bytes.
    Bytes(Bytes),
}

/// A port of a Service: `namespace/service:port`, the port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRef {
    /// The Service.
    pub service: ObjectName,
    /// Its port.
    pub port: PortRef,
}

/// Parses the name of a dialect of annotations.
pub(super) fn dialect(text: &str) -> Result<DialectName, String> {
    DialectName::parse(text.trim()).ok_or_else(|| {
        let known: Vec<_> = DialectName::ALL.iter().map(|dialect| dialect.as_str()).collect();
        format!("expected {}", known.join(" or "))
    })
}

/// Parses the name of a dialect; `tidegate` is ours.
pub(super) fn former_dialect(text: &str) -> Result<DialectName, String> {
    if text.trim() == "tidegate" { Ok(DialectName::Own) } else { dialect(text) }
}

/// Parses `500ms`, `10s`, `5m` or `1h`; zero is allowed.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a whole number with a unit, such as 500ms, 10s, 5m or 1h";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(EXPECTED.into()),
    };
    // A year is longer than any sensible timeout and far from where adding it to a clock overflows.
    match number.checked_mul(milliseconds) {
        Some(total) if total <= 365 * 24 * 3_600_000 => Ok(Duration::from_millis(total)),
        _ => Err("it is longer than a year".into()),
    }
}

/// Parses a duration that must not be zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than zero".into()),
        positive => Ok(positive),
    }
}

/// Parses a duration of at least a second: the kernel counts some in whole seconds.
pub(super) fn whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    let is_whole = duration.as_secs() > 0 && duration.subsec_nanos() == 0;
    if is_whole { Ok(duration) } else { Err("it must be a whole number of seconds above zero".into()) }
}

/// Parses `500B`, `32KiB`, `1MiB`, `2GiB` or a plain number of bytes; zero is allowed.
pub(super) fn bytes(text: &str) -> Result<Bytes, String> {
    const EXPECTED: &str = "expected a size such as 8192, 32KiB, 1MiB or 2GiB";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(EXPECTED.into()),
    };
    number.checked_mul(factor).map(Bytes).ok_or_else(|| "it is too large".into())
}

/// Parses a size that must not be zero.
pub(super) fn positive_bytes(text: &str) -> Result<Bytes, String> {
    match bytes(text)? {
        Bytes(0) => Err("it must be more than zero".into()),
        positive => Ok(positive),
    }
}

/// Parses a size within bounds, both included.
pub(super) fn bytes_within(text: &str, least: u64, most: u64) -> Result<Bytes, String> {
    let size = bytes(text)?;
    if (least..=most).contains(&size.0) { Ok(size) } else { Err(format!("it must be {least} to {most} bytes")) }
}

/// Parses `auto` or a count above zero.
pub(super) fn auto(text: &str) -> Result<Auto, String> {
    match text {
        "auto" => Ok(Auto::Auto),
        count => count.parse().map(Auto::Count).map_err(|_| "expected auto or a number above zero".into()),
    }
}

/// Parses `auto`, `off` or a size of at least 32 MiB.
pub(super) fn memory_limit(text: &str) -> Result<MemoryLimit, String> {
    match text {
        "auto" => Ok(MemoryLimit::Auto),
        "off" => Ok(MemoryLimit::Off),
        size => bytes_within(size, 32 << 20, 1 << 50)
            .map(MemoryLimit::Bytes)
            .map_err(|why| format!("expected auto, off or a size such as 256MiB: {why}")),
    }
}

/// Parses `namespace/name`.
pub(super) fn object_name(text: &str) -> Result<ObjectName, String> {
    match text.split_once('/') {
        Some((namespace, name)) if is_name(namespace) && is_name(name) => Ok(ObjectName::new(namespace, name)),
        _ => Err("expected NAMESPACE/NAME".into()),
    }
}

/// Parses the name of a namespace.
pub(super) fn namespace(text: &str) -> Result<Arc<str>, &'static str> {
    if is_name(text) && !text.contains('.') { Ok(text.into()) } else { Err("expected the name of a namespace") }
}

/// Parses the name of a header field that may be edited.
pub(super) fn edited_name(text: &str) -> Result<EditedName, &'static str> {
    EditedName::parse(text.trim())
        .ok_or("expected the name of a header field that neither frames a message nor belongs to a connection")
}

/// Parses `host=namespace`; the host `*` is any that no rule names.
pub(super) fn host_owner(text: &str) -> Result<(HostPattern, Arc<str>), String> {
    const EXPECTED: &str = "expected HOST=NAMESPACE, the host as in shop.example.com, *.example.com or *";
    let (host, owner) = text.split_once('=').ok_or(EXPECTED)?;
    let host = match host {
        "" => return Err(EXPECTED.into()),
        "*" => HostPattern::Any,
        host => HostPattern::parse(host).map_err(|error| format!("{host:?} is not a host: {error}"))?,
    };
    Ok((host, namespace(owner)?))
}

/// Parses `namespace/service:port`.
pub(super) fn service_ref(text: &str) -> Result<ServiceRef, String> {
    const EXPECTED: &str = "expected NAMESPACE/SERVICE:PORT, the port by number or name";
    let (service, port) = text.split_once(':').ok_or(EXPECTED)?;
    let service = object_name(service).map_err(|_| EXPECTED)?;
    let port = match port.parse::<u16>() {
        Ok(0) => return Err(EXPECTED.into()),
        Ok(number) => PortRef::Number(number),
        Err(_) if is_name(port) && !port.bytes().all(|b| b.is_ascii_digit()) => PortRef::Name(port.into()),
        Err(_) => return Err(EXPECTED.into()),
    };
    Ok(ServiceRef { service, port })
}

/// Parses `HOST:PORT` or `http://HOST:PORT/`; without a port it is 9090. Gives `HOST:PORT`.
pub(super) fn admin_address(text: &str) -> Result<String, &'static str> {
    let address = text.strip_prefix("http://").unwrap_or(text);
    let address = address.strip_suffix('/').unwrap_or(address);
    if address.is_empty() || address.contains(['/', '?', '#', '@', ' ']) {
        return Err("expected HOST:PORT or http://HOST:PORT");
    }
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { address.to_owned() } else { format!("{address}:9090") })
}

/// Parses an address range in CIDR form; a lone address is a range of one.
pub(super) fn address_range(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "expected an address or a range of addresses, such as 10.0.0.0/8 or fd00::/8".into())
}

/// Parses a port, or the first and the last of a range.
pub(super) fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let port = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| is_plain && *port != 0)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = port(first).zip(port(last)).filter(|(first, last)| first <= last);
    let range = range.map(|(first, last)| first..=last);
    range.ok_or_else(|| "expected a port or a range of ports, such as 13306 or 15000-15999".into())
}

/// A number and the unit behind it; `None` without a number.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

/// The characters that names of Kubernetes objects and ports have; whether such an object exists shows later.
fn is_name(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 253
        && text.bytes().all(|b| is_plain(b) || matches!(b, b'-' | b'.'))
        && text.bytes().next().is_some_and(is_plain)
        && text.bytes().next_back().is_some_and(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_whole_number_and_a_unit() {
        let good = [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("0s", 0)];
        for (text, milliseconds) in good {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1.5s", "10 s", "1d", "10S", "9999999h", "99999999999999999999s", "10s "] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(positive_duration("0ms").is_err());
    }

    #[test]
    fn sizes_are_powers_of_two_or_plain_bytes() {
        let good = [
            ("1", 1),
            ("500B", 500),
            ("32KiB", 32 << 10),
            ("1MiB", 1 << 20),
            ("2GiB", 2 << 30),
            ("8192", 8192),
            ("0", 0),
        ];
        for (text, size) in good {
            assert_eq!(bytes(text), Ok(Bytes(size)), "{text}");
        }
        assert!(positive_bytes("0KiB").is_err());
        for text in ["", "KiB", "1kb", "1K", "1.5MiB", "-1", "99999999999GiB", "1 MiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert!(bytes_within("16KiB", 16 << 10, 32 << 10).is_ok());
        assert!(bytes_within("32769", 16 << 10, 32 << 10).is_err());
    }

    #[test]
    fn references_name_a_namespace() {
        assert_eq!(object_name("edge/cert"), Ok(ObjectName::new("edge", "cert")));
        for text in ["", "cert", "/cert", "edge/", "a/b/c", "Edge/cert"] {
            assert!(object_name(text).is_err(), "{text}");
        }
        let named = service_ref("edge/web:http").unwrap();
        assert_eq!((named.service, named.port), (ObjectName::new("edge", "web"), PortRef::Name("http".into())));
        assert_eq!(service_ref("edge/web:80").unwrap().port, PortRef::Number(80));
        for text in ["edge/web", "web:80", "edge/web:", "edge/web:0", "edge/web:70000", "edge/web:80:1"] {
            assert!(service_ref(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_owner_stands_behind_its_host() {
        for (text, host) in [("Shop.example=shop", "shop.example"), ("*.example=shop", "*.example"), ("*=shop", "*")] {
            let (found, owner) = host_owner(text).unwrap();
            assert_eq!((found.to_string().as_str(), &*owner), (host, "shop"), "{text}");
        }
        for text in ["", "a.example", "=shop", "a.example=", "a.example=Shop", "a b=shop", "10.0.0.1=shop", "**=shop"] {
            assert!(host_owner(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_lone_address_is_a_range_of_one() {
        assert_eq!(address_range("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(address_range("fd00::/8").unwrap().to_string(), "fd00::/8");
        assert!(address_range("10.0.0.0/33").is_err());
        assert!(address_range("localhost").is_err());
    }

    #[test]
    fn counts_above_zero_or_auto() {
        assert_eq!(auto("auto"), Ok(Auto::Auto));
        assert_eq!(auto("7"), Ok(Auto::Count(NonZeroUsize::new(7).unwrap())));
        assert!(auto("0").is_err());
        assert!(auto("many").is_err());
    }
}
