//! The host of a request as the table knows hosts.

use std::net::Ipv4Addr;

/// The host name in a Host field, an `:authority` or a server name: lower case, without port and without one trailing
/// dot. `buf` is used only when there are capitals to lower. `None` for IP addresses and for names that no rule can
/// have: such requests belong to the rules without a host.
pub fn normalize_host<'a>(raw: &'a [u8], buf: &'a mut String) -> Option<&'a str> {
    let name = match memchr::memchr(b':', raw) {
        Some(colon) if raw[colon + 1..].iter().all(u8::is_ascii_digit) => &raw[..colon],
        Some(_) => return None,
        None => raw,
    };
    normalize_name(name.strip_suffix(b".").unwrap_or(name), buf)
}

/// The same for a name without port and trailing dot.
pub fn normalize_name<'a>(name: &'a [u8], buf: &'a mut String) -> Option<&'a str> {
    if name.is_empty() || name.len() > 253 {
        return None;
    }
    let mut has_capitals = false;
    for &byte in name {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {}
            b'A'..=b'Z' => has_capitals = true,
            _ => return None,
        }
    }
    let name = std::str::from_utf8(name).ok()?;
    if name.ends_with(|c: char| c.is_ascii_digit()) && name.parse::<Ipv4Addr>().is_ok() {
        return None;
    }
    if !has_capitals {
        return Some(name);
    }
    buf.clear();
    buf.push_str(name);
    buf.make_ascii_lowercase();
    Some(buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(raw: &str) -> Option<String> {
        normalize_host(raw.as_bytes(), &mut String::from("old")).map(str::to_owned)
    }

    #[test]
    fn rule_15_hosts_are_lower_cased_and_lose_port_and_one_dot() {
        for (raw, expected) in [
            ("foo.com", "foo.com"),
            ("Foo.COM", "foo.com"),
            ("foo.com:8080", "foo.com"),
            ("foo.com:", "foo.com"),
            ("foo.com.", "foo.com"),
            ("FOO.com.:80", "foo.com"),
            ("foo.com..", "foo.com."),
            ("a_b.c", "a_b.c"),
            ("1.2.3", "1.2.3"),
        ] {
            assert_eq!(normalized(raw).as_deref(), Some(expected), "{raw}");
        }
    }

    #[test]
    fn rule_22_addresses_are_no_host_names() {
        for raw in ["10.0.0.1", "10.0.0.1:80", "10.0.0.1.", "[::1]", "[::1]:80", "::1", "[fe80::1%25eth0]"] {
            assert_eq!(normalized(raw), None, "{raw}");
        }
    }

    #[test]
    fn what_no_rule_can_name_is_no_host_name() {
        let long = "a".repeat(254);
        for raw in ["", ".", ":80", "a:b", "a:1:2", "a@b", "a b", "a/b", "*.foo.com", "é.com", long.as_str()] {
            assert_eq!(normalized(raw), None, "{raw}");
        }
    }

    #[test]
    fn rule_23_a_labels_are_compared_in_lower_case() {
        assert_eq!(normalized("XN--Bcher-KVA.example").as_deref(), Some("xn--bcher-kva.example"));
    }
}
