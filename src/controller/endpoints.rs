//! Endpoints of upstreams: an upstream is filled before the table that leads to it is published, and emptied after the table
//! that does not.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use crate::model::{Action, Checks, ExternalAuth, Filter, ObjectName, Origin, Reply, RouteSpec, UpstreamSpec};
use crate::observe::{Metrics, StateLog};
use crate::translate::{self, Input};
use crate::upstream::{Backend, Besides, Destination, Registry, Target, Upstream};

use super::{backend_states, route_names};

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
pub(super) fn refill(
    input: &Input,
    registry: &Registry,
    services: &BTreeSet<ObjectName>,
    states: &StateLog,
) -> Refilled {
    let mut refilled = Refilled::default();
    for service in services {
        for upstream in registry.of_service(service) {
            let endpoints = translate::endpoints(input, upstream.key());
            if endpoints.is_empty() {
                refilled.to_empty.push(Arc::downgrade(&upstream));
                continue;
            }
            let was_empty = upstream.endpoints().is_empty();
            if upstream.set_endpoints(endpoints) {
                if was_empty {
                    backend_states::has_servers(states, &upstream);
                }
                refilled.changed.insert(service.clone());
            }
        }
    }
    refilled
}

/// Empties the upstreams that still live. Returns the Services whose endpoints have changed.
pub(super) fn empty(upstreams: Vec<Weak<Upstream>>, states: &StateLog) -> BTreeSet<ObjectName> {
    let living = upstreams.into_iter().filter_map(|upstream| upstream.upgrade());
    let emptied = living.filter(|upstream| {
        let before = upstream.endpoints();
        let is_emptied = upstream.set_endpoints(Vec::new());
        if is_emptied {
            backend_states::has_none(states, upstream, &before);
        }
        is_emptied
    });
    emptied.map(|upstream| upstream.key().service.clone()).collect()
}

/// Makes the targets of the routes of a table, with their upstreams filled.
pub(super) struct Targets<'c> {
    input: &'c Input,
    registry: &'c Registry,
    metrics: &'c Metrics,
    /// The last one that forwards, with the object and the upstream that it is for: the routes of a host mostly differ in
    /// nothing but their paths.
    last: Option<(ObjectName, Arc<UpstreamSpec>, Target)>,
}

impl<'c> Targets<'c> {
    pub(super) fn new(input: &'c Input, registry: &'c Registry, metrics: &'c Metrics) -> Self {
        Self { input, registry, metrics, last: None }
    }

    /// The target of a route.
    pub(super) fn of(&mut self, spec: &RouteSpec) -> Target {
        let target = self.of_action(spec);
        let besides = self.besides(&spec.filters);
        let detail = self.metrics.detail(|| route_names::of(self.input, spec));
        Target { besides, detail, ..target }
    }

    fn of_action(&mut self, spec: &RouteSpec) -> Target {
        let label = spec.origin.label();
        match &spec.action {
            Action::Forward(upstream) => match &self.last {
                Some((of, to, target)) if Arc::ptr_eq(to, upstream) && of == label => target.clone(),
                Some(_) | None => {
                    let target = self.forward(&spec.origin, upstream, spec.policy.checks.as_ref());
                    self.last = Some((label.clone(), Arc::clone(upstream), target.clone()));
                    target
                }
            },
            // Its shares are routes of their own. This answers where none of them has a weight.
            Action::Split(_) | Action::Canary(_) => self.reply(label, Reply::BackendUnavailable),
            Action::Reply(reply) => self.reply(label, *reply),
        }
    }

    fn forward(&self, origin: &Origin, spec: &Arc<UpstreamSpec>, checks: Option<&Arc<Checks>>) -> Target {
        let metrics = self.metrics.route(origin.label(), Arc::clone(&spec.key.service.name));
        let asker = origin.object();
        let filled = |spec| {
            let mut backend = self.filled(spec);
            backend.checked = self.registry.check(&asker, &backend, checks);
            backend
        };
        let mut backend = filled(spec);
        backend.for_https = spec.for_https.as_ref().map(|spec| Box::new(filled(spec)));
        Target { destination: Destination::Forward(backend), metrics, detail: None, besides: None }
    }

    /// An upstream, with its endpoints if it is new.
    fn filled(&self, spec: &Arc<UpstreamSpec>) -> Backend {
        let (backend, is_new) = self.registry.get_or_create(spec);
        if is_new {
            let Backend { upstream, .. } = &backend;
            upstream.set_endpoints(translate::endpoints(self.input, upstream.key()));
        }
        backend
    }

    /// The services that filters name; `None`: none.
    fn besides(&self, filters: &[Filter]) -> Option<Arc<Besides>> {
        let mut besides = Besides::default();
        for filter in filters {
            match filter {
                Filter::Auth(auth) => match &**auth {
                    ExternalAuth::Service(service) => besides.auth = Some(self.filled(&service.upstream)),
                    ExternalAuth::Unusable => {}
                },
                Filter::Mirror(mirror) => besides.mirror = Some(self.filled(&mirror.upstream)),
                Filter::Errors(pages) => {
                    besides.errors = pages.upstream.as_ref().map(|upstream| self.filled(upstream));
                }
                Filter::ClientAuth(_)
                | Filter::Rules(_)
                | Filter::RequestFields(_)
                | Filter::PodHost(_)
                | Filter::ResponseFields(_)
                | Filter::AppRoot(_)
                | Filter::Cors(_)
                | Filter::Redirect(_)
                | Filter::Rewrite(_)
                | Filter::HttpsRedirect(..)
                | Filter::AnswerUrls(_)
                | Filter::Limits(_)
                | Filter::Hsts(_)
                | Filter::NginxFields
                | Filter::Affinity(_)
                | Filter::Sources(_)
                | Filter::BasicAuth(_) => {}
            }
        }
        let Besides { auth, errors, mirror } = &besides;
        let is_any = auth.is_some() || errors.is_some() || mirror.is_some();
        is_any.then(|| Arc::new(besides))
    }

    fn reply(&self, label: &ObjectName, reply: Reply) -> Target {
        let metrics = self.metrics.route(label, "");
        Target { destination: Destination::Reply(reply), metrics, detail: None, besides: None }
    }
}
