//! Endpoints of upstreams: an upstream is filled before the table that leads to it is published, and emptied after the table
//! that does not.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use crate::model::{Action, ObjectName, Reply, RouteSpec};
use crate::observe::Metrics;
use crate::translate::{self, Input};
use crate::upstream::{Backend, Destination, Registry, Target, Upstream};

/// What a refill has changed, and what is left to do.
#[derive(Default)]
pub(super) struct Refilled {
    /// Services whose endpoints have changed.
    pub(super) changed: BTreeSet<ObjectName>,
    /// Upstreams that are to be emptied. The references are weak, so that an upstream that the next table leaves out ends
    /// with the former table.
    pub(super) to_empty: Vec<Weak<Upstream>>,
}

/// Fills the upstreams of Services whose slices or ports have changed: no table is built for that. An upstream that has no
/// endpoint any more keeps its endpoints for now: requests must not find it empty while the table that leads them elsewhere
/// is built.
pub(super) fn refill(input: &Input, registry: &Registry, services: &BTreeSet<ObjectName>) -> Refilled {
    let mut refilled = Refilled::default();
    for service in services {
        for upstream in registry.of_service(service) {
            let endpoints = translate::endpoints(input.objects(), upstream.key(), input.settings());
            if endpoints.is_empty() {
                refilled.to_empty.push(Arc::downgrade(&upstream));
            } else if upstream.set_endpoints(endpoints) {
                refilled.changed.insert(service.clone());
            }
        }
    }
    refilled
}

/// Empties the upstreams that still live. Returns the Services whose endpoints have changed.
pub(super) fn empty(upstreams: Vec<Weak<Upstream>>) -> BTreeSet<ObjectName> {
    let living = upstreams.into_iter().filter_map(|upstream| upstream.upgrade());
    let emptied = living.filter(|upstream| upstream.set_endpoints(Vec::new()));
    emptied.map(|upstream| upstream.key().service.clone()).collect()
}

/// The target of a route, with its upstream filled.
pub(super) fn resolve(input: &Input, registry: &Registry, metrics: &Metrics, spec: &RouteSpec) -> Target {
    match &spec.action {
        Action::Forward(upstream) => {
            let metrics = metrics.route(spec.origin.label(), Arc::clone(&upstream.key.service.name));
            let (backend, is_new) = registry.get_or_create(upstream);
            if is_new {
                let Backend { upstream, .. } = &backend;
                upstream.set_endpoints(translate::endpoints(input.objects(), upstream.key(), input.settings()));
            }
            Target { destination: Destination::Forward(backend), metrics }
        }
        // Its shares are routes of their own. This answers where none of them has a weight.
        Action::Split(_) => Target {
            destination: Destination::Reply(Reply::BackendUnavailable),
            metrics: metrics.route(spec.origin.label(), ""),
        },
        Action::Reply(reply) => {
            Target { destination: Destination::Reply(*reply), metrics: metrics.route(spec.origin.label(), "") }
        }
    }
}
