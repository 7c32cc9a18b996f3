use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use super::*;
use crate::model::{ObjectKind, ObjectRef, Transport};
use crate::observe::{DatagramDrop, FamilyKind, GROUPS, PodHandshake, StreamFailure, UpstreamFailure};

/// Reads the text format strictly: every line a HELP, a TYPE or a sample of the family announced last.
/// Returns the samples as `name{labels}` with their values, and the families with their types.
fn parse(text: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
    let mut family = String::new();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty());
            family = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, family, "a type follows the help of its family");
            assert!(families.insert(family.clone(), kind.to_owned()).is_none(), "{family} appears twice");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let base = match families[&family].as_str() {
                "histogram" => {
                    name.strip_suffix("_bucket").or(name.strip_suffix("_sum")).or(name.strip_suffix("_count"))
                }
                _ => Some(name),
            };
            assert_eq!(base, Some(family.as_str()), "{line}");
            if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
                parse_labels(labels.strip_prefix('{').and_then(|l| l.strip_suffix('}')).unwrap());
            }
            assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{series} appears twice");
        }
    }
    (samples, families)
}

fn parse_labels(mut rest: &str) {
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        let mut end = None;
        let mut escaped = false;
        for (index, c) in after.char_indices() {
            match c {
                _ if escaped => {
                    assert!(matches!(c, '\\' | '"' | 'n'));
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    end = Some(index);
                    break;
                }
                _ => {}
            }
        }
        match after[end.unwrap() + 1..].strip_prefix(',') {
            Some(more) => rest = more,
            None => {
                assert_eq!(after.len(), end.unwrap() + 1);
                return;
            }
        }
    }
}

fn problem(code: ProblemCode, severity: Severity) -> Problem {
    Problem {
        object: ObjectRef { kind: ObjectKind::Ingress, name: ObjectName::new("shop", "web") },
        field: "spec".to_owned(),
        code,
        severity,
        message: "m".to_owned(),
        remedy: "r".to_owned(),
    }
}

/// Metrics in which every family has something to show, and what keeps its series alive.
fn busy() -> (Metrics, Arc<RouteMetrics>, Arc<UpstreamMetrics>) {
    let metrics = Metrics::new();
    let route = metrics.route(&ObjectName::new("shop", "web"), "cart");
    route.record(200, Duration::from_millis(3), 100, 2000);
    route.record(101, Duration::from_millis(3), 100, 2000);
    route.record(0, Duration::from_secs(100), 10, 0);
    metrics.unrouted().record(404, Duration::from_micros(20), 1, 2);
    let upstream = metrics.upstream(&ObjectName::new("shop", "cart"), "http");
    drop(upstream.waits());
    upstream.ejected();
    upstream.checked(true);
    upstream.count_down(false);
    upstream.attempt();
    upstream.attempt();
    upstream.retry();
    upstream.connected();
    upstream.failure(UpstreamFailure::ConnectRefused);
    upstream.handshake(PodHandshake::Resumed);
    upstream.response_head(Duration::from_millis(2));
    upstream.set_endpoints(3);
    metrics.refused(Refusal::Malformed);
    metrics.handshake(Handshake::Tls13, Duration::from_millis(1));
    metrics.handshake(Handshake::TimedOut, Duration::from_secs(10));
    metrics.idle_upstream_connections().add(7);
    let at = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let size = TableSize { hosts: 2, routes: 5, upstreams: 4 };
    metrics.table_published(Scope::Units, Duration::from_micros(300), at, size);
    let (error, warning) = (Severity::Error, Severity::Warning);
    let gone = [problem(ProblemCode::Conflict, error), problem(ProblemCode::InvalidPath, error)];
    metrics.problems_changed([], &gone);
    let come = [problem(ProblemCode::Conflict, error), problem(ProblemCode::UnknownAnnotation, warning)];
    metrics.problems_changed(&gone[1..], &come);
    metrics.set_certificates([(ObjectName::new("shop", "web-tls"), at)]);
    let configuration = metrics.configuration();
    configuration.changed(ObjectKind::Secret);
    configuration.propagated(ObjectKind::EndpointSlice, Duration::from_micros(70));
    configuration.saved_objects_written(at, 1234);
    configuration.saved_objects_rejected("corrupt");
    configuration.freshness().serve_saved_objects(SystemTime::now());
    metrics.access_log().0.inc();
    metrics.watch_connected("Ingress", true);
    metrics.watch_event("Ingress");
    metrics.watch_failed("Ingress", "gone");
    metrics.watch_relisted("Ingress");
    metrics.set_stream_ports(1, 2);
    let port = metrics.stream(ListenerKey { port: 53, transport: Transport::Udp });
    drop(port.opened());
    port.received(10);
    port.sent(20);
    port.failed(StreamFailure::Idle);
    port.dropped(DatagramDrop::NoEndpoint);
    // Its series live as long as somebody has it.
    std::mem::forget(port);
    (metrics, route, upstream)
}

#[test]
fn the_text_says_what_was_counted() {
    let (metrics, _route, _upstream) = busy();
    let connection = metrics.listener(Listener::Https).accepted();
    drop(metrics.listener(Listener::Https).accepted());
    let (samples, _) = parse(&metrics.render());
    let route = r#"namespace="shop",ingress="web",service="cart""#;
    let none = r#"namespace="_none",ingress="_none",service="_none""#;
    let upstream = r#"namespace="shop",service="cart",port="http""#;
    for (series, value) in [
        (format!(r#"tidegate_requests_total{{{route},code="200"}}"#), 1.0),
        (format!(r#"tidegate_requests_total{{{route},code="101"}}"#), 1.0),
        (format!(r#"tidegate_requests_total{{{route},code="none"}}"#), 1.0),
        (format!(r#"tidegate_requests_total{{{route},code="503"}}"#), 0.0),
        (format!(r#"tidegate_requests_total{{{none},code="404"}}"#), 1.0),
        (format!(r#"tidegate_request_duration_seconds_bucket{{{route},le="0.005"}}"#), 2.0),
        (format!(r#"tidegate_request_duration_seconds_count{{{route}}}"#), 3.0),
        (format!(r#"tidegate_request_duration_seconds_sum{{{route}}}"#), 100.006),
        (format!(r#"tidegate_request_bytes_total{{{route}}}"#), 210.0),
        (format!(r#"tidegate_response_bytes_total{{{route}}}"#), 4000.0),
        (r#"tidegate_requests_refused_total{reason="malformed"}"#.to_owned(), 1.0),
        (r#"tidegate_requests_refused_total{reason="path"}"#.to_owned(), 0.0),
        (format!("tidegate_upstream_attempts_total{{{upstream}}}"), 2.0),
        (format!("tidegate_upstream_retries_total{{{upstream}}}"), 1.0),
        (format!("tidegate_upstream_connections_total{{{upstream}}}"), 1.0),
        (format!("tidegate_upstream_endpoints{{{upstream}}}"), 3.0),
        (format!(r#"tidegate_upstream_failures_total{{{upstream},reason="connect_refused"}}"#), 1.0),
        (format!(r#"tidegate_upstream_tls_handshakes_total{{{upstream},result="resumed"}}"#), 1.0),
        (format!("tidegate_upstream_response_head_seconds_count{{{upstream}}}"), 1.0),
        ("tidegate_upstream_idle_connections".to_owned(), 7.0),
        (r#"tidegate_connections_open{listener="https"}"#.to_owned(), 1.0),
        (r#"tidegate_connections_total{listener="https"}"#.to_owned(), 2.0),
        (r#"tidegate_connections_total{listener="http"}"#.to_owned(), 0.0),
        (r#"tidegate_tls_handshakes_total{result="ok",version="1.3"}"#.to_owned(), 1.0),
        (r#"tidegate_tls_handshakes_total{result="timeout",version="none"}"#.to_owned(), 1.0),
        ("tidegate_tls_handshake_duration_seconds_count".to_owned(), 1.0),
        (r#"tidegate_table_builds_total{scope="units"}"#.to_owned(), 1.0),
        ("tidegate_table_build_duration_seconds_count".to_owned(), 1.0),
        ("tidegate_table_hosts".to_owned(), 2.0),
        ("tidegate_table_routes".to_owned(), 5.0),
        ("tidegate_table_upstreams".to_owned(), 4.0),
        ("tidegate_config_last_change_timestamp_seconds".to_owned(), 1_800_000_000.0),
        (r#"tidegate_problems{code="Conflict",severity="error"}"#.to_owned(), 2.0),
        (r#"tidegate_problems{code="UnknownAnnotation",severity="warning"}"#.to_owned(), 1.0),
        (
            r#"tidegate_certificate_expiry_timestamp_seconds{namespace="shop",secret="web-tls"}"#.to_owned(),
            1_800_000_000.0,
        ),
        (r#"tidegate_changes_total{kind="Secret"}"#.to_owned(), 1.0),
        (r#"tidegate_propagation_seconds_bucket{kind="EndpointSlice",le="0.00005"}"#.to_owned(), 0.0),
        (r#"tidegate_propagation_seconds_bucket{kind="EndpointSlice",le="0.0001"}"#.to_owned(), 1.0),
        ("tidegate_snapshot_bytes".to_owned(), 1234.0),
        ("tidegate_snapshot_in_use".to_owned(), 1.0),
        ("tidegate_snapshot_written_timestamp_seconds".to_owned(), 1_800_000_000.0),
        (r#"tidegate_snapshot_rejected_total{reason="corrupt"}"#.to_owned(), 1.0),
    ] {
        assert_eq!(samples.get(&series), Some(&value), "{series}");
    }
    assert!(!samples.keys().any(|series| series.contains("InvalidPath")), "what has gone is not shown");
    drop(connection);
    let (samples, _) = parse(&metrics.render());
    assert_eq!(samples[r#"tidegate_connections_open{listener="https"}"#], 0.0);
}

#[test]
fn every_family_is_defined_once_and_written_with_its_type_and_labels() {
    let (metrics, _route, _upstream) = busy();
    let text = metrics.render();
    let (samples, written) = parse(&text);
    let defined: BTreeMap<_, _> = GROUPS
        .iter()
        .flat_map(|group| group.families)
        .map(|family| (family.name.to_owned(), family.kind.as_str().to_owned()))
        .collect();
    assert_eq!(defined.len(), GROUPS.iter().map(|group| group.families.len()).sum::<usize>());
    assert_eq!(defined, written);
    for family in GROUPS.iter().flat_map(|group| group.families) {
        let name = match family.kind {
            FamilyKind::Counter | FamilyKind::Gauge => family.name.to_owned(),
            FamilyKind::Histogram => format!("{}_count", family.name),
        };
        let series = samples.keys().find(|series| series.split('{').next() == Some(&name)).expect(&name);
        let labels: BTreeSet<_> = series.split(['{', ',']).skip(1).filter_map(|l| l.split('=').next()).collect();
        assert_eq!(labels, family.labels.iter().copied().collect(), "{series}");
    }
}

#[test]
fn rule_77_series_vanish_with_the_last_handle() {
    let metrics = Metrics::new();
    let ingress = ObjectName::new("gone", "web");
    let route = metrics.route(&ingress, "cart");
    route.record(200, Duration::ZERO, 0, 0);
    let again = metrics.route(&ingress, "cart");
    assert!(Arc::ptr_eq(&route, &again), "a rebuilt table goes on counting where the former stood");
    let upstream = metrics.upstream(&ObjectName::new("gone", "cart"), "80");
    drop(route);
    assert!(metrics.render().contains("\"gone\""));
    drop((again, upstream));
    assert!(!metrics.render().contains("\"gone\""));
    let anew = metrics.route(&ingress, "cart");
    assert_eq!(anew.requests(), 0);
}

#[test]
fn labels_that_join_to_the_same_text_are_different_series() {
    let metrics = Metrics::new();
    let one = metrics.route(&ObjectName::new("a", "bc"), "d");
    let other = metrics.route(&ObjectName::new("ab", "c"), "d");
    one.record(200, Duration::ZERO, 0, 0);
    assert_eq!((one.requests(), other.requests()), (1, 0));
}

#[test]
fn e07_series_are_bounded_beyond_the_limit() {
    let live = Live::<RouteMetrics>::new(&["namespace", "ingress", "service"], 2);
    let labels = |name: &str| ["n".into(), name.into(), "s".into()];
    let (a, b) = (live.get_or_create(labels("a")), live.get_or_create(labels("b")));
    let (c, d) = (live.get_or_create(labels("c")), live.get_or_create(labels("d")));
    assert!(!Arc::ptr_eq(&a, &b) && Arc::ptr_eq(&c, &d));
    let rows: Vec<_> = live.rows().into_iter().map(|(labels, _)| labels).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[2], r#"namespace="_more",ingress="_more",service="_more""#);
    drop(a);
    assert!(!Arc::ptr_eq(&live.get_or_create(labels("e")), &c), "what was given up makes room");
}

#[test]
fn labels_cannot_break_out_of_their_quotes() {
    let metrics = Metrics::new();
    let name = ObjectName::new("a\"} 1\nevil 1", "b\\");
    let route = metrics.route(&name, "ü");
    route.record(200, Duration::ZERO, 0, 0);
    metrics.set_certificates([(name, UNIX_EPOCH)]);
    let (samples, _) = parse(&metrics.render());
    assert!(!samples.contains_key("evil"));
    assert!(samples.keys().any(|series| series.contains(r#"namespace="a\"} 1\nevil 1",ingress="b\\",service="ü""#)));
}
