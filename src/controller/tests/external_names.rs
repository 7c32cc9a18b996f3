//! External names: who is told which are wanted, and what becomes of what is heard.

use std::collections::BTreeMap;

use super::*;
use crate::model::{ExternalName, LookupFailure, Resolution};
use crate::source::objects::{Service, ServiceKind};

fn named(text: &str) -> ExternalName {
    ExternalName::parse(text).unwrap()
}

fn external(of: &str, text: &str) -> Change {
    let kind = ServiceKind::ExternalName(text.into());
    builders::of_service(Service { kind, ports: Box::default(), ..builders::service(of) })
}

fn resolved(text: &str, addresses: &[&str]) -> Event {
    Event::Resolved(named(text), Resolution::resolved(addresses.iter().map(|text| text.parse().unwrap())))
}

fn removal(of: &str) -> Event {
    Event::change(Change::removal(ObjectRef::new(ObjectKind::Service, name(of))))
}

fn addresses(plane: &Plane, of: &str) -> Vec<String> {
    let upstreams = plane.registry.of_service(&name(of));
    let of_all = upstreams.iter().flat_map(|upstream| upstream.endpoints().as_slice().to_vec());
    of_all.map(|endpoint| endpoint.address().ip().to_string()).collect()
}

/// A controller that serves an Ingress to an external name.
fn serving() -> (Plane, Controller, watch::Receiver<BTreeMap<ExternalName, u64>>) {
    let (plane, mut controller) = Plane::new();
    let wanted = controller.wanted_names();
    controller
        .take(events([class(), ingress("a", "/"), external("a", "x.example")]).into_iter().chain([Event::Synced]));
    controller.take([resolved("x.example", &["192.0.2.1"])]);
    (plane, controller, wanted)
}

#[tokio::test(start_paused = true)]
async fn rule_34_the_first_table_waits_for_the_first_answers() {
    let (plane, mut controller) = Plane::new();
    let wanted = controller.wanted_names();
    let objects =
        events([class(), ingress("a", "/"), external("a", "x.example"), ingress("b", "/"), external("b", "y.example")]);
    controller.take(objects.into_iter().chain([Event::Synced]));
    assert_eq!(wanted.borrow().len(), 2);
    assert!(!plane.readiness.is_ready());
    controller.take([resolved("x.example", &["192.0.2.1"])]);
    assert!(!plane.readiness.is_ready());
    controller.take([Event::Resolved(named("y.example"), Resolution::failed(LookupFailure::NoSuchName))]);
    assert!(plane.readiness.is_ready(), "a failure is an answer");
    assert_eq!((addresses(&plane, "a"), addresses(&plane, "b")), (vec!["192.0.2.1".to_owned()], vec![]));
    assert_eq!(controller.problems().all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_34_the_first_table_waits_for_dns_no_longer_than_two_seconds() {
    let (plane, controller) = {
        let (plane, mut controller) = Plane::new();
        let wanted = controller.wanted_names();
        controller.take(events([class(), ingress("a", "/"), external("a", "x.example")]));
        (plane, (controller, wanted))
    };
    let (controller, _wanted) = controller;
    let (sender, receiver) = mpsc::channel(8);
    let started = Instant::now();
    tokio::spawn(controller.run(receiver));
    sender.send(Event::Synced).await.unwrap();
    plane.readiness.complete().await;
    assert_eq!(started.elapsed(), Duration::from_secs(2));
}

#[tokio::test]
async fn rule_34_changes_of_addresses_reach_the_upstream_and_no_table_is_built() {
    let (plane, mut controller, _wanted) = serving();
    let builds = plane.metric("tidegate_table_builds_total{scope=\"units\"}");
    controller.take([resolved("x.example", &["192.0.2.2", "192.0.2.3"])]);
    assert_eq!(addresses(&plane, "a"), ["192.0.2.2", "192.0.2.3"]);
    controller.take([resolved("x.example", &["127.0.0.1", "169.254.169.254"])]);
    assert_eq!(addresses(&plane, "a"), [""; 0], "requests go nowhere rather than there");
    assert_eq!(controller.problems().all().len(), 1);
    controller.take([resolved("x.example", &["192.0.2.2"])]);
    assert_eq!((addresses(&plane, "a").len(), controller.problems().all().len()), (1, 0));
    assert_eq!(plane.metric("tidegate_table_builds_total{scope=\"units\"}"), builds);
}

#[tokio::test]
async fn rule_34_a_service_that_is_deleted_and_made_again_is_resolved_anew() {
    let (plane, mut controller, wanted) = serving();
    let first = wanted.borrow()[&named("x.example")];
    controller.take([removal("a")]);
    assert!(wanted.borrow().is_empty());
    controller.take([resolved("x.example", &["192.0.2.9"])]);
    assert_eq!(controller.input.resolution(&named("x.example")), None, "it comes too late");
    controller.take(events([external("a", "x.example")]));
    assert!(wanted.borrow()[&named("x.example")] > first, "who resolves must tell again");
    assert_eq!(addresses(&plane, "a"), [""; 0]);
    controller.take([resolved("x.example", &["192.0.2.1"])]);
    assert_eq!(addresses(&plane, "a"), ["192.0.2.1"]);
}

#[tokio::test(start_paused = true)]
async fn rule_34_another_name_takes_over_when_it_is_resolved() {
    let (plane, mut controller, wanted) = serving();
    let names = || wanted.borrow().keys().cloned().collect::<Vec<_>>();
    controller.take(events([external("a", "y.example.")]));
    assert_eq!(names(), [named("x.example"), named("y.example.")]);
    assert_eq!(addresses(&plane, "a"), ["192.0.2.1"], "no request need fail until then");
    controller.take([resolved("y.example.", &["192.0.2.2"])]);
    assert_eq!((addresses(&plane, "a"), names()), (vec!["192.0.2.2".to_owned()], vec![named("y.example.")]));
    // The last of several versions counts, and one that needs no DNS is taken at once.
    controller.take(events([external("a", "z.example")]));
    controller.take(events([external("a", "w.example")]));
    assert_eq!(names(), [named("w.example"), named("y.example.")]);
    controller.take([Event::Resolved(named("w.example"), Resolution::failed(LookupFailure::Timeout))]);
    assert_eq!(addresses(&plane, "a"), [""; 0], "a failure is an answer");
    controller.take(events([external("a", "v.example")]));
    assert_eq!(names(), [named("v.example")], "there is nothing to keep");
    controller.take([resolved("v.example", &["192.0.2.3"])]);
    controller.take(events([external("a", "u.example"), external("a", "192.0.2.4")]));
    assert_eq!((addresses(&plane, "a"), names()), (vec!["192.0.2.4".to_owned()], vec![]));
    controller.take(events([external("a", "u.example")]));
    controller.take([removal("a")]);
    assert_eq!((addresses(&plane, "a"), names()), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn f14_a_service_of_pods_that_becomes_external_serves_until_its_name_is_resolved() {
    let (plane, mut controller) = Plane::new();
    let wanted = controller.wanted_names();
    controller.take(events(app("a").into_iter().chain([class()])).into_iter().chain([Event::Synced]));
    let of_tls = || {
        let port = crate::source::objects::ServicePort {
            app_protocol: Some("https".into()),
            ..builders::port("web", 80, 443)
        };
        let kind = ServiceKind::ExternalName("x.example".into());
        builders::of_service(Service { kind, ports: [port].into(), ..builders::service("a") })
    };
    controller.take(events([of_tls()]));
    assert_eq!((addresses(&plane, "a").len(), wanted.borrow().len()), (2, 1));
    controller.take([resolved("x.example", &["192.0.2.1"])]);
    assert_eq!(addresses(&plane, "a"), ["192.0.2.1"], "slices left over do not count");
    assert_eq!(plane.propagated("Service"), 1.0);
    controller.take(events([service("a")]));
    assert_eq!((addresses(&plane, "a").len(), wanted.borrow().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_34_a_service_waits_for_dns_no_longer_than_a_second() {
    let (plane, controller, wanted) = serving();
    let problems = controller.problems();
    let (sender, receiver) = mpsc::channel(8);
    let controller = tokio::spawn(controller.run(receiver));
    let started = Instant::now();
    for change in events([external("a", "y.example"), external("a", "z.example")]) {
        sender.send(change).await.unwrap();
    }
    while addresses(&plane, "a") == ["192.0.2.1"] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!((addresses(&plane, "a"), problems.all()), (vec![], vec![]));
    assert_eq!(wanted.borrow().keys().cloned().collect::<Vec<_>>(), [named("z.example")]);
    drop(sender);
    controller.await.unwrap();
}

#[tokio::test]
async fn rule_34_saved_objects_keep_external_names_and_they_are_resolved_again() {
    let mut objects = Objects::default();
    for change in [class(), ingress("a", "/"), external("a", "x.example")] {
        objects.apply(change);
    }
    let mut file = Vec::new();
    saved::write(&objects, SystemTime::now(), &mut file).unwrap();
    let (plane, mut controller) = Plane::new();
    let wanted = controller.wanted_names();
    controller.restore(saved::parse(&file[..]).unwrap());
    assert!(plane.readiness.is_ready() && wanted.borrow().contains_key(&named("x.example")));
    controller.take([resolved("x.example", &["192.0.2.1"])]);
    assert_eq!(addresses(&plane, "a"), ["192.0.2.1"]);
}

#[tokio::test(start_paused = true)]
async fn an_external_name_without_addresses_is_not_told_of_twice() {
    let (_plane, mut controller, _wanted) = serving();
    controller.take([Event::Resolved(named("x.example"), Resolution::failed(LookupFailure::NoSuchName))]);
    controller.tick();
    tokio::time::advance(Duration::from_secs(60)).await;
    controller.tick();
    let codes: Vec<_> = controller.problems().all().iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["ExternalNameUnresolved"]);
}
