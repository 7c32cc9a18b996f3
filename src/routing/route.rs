//! A route, compiled. A split shares its requests among several backends, each of which is compiled as a route of its own.

use std::sync::Arc;

use crate::model::{Action, RouteSpec, Split, WeightedBackend};

/// What a request is sent to. `T` is what the data plane executes.
#[derive(Clone, Debug)]
pub struct Route<T> {
    /// What to do.
    pub target: T,
    /// What it was compiled from.
    pub spec: Arc<RouteSpec>,
    /// Present where the action is a split. Then `target` is what becomes of requests if no share has a weight.
    shares: Option<Box<Shares<T>>>,
}

impl<T> Route<T> {
    pub(super) fn compile(spec: &Arc<RouteSpec>, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let shares = match &spec.action {
            Action::Split(split) => Some(Box::new(Shares::compile(split, spec, resolve))),
            Action::Forward(_) | Action::Reply(_) => None,
        };
        Self { target: resolve(spec), spec: Arc::clone(spec), shares }
    }

    /// The route that executes a request: this one, or where it is a split the share that `random` falls to.
    pub fn choose(self: &Arc<Self>, random: impl FnOnce() -> u64) -> &Arc<Self> {
        match &self.shares {
            None => self,
            Some(shares) => shares.choose(random()).unwrap_or(self),
        }
    }

    /// The routes among which a split shares its requests; none for others.
    pub fn shares(&self) -> impl Iterator<Item = &Arc<Self>> {
        self.shares.iter().flat_map(|shares| shares.routes())
    }
}

/// The routes among which requests are shared.
#[derive(Clone, Debug)]
struct Shares<T> {
    shares: Box<[Share<T>]>,
    total: u64,
}

#[derive(Clone, Debug)]
struct Share<T> {
    /// Sum of the weights up to and with this one.
    end: u64,
    route: Arc<Route<T>>,
}

impl<T> Shares<T> {
    /// One share for each backend with a weight. It is the route itself, with the backend as its only one: all that
    /// looks at a route sees what it sees of any other.
    fn compile(split: &Split, spec: &RouteSpec, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let mut total = 0;
        let with_weight = split.backends.iter().filter(|backend| backend.weight > 0);
        let shares = with_weight.map(|WeightedBackend { weight, upstream }| {
            total += u64::from(*weight);
            let action = match upstream {
                Ok(upstream) => Action::Forward(Arc::clone(upstream)),
                Err(reply) => Action::Reply(*reply),
            };
            let spec = Arc::new(RouteSpec { action, ..spec.clone() });
            Share { end: total, route: Arc::new(Route { target: resolve(&spec), spec, shares: None }) }
        });
        Self { shares: shares.collect(), total }
    }

    /// The share that `random`, any number of 64 bits, falls to.
    fn choose(&self, random: u64) -> Option<&Arc<Route<T>>> {
        // Below the total, which is below 2^64.
        let point = ((u128::from(random) * u128::from(self.total)) >> u64::BITS) as u64;
        let at = self.shares.partition_point(|share| share.end <= point);
        self.shares.get(at).map(|share| &share.route)
    }

    /// All of them.
    fn routes(&self) -> impl Iterator<Item = &Arc<Route<T>>> {
        self.shares.iter().map(|share| &share.route)
    }
}
