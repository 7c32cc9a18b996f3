//! Hosts, as requests, handshakes and rules name them: no input panics, and all readers agree on who is meant.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::http1::{Host, parse_authority};
use tidegate::model::{HostPattern, Hostname};
use tidegate::routing::normalize_host;

fuzz_target!(|input: &[u8]| {
    let mut buffer = String::from("what was there");
    let normalized = normalize_host(input, &mut buffer).map(str::to_owned);
    if let Some(host) = &normalized {
        assert!(!host.is_empty() && host.len() <= 253 && !host.bytes().any(|byte| byte.is_ascii_uppercase()));
        assert!(host.parse::<std::net::IpAddr>().is_err());
        // A second trailing dot makes another name, which no rule has.
        if !host.ends_with('.') {
            assert_eq!(normalize_host(host.as_bytes(), &mut String::new()), Some(host.as_str()));
        }
    }
    match parse_authority(input).map(|authority| authority.host) {
        Ok(Host::Name(name)) => {
            assert_eq!(normalize_host(name, &mut String::new()), normalized.as_deref());
            assert!(!name.ends_with(b"."));
        }
        Ok(Host::Ip(_)) => assert_eq!(normalized, None),
        Err(_) => {}
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(name) = Hostname::parse(text) {
        assert_eq!(normalized.as_deref(), Some(name.as_str()));
        assert!(parse_authority(input).is_ok(), "a rule's host can be asked for");
        assert_eq!(Hostname::parse(name.as_str()), Ok(name));
    }
    if let Ok(pattern) = HostPattern::parse(text) {
        let shown = pattern.to_string();
        if pattern != HostPattern::Any {
            assert_eq!(HostPattern::parse(&shown), Ok(pattern.clone()));
        }
        pattern.is_covered_by(text);
        pattern.is_covered_by(&shown);
    }
});
