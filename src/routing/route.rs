//! A route, compiled. A split shares its requests among several backends, and so does a canary: each backend is compiled as a
//! route of its own.

use std::sync::Arc;

use crate::model::{
    Action, Affinity, Canary, CanaryRule, Filter, Filters, Reply, RouteSpec, Split, UpstreamSpec, WeightedBackend,
};

/// What a request is sent to. `T` is what the data plane executes.
#[derive(Clone, Debug)]
pub struct Route<T> {
    /// What to do.
    pub target: T,
    /// What it was compiled from.
    pub spec: Arc<RouteSpec>,
    /// Whether it executes what falls to a canary.
    pub is_canary: bool,
    /// Present where several backends share the requests. Then `target` is what becomes of those that no share gets.
    shares: Option<Box<Shares<T>>>,
}

/// What decides between routes that share requests.
pub struct Draw<'a, T> {
    /// Any number of 64 bits.
    pub random: &'a dyn Fn() -> u64,
    /// Whether the request asks for the canary; `None`: it says nothing.
    pub asks: &'a dyn Fn(&CanaryRule) -> Option<bool>,
    /// Whether a target can take requests.
    pub lives: &'a dyn Fn(&T) -> bool,
}

impl<T> Route<T> {
    pub(super) fn compile(spec: &Arc<RouteSpec>, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let shares = match &spec.action {
            Action::Split(split) => Some(Box::new(Shares::Weights(Weights::compile(split, spec, resolve)))),
            Action::Canary(canary) => Some(Box::new(Shares::Canary(Sides::compile(canary, spec, resolve)))),
            Action::Forward(_) | Action::Reply(_) => None,
        };
        Self { target: resolve(spec), spec: Arc::clone(spec), is_canary: false, shares }
    }

    /// The route that executes a request: this one, or where requests are shared the one that it falls to.
    #[inline]
    pub fn choose(self: &Arc<Self>, draw: &Draw<'_, T>) -> &Arc<Self> {
        match &self.shares {
            None => self,
            Some(shares) => shares.choose(draw).unwrap_or(self),
        }
    }

    /// Whether requests are shared among several routes.
    pub fn is_shared(&self) -> bool {
        self.shares.is_some()
    }

    /// The routes among which requests are shared; none for most.
    pub fn shares(&self) -> impl Iterator<Item = &Arc<Self>> {
        self.shares.iter().flat_map(|shares| shares.routes())
    }
}

/// How requests are shared.
#[derive(Clone, Debug)]
enum Shares<T> {
    Weights(Weights<T>),
    Canary(Sides<T>),
}

impl<T> Shares<T> {
    #[inline(never)]
    fn choose(&self, draw: &Draw<'_, T>) -> Option<&Arc<Route<T>>> {
        match self {
            Self::Weights(weights) => weights.choose((draw.random)()),
            Self::Canary(sides) => Some(sides.choose(draw)),
        }
    }

    fn routes(&self) -> impl Iterator<Item = &Arc<Route<T>>> {
        let (weights, sides) = match self {
            Self::Weights(weights) => (&*weights.shares, None),
            Self::Canary(sides) => (&[][..], Some([&sides.main, &sides.canary])),
        };
        weights.iter().map(|share| &share.route).chain(sides.into_iter().flatten())
    }
}

/// A route as one of its backends executes it: all that looks at it sees what it sees of any other.
fn with_backend<T>(
    backend: &Result<Arc<UpstreamSpec>, Reply>,
    spec: &RouteSpec,
    is_canary: bool,
    resolve: &mut dyn FnMut(&RouteSpec) -> T,
) -> Arc<Route<T>> {
    let action = match backend {
        Ok(upstream) => Action::Forward(Arc::clone(upstream)),
        Err(reply) => Action::Reply(*reply),
    };
    let spec = Arc::new(RouteSpec { action, ..spec.clone() });
    Arc::new(Route { target: resolve(&spec), spec, is_canary, shares: None })
}

/// A backend and its canary.
#[derive(Clone, Debug)]
struct Sides<T> {
    main: Arc<Route<T>>,
    canary: Arc<Route<T>>,
    rule: CanaryRule,
}

impl<T> Sides<T> {
    fn compile(canary: &Canary, spec: &RouteSpec, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let Canary { main, canary, rule } = canary;
        let main = with_backend(main, spec, false, resolve);
        let canary = if rule.has_no_sessions {
            with_backend(canary, &RouteSpec { filters: without_sessions(&spec.filters), ..spec.clone() }, true, resolve)
        } else {
            with_backend(canary, spec, true, resolve)
        };
        Self { main, canary, rule: rule.clone() }
    }

    fn choose(&self, draw: &Draw<'_, T>) -> &Arc<Route<T>> {
        let by_chance = || below((draw.random)(), self.rule.total) < u64::from(self.rule.weight);
        let is_canary = (draw.asks)(&self.rule).unwrap_or_else(by_chance);
        if is_canary && (draw.lives)(&self.canary.target) { &self.canary } else { &self.main }
    }
}

fn without_sessions(filters: &Filters) -> Filters {
    let is_session = |filter: &&Filter| matches!(filter, Filter::Affinity(of) if matches!(**of, Affinity::Cookie(_)));
    Filters::new(filters.iter().filter(|filter| !is_session(filter)).cloned().collect())
}

/// A number below `total`, of any number of 64 bits.
fn below(random: u64, total: impl Into<u64>) -> u64 {
    // Below the total.
    ((u128::from(random) * u128::from(total.into())) >> u64::BITS) as u64
}

/// The routes among which requests are shared.
#[derive(Clone, Debug)]
struct Weights<T> {
    shares: Box<[Share<T>]>,
    total: u64,
}

#[derive(Clone, Debug)]
struct Share<T> {
    /// Sum of the weights up to and with this one.
    end: u64,
    route: Arc<Route<T>>,
}

impl<T> Weights<T> {
    /// One share for each backend with a weight.
    fn compile(split: &Split, spec: &RouteSpec, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let mut total = 0;
        let with_weight = split.backends.iter().filter(|backend| backend.weight > 0);
        let shares = with_weight.map(|WeightedBackend { weight, upstream }| {
            total += u64::from(*weight);
            Share { end: total, route: with_backend(upstream, spec, false, resolve) }
        });
        Self { shares: shares.collect(), total }
    }

    /// The share that `random`, any number of 64 bits, falls to.
    fn choose(&self, random: u64) -> Option<&Arc<Route<T>>> {
        let point = below(random, self.total);
        let at = self.shares.partition_point(|share| share.end <= point);
        self.shares.get(at).map(|share| &share.route)
    }
}
