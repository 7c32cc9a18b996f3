//! Which endpoint of a set is next. Pure: the turn, the time and what was tried already are given.
//!
//! Every request takes a turn, a number that only grows. So `turn % n` walks the set in order, and idle traffic is
//! perfectly even. When that endpoint cannot serve, or a second one is needed for comparison, the other is found at a
//! distance that the turn scatters. Simulated with ten endpoints of which one is thirty times slower, always taking the
//! next one gives the slow one's neighbours 20 % more than the average of the sound ones; this gives them less than 5 %.

mod preferred;
mod scores;
mod shares;

use std::cell::Cell;
use std::sync::Arc;

use tokio::time::Instant;

use crate::upstream::endpoint::Endpoint;

pub(super) use preferred::preferred;
pub(super) use scores::Scores;
pub(super) use shares::Shares;

/// How an endpoint is chosen, with what must be known for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way<'a> {
    /// The one whose turn it is.
    InTurn,
    /// Of two the one with fewer requests in flight.
    LeastInFlight,
    /// Of two the one that will probably answer sooner: by its score and its requests in flight. The scores are in the order of the set.
    Soonest(&'a Scores),
    /// Of all the one with the fewest requests in flight.
    Least,
    /// Of two by chance the one with fewer requests in flight.
    Random,
    /// The first with fewer requests in flight than `most`.
    First {
        /// Requests in flight of a full one.
        most: usize,
    },
}

/// The endpoint for this turn; `None` only if there is none, or the ids of all are among those `tried` already, or they
/// do not take new requests.
///
/// Draining endpoints are never chosen, even if no other is left: an operator who drains the last one wants that.
/// Endpoints that a check calls down, and those that have failed too often, are chosen only where no other is left.
/// Suspect endpoints are passed over, with three exceptions. A first attempt probes one in its own turn when its time is
/// over. First attempts ignore suspicion when more than half of the set is suspect, because then the cause is probably
/// ours and the other endpoints would be overrun. And a suspect endpoint is used when nothing else is left.
pub(super) fn choose<'a>(
    way: Way<'_>,
    shares: Option<Shares>,
    endpoints: &'a [Arc<Endpoint>],
    turn: usize,
    tried: &[u64],
    now: Instant,
) -> Option<&'a Arc<Endpoint>> {
    let is_first_attempt = tried.is_empty();
    if is_first_attempt {
        let own = endpoints.get(turn.checked_rem(endpoints.len())?)?;
        if own.is_suspect() && own.is_available(now) && own.weight().get() > 0 && own.claim_probe(now) {
            return Some(own);
        }
    }
    let met_others = Cell::new(false);
    let is_sound = |endpoint: &Endpoint| {
        let (is_suspect, is_available) = (endpoint.is_suspect(), endpoint.is_available(now));
        met_others.set(met_others.get() | is_suspect | !is_available);
        !is_suspect && is_available && !tried.contains(&endpoint.id())
    };
    let best = |may_serve: &dyn Fn(&Endpoint) -> bool| best(way, shares, endpoints, turn, now, may_serve);
    let sound = best(&is_sound);
    if !met_others.get() {
        return sound;
    }
    let sound = sound.filter(|_| !is_first_attempt || !are_most_suspect(endpoints, now));
    let suspect = || best(&|endpoint| endpoint.is_available(now) && !tried.contains(&endpoint.id()));
    let failing = || best(&|endpoint| endpoint.is_active() && !tried.contains(&endpoint.id()));
    sound.or_else(suspect).or_else(failing)
}

/// The endpoint for this turn of those that are near and sound. `None`: there is none that was not tried. By shares even where they
/// are equal: walking over those that are far would give more to those behind them.
#[cold]
pub(super) fn near<'a>(
    way: Way<'_>,
    shares: Shares,
    endpoints: &'a [Arc<Endpoint>],
    turn: usize,
    tried: &[u64],
    now: Instant,
) -> Option<&'a Arc<Endpoint>> {
    let is_near = |endpoint: &Endpoint| {
        !endpoint.is_far() && !endpoint.is_suspect() && endpoint.is_available(now) && !tried.contains(&endpoint.id())
    };
    best(way, Some(shares), endpoints, turn, now, is_near)
}

/// The sound endpoint with the fewest requests in flight, of those that were not tried.
pub(super) fn least_loaded<'a>(
    endpoints: &'a [Arc<Endpoint>],
    tried: &[u64],
    now: Instant,
) -> Option<&'a Arc<Endpoint>> {
    let may_serve = |endpoint: &&Arc<Endpoint>| {
        endpoint.is_available(now)
            && !endpoint.is_suspect()
            && endpoint.weight().get() > 0
            && !tried.contains(&endpoint.id())
    };
    endpoints.iter().filter(may_serve).min_by_key(|endpoint| endpoint.in_flight())
}

/// The one with the fewest requests in flight of those that were not tried, where none of them is sound.
pub(super) fn least_loaded_of_all<'a>(endpoints: &'a [Arc<Endpoint>], tried: &[u64]) -> Option<&'a Arc<Endpoint>> {
    let may_serve = |endpoint: &&Arc<Endpoint>| {
        endpoint.is_active() && endpoint.weight().get() > 0 && !tried.contains(&endpoint.id())
    };
    let is_sound =
        |endpoint: &&Arc<Endpoint>| !endpoint.is_suspect() && !endpoint.is_failing() && !endpoint.is_ejected();
    if endpoints.iter().filter(may_serve).any(|endpoint| is_sound(&endpoint)) {
        return None;
    }
    endpoints.iter().filter(may_serve).min_by_key(|endpoint| endpoint.in_flight())
}

fn are_most_suspect(endpoints: &[Arc<Endpoint>], now: Instant) -> bool {
    let taking = || endpoints.iter().filter(|endpoint| endpoint.is_available(now));
    taking().filter(|endpoint| endpoint.is_suspect()).count() * 2 > taking().count()
}

/// The first that may serve, or the first two compared.
fn best<'a>(
    way: Way<'_>,
    shares: Option<Shares>,
    endpoints: &'a [Arc<Endpoint>],
    turn: usize,
    now: Instant,
    may_serve: impl Fn(&Endpoint) -> bool,
) -> Option<&'a Arc<Endpoint>> {
    if let Some(shares) = shares {
        return shares::shared(way, shares, endpoints, turn, may_serve);
    }
    let mut candidates = in_order(endpoints, turn).filter(|endpoint| may_serve(endpoint));
    match way {
        Way::InTurn => candidates.next(),
        Way::Soonest(scores) => soonest(scores, endpoints, turn, now, may_serve),
        Way::Least => candidates.min_by_key(|endpoint| endpoint.in_flight()),
        Way::First { most } => {
            let serving = || endpoints.iter().filter(|endpoint| may_serve(endpoint));
            serving().find(|endpoint| endpoint.in_flight() < most).or_else(|| serving().next())
        }
        Way::Random => {
            let mut drawn = in_order(endpoints, scattered(turn)).filter(|endpoint| may_serve(endpoint));
            let first = drawn.next()?;
            Some(drawn.next().filter(|second| second.in_flight() < first.in_flight()).unwrap_or(first))
        }
        Way::LeastInFlight => {
            let first = candidates.next()?;
            // An idle one cannot be beaten: the second need not be looked at.
            let load = first.in_flight();
            let lighter = if load == 0 { None } else { candidates.next().filter(|second| second.in_flight() < load) };
            Some(lighter.unwrap_or(first))
        }
    }
}

/// The one of the first two that may serve whose score, times one more than its requests in flight, is lower (Peak EWMA as Finagle has
/// it). An endpoint that hangs has no new score until a time is over, but ever more requests in flight. Where one of them has
/// not answered yet, requests in flight alone decide.
#[cold]
fn soonest<'a>(
    scores: &Scores,
    endpoints: &'a [Arc<Endpoint>],
    turn: usize,
    now: Instant,
    may_serve: impl Fn(&Endpoint) -> bool,
) -> Option<&'a Arc<Endpoint>> {
    let mut candidates = places(endpoints.len(), turn).filter(|place| may_serve(&endpoints[*place]));
    let first = candidates.next()?;
    let is_sooner = |second: &usize| {
        let loads = [first, *second].map(|place| endpoints[place].in_flight() as f64 + 1.0);
        let known = [first, *second].map(|place| scores.of(place, now));
        let [before, after] = if known.contains(&0.0) { loads } else { [known[0] * loads[0], known[1] * loads[1]] };
        after < before
    };
    endpoints.get(candidates.next().filter(is_sooner).unwrap_or(first))
}

/// All endpoints: first the one whose turn it is, then the others, beginning at a distance that the turn decides.
fn in_order(endpoints: &[Arc<Endpoint>], turn: usize) -> impl Iterator<Item = &Arc<Endpoint>> {
    places(endpoints.len(), turn).map(|place| &endpoints[place])
}

/// The same for the places of `count` endpoints.
fn places(count: usize, turn: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |step| match step {
        0 => turn % count,
        step => {
            let distance = 1 + scattered(turn).wrapping_add(step - 1) % (count - 1);
            (turn % count + distance) % count
        }
    })
}

/// Two multiplicative steps: enough that neither the set's size nor the lap shows.
fn scattered(turn: usize) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (turn as u64).wrapping_mul(GOLDEN);
    ((mixed ^ (mixed >> 32)).wrapping_mul(GOLDEN) >> 33) as usize
}

#[cfg(test)]
mod tests;
