use std::net::SocketAddr;
use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::model::{EndpointPort, ObjectName, PortRef, Protocol, UpstreamKey, Variable};
use crate::observe::access_log::captures::Capture;
use crate::observe::access_log::details::{Connections, Facts};
use crate::observe::access_log::entry::UpstreamPart;

struct Ended<'a> {
    course: Course<'a>,
    fields: &'a [(&'a str, &'a [u8])],
}

impl Details for Ended<'_> {
    fn request(&self, _: &Variable, _: &mut dyn FnMut(&[u8])) {
        unreachable!("only lines of an operator's format ask");
    }

    fn user(&self) -> Option<String> {
        unreachable!("only lines of an operator's format ask");
    }

    fn facts(&self) -> Facts<'_> {
        unreachable!("only lines of an operator's format ask");
    }

    fn field(&self, name: &str, give: &mut dyn FnMut(&[u8])) {
        if let Some((_, value)) = self.fields.iter().find(|(known, _)| *known == name) {
            give(value);
        }
    }

    fn course(&self) -> Course<'_> {
        self.course
    }
}

fn backend(namespace: &str, service: &str, port: PortRef) -> UpstreamSpec {
    let key = UpstreamKey {
        service: ObjectName { namespace: namespace.into(), name: service.into() },
        endpoint_port: EndpointPort::Fixed(8080),
        protocol: Protocol::Http1,
    };
    UpstreamSpec { key, port, for_https: None }
}

fn entry() -> Entry<'static> {
    Entry {
        time: UNIX_EPOCH + Duration::from_millis(1_767_323_045_078),
        client: "203.0.113.7".parse().unwrap(),
        scheme: "https",
        method: b"GET",
        host: b"shop.example",
        target: b"/cart?item=1",
        protocol: "HTTP/1.1",
        status: 200,
        request_bytes: 321,
        response_bytes: 4321,
        duration: Duration::from_micros(98_765),
        upstream: Some(UpstreamPart {
            address: SocketAddr::from(([10, 0, 0, 9], 8080)),
            head: Some(Duration::from_millis(69)),
            attempts: 1,
            tls: None,
        }),
        route: None,
        request_id: b"0123456789abcdef",
        user_agent: None,
        referer: None,
        tls: None,
        error: None,
    }
}

fn course(backend: Option<&UpstreamSpec>) -> Course<'_> {
    Course {
        remote_port: 33_317,
        is_tls: false,
        backend,
        received: Some(Duration::from_millis(10)),
        queued: Some(Duration::ZERO),
        connect: Some(Duration::from_millis(3)),
        head: Some(Duration::from_micros(69_900)),
        status: 200,
        state: *b"--",
        connections: Connections { process: 5, frontend: 4, backend: 3, server: 2 },
        retries: 1,
        answer: None,
    }
}

fn line(entry: &Entry<'_>, ended: &Ended<'_>, captures: &Captures) -> String {
    let mut clock = Clock::new();
    clock.set(entry.time);
    let mut out = Vec::new();
    write(&mut out, &clock, entry, ended, captures);
    String::from_utf8(out).unwrap()
}

fn captures(request: &[&str], answer: &[&str]) -> Captures {
    let read = |list: &[&str]| list.iter().map(|text| Capture::parse(text).unwrap()).collect::<Vec<_>>();
    Captures::new(&read(request), &read(answer)).unwrap()
}

#[test]
fn lines_are_those_of_option_httplog() {
    let backend = backend("shop", "cart", PortRef::Number(80));
    let ended = Ended { course: course(Some(&backend)), fields: &[] };
    assert_eq!(
        line(&entry(), &ended, &Captures::default()),
        concat!(
            "203.0.113.7:33317 [02/Jan/2026:03:04:05.078] http shop_svc_cart_80/10.0.0.9:8080 10/0/3/69/98 200 4321 ",
            "- - ---- 5/4/3/2/1 0/0 \"GET /cart?item=1 HTTP/1.1\"\n"
        )
    );
}

#[test]
fn what_was_not_reached_is_told_so() {
    let refused = Course {
        received: None,
        queued: None,
        connect: None,
        head: None,
        status: 0,
        state: *b"CR",
        is_tls: true,
        retries: 0,
        ..course(None)
    };
    let entry = Entry {
        client: "2001:db8::7".parse().unwrap(),
        method: b"",
        target: b"",
        upstream: None,
        status: 499,
        response_bytes: 0,
        ..entry()
    };
    assert_eq!(
        line(&entry, &Ended { course: refused, fields: &[] }, &Captures::default()),
        concat!(
            "2001:db8::7:33317 [02/Jan/2026:03:04:05.078] https~ https/<NOSRV> -1/-1/-1/-1/98 -1 0 ",
            "- - CR-- 5/4/3/2/0 0/0 \"<BADREQ>\"\n"
        )
    );
}

#[test]
fn captured_fields_stand_in_braces_in_their_order() {
    let backend = backend("shop", "cart", PortRef::Name("http".into()));
    let fields: &[(&str, &[u8])] = &[("Host", b"shop.example"), ("Referer", b"https://r.example/|x")];
    let ended = Ended { course: course(Some(&backend)), fields };
    let both = captures(&["Host:4", "X-Absent", "Referer"], &["Server", "Via"]);
    assert!(
        line(&entry(), &ended, &both)
            .ends_with(" 0/0 {shop||https://r.example/#7Cx} {|} \"GET /cart?item=1 HTTP/1.1\"\n")
    );
    let block = both.of_answers().unwrap().block(|name| (name == "Via").then_some(b"1.1 x"));
    let ended = Ended { course: Course { answer: Some(&block), ..ended.course }, fields };
    assert!(line(&entry(), &ended, &captures(&[], &["Server", "Via"])).contains(" 0/0 {|1.1 x} \"GET "));
}

#[test]
fn e06_lines_are_at_most_8_kib() {
    let backend = backend(&"n".repeat(300), &"\"\n ".repeat(300), PortRef::Name("p".repeat(63).into()));
    for evil in [vec![b'a'; 1 << 16], vec![b'\n'; 1 << 16], vec![0xff; 1 << 16]] {
        let fields: &[(&str, &[u8])] = &[("a", &evil)];
        let captures = captures(&["a:1024"], &["a:1024"]);
        let block = captures.of_answers().unwrap().block(|_| Some(&evil));
        let ended = Ended {
            course: Course {
                connections: Connections { process: u64::MAX, frontend: u64::MAX, backend: u64::MAX, server: u64::MAX },
                answer: Some(&block),
                ..course(Some(&backend))
            },
            fields,
        };
        let entry = Entry { method: &evil, target: &evil, duration: Duration::MAX, ..entry() };
        let line = line(&entry, &ended, &captures);
        assert!(line.len() <= 8 << 10, "{}", line.len());
        assert_eq!(line.find('\n'), Some(line.len() - 1));
    }
}

proptest! {
    #[test]
    fn e06_no_value_adds_a_line_or_leaves_its_place(method: Vec<u8>, target: Vec<u8>, value: Vec<u8>) {
        prop_assume!(!method.is_empty());
        let backend = backend("shop", "cart", PortRef::Number(80));
        let captures = captures(&["a", "b"], &[]);
        let ended = Ended { course: course(Some(&backend)), fields: &[("a", &value)] };
        let line = line(&Entry { method: &method, target: &target, ..entry() }, &ended, &captures);
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
        prop_assert!(line.trim_end().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        prop_assert_eq!(line.matches('"').count(), 2);
        let (before, request) = line.split_once(" \"").unwrap();
        prop_assert_eq!((before.matches('{').count(), before.matches('|').count(), before.matches('}').count()), (1, 1, 1));
        prop_assert!(request.ends_with(" HTTP/1.1\"\n"));
    }
}
