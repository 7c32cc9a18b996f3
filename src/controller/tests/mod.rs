use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use super::*;
use crate::lifecycle::{Drain, Readiness};
use crate::model::{HostPattern, ObjectKind, ObjectName};
use crate::source::objects::{
    Backend, Ingress, IngressClass, Object, Objects, PortValue, Rule, Secret, SecretFault, TlsEntry, builders,
};
use crate::source::saved;
use crate::translate::VisibleSecrets;
use crate::upstream::Destination;

mod deferred_backends;
mod external_names;

/// A controller's surroundings.
struct Plane {
    table: Arc<TableCell<Target>>,
    metrics: Arc<Metrics>,
    registry: Arc<Registry>,
    readiness: Readiness,
    _drain: Drain,
}

impl Plane {
    fn new() -> (Self, Controller) {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> (Self, Controller) {
        let (table, metrics, drain) = (Arc::<TableCell<Target>>::default(), Arc::new(Metrics::new()), Drain::new());
        let (registry, readiness) = (Arc::new(Registry::new(Arc::clone(&metrics))), Readiness::new(drain.watch()));
        let waiting = readiness.guard("the first table");
        let (cell, upstreams) = (Arc::clone(&table), Arc::clone(&registry));
        let controller = Controller::new(settings, cell, upstreams, Arc::clone(&metrics), waiting);
        (Self { table, metrics, registry, readiness, _drain: drain }, controller)
    }

    fn hosts(&self) -> Vec<String> {
        let table = self.table.load();
        let is_served = |host: &&str| table.host(&HostPattern::parse(host).unwrap()).is_some();
        ["a.example", "b.example", "c.example"].iter().copied().filter(|host| is_served(host)).map(Into::into).collect()
    }

    fn metric(&self, series: &str) -> f64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} in {text}")).parse().unwrap()
    }

    fn propagated(&self, kind: &str) -> f64 {
        self.metric(&format!("tidegate_propagation_seconds_count{{kind=\"{kind}\"}}"))
    }

    fn endpoints(&self, service: &str) -> usize {
        self.registry.of_service(&name(service)).iter().map(|upstream| upstream.endpoints().len()).sum()
    }
}

fn name(of: &str) -> ObjectName {
    ObjectName::new("shop", of)
}

fn class() -> Change {
    Change::arrival(IngressClass::new("tidegate", "tidegate.dev/ingress-controller"))
}

fn ingress(of: &str, path: &str) -> Change {
    ingress_to(of, path, of)
}

fn ingress_to(of: &str, path: &str, service: &str) -> Change {
    builders::ingress(of).rule(&format!("{of}.example"), &[builders::prefix(path, service)]).change()
}

fn with_tls(of: &str, secrets: &[&str]) -> Change {
    let ingress = ingress(of, "/").current().cloned().and_then(Object::into_ingress).unwrap();
    let entry = |secret: &&str| TlsEntry { hosts: Box::default(), secret: Some((*secret).into()) };
    let ingress = Ingress { tls: secrets.iter().map(entry).collect(), ..Ingress::clone(&ingress) };
    Change::arrival(ingress)
}

fn secret(of: &str) -> Change {
    let secret = Secret {
        name: name(of),
        certificate: Err(SecretFault::Missing("tls.crt")),
        last_good: None,
        authorities: None,
        lone_chain: None,
        clients: None,
        users: None,
        shared: None,
    };
    Change::arrival(secret)
}

fn service(of: &str) -> Change {
    builders::of_service(builders::service(of))
}

fn slice(of: &str, endpoints: u8) -> Change {
    let all: Vec<_> = (1..=endpoints).map(|last| builders::ready(&format!("10.0.0.{last}"))).collect();
    builders::of_slice(builders::slice(&format!("{of}-1"), of, &all))
}

fn app(of: &str) -> [Change; 3] {
    [ingress(of, "/"), service(of), slice(of, 2)]
}

fn events(changes: impl IntoIterator<Item = Change>) -> Vec<Event> {
    changes.into_iter().map(Event::change).collect()
}

/// What a process that served these apps left behind an hour ago.
fn saved_objects_of(apps: &[&str]) -> Saved {
    let mut objects = Objects::default();
    for change in apps.iter().flat_map(|of| app(of)).chain([class()]) {
        objects.apply(change);
    }
    let mut file = Vec::new();
    saved::write(&objects, SystemTime::now() - Duration::from_secs(3600), &mut file).unwrap();
    saved::parse(&file[..]).unwrap()
}

#[tokio::test]
async fn f03_saved_objects_serve_and_those_that_were_deleted_go_when_everything_was_read() {
    let (plane, mut controller) = Plane::new();
    assert!(!plane.readiness.is_ready());
    controller.restore(saved_objects_of(&["a", "b"]));
    // The source says nothing: the process serves all the same.
    assert!(plane.readiness.is_ready());
    assert_eq!((plane.hosts(), plane.endpoints("a")), (vec!["a.example".into(), "b.example".into()], 2));
    assert_eq!(plane.metric("tidegate_snapshot_in_use"), 1.0);
    assert!((3600.0..3700.0).contains(&plane.metric("tidegate_config_age_seconds")));

    // It comes back without b and with c, and a has another Service: nothing moves until all lists are complete.
    let published = plane.metric("tidegate_table_builds_total{scope=\"units\"}");
    controller.take(events([ingress_to("a", "/", "new"), ingress("c", "/")]));
    controller.take(events([class(), service("new"), slice("new", 3), service("c"), slice("c", 1)]));
    assert_eq!(plane.hosts(), ["a.example", "b.example"]);
    assert_eq!((plane.endpoints("a"), plane.endpoints("new")), (2, 0));
    assert_eq!(plane.metric("tidegate_table_builds_total{scope=\"units\"}"), published);
    assert_eq!(plane.metric("tidegate_snapshot_in_use"), 1.0);
    controller.take([Event::Listed]);
    assert_eq!(plane.hosts(), ["a.example", "c.example"]);
    assert_eq!((plane.endpoints("a"), plane.endpoints("new")), (0, 3));
    assert_eq!(plane.metric("tidegate_table_builds_total{scope=\"units\"}"), published + 1.0, "one swap");
    controller.take([Event::Synced]);
    assert_eq!(plane.metric("tidegate_snapshot_in_use"), 0.0);
    assert_eq!(plane.metric("tidegate_config_age_seconds"), 0.0);
    assert_eq!(plane.propagated("Ingress"), 0.0, "these were no changes");
    controller.take(events([slice("c", 2)]));
    assert_eq!(plane.endpoints("c"), 2, "from now on nothing waits");
}

#[tokio::test(start_paused = true)]
async fn f03_a_kind_that_cannot_be_listed_holds_up_the_others_for_ten_seconds_at_the_most() {
    let (plane, mut controller) = Plane::new();
    controller.restore(saved_objects_of(&["a", "b"]));
    controller.take(events([Change::removal(ObjectRef::new(ObjectKind::Ingress, name("a"))), slice("b", 3)]));
    controller.tick();
    assert_eq!((plane.hosts(), plane.endpoints("b")), (vec!["a.example".into(), "b.example".into()], 2));
    tokio::time::advance(Duration::from_secs(10)).await;
    controller.tick();
    assert_eq!((plane.hosts(), plane.endpoints("b")), (vec!["b.example".into()], 3));
    assert_eq!(plane.metric("tidegate_snapshot_in_use"), 1.0);
    controller.take(events([slice("b", 4)]));
    assert_eq!(plane.endpoints("b"), 4);
    controller.take([Event::Synced]);
    assert!(plane.hosts().is_empty());
}

#[tokio::test]
async fn f03_saved_secrets_stay_when_they_cannot_be_read() {
    let (_, mut controller) = Plane::new();
    let mut saved = saved_objects_of(&["a"]);
    saved.changes.push(secret("cert"));
    controller.restore(saved);
    // Nothing is said of Secrets: they are forbidden.
    controller.take([Event::Listed, Event::Synced]);
    assert!(controller.input.objects().secret(&name("cert")).is_some());
    // They were listed, and this one was not there.
    controller.take([Event::Connected(ObjectKind::Secret, Connection::Up)]);
    assert!(controller.input.objects().secret(&name("cert")).is_none());
}

#[tokio::test]
async fn f03_a_saved_secret_that_is_followed_by_itself_stays_until_the_source_has_told_of_all() {
    let (_, mut controller) = Plane::with(Settings { secrets: VisibleSecrets::Allowed, ..Settings::default() });
    let asking = || {
        let key = |key| format!("nginx.ingress.kubernetes.io/{key}");
        let routes = builders::ingress("a").rule("a.example", &[builders::prefix("/", "a")]);
        routes.annotate(&key("auth-type"), "basic").annotate(&key("auth-secret"), "users").change()
    };
    let mut saved = saved_objects_of(&[]);
    saved.changes.extend([asking(), secret("users"), secret("cert")]);
    controller.restore(saved);
    controller.take(events([class(), asking()]));
    controller.take([Event::Listed, Event::Connected(ObjectKind::Secret, Connection::Up)]);
    assert_eq!(*controller.wanted().borrow(), [builders::secret_named("users")].into());
    let knows = |controller: &Controller, of| controller.input.objects().secret(&name(of)).is_some();
    assert!(!knows(&controller, "cert"), "the list has no such certificate");
    assert!(knows(&controller, "users"), "it is being listed by itself");
    controller.take([Event::Synced]);
    assert!(!knows(&controller, "users"), "and it is not there");
}

#[tokio::test]
async fn a_saved_config_map_stays_until_the_source_tells_of_it_or_nothing_names_it() {
    let settings = Settings { nginx_config_map: Some(name("nginx")), ..Settings::default() };
    let (_, mut controller) = Plane::with(settings);
    let asking = || {
        let routes = builders::ingress("a").rule("a.example", &[builders::prefix("/", "a")]);
        routes.annotate("nginx.ingress.kubernetes.io/custom-headers", "headers").change()
    };
    let map = |of: &str| builders::config_map(of, &[("X-One", "1")]);
    let mut saved = saved_objects_of(&[]);
    saved.changes.extend([class(), asking(), map("headers"), map("nginx"), map("unnamed")]);
    controller.restore(saved);
    controller.take(events([class(), asking()]));
    controller.take([Event::Listed]);
    let wanted: BTreeSet<_> = controller.wanted().borrow().iter().map(ToString::to_string).collect();
    assert_eq!(wanted, ["ConfigMap shop/headers", "ConfigMap shop/nginx"].map(str::to_owned).into());
    let known = |controller: &Controller| {
        let maps = controller.input.objects().config_maps().map(|map| map.name.name.to_string());
        maps.collect::<BTreeSet<_>>()
    };
    assert_eq!(known(&controller).len(), 3, "no list of ConfigMaps says that one is gone");
    controller.take([Event::Synced]);
    assert_eq!(known(&controller), ["headers", "nginx"].map(str::to_owned).into());
    controller.take(events([Change::removal(ObjectRef::new(ObjectKind::ConfigMap, name("headers")))]));
    assert_eq!(known(&controller), ["nginx"].map(str::to_owned).into());
}

#[tokio::test]
async fn f03_by_name_a_secret_that_may_not_be_read_keeps_itself_in_force_and_no_other() {
    let listed = ["refused", "gone", "unwanted"].map(name);
    let secrets = VisibleSecrets::Listed(Arc::new(listed.into()));
    let (_, mut controller) = Plane::with(Settings { secrets, ..Settings::default() });
    let mut saved = saved_objects_of(&[]);
    saved.changes.push(with_tls("a", &["refused", "gone", "unlisted"]));
    saved.changes.extend(["refused", "gone", "unwanted", "unlisted"].map(secret));
    controller.restore(saved);
    let known = |controller: &Controller| {
        let known: Vec<_> = controller.input.objects().secrets().map(|secret| secret.name.name.to_string()).collect();
        known.into_iter().collect::<BTreeSet<_>>()
    };
    // What the operator does not list any more is not even taken up.
    assert_eq!(known(&controller), ["refused", "gone", "unwanted"].map(str::to_owned).into());
    controller.take(events([class(), with_tls("a", &["refused", "gone", "unlisted"])]));
    controller.take([Event::Listed]);
    assert_eq!(*controller.wanted().borrow(), ["refused", "gone", "unlisted"].map(builders::secret_named).into());
    // The source tells of each by itself, whatever becomes of the others.
    controller.take(events([Change::removal(ObjectRef::new(ObjectKind::Secret, name("gone")))]));
    assert_eq!(known(&controller), ["refused", "unwanted"].map(str::to_owned).into());
    controller.take([Event::Synced, Event::Connected(ObjectKind::Secret, Connection::Up)]);
    assert_eq!(known(&controller), ["refused".to_owned()].into());
    controller.take(events([Change::removal(ObjectRef::new(ObjectKind::Secret, name("refused")))]));
    assert!(known(&controller).is_empty());
}

#[tokio::test]
async fn f03_what_is_served_at_the_end_is_what_the_next_process_begins_with() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("objects");
    let (plane, mut controller) = Plane::new();
    let writer = saved::Writer::start(path.clone(), Arc::clone(&plane.metrics)).unwrap();
    controller.record(writer.recorder());
    controller.restore(saved_objects_of(&["a", "b"]));
    controller.take(events([class()].into_iter().chain(app("b")).chain(app("c"))));
    controller.take([Event::Synced]);
    controller.take(events([slice("c", 7)]));
    writer.finish();

    let (next, mut controller) = Plane::new();
    controller.restore(saved::read(&path).unwrap().unwrap());
    assert_eq!(next.hosts(), ["b.example", "c.example"]);
    assert_eq!(next.endpoints("c"), 7);
    assert!(next.metric("tidegate_config_age_seconds") < 60.0);
}

#[tokio::test(start_paused = true)]
async fn f01_the_age_of_the_configuration_counts_from_the_loss_of_a_kind() {
    let (plane, mut controller) = Plane::new();
    controller.take([Event::Synced, Event::Connected(ObjectKind::Service, Connection::Down(Instant::now()))]);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(plane.metric("tidegate_config_age_seconds"), 30.0);
    controller.take([Event::Connected(ObjectKind::Service, Connection::Up)]);
    assert_eq!(plane.metric("tidegate_config_age_seconds"), 0.0);
}

#[tokio::test]
async fn propagation_counts_changes_with_an_effect_only() {
    let (plane, mut controller) = Plane::new();
    controller.take(events(app("a").into_iter().chain([class()])));
    controller.take([Event::Synced]);
    assert_eq!((plane.propagated("Ingress"), plane.propagated("EndpointSlice")), (0.0, 0.0), "the start");
    controller.take(events([slice("a", 2), service("a"), ingress("a", "/")]));
    assert_eq!((plane.propagated("EndpointSlice"), plane.propagated("Ingress")), (0.0, 0.0), "as before");
    let builds = plane.metric("tidegate_table_builds_total{scope=\"units\"}");
    controller.take(events([slice("a", 3)]));
    assert_eq!((plane.propagated("EndpointSlice"), plane.endpoints("a")), (1.0, 3));
    assert_eq!(plane.metric("tidegate_table_builds_total{scope=\"units\"}"), builds, "no table for an endpoint");
    controller.take(events([ingress("a", "/new"), slice("nobody", 3), service("nobody")]));
    assert_eq!(plane.propagated("Ingress"), 1.0);
    assert_eq!((plane.propagated("EndpointSlice"), plane.propagated("Service")), (1.0, 0.0), "nobody routes there");
    assert_eq!(plane.metric("tidegate_changes_total{kind=\"EndpointSlice\"}"), 4.0);
}

#[tokio::test(start_paused = true)]
async fn a_service_without_endpoints_is_told_after_half_a_minute_until_it_has_one() {
    let (plane, mut controller) = Plane::new();
    let problems = controller.problems();
    controller.take(events(app("a").into_iter().chain(app("b")).chain([class(), slice("a", 0)])));
    controller.take([Event::Synced]);
    controller.tick();
    tokio::time::advance(Duration::from_secs(29)).await;
    controller.tick();
    assert_eq!(problems.all(), []);
    tokio::time::advance(Duration::from_secs(1)).await;
    controller.tick();
    let told: Vec<_> = problems.all().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "error: Ingress shop/a: service a: NoEndpoints: Service shop/a has had no ready endpoint for 30 seconds or more, so its \
          requests are answered with 503. Look at the Pods that its selector matches, and at kubectl get endpointslices -n shop \
          -l kubernetes.io/service-name=a."
        ]
    );
    assert_eq!(plane.metric("tidegate_problems{code=\"NoEndpoints\",severity=\"error\"}"), 1.0);
    controller.take(events([slice("a", 1)]));
    controller.tick();
    assert_eq!(problems.all(), []);
    // A Service that loses them again has another half a minute.
    controller.take(events([slice("a", 0)]));
    controller.tick();
    assert_eq!(problems.all(), []);
}

#[tokio::test(start_paused = true)]
async fn a_canary_without_endpoints_is_told_to_get_no_requests() {
    let (_plane, mut controller) = Plane::new();
    let problems = controller.problems();
    let canary = ingress_to("a", "/", "next").current().cloned().and_then(Object::into_ingress).unwrap();
    let annotations = [("nginx.ingress.kubernetes.io/canary", "true")];
    let canary = Ingress {
        name: name("canary"),
        annotations: annotations.map(|(key, value)| (key.into(), value.into())).into_iter().collect(),
        ..Ingress::clone(&canary)
    };
    let canary = [Change::arrival(canary), service("next"), slice("next", 0), class()];
    controller.take(events(app("a").into_iter().chain(canary)));
    controller.take([Event::Synced]);
    controller.tick();
    tokio::time::advance(Duration::from_secs(30)).await;
    controller.tick();
    let told: Vec<_> = problems.all().iter().map(ToString::to_string).collect();
    assert!(told.len() == 1 && told[0].contains("Ingress shop/canary"), "{told:?}");
    assert!(told[0].contains("or more, so the canary gets no requests of the main Ingress."), "{told:?}");
}

#[tokio::test]
async fn a_route_that_moves_between_services_in_one_batch_never_leads_to_an_empty_one() {
    let (plane, mut controller) = Plane::new();
    controller.take(events(app("a").into_iter().chain([class()])));
    controller.take([Event::Synced]);
    let (table, is_over) = (Arc::clone(&plane.table), Arc::new(AtomicBool::new(false)));
    let until = Arc::clone(&is_over);
    let requests = std::thread::spawn(move || {
        let (mut count, mut failed) = (0_u64, 0_u64);
        while !until.load(Relaxed) {
            let in_force = table.load();
            let found = in_force.find(Some("a.example"), "/", &|_| true, &mut String::new()).expect("a path");
            let Destination::Forward(backend) = &found.route.expect("a route").target.destination else {
                panic!("a Service");
            };
            // Another table may have come meanwhile: only what is in force counts.
            failed += u64::from(backend.upstream.endpoints().is_empty() && Arc::ptr_eq(&in_force, &table.load()));
            count += 1;
        }
        (count, failed)
    });
    let services = ["a", "b"];
    for round in 0..2000 {
        let (to, from) = (services[(round + 1) % 2], services[round % 2]);
        // As lists bring it that were read after all of it had happened.
        let slices =
            [slice(to, 2), Change::removal(ObjectRef::new(ObjectKind::EndpointSlice, name(&format!("{from}-1"))))];
        let changes =
            [Change::removal(ObjectRef::new(ObjectKind::Service, name(from))), service(to), ingress_to("a", "/", to)];
        controller.take(events(slices.into_iter().chain(changes)));
    }
    is_over.store(true, Relaxed);
    let (count, failed) = requests.join().expect("no panic");
    assert!(count > 0);
    assert_eq!(failed, 0, "of {count}");
}

#[tokio::test(start_paused = true)]
async fn a_lone_change_is_not_delayed_and_a_flood_is_one_batch() {
    let (plane, controller) = Plane::new();
    let (source, queue) = mpsc::channel(1024);
    let running = tokio::spawn(controller.run(queue));
    for event in events([class()].into_iter().chain(app("a"))).into_iter().chain([Event::Synced]) {
        source.send(event).await.unwrap();
    }
    let settle = async || {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    assert_eq!(plane.hosts(), ["a.example"]);

    // Time stands still: whatever waits for a timer does not come.
    source.send(Event::change(ingress("a", "/lone"))).await.unwrap();
    settle().await;
    assert_eq!(plane.metric("tidegate_table_builds_total{scope=\"units\"}"), 1.0);
    assert_eq!(plane.propagated("Ingress"), 1.0);
    assert_eq!(plane.metric("tidegate_propagation_seconds_sum{kind=\"Ingress\"}"), 0.0);

    for round in 0..500 {
        source.try_send(Event::change(ingress("a", &format!("/flood{round}")))).unwrap();
        source.try_send(Event::change(slice("a", (round % 200) as u8 + 3))).unwrap();
    }
    settle().await;
    assert_eq!(plane.metric("tidegate_table_builds_total{scope=\"units\"}"), 2.0);
    assert_eq!((plane.propagated("Ingress"), plane.propagated("EndpointSlice")), (501.0, 500.0));
    drop(source);
    running.await.unwrap();
}
