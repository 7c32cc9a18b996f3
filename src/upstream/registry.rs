//! All living upstreams: one for each key, found by Service. Held weakly: the tables (and requests in flight) keep
//! upstreams alive.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use dashmap::DashMap;

use super::departures::Departures;
use super::living::Upstream;
use super::retirement::RetirementWatch;
use super::target::Backend;
use crate::model::{ObjectName, UpstreamSpec};
use crate::observe::Metrics;

/// The living upstreams of the process. Not touched per request.
pub struct Registry {
    by_service: DashMap<ObjectName, Vec<Weak<Upstream>>, foldhash::fast::RandomState>,
    departures: Arc<Departures>,
    /// Upstreams made so far; what has not departed lives.
    made: AtomicUsize,
    metrics: Arc<Metrics>,
}

impl Registry {
    /// A registry without upstreams, whose upstreams will be counted here.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            by_service: DashMap::default(),
            departures: Arc::new(Departures::new()),
            made: AtomicUsize::new(0),
            metrics,
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
            let upstream = Upstream::new(Arc::clone(spec), make_metrics(), Arc::clone(&self.departures));
            let upstream = Arc::new(upstream);
            self.made.fetch_add(1, Relaxed);
            entry.retain(|weak| weak.strong_count() > 0);
            entry.push(Arc::downgrade(&upstream));
            upstream
        });
        let metrics = upstream.metrics(port, make_metrics);
        (Backend { upstream, metrics, for_https: None }, is_new)
    }

    /// The living upstreams of a Service: what is refilled when its EndpointSlices change.
    pub fn of_service(&self, service: &ObjectName) -> Vec<Arc<Upstream>> {
        self.by_service.get(service).map(|entry| entry.iter().filter_map(Weak::upgrade).collect()).unwrap_or_default()
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
    }

    /// Announces each endpoint that retires from now on: every shard holds one and sweeps its pool by it.
    pub fn retirements(&self) -> RetirementWatch {
        self.departures.watch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Balance, EndpointPort, EndpointSpec, EndpointState, PortRef, Protocol, UpstreamKey};
    use crate::upstream::{Retired, Unpicked};

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
        let pick = || upstream.pick(Balance::default(), usize::MAX, &[], tokio::time::Instant::now());
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
    fn fault_f9_requests_in_flight_are_bounded_and_an_endpoint_that_has_its_part_is_passed_over() {
        let (upstream, _) = get_or_create(&Registry::new(Arc::default()), "web", 80);
        upstream.set_endpoints(endpoints(&[1, 2]));
        let now = tokio::time::Instant::now();
        let pick = |balance| upstream.pick(balance, 4, &[], now);
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
