use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::observe::access_log::details::{Course, Details, Facts};
use crate::observe::access_log::entry::{Entry, RoutePart, TlsPart, UpstreamPart};
use crate::observe::nginx::RouteNames;

/// A request that has `value` for all that clients write.
struct Asked<'a> {
    value: &'a [u8],
    names: Option<RouteNames>,
}

impl Details for Asked<'_> {
    fn request(&self, variable: &Variable, give: &mut dyn FnMut(&[u8])) {
        match variable {
            Variable::Header(name) if **name == *"absent" => give(b""),
            Variable::RemoteAddress => give(b"203.0.113.7"),
            _ => give(self.value),
        }
    }

    fn user(&self) -> Option<String> {
        (!self.value.is_empty()).then(|| String::from_utf8_lossy(self.value).into_owned())
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            names: self.names.as_ref(),
            canary: "",
            connect: Some(Duration::from_micros(1_900)),
            head: Some(Duration::from_millis(20)),
            response: Some(Duration::from_millis(1_000)),
            answered: 200,
            cipher: Some("TLS_AES_256_GCM_SHA384"),
            remote_port: 40_000,
            server_port: 443,
        }
    }

    fn field(&self, _: &str, _: &mut dyn FnMut(&[u8])) {
        unreachable!("only lines of HAProxy's format ask");
    }

    fn course(&self) -> Course<'_> {
        unreachable!("only lines of HAProxy's format ask");
    }
}

fn names() -> RouteNames {
    RouteNames {
        namespace: "shop".into(),
        ingress: "web".into(),
        host: "shop.example".into(),
        path: "/cart".into(),
        service: "cart".into(),
        port: "http".into(),
        backend: "shop-cart-http".into(),
    }
}

fn entry(value: &[u8]) -> Entry<'_> {
    Entry {
        time: UNIX_EPOCH + Duration::from_millis(1_767_323_044_676),
        client: IpAddr::from([203, 0, 113, 7]),
        scheme: "https",
        method: value,
        host: value,
        target: value,
        protocol: "HTTP/1.1",
        status: 200,
        request_bytes: 321,
        response_bytes: 4321,
        duration: Duration::from_micros(1_002_345),
        upstream: Some(UpstreamPart {
            address: SocketAddr::from(([10, 0, 0, 9], 8080)),
            head: Some(Duration::from_micros(900)),
            attempts: 1,
            tls: None,
        }),
        route: Some(RoutePart { namespace: "shop", ingress: "web", service: "cart" }),
        request_id: b"0123456789abcdef",
        user_agent: None,
        referer: None,
        tls: Some(TlsPart { version: "TLSv1.3", sni: Some("shop.example") }),
        error: None,
    }
}

fn line(format: &str, escape: LineEscape, value: &[u8]) -> String {
    let format = LineFormat::parse(format).unwrap().escaped(escape);
    let details = Asked { value, names: Some(names()) };
    String::from_utf8(format.line(&entry(value), &details)).unwrap()
}

#[test]
fn the_format_of_ingress_nginx_is_written_as_there() {
    assert_eq!(
        line("ingress-nginx", LineEscape::Default, b"/x"),
        concat!(
            r#"203.0.113.7 - /x [02/Jan/2026:03:04:05 +0000] "/x /x HTTP/1.1" 200 4321 "/x" "/x" 321 1.002 "#,
            "[shop-cart-http] [] 10.0.0.9:8080 4321 1.000 200 0123456789abcdef\n"
        )
    );
}

#[test]
fn variables_come_to_what_is_known() {
    let format = "$time_iso8601|$msec|${upstream_connect_time}s|$upstream_header_time|$namespace/$ingress_name|\
                  $service_name:$service_port|$server_name$location_path|$ssl_protocol $ssl_cipher $ssl_server_name|\
                  $remote_port>$server_port|$proxy_add_x_forwarded_for|$Status|$request_id|$proxy_protocol_addr|$scheme";
    let expected = "2026-01-02T03:04:05+00:00|1767323045.678|0.001s|0.020|shop/web|cart:http|shop.example/cart|\
                    TLSv1.3 TLS_AES_256_GCM_SHA384 shop.example|40000>443|v, 203.0.113.7|200|0123456789abcdef|203.0.113.7|v\n";
    assert_eq!(line(format, LineEscape::Default, b"v"), expected);
}

#[test]
fn what_there_is_not_is_a_hyphen_or_nothing_by_the_escape() {
    let format = "[$remote_user][$http_absent][$args][$upstream_addr][$upstream_status][$upstream_response_time]\
                  [$request][$ssl_protocol][$proxy_upstream_name][$namespace][$is_args][$status]";
    let refused = Entry { upstream: None, tls: None, status: 0, ..entry(b"") };
    struct Nothing;
    impl Details for Nothing {
        fn request(&self, _: &Variable, _: &mut dyn FnMut(&[u8])) {}
        fn user(&self) -> Option<String> {
            None
        }
        fn facts(&self) -> Facts<'_> {
            Facts::default()
        }
        fn field(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}
        fn course(&self) -> Course<'_> {
            unreachable!("only lines of HAProxy's format ask");
        }
    }
    for (escape, expected) in [
        (LineEscape::Default, "[-][-][-][-][-][-][-][-][upstream-default-backend][][-][000]\n"),
        (LineEscape::Json, "[][][][][][][][][upstream-default-backend][][][000]\n"),
    ] {
        let format = LineFormat::parse(format).unwrap().escaped(escape);
        assert_eq!(String::from_utf8(format.line(&refused, &Nothing)).unwrap(), expected);
    }
}

#[test]
fn e06_values_are_escaped_as_nginx_does_and_none_ends_its_line() {
    for (escape, value, expected) in [
        (LineEscape::Default, &b"a\"b\\c\r\n\x1b\xc3\xbc"[..], r#"["a\x22b\x5Cc\x0D\x0A\x1B\xC3\xBC"]"#),
        (LineEscape::Json, b"a\"b\\c\r\n\x1b\xc3\xbc\xff", r#"["a\"b\\c\u000d\u000a\u001bü\ufffd"]"#),
        (LineEscape::None, b"a\"b\\c\r\n\x1b\x7f\xc3\xbc", r#"["a"b\c\x0D\x0A\x1B\x7Fü"]"#),
    ] {
        assert_eq!(line(r#"["$http_x"]"#, escape, value), format!("{expected}\n"), "{escape:?}");
    }
}

#[test]
fn formats_of_several_lines_make_lines() {
    let format = "{\n  \"a\": \"$http_a\",\r\n\"b\":\t$status }";
    let line = line(format, LineEscape::Json, b"\"");
    assert_eq!(line, "{   \"a\": \"\\\"\", \"b\":\t200 }\n");
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
}

#[test]
fn what_is_no_format_is_refused_with_its_fault() {
    let error = |text: &str| LineFormat::parse(text).unwrap_err().to_string();
    assert_eq!(error("$upstrem_addr"), "the variable $upstrem_addr is not known; did you mean $upstream_addr?");
    assert_eq!(error("a $request_urI_x"), "the variable $request_urI_x is not known; did you mean $request_uri?");
    assert_eq!(
        error("$geoip_country_code"),
        "the variable $geoip_country_code is not known; docs/access-log.md has those that are"
    );
    assert_eq!(error("100$ a"), "a dollar sign is followed by no name of a variable: \"$ a\"");
    assert_eq!(error("a${b"), "a dollar sign is followed by no name of a variable: \"${b\"");
    assert!(error("$1").contains("$1 is not known"));
    assert!(error("$sent_http_x").contains("not known"));
    assert_eq!(error("\x1b[2J"), "a character that controls terminals stands in it");
    assert_eq!(error(&"x".repeat(4097)), "its text is longer than 4096 bytes");
    assert_eq!(error(&"$status".repeat(129)), "it has more than 128 variables");
    assert!(error(&format!("${}", "x".repeat(1 << 20))).len() < 200);
}

#[test]
fn every_name_is_that_of_a_variable_and_documented() {
    let page = include_str!("../../../../docs/access-log.md");
    for name in variable::names() {
        let format = LineFormat::parse(&format!("${name}"));
        assert!(format.is_ok(), "{name}");
        assert!(page.contains(&format!("`${name}`")), "{name} is not in docs/access-log.md");
    }
}

#[test]
fn e06_lines_are_at_most_16_kib() {
    let long: Arc<str> = "n".repeat(300).into();
    let text = "x".repeat(32);
    for name in variable::names().chain(["http_x", "cookie_x", "arg_x"]) {
        let format = format!("${{{name}}}{text}").repeat(VARIABLES_LIMIT);
        for escape in [LineEscape::Default, LineEscape::Json, LineEscape::None] {
            for value in [vec![b'a'; 1 << 16], vec![b'\n'; 1 << 16], vec![0xff; 1 << 16]] {
                let format = LineFormat::parse(&format).unwrap().escaped(escape);
                let names = RouteNames {
                    namespace: long.clone(),
                    ingress: long.clone(),
                    host: long.clone(),
                    path: long.clone(),
                    service: long.clone(),
                    port: long.clone(),
                    backend: long.clone(),
                };
                let entry = Entry {
                    client: "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap(),
                    duration: Duration::from_secs(u32::MAX.into()),
                    request_bytes: u64::MAX,
                    response_bytes: u64::MAX,
                    ..entry(&value)
                };
                let line = format.line(&entry, &Asked { value: &value, names: Some(names) });
                assert!(line.len() <= 16 << 10, "{name} {escape:?}: {}", line.len());
                assert_eq!(memchr::memchr(b'\n', &line), Some(line.len() - 1), "{name} {escape:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn e06_no_value_adds_a_line_or_ends_its_quotes(value: Vec<u8>) {
        let format = r#"{"a":"$http_a","b":"$request","c":"$uri","d":"$remote_user","e":"$proxy_add_x_forwarded_for"}"#;
        let entry = entry(&value);
        let details = Asked { value: &value, names: Some(names()) };
        let of = |escape| LineFormat::parse(format).unwrap().escaped(escape).line(&entry, &details);
        for escape in [LineEscape::Default, LineEscape::Json, LineEscape::None] {
            let line = of(escape);
            prop_assert_eq!(memchr::memchr(b'\n', &line), Some(line.len() - 1));
            let controls = line[..line.len() - 1].iter().any(|byte| byte.is_ascii_control());
            prop_assert!(!controls);
        }
        let quotes = of(LineEscape::Default).iter().filter(|byte| **byte == b'"').count();
        prop_assert_eq!(quotes, 20);
        let parsed: serde_json::Value = serde_json::from_slice(&of(LineEscape::Json)).unwrap();
        prop_assert_eq!(parsed["a"].as_str().unwrap(), &*String::from_utf8_lossy(&value).into_owned());
    }

    #[test]
    fn any_text_is_a_format_or_refused(text: String) {
        if let Ok(format) = LineFormat::parse(&text) {
            let line = format.line(&entry(b"x"), &Asked { value: b"x", names: None });
            prop_assert_eq!(memchr::memchr(b'\n', &line), Some(line.len() - 1));
        }
    }
}
