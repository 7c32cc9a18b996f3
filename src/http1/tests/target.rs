use std::net::IpAddr;

use super::super::*;
use super::{request, show, text, verdict};

fn target(text: &str) -> u16 {
    verdict(format!("GET {text} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

#[test]
fn b10_targets_have_a_known_form_and_no_strange_characters() {
    for sound in [
        "/",
        "//",
        "/a//b",
        "/?",
        "/??",
        "//a",
        "/%41%zz%",
        "/a;b=c/../d",
        "/*",
        "/a:b@c",
        "/{id}|^`<>\"",
        "/?http://b/",
        "/a?\\d",
        "http://a",
        "http://a/",
        "http://a?q",
        "http://A/x?y",
        "HTTP://a/x",
        "https://a/x",
        "hTTpS://a",
    ] {
        assert_eq!(target(sound), 0, "{sound:?}");
    }
    for malformed in [
        "*",
        "a",
        "a/b",
        "a:80",
        "?q",
        ".",
        "%2f",
        "/#",
        "/a#b",
        "/a?b#c",
        "#/",
        "http://a/#b",
        "/a\\b",
        "\\a",
        "/\\",
        "http://a\\b/",
        "/\u{e4}",
        "/?\u{e4}",
        "/a\0",
        "/a?\0",
        "/a\x01",
        "/a\x7f",
        "/a?\x7f",
        "/a\x0b",
        "/a\tb",
        "/a\rb",
        "http:",
        "http:/",
        "http://",
        "http:///",
        "http:///x",
        "http://?q",
        "http:a",
        "ftp://a/",
        "ws://a/",
        "http://a@a/",
        "http://u:p@a/",
        "http://a/ ",
        "**",
        "/\u{ff}",
    ] {
        assert_eq!(target(malformed), 400, "{malformed:?}");
    }
}

#[test]
fn b10_every_byte_outside_visible_ascii_is_refused_in_a_target() {
    for byte in (0..=b' ').chain([b'#', b'\\']).chain(0x7f..=0xff) {
        let buf = [b"GET /a", &[byte][..], b"b HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        assert_eq!(verdict(&buf), 400, "{}", show(&buf));
    }
}

#[test]
fn b10_the_asterisk_is_for_options_only() {
    let options = |text: &str| {
        let buf = format!("OPTIONS {text} HTTP/1.1\r\nHost: a\r\n\r\n");
        request(&buf).map(|head| (head.form, show(head.path(buf.as_bytes()))))
    };
    assert_eq!(options("*"), Ok((TargetForm::Asterisk, "*".to_owned())));
    assert_eq!(options("http://a"), Ok((TargetForm::Asterisk, "*".to_owned())), "RFC 9112 section 3.2.4");
    assert_eq!(options("http://a/"), Ok((TargetForm::Absolute, "/".to_owned())));
    assert_eq!(options("http://a?q"), Ok((TargetForm::Absolute, "/".to_owned())));
    assert_eq!(options("/"), Ok((TargetForm::Origin, "/".to_owned())));
    assert_eq!(options("*/").unwrap_err(), RequestError::Target);
    for method in ["GET", "POST", "HEAD", "options"] {
        assert_eq!(verdict(format!("{method} * HTTP/1.1\r\nHost: a\r\n\r\n")), 400, "{method}");
    }
}

#[test]
fn b10_an_absolute_target_and_host_agree() {
    let both = |target: &str, host: &str| verdict(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    for (target, host) in
        [("http://a/", "a"), ("http://A.b/", "a.B"), ("http://a:80/x", "a:80"), ("https://[::1]:8443/", "[::1]:8443")]
    {
        assert_eq!(both(target, host), 0, "{target} {host}");
    }
    for (target, host) in [
        ("http://a/", "b"),
        ("http://a:80/", "a"),
        ("http://a/", "a:80"),
        ("http://a/", "a."),
        ("http://a/", ""),
        ("http://a.b/", "a"),
        ("http://[::1]/", "[0::1]"),
    ] {
        assert_eq!(both(target, host), 400, "{target} {host}");
    }
    let buf = "GET http://Shop.example:81?q=1 HTTP/1.0\r\n\r\n";
    let head = request(buf).unwrap();
    assert_eq!(text(head.host_name.unwrap(), buf), "Shop.example");
    assert_eq!((text(head.authority, buf), head.port), ("Shop.example:81".to_owned(), Some(81)));
    assert_eq!((head.path(buf.as_bytes()), text(head.query.unwrap(), buf)), (&b"/"[..], "q=1".to_owned()));
    assert_eq!(request("GET http://a/ HTTP/1.1\r\n\r\n").unwrap_err(), RequestError::HostMissing);
}

#[test]
fn b11_authorities_are_names_or_addresses_with_a_real_port() {
    let name = |name: &'static str, port| Ok(Authority { host: Host::Name(name.as_bytes()), port });
    let ip = |ip: &str, port| Ok(Authority { host: Host::Ip(ip.parse::<IpAddr>().unwrap()), port });
    for (text, authority) in [
        ("a", name("a", None)),
        ("A.b-c.D", name("A.b-c.D", None)),
        ("a.", name("a", None)),
        ("a.:80", name("a", Some(80))),
        ("a_b.c", name("a_b.c", None)),
        ("xn--bcher-kva.example", name("xn--bcher-kva.example", None)),
        ("a:1", name("a", Some(1))),
        ("a:65535", name("a", Some(65535))),
        ("1", name("1", None)),
        ("1.2.3", name("1.2.3", None)),
        ("1.2.3.256", name("1.2.3.256", None)),
        ("1.2.3.4.5", name("1.2.3.4.5", None)),
        ("1.2.3.4", ip("1.2.3.4", None)),
        ("1.2.3.4:80", ip("1.2.3.4", Some(80))),
        ("[::1]", ip("::1", None)),
        ("[::1]:443", ip("::1", Some(443))),
        ("[2001:DB8::1]", ip("2001:db8::1", None)),
        ("[::ffff:1.2.3.4]", ip("::ffff:1.2.3.4", None)),
    ] {
        assert_eq!(parse_authority(text.as_bytes()), authority, "{text:?}");
    }
    for (text, error) in [
        ("", AuthorityError::Empty),
        (":80", AuthorityError::Empty),
        (".", AuthorityError::Host),
        ("..", AuthorityError::Host),
        (".a", AuthorityError::Host),
        ("a..b", AuthorityError::Host),
        ("a..", AuthorityError::Host),
        ("a b", AuthorityError::Host),
        ("a,b", AuthorityError::Host),
        ("a, a", AuthorityError::Host),
        ("a/", AuthorityError::Host),
        ("a/b", AuthorityError::Host),
        ("a?b", AuthorityError::Host),
        ("a#b", AuthorityError::Host),
        ("a\\b", AuthorityError::Host),
        ("u@a", AuthorityError::Host),
        ("u:p@a", AuthorityError::Port),
        ("http://a", AuthorityError::Port),
        ("b\u{fc}cher.example", AuthorityError::Host),
        ("a%2eb", AuthorityError::Host),
        ("a\0", AuthorityError::Host),
        ("a\x7f", AuthorityError::Host),
        ("a\tb", AuthorityError::Host),
        ("*.a", AuthorityError::Host),
        ("a!", AuthorityError::Host),
        ("(a)", AuthorityError::Host),
        ("a;b", AuthorityError::Host),
        ("a=b", AuthorityError::Host),
        ("a:0", AuthorityError::Port),
        ("a:00", AuthorityError::Port),
        ("a:080", AuthorityError::Port),
        ("a:65536", AuthorityError::Port),
        ("a:99999", AuthorityError::Port),
        ("a:123456", AuthorityError::Port),
        ("a:-1", AuthorityError::Port),
        ("a:+1", AuthorityError::Port),
        ("a:8x", AuthorityError::Port),
        ("a:80:80", AuthorityError::Port),
        ("a: 80", AuthorityError::Port),
        ("::1", AuthorityError::Port),
        ("[::1", AuthorityError::Host),
        ("::1]", AuthorityError::Port),
        ("[]", AuthorityError::Host),
        ("[a]", AuthorityError::Host),
        ("[1.2.3.4]", AuthorityError::Host),
        ("[::1]x", AuthorityError::Host),
        (":", AuthorityError::Empty),
        ("[::1]::", AuthorityError::Port),
        ("[::1]:0", AuthorityError::Port),
        ("[fe80::1%25eth0]", AuthorityError::Host),
        ("[fe80::1%eth0]", AuthorityError::Host),
        ("[v1.a]", AuthorityError::Host),
        ("[[::1]]", AuthorityError::Host),
    ] {
        assert_eq!(parse_authority(text.as_bytes()), Err(error), "{text:?}");
    }
    let label = "a".repeat(63);
    assert!(parse_authority(label.as_bytes()).is_ok());
    assert!(parse_authority(format!("{label}a").as_bytes()).is_err());
    let long = [label.as_str(); 4].join(".");
    assert!(parse_authority(&long.as_bytes()[..253]).is_ok());
    assert!(parse_authority(&long.as_bytes()[..254]).is_err());
}

#[test]
fn fault_b34_a_port_may_be_left_out_behind_its_colon() {
    for text in ["a.test:", "[::1]:", "10.0.0.1:"] {
        let read = parse_authority(text.as_bytes()).unwrap();
        let without = parse_authority(text.strip_suffix(':').unwrap().as_bytes()).unwrap();
        assert_eq!(read, without, "{text}");
    }
}
