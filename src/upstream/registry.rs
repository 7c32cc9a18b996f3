//! All living upstreams: one for each equal spec, found by Service. Held weakly: the tables (and requests in flight)
//! keep upstreams alive.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dashmap::DashMap;

use super::living::Upstream;
use super::retirement::{RetirementSignal, RetirementWatch};
use crate::model::{ObjectName, UpstreamSpec};
use crate::observe::Metrics;

/// The living upstreams of the process. Not touched per request.
pub struct Registry {
    by_service: DashMap<ObjectName, Vec<Weak<Upstream>>, foldhash::fast::RandomState>,
    signal: RetirementSignal,
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
            signal: RetirementSignal::new(),
            departures: Arc::default(),
            made: AtomicUsize::new(0),
            metrics,
        }
    }

    /// How many upstreams live. Known without counting.
    pub fn len(&self) -> usize {
        self.made.load(Relaxed).saturating_sub(self.departures.count.load(Relaxed))
    }

    /// Whether no upstream lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The living upstream of a spec, and whether it was made just now (and so has no endpoints yet).
    pub fn get_or_create(&self, spec: &Arc<UpstreamSpec>) -> (Arc<Upstream>, bool) {
        // Most Services have one upstream, and a list that grows by itself begins with four.
        let mut entry = self.by_service.entry(spec.service.clone()).or_insert_with(|| Vec::with_capacity(1));
        if let Some(upstream) = entry.iter().filter_map(Weak::upgrade).find(|u| u.spec() == spec) {
            return (upstream, false);
        }
        let metrics = self.metrics.upstream(&spec.service, spec.port.to_string());
        let upstream = Upstream::new(Arc::clone(spec), metrics, self.signal.clone(), Arc::clone(&self.departures));
        let upstream = Arc::new(upstream);
        self.made.fetch_add(1, Relaxed);
        entry.retain(|weak| weak.strong_count() > 0);
        entry.push(Arc::downgrade(&upstream));
        (upstream, true)
    }

    /// The living upstreams of a Service: what is refilled when its EndpointSlices change.
    pub fn of_service(&self, service: &ObjectName) -> Vec<Arc<Upstream>> {
        self.by_service.get(service).map(|entry| entry.iter().filter_map(Weak::upgrade).collect()).unwrap_or_default()
    }

    /// What living upstreams without endpoints were made from.
    pub fn without_endpoints(&self) -> Vec<Arc<UpstreamSpec>> {
        let of_service = |entry: &Vec<Weak<Upstream>>| {
            let living = entry.iter().filter_map(Weak::upgrade);
            living.filter(|u| u.endpoints().is_empty()).map(|u| Arc::clone(u.spec())).collect::<Vec<_>>()
        };
        self.by_service.iter().flat_map(|entry| of_service(&entry)).collect()
    }

    /// All living upstreams, sorted by spec, for views.
    pub fn all(&self) -> Vec<Arc<Upstream>> {
        let mut all: Vec<_> = self
            .by_service
            .iter()
            .flat_map(|entry| entry.iter().filter_map(Weak::upgrade).collect::<Vec<_>>())
            .collect();
        all.sort_by(|a, b| a.spec().cmp(b.spec()));
        all
    }

    /// Forgets the upstreams that have ended since the last call, and tells how many Services are left without any.
    /// Costs what has ended, not what lives; to be called after a table was published.
    pub fn prune(&self) -> usize {
        let mut emptied = 0;
        for service in self.departures.take() {
            if let Some(mut entry) = self.by_service.get_mut(&service) {
                entry.retain(|weak| weak.strong_count() > 0);
            }
            emptied += usize::from(self.by_service.remove_if(&service, |_, entry| entry.is_empty()).is_some());
        }
        emptied
    }

    /// Announces each endpoint that retires from now on: every shard holds one and sweeps its pool by it.
    pub fn retirements(&self) -> RetirementWatch {
        self.signal.watch()
    }
}

/// Services of upstreams that have ended, so that the registry need not search for them. An upstream cannot remove
/// itself: it may end anywhere, also while its entry is locked.
#[derive(Debug, Default)]
pub(super) struct Departures {
    services: Mutex<Vec<ObjectName>>,
    count: AtomicUsize,
}

impl Departures {
    pub(super) fn note(&self, service: &ObjectName) {
        self.count.fetch_add(1, Relaxed);
        self.services.lock().unwrap_or_else(PoisonError::into_inner).push(service.clone());
    }

    fn take(&self) -> Vec<ObjectName> {
        std::mem::take(&mut self.services.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::model::{Balance, EndpointPort, PortRef, Protocol};
    use crate::upstream::Retired;

    fn spec(service: &str, port: u16) -> Arc<UpstreamSpec> {
        Arc::new(UpstreamSpec {
            service: ObjectName::new("shop", service),
            port: PortRef::Number(port),
            endpoint_port: EndpointPort::Fixed(port),
            protocol: Protocol::Http1,
            balance: Balance::default(),
        })
    }

    fn addresses(ports: &[u16]) -> Vec<SocketAddr> {
        ports.iter().map(|p| ([10, 0, 0, 1], *p).into()).collect()
    }

    #[test]
    fn equal_specs_share_one_living_upstream() {
        let registry = Registry::new(Arc::default());
        let (one, is_new) = registry.get_or_create(&spec("web", 80));
        assert!(is_new);
        let (two, is_new) = registry.get_or_create(&spec("web", 80));
        assert!(!is_new && Arc::ptr_eq(&one, &two));
        let (other, is_new) = registry.get_or_create(&spec("web", 81));
        assert!(is_new && !Arc::ptr_eq(&one, &other));
        let service = ObjectName::new("shop", "web");
        assert_eq!(registry.of_service(&service).len(), 2);
        assert_eq!(registry.all().iter().map(|u| u.spec().port.to_string()).collect::<Vec<_>>(), ["80", "81"]);
        assert!(registry.of_service(&ObjectName::new("shop", "api")).is_empty());
    }

    #[test]
    fn an_ended_upstream_is_forgotten_and_made_anew() {
        let registry = Registry::new(Arc::default());
        let (one, _) = registry.get_or_create(&spec("web", 80));
        let (kept, _) = registry.get_or_create(&spec("api", 80));
        let first = one.endpoints().len();
        assert_eq!((registry.prune(), first), (0, 0));
        drop(one);
        assert_eq!((registry.all().len(), registry.by_service.len()), (1, 2));
        assert_eq!((registry.prune(), registry.by_service.len()), (1, 1));
        assert!(registry.get_or_create(&spec("web", 80)).1);
        assert!(!registry.get_or_create(kept.spec()).1);
    }

    #[test]
    fn endpoints_live_on_while_their_address_stays() {
        let (upstream, _) = Registry::new(Arc::default()).get_or_create(&spec("web", 80));
        assert!(upstream.set_endpoints(addresses(&[3, 1, 2, 2])));
        assert!(!upstream.set_endpoints(addresses(&[1, 2, 3])), "the same set is no change");
        let before = upstream.endpoints();
        assert!(upstream.set_endpoints(addresses(&[2, 3, 4])));
        let after = upstream.endpoints();
        assert!(Arc::ptr_eq(&before.as_slice()[1], &after.as_slice()[0]));
        assert!(before.as_slice()[0].is_retired());
        assert!(after.as_slice().iter().all(|e| !e.is_retired()));
        assert!(upstream.set_endpoints(addresses(&[1])));
        assert_ne!(upstream.endpoints().as_slice()[0].id(), before.as_slice()[0].id(), "a return is a new endpoint");
    }

    #[tokio::test]
    async fn removed_endpoints_and_those_of_an_ended_upstream_are_announced() {
        let registry = Registry::new(Arc::default());
        let mut retirements = registry.retirements();
        let (upstream, _) = registry.get_or_create(&spec("web", 80));
        upstream.set_endpoints(addresses(&[1, 2]));
        let endpoints = upstream.endpoints();
        let [one, two] = endpoints.as_slice() else { panic!("two endpoints") };
        upstream.set_endpoints(addresses(&[2]));
        assert_eq!(retirements.next().await, Retired::One(one.id()));
        assert!(one.is_retired() && !two.is_retired());
        drop(upstream);
        assert_eq!(retirements.next().await, Retired::One(two.id()));
        assert!(two.is_retired());
    }
}
