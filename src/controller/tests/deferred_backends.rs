//! Paths that wait for their new Service: `controller/deferred_backends.rs`.

use proptest::prelude::*;

use super::*;
use crate::source::objects::{Service, ServiceKind};
use crate::translate;

/// Serves Ingress `a` from Service `a`.
fn serving() -> (Plane, Controller) {
    let (plane, mut controller) = Plane::new();
    controller.take(events(app("a").into_iter().chain([class()])));
    controller.take([Event::Synced]);
    (plane, controller)
}

/// An Ingress `a` with these paths and their Services.
fn ingress_of(paths: &[(&str, &str)]) -> Ingress {
    let paths: Vec<_> = paths.iter().map(|(path, service)| builders::prefix(path, service)).collect();
    builders::ingress("a").rule("a.example", &paths).0
}

fn changed(ingress: Ingress) -> [Event; 1] {
    [Event::change(Change::arrival(ingress))]
}

fn switch(paths: &[(&str, &str)]) -> [Event; 1] {
    changed(ingress_of(paths))
}

fn gone(service: &str) -> Vec<Event> {
    events([
        Change::removal(ObjectRef::new(ObjectKind::Service, name(service))),
        Change::removal(ObjectRef::new(ObjectKind::EndpointSlice, name(&format!("{service}-1")))),
    ])
}

/// The Service that requests for this path get to; `None` when they get to none.
fn answers(plane: &Plane, path: &str) -> Option<String> {
    let table = plane.table.load();
    let found = table.find(Some("a.example"), path, &|_| true, &mut String::new()).expect("a path");
    match &found.route?.target.destination {
        Destination::Forward(backend) if backend.upstream.endpoints().is_empty() => None,
        Destination::Forward(backend) => Some(backend.upstream.key().service.name.to_string()),
        Destination::Reply(_) => None,
    }
}

async fn advance(milliseconds: u64) {
    tokio::time::advance(Duration::from_millis(milliseconds)).await;
}

#[tokio::test(start_paused = true)]
async fn rule_31_a_path_keeps_its_service_until_the_next_one_has_endpoints() {
    let (plane, mut controller) = serving();
    controller.take(switch(&[("/", "b")]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("a"), "the Service is not known yet");
    advance(300).await;
    controller.take(events([service("b")]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("a"), "it has no slice yet");
    advance(300).await;
    controller.take(events([slice("b", 0)]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("a"), "no pod is ready yet");
    controller.take(events([slice("b", 1)]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("b"));
    // Nothing waits any more.
    controller.take(gone("a"));
    controller.take(events([slice("b", 0)]));
    assert_eq!(answers(&plane, "/"), None);
    assert_eq!(plane.metric("tidegate_propagation_seconds_sum{kind=\"Ingress\"}"), 0.6);
}

#[tokio::test(start_paused = true)]
async fn rule_31_a_path_does_not_keep_its_service_for_longer_than_a_second_however_often_the_ingress_changes() {
    for other in ["b", "nobody"] {
        let (plane, mut controller) = serving();
        controller.take(events([service("b")]));
        for _ in 0..9 {
            controller.take(switch(&[("/", other)]));
            advance(50).await;
            controller.take(switch(&[("/", "c")]));
            advance(50).await;
            assert_eq!(answers(&plane, "/").as_deref(), Some("a"));
        }
        controller.take(switch(&[("/", other)]));
        advance(99).await;
        controller.take([]);
        assert_eq!(answers(&plane, "/").as_deref(), Some("a"));
        advance(1).await;
        controller.take([]);
        assert_eq!(answers(&plane, "/"), None);
        assert_eq!(controller.problems().all().len(), if other == "b" { 0 } else { 1 });
        // It came to nothing, so the next one need not wait for anything.
        controller.take(events([service("c"), slice("c", 1)]));
        controller.take(switch(&[("/", "c")]));
        assert_eq!(answers(&plane, "/").as_deref(), Some("c"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_version_counts_and_a_removal_comes_at_once() {
    let (plane, mut controller) = serving();
    controller.take(switch(&[("/", "b")]));
    controller.take(switch(&[("/", "a")]));
    controller.take(events([service("b"), slice("b", 1)]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("a"), "back again");

    controller.take(switch(&[("/", "c")]));
    controller.take(switch(&[("/", "b")]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("b"), "c was never in force");

    controller.take(switch(&[("/", "c")]));
    controller.take(switch(&[("/other", "b")]));
    assert_eq!(answers(&plane, "/"), None, "a path that is taken out");

    controller.take(switch(&[("/other", "c")]));
    assert_eq!(answers(&plane, "/other").as_deref(), Some("b"));
    controller.take([Event::change(Change::removal(ObjectRef::new(ObjectKind::Ingress, name("a"))))]);
    assert!(plane.hosts().is_empty());
    advance(2000).await;
    controller.take(events([service("c"), slice("c", 1)]));
    assert!(plane.hosts().is_empty(), "what was deleted does not come again");
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_path_waits() {
    let (plane, mut controller) = serving();
    let mut next = ingress_of(&[("/", "b"), ("/new", "a"), ("/empty", "b")]);
    let more = Rule { host: "b.example".into(), paths: next.rules[0].paths.clone() };
    next.rules = next.rules.into_iter().chain([more]).collect();
    controller.take(changed(next));
    assert_eq!(plane.hosts(), ["a.example", "b.example"]);
    assert_eq!(answers(&plane, "/").as_deref(), Some("a"));
    assert_eq!(answers(&plane, "/new").as_deref(), Some("a"));
    assert_eq!(answers(&plane, "/empty"), None, "it never had another Service");
    controller.take(events(app("c")));
    assert_eq!(plane.hosts(), ["a.example", "b.example", "c.example"]);
    // Another class.
    let mut next = ingress_of(&[("/", "c")]);
    next.class = None;
    controller.take(changed(next));
    assert_eq!(plane.hosts(), ["c.example"]);
}

#[tokio::test(start_paused = true)]
async fn nginx_q1_the_former_pods_are_spoken_to_as_before_while_a_path_waits() {
    let (plane, mut controller) = serving();
    let spoken = |plane: &Plane| {
        let table = plane.table.load();
        let found = table.find(Some("a.example"), "/", &|_| true, &mut String::new()).expect("a path");
        let route = found.route.expect("a route");
        let Destination::Forward(backend) = &route.target.destination else { panic!("it forwards") };
        let key = backend.upstream.key();
        let redirects = !route.spec.filters.is_empty();
        (key.service.name.to_string(), key.protocol.as_str(), redirects)
    };
    assert_eq!(spoken(&plane), ("a".into(), "http1", true));
    let mut ingress = ingress_of(&[("/", "b")]);
    let pairs = [("nginx.ingress.kubernetes.io/backend-protocol", "HTTPS"), ("tidegate.dev/ssl-redirect", "false")];
    ingress.annotations = pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    controller.take(changed(ingress));
    assert_eq!(spoken(&plane), ("a".into(), "http1", false), "other annotations do not wait");
    controller.take(events([service("b"), slice("b", 1)]));
    assert_eq!(spoken(&plane), ("b".into(), "https", false));
    // And back.
    controller.take(changed(ingress_of(&[("/", "c")])));
    assert_eq!(spoken(&plane), ("b".into(), "https", true));
    controller.take(events([service("c"), slice("c", 1)]));
    assert_eq!(spoken(&plane), ("c".into(), "http1", true));
}

#[tokio::test(start_paused = true)]
async fn a_path_is_let_go_with_its_former_service() {
    for gone in
        [gone("a"), events([slice("a", 0)]), events([Change::removal(ObjectRef::new(ObjectKind::Service, name("a")))])]
    {
        let (plane, mut controller) = serving();
        controller.take(switch(&[("/", "b")]));
        assert_eq!(answers(&plane, "/").as_deref(), Some("a"));
        controller.take(gone);
        assert_eq!(answers(&plane, "/"), None);
        assert_eq!(controller.problems().all().len(), 1, "b does not exist");
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_never_have_endpoints_is_not_waited_for() {
    let kind = ServiceKind::ExternalName("localhost".into());
    let external = Service { kind, ports: Box::default(), ..builders::service("b") };
    let (plane, mut controller) = serving();
    controller.take(events([Change::arrival(external)]));
    controller.take(switch(&[("/", "b")]));
    assert_eq!(answers(&plane, "/"), None);
    controller.take(switch(&[("/", "a")]));
    let mut next = ingress_of(&[("/", "a")]);
    next.rules[0].paths.as_mut().unwrap()[0].backend = Backend::Resource("Bucket/b".into());
    controller.take(changed(next));
    assert_eq!(answers(&plane, "/"), None);
}

#[tokio::test(start_paused = true)]
async fn a_path_waits_for_the_addresses_of_an_external_name() {
    let kind = ServiceKind::ExternalName("elsewhere.example".into());
    let external = Service { kind, ports: Box::default(), ..builders::service("b") };
    let (plane, mut controller) = serving();
    let wanted = controller.wanted_names();
    controller.take(events([Change::arrival(external)]));
    assert!(wanted.borrow().is_empty(), "nobody uses it");
    controller.take(switch(&[("/", "b")]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("a"));
    let name = crate::model::ExternalName::parse("elsewhere.example").unwrap();
    assert!(wanted.borrow().contains_key(&name), "or it would wait in vain");
    let resolution = crate::model::Resolution::resolved(["192.0.2.1".parse().unwrap()]);
    controller.take([Event::Resolved(name.clone(), resolution)]);
    assert_eq!(answers(&plane, "/").as_deref(), Some("b"));
    assert_eq!(plane.endpoints("b"), 1);
    controller.take(switch(&[("/", "a")]));
    assert!(wanted.borrow().is_empty() && controller.input.resolution(&name).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_default_backend_and_another_port_change_hands_too() {
    let (plane, mut controller) = serving();
    let of = |service: &str, port| Backend::Service { name: service.into(), port: Some(PortValue::Number(port)) };
    let with_default = |default| Ingress { default_backend: Some(default), ..ingress_of(&[("/x", "a")]) };
    controller.take(changed(with_default(of("a", 80))));
    controller.take(changed(with_default(of("b", 80))));
    assert_eq!(answers(&plane, "/").as_deref(), Some("a"));
    controller.take(events([service("b"), slice("b", 1)]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("b"));
    // Ingress and Service are both given another port: whichever comes first.
    controller.take(changed(with_default(of("b", 81))));
    assert_eq!(answers(&plane, "/").as_deref(), Some("b"));
    let Some(Object::Service(next)) = service("b").into_parts().1 else { panic!("a Service") };
    let mut next = Arc::unwrap_or_clone(next);
    next.ports[0].port = 81;
    controller.take(events([Change::arrival(next)]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn the_loop_lets_go_by_itself_and_other_changes_pass() {
    let (plane, controller) = serving();
    let (source, queue) = mpsc::channel(16);
    let running = tokio::spawn(controller.run(queue));
    let settle = async || {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    };
    source.send(switch(&[("/", "b")])[0].clone()).await.unwrap();
    settle().await;
    advance(999).await;
    for event in events(app("c")) {
        source.send(event).await.unwrap();
    }
    settle().await;
    assert_eq!((answers(&plane, "/").as_deref(), plane.hosts().len()), (Some("a"), 2));
    advance(2).await;
    settle().await;
    assert_eq!(answers(&plane, "/"), None);
    drop(source);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_saved_objects_are_what_the_author_wants() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("objects");
    let (plane, mut controller) = serving();
    let writer = saved::Writer::start(path.clone(), Arc::clone(&plane.metrics)).unwrap();
    controller.record(writer.recorder());
    controller.take([Event::Synced]);
    controller.take(switch(&[("/", "b")]));
    assert_eq!(answers(&plane, "/").as_deref(), Some("a"));
    writer.finish();
    let saved = saved::read(&path).unwrap().unwrap();
    let Some(Object::Ingress(ingress)) = saved.changes[0].current() else { panic!("{saved:?}") };
    assert_eq!(**ingress, ingress_of(&[("/", "b")]));
}

/// A step of any history.
#[derive(Clone, Debug)]
enum Step {
    Switch(Vec<(usize, usize)>),
    Delete,
    Service(usize, bool),
    Slice(usize, u8),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec((0..3_usize, 0..3_usize), 0..4).prop_map(Step::Switch),
        1 => Just(Step::Delete),
        2 => (0..3_usize, any::<bool>()).prop_map(|(of, is_there)| Step::Service(of, is_there)),
        2 => (0..3_usize, 0..3_u8).prop_map(|(of, endpoints)| Step::Slice(of, endpoints)),
        2 => (0..1200_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rule_72_after_a_second_all_is_as_if_nothing_had_waited(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            const SERVICES: [&str; 3] = ["a", "b", "c"];
            const PATHS: [&str; 3] = ["/", "/x", "/y"];
            let (plane, mut controller) = serving();
            let mut input = Input::default();
            let mut plain = |change: Change| input.apply(change);
            app("a").into_iter().chain([class()]).for_each(|change| drop(plain(change)));
            for step in steps {
                let change = match step {
                    Step::Switch(paths) => {
                        let paths: Vec<_> = paths.iter().map(|(path, to)| (PATHS[*path], SERVICES[*to])).collect();
                        Change::arrival(ingress_of(&paths))
                    }
                    Step::Delete => Change::removal(ObjectRef::new(ObjectKind::Ingress, name("a"))),
                    Step::Service(of, true) => service(SERVICES[of]),
                    Step::Service(of, false) => Change::removal(ObjectRef::new(ObjectKind::Service, name(SERVICES[of]))),
                    Step::Slice(of, endpoints) => slice(SERVICES[of], endpoints),
                    Step::Pass(milliseconds) => {
                        advance(milliseconds).await;
                        continue;
                    }
                };
                plain(change.clone());
                controller.take(events([change]));
            }
            advance(1000).await;
            controller.take([]);
            prop_assert_eq!(&controller.snapshot, &translate::snapshot(&input).0);
            let (living, expected) = (plane.table.load(), translate::snapshot(&input).0);
            prop_assert_eq!(living.host_count(), expected.hosts.len());
            Ok(())
        })?;
    }
}
