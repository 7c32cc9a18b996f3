//! Endpoints of different weight: which one a turn, or chance, leads to.
//!
//! A turn is scattered by the golden ratio, so that turns that follow each other fall far from each other and every stretch of
//! them is shared nearly as the weights are. All endpoints are looked at for each request: this is only used where weights differ
//! or endpoints start slowly.

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::{Way, scattered};
use crate::upstream::endpoint::Endpoint;

/// What makes shares differ.
#[derive(Clone, Copy, Debug)]
pub(in crate::upstream) struct Shares {
    /// For how long endpoints that have come get less than their share.
    pub slow_start: Option<Duration>,
    /// The time.
    pub now: Instant,
}

/// Of a share at the start of a slow start: a twentieth.
const LEAST: u64 = 50;
/// Thousandths.
const ALL: u64 = 1000;

impl Shares {
    /// The share of an endpoint, in thousandths of its weight.
    fn of(&self, endpoint: &Endpoint) -> u64 {
        let weight = u64::from(endpoint.weight().get());
        let part = match self.slow_start {
            None => ALL,
            Some(whole) => {
                let taking = endpoint.taking_for(self.now).as_millis();
                let part = taking.saturating_mul(ALL.into()) / whole.as_millis().max(1);
                u64::try_from(part).unwrap_or(ALL).clamp(LEAST, ALL)
            }
        };
        weight * part
    }
}

/// The endpoint for a turn, of those that may serve.
#[cold]
pub(super) fn shared<'a>(
    way: Way<'_>,
    shares: Shares,
    endpoints: &'a [Arc<Endpoint>],
    turn: usize,
    may_serve: impl Fn(&Endpoint) -> bool,
) -> Option<&'a Arc<Endpoint>> {
    let serving = endpoints.iter().filter(|endpoint| may_serve(endpoint));
    let candidates: Vec<_> = serving.map(|endpoint| (endpoint, shares.of(endpoint))).filter(|of| of.1 > 0).collect();
    let total: u64 = candidates.iter().map(|(_, share)| share).sum();
    let draw = |point: u64| {
        // Below the total.
        let mut rest = ((u128::from(point) * u128::from(total)) >> u64::BITS) as u64;
        candidates.iter().find(|(_, share)| {
            let is_it = rest < *share;
            rest = rest.saturating_sub(*share);
            is_it
        })
    };
    // How much so many requests are for a share.
    let of_share = |requests: usize, share: u64| {
        (requests as u128).saturating_mul(u128::from(u64::MAX)) / u128::from(share).max(1)
    };
    let load = |(endpoint, share): &(&Arc<Endpoint>, u64)| of_share(endpoint.in_flight(), *share);
    let load_with_one_more = |(endpoint, share): &(&Arc<Endpoint>, u64)| of_share(endpoint.in_flight() + 1, *share);
    // The draws alone are as the shares: of two endpoints that do nothing the first is taken.
    let lighter = |first: u64, second: u64| {
        let (first, second) = (draw(first)?, draw(second)?);
        Some(if load(second) < load(first) { second } else { first })
    };
    let chosen = match way {
        Way::InTurn | Way::Soonest(_) => draw(spread(turn)),
        Way::LeastInFlight => lighter(spread(turn), chance(turn)),
        Way::Random => lighter(chance(turn), chance(!turn)),
        Way::Least => {
            let start = turn % candidates.len().max(1);
            candidates.iter().skip(start).chain(candidates.iter().take(start)).min_by_key(|of| load_with_one_more(of))
        }
        Way::First { most } => {
            candidates.iter().find(|(endpoint, _)| endpoint.in_flight() < most).or(candidates.first())
        }
    };
    chosen.map(|(endpoint, _)| *endpoint)
}

/// A number of 64 bits for a turn: those of turns that follow each other are far apart.
fn spread(turn: usize) -> u64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    (turn as u64).wrapping_mul(GOLDEN)
}

/// A number of 64 bits for a turn, as if by chance.
fn chance(turn: usize) -> u64 {
    ((scattered(turn) as u64) << 33) | scattered(turn.wrapping_add(1 << 32)) as u64
}
