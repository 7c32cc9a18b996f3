//! Registers the families that a registry collects. The families of routes and upstreams are written by hand instead.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::core::Collector;
use prometheus::{Opts, Registry};

use super::families::Family;

/// Name and help text of a family.
pub(super) fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.meaning)
}

/// Adds a collector to the registry.
pub(super) fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect("names and labels of families are constants, which a test builds all of");
    registry.register(Box::new(collector.clone())).expect("every family is registered once, which a test checks");
    collector
}

/// Seconds since 1970; 0 for earlier times.
pub(super) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
