//! Seeded simulations: requests that take time, endpoints that are slow or gone, sets that change under load.
//! Time is simulated and chance comes from a seed, so the seed repeats a failure.

mod balance;
mod care;

use std::sync::Arc;

use super::{InFlight, Registry, Upstream};
use crate::model::{EndpointPort, EndpointSpec, ObjectName, PortRef, Protocol, UpstreamKey, UpstreamSpec};

const SEEDS: [u64; 4] = [1, 7, 42, 20_260_801];

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Between half and one and a half times `mean`.
    fn around(&mut self, mean: u64) -> u64 {
        mean / 2 + self.next() % mean.max(1)
    }
}

fn upstream(count: u16) -> Arc<Upstream> {
    let key = UpstreamKey {
        service: ObjectName::new("shop", "web"),
        endpoint_port: EndpointPort::Fixed(80),
        protocol: Protocol::Http1,
    };
    let spec = UpstreamSpec { key, port: PortRef::Number(80), for_https: None };
    let (backend, _) = Registry::new(Arc::default()).get_or_create(&Arc::new(spec));
    backend.upstream.set_endpoints((0..count).map(endpoint).collect());
    backend.upstream
}

fn endpoint(place: u16) -> EndpointSpec {
    EndpointSpec::active(([10, 0, 0, 1], 1000 + place).into())
}

fn place(endpoint: &InFlight) -> usize {
    usize::from(endpoint.address().port() - 1000)
}
