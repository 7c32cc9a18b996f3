//! All living upstreams: one for each key, found by Service. Held weakly: the tables (and requests in flight) keep
//! upstreams alive.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use dashmap::DashMap;
use tokio::time::Instant;

use super::checked::{AllChecks, Asker, Checked};
use super::departures::Departures;
use super::living::Upstream;
use super::retirement::RetirementWatch;
use super::target::Backend;
use crate::model::{Checks, ObjectName, UpstreamSpec};
use crate::observe::{Metrics, Tally};

/// The living upstreams of the process. Not touched per request.
pub struct Registry {
    by_service: DashMap<ObjectName, Vec<Weak<Upstream>>, foldhash::fast::RandomState>,
    departures: Arc<Departures>,
    /// Upstreams made so far; what has not departed lives.
    made: AtomicUsize,
    metrics: Arc<Metrics>,
    checks: Arc<AllChecks>,
}

impl Registry {
    /// A registry without upstreams, whose upstreams will be counted here.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            by_service: DashMap::default(),
            departures: Arc::new(Departures::new()),
            made: AtomicUsize::new(0),
            metrics,
            checks: Arc::default(),
        }
    }

    /// How many upstreams live. Known without counting.
    pub fn len(&self) -> usize {
        self.made.load(Relaxed).saturating_sub(self.departures.upstreams())
    }

    /// Whether no upstream lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The living upstream that a spec names, and whether it was made just now (and so has no endpoints yet).
    pub fn get_or_create(&self, spec: &Arc<UpstreamSpec>) -> (Backend, bool) {
        let UpstreamSpec { key, port, for_https: _ } = &**spec;
        let make_metrics = || self.metrics.upstream(&key.service, port.to_string());
        // Most Services have one upstream, and a list that grows by itself begins with four.
        let mut entry = self.by_service.entry(key.service.clone()).or_insert_with(|| Vec::with_capacity(1));
        let living = entry.iter().filter_map(Weak::upgrade).find(|upstream| upstream.key() == key);
        let is_new = living.is_none();
        let upstream = living.unwrap_or_else(|| {
            let number = self.made.fetch_add(1, Relaxed);
            let tally = self.metrics.keeps_tallies().then(|| Box::new(Tally::new(Instant::now())));
            let departures = Arc::clone(&self.departures);
            let upstream = Arc::new(Upstream::new(Arc::clone(spec), make_metrics(), departures, (number, tally)));
            entry.retain(|weak| weak.strong_count() > 0);
            entry.push(Arc::downgrade(&upstream));
            upstream
        });
        let metrics = upstream.metrics(port, make_metrics);
        (Backend { upstream, metrics, for_https: None, checked: None }, is_new)
    }

    /// Has the endpoints of an upstream checked as the routes of an object ask for it, for as long as they hold what is returned.
    pub fn check(&self, by: &Asker, backend: &Backend, checks: Option<&Arc<Checks>>) -> Option<Arc<Checked>> {
        let Some(checks) = checks else {
            self.checks.none_of(by, &backend.upstream);
            return None;
        };
        Some(self.checks.of(by, &backend.upstream, &backend.metrics, checks))
    }

    /// All checks that are asked for.
    pub fn checks(&self) -> Arc<AllChecks> {
        Arc::clone(&self.checks)
    }

    /// The living upstreams of a Service: what is refilled when its EndpointSlices change.
    pub fn of_service(&self, service: &ObjectName) -> Vec<Arc<Upstream>> {
        self.by_service.get(service).map(|entry| entry.iter().filter_map(Weak::upgrade).collect()).unwrap_or_default()
    }

    /// All living upstreams, in order of their keys.
    pub fn all(&self) -> Vec<Arc<Upstream>> {
        let entries = self.by_service.iter();
        let mut all: Vec<_> =
            entries.flat_map(|entry| entry.iter().filter_map(Weak::upgrade).collect::<Vec<_>>()).collect();
        all.sort_by(|one, other| one.key().cmp(other.key()));
        all
    }

    /// The Services that have a living upstream without endpoints.
    pub fn without_endpoints(&self) -> BTreeSet<ObjectName> {
        let is_empty = |weak: &Weak<Upstream>| weak.upgrade().is_some_and(|upstream| upstream.endpoints().is_empty());
        let entries = self.by_service.iter().filter(|entry| entry.iter().any(is_empty));
        entries.map(|entry| entry.key().clone()).collect()
    }

    /// Forgets the upstreams that have ended since the last call. Costs what has ended, not what lives; to be called after
    /// a table was published.
    pub fn prune(&self) {
        for service in self.departures.take_services() {
            if let Some(mut entry) = self.by_service.get_mut(&service) {
                entry.retain(|weak| weak.strong_count() > 0);
            }
            self.by_service.remove_if(&service, |_, entry| entry.is_empty());
        }
        self.checks.prune();
    }

    /// Announces each endpoint that retires from now on: every shard holds one and sweeps its pool by it.
    pub fn retirements(&self) -> RetirementWatch {
        self.departures.watch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    use tokio::time::Duration;

    use crate::model::{
        Balance, CheckKind, Ejection, EndpointPort, EndpointSpec, EndpointState, ObjectKind, ObjectRef, PortRef,
        Preference, Protocol, Queue, UpstreamKey, Weight,
    };
    use crate::upstream::{EndpointCommand, Retired, Unpicked, Wanted};

    fn key(service: &str, port: u16) -> UpstreamKey {
        UpstreamKey {
            service: ObjectName::new("shop", service),
            endpoint_port: EndpointPort::Fixed(port),
            protocol: Protocol::Http1,
        }
    }

    fn spec(service: &str, port: u16) -> Arc<UpstreamSpec> {
        Arc::new(UpstreamSpec { key: key(service, port), port: PortRef::Number(port), for_https: None })
    }

    fn get_or_create(registry: &Registry, service: &str, port: u16) -> (Arc<Upstream>, bool) {
        let (Backend { upstream, .. }, is_new) = registry.get_or_create(&spec(service, port));
        (upstream, is_new)
    }

    fn endpoints(ports: &[u16]) -> Vec<EndpointSpec> {
        ports.iter().map(|p| EndpointSpec::active(([10, 0, 0, 1], *p).into())).collect()
    }

    #[test]
    fn equal_keys_share_one_living_upstream() {
        let registry = Registry::new(Arc::default());
        let (one, is_new) = get_or_create(&registry, "web", 80);
        assert!(is_new);
        let (two, is_new) = get_or_create(&registry, "web", 80);
        assert!(!is_new && Arc::ptr_eq(&one, &two));
        let (other, is_new) = get_or_create(&registry, "web", 81);
        assert!(is_new && !Arc::ptr_eq(&one, &other));
        let service = ObjectName::new("shop", "web");
        assert_eq!((registry.of_service(&service).len(), registry.len()), (2, 2));
        assert!(registry.of_service(&ObjectName::new("shop", "api")).is_empty());
    }

    #[test]
    fn who_asks_for_no_checks_ends_none_of_another_object_with_its_name() {
        let registry = Registry::new(Arc::default());
        let (backend, _) = registry.get_or_create(&spec("web", 80));
        let asker = |kind| Some(ObjectRef::new(kind, ObjectName::new("shop", "web")));
        let checks = Arc::new(Checks {
            kind: CheckKind::Tcp,
            interval: Checks::INTERVAL,
            timeout: Checks::INTERVAL,
            rise: Checks::RISE,
            fall: Checks::FALL,
        });
        let checked = registry.check(&asker(ObjectKind::Ingress), &backend, Some(&checks)).unwrap();
        assert!(registry.check(&asker(ObjectKind::Service), &backend, None).is_none());
        assert!(!checked.is_over());
        assert!(registry.check(&asker(ObjectKind::Ingress), &backend, None).is_none());
        assert!(checked.is_over());
    }

    #[test]
    fn two_names_of_a_port_are_one_upstream_with_metrics_for_each() {
        let metrics = Arc::<Metrics>::default();
        let registry = Registry::new(Arc::clone(&metrics));
        let by = |port| Arc::new(UpstreamSpec { key: key("web", 80), port, for_https: None });
        let (by_number, _) = registry.get_or_create(&by(PortRef::Number(80)));
        by_number.upstream.set_endpoints(endpoints(&[1, 2]));
        let (by_name, is_new) = registry.get_or_create(&by(PortRef::Name("http".into())));
        assert!(!is_new && Arc::ptr_eq(&by_number.upstream, &by_name.upstream));
        by_name.metrics.attempt();
        let shown = |series: &str| metrics.render().lines().any(|line| line == series);
        let labels = |port| format!("{{namespace=\"shop\",service=\"web\",port=\"{port}\"}}");
        for (port, attempts) in [("80", 0), ("http", 1)] {
            assert!(shown(&format!("tidegate_upstream_endpoints{} 2", labels(port))), "{}", metrics.render());
            assert!(shown(&format!("tidegate_upstream_attempts_total{} {attempts}", labels(port))));
        }
        by_name.upstream.set_endpoints(endpoints(&[1]));
        assert!(["80", "http"].iter().all(|port| shown(&format!("tidegate_upstream_endpoints{} 1", labels(port)))));
        drop(by_name);
        assert!(!shown(&format!("tidegate_upstream_endpoints{} 1", labels("http"))), "nobody uses this name");
    }

    #[test]
    fn an_ended_upstream_is_forgotten_and_made_anew() {
        let registry = Registry::new(Arc::default());
        let (one, _) = get_or_create(&registry, "web", 80);
        let _kept = get_or_create(&registry, "api", 80);
        registry.prune();
        assert_eq!((registry.len(), registry.by_service.len()), (2, 2));
        drop(one);
        assert_eq!((registry.len(), registry.by_service.len()), (1, 2));
        registry.prune();
        assert_eq!((registry.len(), registry.by_service.len()), (1, 1));
        assert!(get_or_create(&registry, "web", 80).1);
        assert!(!get_or_create(&registry, "api", 80).1);
    }

    #[test]
    fn endpoints_live_on_while_their_address_stays() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        assert!(upstream.set_endpoints(endpoints(&[3, 1, 2, 2])));
        assert!(!upstream.set_endpoints(endpoints(&[1, 2, 3])), "the same set is no change");
        let before = upstream.endpoints();
        assert!(upstream.set_endpoints(endpoints(&[2, 3, 4])));
        let after = upstream.endpoints();
        assert!(Arc::ptr_eq(&before.as_slice()[1], &after.as_slice()[0]));
        assert!(before.as_slice()[0].is_retired());
        assert!(after.as_slice().iter().all(|e| !e.is_retired()));
        assert!(upstream.set_endpoints(endpoints(&[1])));
        assert_ne!(upstream.endpoints().as_slice()[0].id(), before.as_slice()[0].id(), "a return is a new endpoint");
    }

    #[test]
    fn a_draining_endpoint_keeps_what_it_has_and_gets_nothing_new() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2]));
        let before = upstream.endpoints();
        let pick = || upstream.pick(&Wanted::by(Balance::default(), tokio::time::Instant::now()));
        let in_flight = pick().unwrap();
        let mut wanted = endpoints(&[1, 2]);
        let at = usize::from(in_flight.address().port() - 1);
        wanted[at].state = EndpointState::Draining;
        assert!(upstream.set_endpoints(wanted.clone()));
        assert!(!upstream.set_endpoints(wanted.clone()), "the same states are no change");
        assert!(Arc::ptr_eq(&before, &upstream.endpoints()), "the set is the same");
        assert_eq!(in_flight.in_flight(), 1);
        assert!((0..10).all(|_| pick().unwrap().address() != in_flight.address()));
        wanted[1 - at].state = EndpointState::Draining;
        upstream.set_endpoints(wanted);
        assert_eq!(pick().err(), Some(Unpicked::NoEndpoint), "not even when all drain");
        assert!(upstream.set_endpoints(endpoints(&[1, 2])));
        assert!(pick().is_ok());
    }

    #[test]
    fn what_an_operator_says_wins_until_it_is_taken_back_or_the_address_goes() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2]));
        let address = |port: u16| ([10, 0, 0, 1], port).into();
        let now = tokio::time::Instant::now();
        let shares = |of: u16| {
            let picked =
                (0..300).map(|_| upstream.pick(&Wanted::by(Balance::RoundRobin, now)).map(|it| it.address().port()));
            picked.filter(|port| *port == Ok(of)).count()
        };
        let state = |state| EndpointCommand::State(state);
        assert!(!upstream.command(address(3), state(Some(EndpointState::Draining))));
        for said in [EndpointState::Draining, EndpointState::Maintenance] {
            assert!(upstream.command(address(1), state(Some(said))));
            assert_eq!((shares(1), shares(2)), (0, 300));
            upstream.set_endpoints(endpoints(&[1, 2, 3]));
            assert_eq!(shares(1), 0, "it survives what objects say");
            upstream.set_endpoints(endpoints(&[1, 2]));
        }
        assert!(upstream.command(address(1), state(None)));
        assert_eq!(shares(1), 150);
        // Objects say that it drains; an operator says that it does not, and then nothing any more.
        let mut wanted = endpoints(&[1, 2]);
        wanted[0].state = EndpointState::Draining;
        upstream.set_endpoints(wanted);
        assert_eq!(shares(1), 0);
        upstream.command(address(1), state(Some(EndpointState::Active)));
        assert_eq!(shares(1), 150);
        upstream.command(address(1), state(None));
        assert_eq!(shares(1), 0);
        upstream.set_endpoints(endpoints(&[1, 2]));
        upstream.command(address(1), EndpointCommand::Weight(Weight::new(50)));
        assert!((90..=110).contains(&shares(1)), "{}", shares(1));
        upstream.command(address(1), EndpointCommand::Weight(Weight::new(0)));
        assert_eq!(shares(1), 0);
        upstream.command(address(1), EndpointCommand::Weight(None));
        assert_eq!(shares(1), 150);
        upstream.command(address(1), state(Some(EndpointState::Draining)));
        upstream.set_endpoints(endpoints(&[2]));
        upstream.set_endpoints(endpoints(&[1, 2]));
        assert_eq!(shares(1), 150, "another pod has the address now");
    }

    #[test]
    fn fault_f9_requests_in_flight_are_bounded_and_an_endpoint_that_has_its_part_is_passed_over() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2]));
        let now = tokio::time::Instant::now();
        let pick = |balance| upstream.pick(&Wanted { most: 4, ..Wanted::by(balance, now) });
        let mut in_flight: Vec<_> = (0..4).map(|_| pick(Balance::RoundRobin).unwrap()).collect();
        for balance in [Balance::RoundRobin, Balance::LeastInFlight] {
            assert_eq!(pick(balance).err(), Some(Unpicked::Full));
        }
        let freed = in_flight.pop().unwrap().address();
        for _ in 0..2 {
            assert_eq!(pick(Balance::RoundRobin).unwrap().address(), freed, "whosever turn it is");
        }
        upstream.set_endpoints(endpoints(&[1]));
        in_flight.clear();
        let alone: Vec<_> = (0..4).map(|_| pick(Balance::LeastInFlight).unwrap()).collect();
        assert_eq!(pick(Balance::LeastInFlight).err(), Some(Unpicked::Full));
        drop(alone);
        assert!(pick(Balance::LeastInFlight).is_ok());
    }

    #[test]
    fn endpoints_that_fail_are_left_out_for_growing_times_and_at_most_half_of_them() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2, 3, 4, 5]));
        let rule = Ejection { failures: NonZeroU32::new(3).unwrap(), time: Duration::from_secs(10) };
        let set = upstream.endpoints();
        let all = set.as_slice();
        let mut now = tokio::time::Instant::now();
        let fail = |at: usize, now| (0..3).map(|_| upstream.failed(&all[at], rule, now)).collect::<Vec<_>>();
        let served = |now| {
            let picked =
                (0..50).map(|_| upstream.pick(&Wanted::by(Balance::RoundRobin, now)).unwrap().address().port());
            picked.collect::<BTreeSet<_>>()
        };
        upstream.failed(&all[0], rule, now);
        upstream.failed(&all[0], rule, now);
        upstream.served(&all[0]);
        assert_eq!(fail(0, now), [false, false, true], "an answer ends the row of failures");
        assert_eq!(served(now), [2, 3, 4, 5].into());
        assert_eq!(fail(1, now)[2..], [true]);
        assert!(fail(2, now).iter().all(|is_out| !is_out), "half of five are two");
        assert_eq!(served(now), [3, 4, 5].into());
        for seconds in [10, 20, 40, 80, 100, 100] {
            let almost = now + Duration::from_millis(seconds * 1000 - 1);
            assert!(!served(almost).contains(&1), "{seconds}");
            now += Duration::from_secs(seconds);
            assert!(served(now).contains(&1), "{seconds}");
            assert!(fail(0, now).contains(&true), "{seconds}");
        }
        now += Duration::from_secs(100 + 4 * 100 + 1);
        assert_eq!(served(now).len(), 5);
        fail(0, now);
        assert!(served(now + Duration::from_secs(10)).contains(&1), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_served_in_order_and_who_is_too_much_or_too_long_is_refused() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2]));
        let each = NonZeroU32::new(1);
        let wanted = || Wanted { each, ..Wanted::by(Balance::default(), tokio::time::Instant::now()) };
        let queue = Queue { length: 3, timeout: Duration::from_secs(5) };
        let mut busy: Vec<_> = (0..2).map(|_| upstream.pick(&wanted()).unwrap()).collect();
        assert_eq!(upstream.pick(&wanted()).err(), Some(Unpicked::Full));
        let wait = |name: usize| {
            let upstream = Arc::clone(&upstream);
            tokio::spawn(async move {
                let wanted = Wanted { each, ..Wanted::by(Balance::default(), tokio::time::Instant::now()) };
                (name, upstream.wait(&wanted, queue).await)
            })
        };
        let mut waiting = std::collections::VecDeque::new();
        for name in 0..3 {
            waiting.push_back(wait(name));
            tokio::task::yield_now().await;
        }
        assert_eq!(upstream.waiting(), 3);
        assert_eq!(wait(3).await.unwrap().1.err(), Some(Unpicked::Full), "three may wait");
        for name in 0..2 {
            let began = tokio::time::Instant::now();
            drop(busy.remove(0));
            let (served, picked) = waiting.pop_front().unwrap().await.unwrap();
            assert_eq!(served, name);
            assert_eq!(began.elapsed(), Duration::ZERO, "woken, and not by a look at the clock");
            busy.push(picked.unwrap());
        }
        assert_eq!(waiting.pop_front().unwrap().await.unwrap().1.err(), Some(Unpicked::Waited));
        assert_eq!(upstream.waiting(), 0);
        // One that goes leaves the line, and an endpoint that comes wakes the first.
        let (gone, next) = (wait(4), wait(5));
        tokio::task::yield_now().await;
        gone.abort();
        let _ = gone.await;
        assert_eq!(upstream.waiting(), 1);
        upstream.set_endpoints(endpoints(&[1, 2, 3]));
        let (_, picked) = next.await.unwrap();
        assert_eq!(picked.unwrap().address().port(), 3);
    }

    #[test]
    fn who_prefers_an_endpoint_that_is_gone_or_suspect_is_served_as_others_are() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2, 3]));
        let now = tokio::time::Instant::now();
        let gone = Some(Preference::OfToken { token: 7, moves: true });
        let pick = |preference, now| upstream.pick(&Wanted { preference, ..Wanted::by(Balance::RoundRobin, now) });
        let of_gone: BTreeSet<_> = (0..9).map(|_| pick(gone, now).unwrap().address()).collect();
        assert_eq!(of_gone.len(), 3, "old sessions are spread");
        upstream.endpoints().as_slice().iter().for_each(|endpoint| endpoint.connect_failed(now));
        assert!(pick(gone, now).is_ok(), "also while all are suspect");
        upstream.endpoints().as_slice().iter().for_each(|endpoint| endpoint.check_says(false, now));
        assert!(pick(gone, now).is_ok(), "and while all are down");
        upstream.endpoints().as_slice().iter().for_each(|endpoint| endpoint.check_says(true, now));
        upstream.endpoints().as_slice().iter().for_each(|endpoint| endpoint.connect_succeeded());
        // The endpoint of a key is tried again once its time is over.
        let key = Some(Preference::OfKey { key: 7, among: 1, moves: true });
        let own = pick(key, now).unwrap().address();
        upstream.endpoints().of(own).unwrap().connect_failed(now);
        assert_ne!(pick(key, now).unwrap().address(), own);
        let later = now + Duration::from_secs(2);
        assert_eq!(pick(key, later).unwrap().address(), own);
        assert_ne!(pick(key, later).unwrap().address(), own, "one request tries it");
    }

    #[tokio::test(start_paused = true)]
    async fn who_can_get_no_endpoint_does_not_block_the_line() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1]));
        let now = tokio::time::Instant::now;
        let queue = Queue { length: 10, timeout: Duration::from_secs(60) };
        let with = |each: u32| Wanted { each: NonZeroU32::new(each), ..Wanted::by(Balance::default(), now()) };
        let tried = [upstream.endpoints().as_slice()[0].id()];
        let began = now();
        let nothing_left = upstream.wait(&Wanted { tried: &tried, ..with(1) }, queue).await;
        assert_eq!((nothing_left.err(), began.elapsed()), (Some(Unpicked::NoEndpoint), Duration::ZERO));
        // A route with a lower limit waits at the head; one with a higher limit need not wait for it.
        let busy: Vec<_> = (0..2).map(|_| upstream.pick(&with(2)).unwrap()).collect();
        let low = tokio::spawn({
            let upstream = Arc::clone(&upstream);
            async move {
                let wanted = Wanted { each: NonZeroU32::new(1), ..Wanted::by(Balance::default(), now()) };
                upstream.wait(&wanted, queue).await.map(|_| ())
            }
        });
        tokio::task::yield_now().await;
        assert_eq!(upstream.waiting(), 1);
        let high = upstream.wait(&with(3), queue).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop((busy, high));
        assert!(low.await.unwrap().is_ok());
    }

    #[test]
    fn no_endpoint_ever_has_more_than_its_limit_and_nobody_who_waits_is_forgotten() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2, 3]));
        let queue = Queue { length: 10_000, timeout: Duration::from_secs(60) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let upstream = Arc::clone(&upstream);
                runtime.spawn(async move {
                    for _ in 0..200 {
                        let wanted = Wanted {
                            each: NonZeroU32::new(2),
                            ..Wanted::by(Balance::default(), tokio::time::Instant::now())
                        };
                        let endpoint = upstream.wait(&wanted, queue).await.unwrap();
                        assert!(endpoint.in_flight() <= 2);
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert!(upstream.endpoints().as_slice().iter().all(|endpoint| endpoint.in_flight() == 0));
        assert_eq!(upstream.waiting(), 0);
    }

    #[tokio::test]
    async fn removed_endpoints_and_those_of_an_ended_upstream_are_announced() {
        let registry = Registry::new(Arc::default());
        let mut retirements = registry.retirements();
        let (upstream, _) = get_or_create(&registry, "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2]));
        let set = upstream.endpoints();
        let [one, two] = set.as_slice() else { panic!("two endpoints") };
        upstream.set_endpoints(endpoints(&[2]));
        assert_eq!(retirements.next().await, Retired::One(one.id()));
        assert!(one.is_retired() && !two.is_retired());
        drop(upstream);
        assert_eq!(retirements.next().await, Retired::One(two.id()));
        assert!(two.is_retired());
    }
}
