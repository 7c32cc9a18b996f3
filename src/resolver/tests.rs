//! Against a DNS server over loopback.

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::model::{LookupFailure, Resolution};

#[path = "../../tests/support/dns.rs"]
mod dns;

use dns::{DnsServer, Zone};

const DEADLINE: Duration = Duration::from_secs(20);

/// Names that are wanted, and what is told of them.
struct Plane {
    server: DnsServer,
    wanted: watch::Sender<BTreeMap<ExternalName, u64>>,
    events: mpsc::Receiver<Event>,
    metrics: Arc<Metrics>,
}

impl Plane {
    fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let (server, metrics) = (DnsServer::start(), Arc::new(Metrics::new()));
        let mut settings = Settings {
            server: Some(server.address),
            shortest_life: Duration::from_millis(20),
            first_retry: Duration::from_millis(20),
            longest_retry: Duration::from_millis(50),
            ..Settings::default()
        };
        change(&mut settings);
        let (wanted, receiver) = watch::channel(BTreeMap::new());
        let (sender, events) = mpsc::channel(8);
        drop(follow(settings, receiver, sender, Arc::clone(&metrics)));
        Self { server, wanted, events, metrics }
    }

    fn want(&self, names: &[(&str, u64)]) {
        let names = names.iter().map(|(text, number)| (name(text), *number));
        self.wanted.send_replace(names.collect());
    }

    /// What is told next.
    async fn next(&mut self) -> (String, Resolution) {
        match timeout(DEADLINE, self.events.recv()).await.expect("something is told").expect("it goes on") {
            Event::Resolved(name, resolution) => (name.to_string(), resolution),
            other => panic!("{other:?}"),
        }
    }

    /// What is told of this name, which is wanted alone.
    async fn only(&mut self, text: &str) -> Resolution {
        self.want(&[(text, 1)]);
        let (told, resolution) = self.next().await;
        assert_eq!(told, text);
        resolution
    }

    fn metric(&self, series: &str) -> f64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} in {text}")).parse().unwrap()
    }
}

fn name(text: &str) -> ExternalName {
    ExternalName::parse(text).unwrap()
}

fn to(addresses: &[&str]) -> Resolution {
    Resolution::resolved(addresses.iter().map(|text| text.parse().unwrap()))
}

#[tokio::test]
async fn rule_34_changes_are_followed_when_the_time_to_live_is_over() {
    let mut plane = Plane::start(|_| {});
    plane.server.addresses("a.example", &["192.0.2.2", "192.0.2.1"]);
    assert_eq!(plane.only("a.example").await, to(&["192.0.2.1", "192.0.2.2"]));
    plane.server.addresses("a.example", &["192.0.2.3"]);
    assert_eq!(plane.next().await.1, to(&["192.0.2.3"]));
    assert!(plane.metric("tidegate_dns_lookups_total{result=\"ok\"}") >= 2.0);
    assert_eq!(plane.metric("tidegate_dns_names"), 1.0);
    assert!(plane.metric("tidegate_dns_last_answer_timestamp_seconds") > 1e9);
}

#[tokio::test]
async fn rule_34_failures_keep_the_addresses_for_a_bounded_time() {
    let mut plane = Plane::start(|settings| settings.kept_when_denied = Duration::from_secs(3));
    plane.server.addresses("a.example", &["192.0.2.1"]);
    let good = plane.only("a.example").await;
    plane.server.set("a.example", Zone::Code(3));
    let failure = Some(LookupFailure::NoSuchName);
    assert_eq!(plane.next().await.1, Resolution { failure, ..good.clone() });
    assert_eq!(plane.next().await.1, Resolution::failed(LookupFailure::NoSuchName));
    plane.server.addresses("a.example", &["192.0.2.1"]);
    assert_eq!(plane.next().await.1, good);
}

#[tokio::test]
async fn rule_34_chains_of_names_are_followed_and_loops_are_not() {
    let mut plane = Plane::start(|_| {});
    plane.server.addresses("end.example", &["192.0.2.9"]);
    plane.server.set("one.example", Zone::Chain(60, "end.example".into()));
    plane.server.set("two.example", Zone::Alias(60, "three.example".into()));
    plane.server.set("three.example", Zone::Alias(60, "end.example".into()));
    plane.server.set("loop.example", Zone::Alias(60, "pool.example".into()));
    plane.server.set("pool.example", Zone::Alias(60, "loop.example".into()));
    plane.server.set("self.example", Zone::Chain(60, "self.example".into()));
    assert_eq!(plane.only("one.example").await, to(&["192.0.2.9"]));
    assert_eq!(plane.only("two.example").await, to(&["192.0.2.9"]));
    // The last link lives for the shortest time.
    plane.server.addresses("end.example", &["192.0.2.10"]);
    assert_eq!(plane.next().await.1, to(&["192.0.2.10"]));
    for bad in ["loop.example", "self.example"] {
        let told = plane.only(bad).await;
        assert!(told.addresses.is_empty() && told.failure.is_some(), "{told:?}");
    }
}

#[tokio::test]
async fn rule_34_the_reason_of_a_failure_is_told() {
    let mut plane = Plane::start(|settings| settings.deadline = Duration::from_millis(300));
    plane.server.set("empty.example", Zone::Addresses(1, Vec::new()));
    plane.server.set("failed.example", Zone::Code(2));
    plane.server.set("refused.example", Zone::Code(5));
    plane.server.set("silent.example", Zone::Silence);
    for (name, failure) in [
        ("none.example", LookupFailure::NoSuchName),
        ("none.example.", LookupFailure::NoSuchName),
        ("empty.example", LookupFailure::NoAddress),
        ("failed.example", LookupFailure::ServerFailure),
        ("refused.example", LookupFailure::Refused),
        ("silent.example", LookupFailure::Timeout),
    ] {
        assert_eq!(plane.only(name).await, Resolution::failed(failure), "{name}");
        let series = format!("tidegate_dns_lookups_total{{result=\"{}\"}}", failure.as_str());
        assert!(plane.metric(&series) >= 1.0, "{series}");
    }
}

#[tokio::test]
async fn hostile_answers_are_failures_and_nothing_worse() {
    let mut plane = Plane::start(|settings| settings.deadline = Duration::from_millis(300));
    let head = |counts: [u8; 8]| [&[0x81, 0x80][..], &counts].concat();
    let cases = [
        vec![],
        vec![0xff; 3],
        vec![0; 9],
        vec![0xff; 512],
        head([0, 0, 0xff, 0xff, 0, 0, 0, 0]),
        // A name that points at itself, as the question and as an answer.
        [head([0, 1, 0, 0, 0, 0, 0, 0]), vec![0xc0, 12, 0, 1, 0, 1]].concat(),
        [head([0, 0, 0, 1, 0, 0, 0, 0]), vec![0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]].concat(),
        // A record that is longer than the message.
        [head([0, 0, 0, 1, 0, 0, 0, 0]), vec![0, 0, 1, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 1]].concat(),
        // A label that goes beyond the end.
        [head([0, 1, 0, 0, 0, 0, 0, 0]), vec![63, b'a']].concat(),
    ];
    for (at, bytes) in cases.into_iter().enumerate() {
        let name = format!("bad{at}.example");
        plane.server.set(&name, Zone::Garbage(bytes));
        let told = plane.only(&name).await;
        assert!(told.addresses.is_empty() && told.failure.is_some(), "{name}: {told:?}");
    }
    plane.server.addresses("good.example", &["192.0.2.1"]);
    assert_eq!(plane.only("good.example").await, to(&["192.0.2.1"]));
}

#[tokio::test]
async fn long_answers_come_over_tcp_and_only_some_addresses_are_used() {
    let mut plane = Plane::start(|_| {});
    let all = (0..=255).map(|last| std::net::Ipv4Addr::new(192, 0, 2, last).into()).collect();
    plane.server.set("many.example", Zone::Truncated(60, all));
    let told = plane.only("many.example").await;
    assert_eq!((told.addresses.len(), told.failure), (64, None));
}

#[tokio::test]
async fn addresses_of_the_second_family_serve_when_there_are_none_of_the_first() {
    let mut plane = Plane::start(|_| {});
    plane.server.addresses("v6.example", &["2001:db8::1"]);
    assert_eq!(plane.only("v6.example").await, to(&["2001:db8::1"]));
    plane.server.addresses("v4.example", &["192.0.2.1"]);
    assert_eq!(plane.only("v4.example").await, to(&["192.0.2.1"]));
}

#[tokio::test]
async fn a_name_that_is_wanted_anew_is_told_of_again() {
    let mut plane = Plane::start(|_| {});
    plane.server.set("a.example", Zone::Addresses(300, vec!["192.0.2.1".parse().unwrap()]));
    let told = plane.only("a.example").await;
    plane.want(&[("a.example", 2)]);
    assert_eq!(plane.next().await, ("a.example".into(), told));
    assert_eq!(plane.server.asked("a.example"), 1);
}

#[tokio::test]
async fn of_too_many_names_those_beyond_the_limit_are_told_of_and_come_up_later() {
    let mut plane = Plane::start(|settings| settings.names = 2);
    for name in ["a.example", "b.example", "c.example"] {
        plane.server.set(name, Zone::Addresses(300, vec!["192.0.2.1".parse().unwrap()]));
    }
    plane.want(&[("a.example", 1), ("b.example", 2), ("c.example", 3)]);
    let mut told = BTreeMap::from([plane.next().await, plane.next().await, plane.next().await]);
    assert_eq!(told.remove("c.example"), Some(Resolution::failed(LookupFailure::TooManyNames)));
    assert!(told.into_values().all(|resolution| resolution == to(&["192.0.2.1"])));
    assert_eq!((plane.server.asked("c.example"), plane.metric("tidegate_dns_names")), (0, 2.0));
    plane.want(&[("b.example", 2), ("c.example", 3)]);
    assert_eq!(plane.next().await, ("c.example".into(), to(&["192.0.2.1"])));
}
