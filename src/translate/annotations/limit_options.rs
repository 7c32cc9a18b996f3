//! What annotations can set of how much each client may ask for.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::{KnownLimits, Networks, Rate, RequestLimits};

use super::take_over::take_over;

/// How many times its rate may come at once, where nothing else is said.
const MULTIPLIER: u32 = 5;

/// The status of requests beyond a rate in a window, where nothing is said, as in haproxytech's controller.
const WINDOW_STATUS: u16 = 403;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitOptions {
    /// Requests in a second.
    pub(super) per_second: Option<Limit>,
    /// Requests in a minute.
    pub(super) per_minute: Option<Limit>,
    /// Requests in progress.
    pub(super) in_progress: Option<Limit>,
    /// How many times its rate may come at once.
    pub(super) multiplier: Option<u32>,
    /// In what time as many as `per_second` says may come, and no more of them at once; `None`: in a second, and several times
    /// as many at once.
    pub(super) window: Option<Duration>,
    /// Whether that is how `per_second` is meant, in one second where `window` says nothing.
    pub(super) is_window: Option<bool>,
    /// The status of requests beyond a rate.
    pub(super) status: Option<u16>,
    /// Clients without limits.
    pub(super) exempt: Option<Networks>,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// So many; `None`: no limit.
    Requests(Option<NonZeroU32>),
    /// It cannot be read. Nobody knows whom it was to keep out.
    Unreadable,
}

impl LimitOptions {
    /// All together, with the statuses of requests beyond a rate and beyond a number in progress; `None`: there is no limit.
    pub(crate) fn rule(&self, statuses: [u16; 2]) -> Option<RequestLimits> {
        let Self { per_second, per_minute, in_progress, multiplier, window, is_window, status, exempt } = self;
        let limits = [per_second, per_minute, in_progress].map(|limit| match limit {
            None => Ok(None),
            Some(Limit::Requests(requests)) => Ok(*requests),
            Some(Limit::Unreadable) => Err(RequestLimits::Unreadable),
        });
        let [per_second, per_minute, in_progress] = match limits {
            [Ok(per_second), Ok(per_minute), Ok(in_progress)] => [per_second, per_minute, in_progress],
            [Err(unreadable), _, _] | [_, Err(unreadable), _] | [_, _, Err(unreadable)] => return Some(unreadable),
        };
        let multiplier = multiplier.unwrap_or(MULTIPLIER);
        let rate = |requests: Option<NonZeroU32>, seconds| {
            requests.map(|requests| Rate::new(requests, Duration::from_secs(seconds), multiplier))
        };
        let in_window = |requests: NonZeroU32| {
            let time = window.unwrap_or(Duration::from_secs(1));
            Rate { burst: requests.get() - 1, ..Rate::new(requests, time, 1) }
        };
        let first = if *is_window == Some(true) { per_second.map(in_window) } else { rate(per_second, 1) };
        let rates = [first, rate(per_minute, 60)];
        let usual = if *is_window == Some(true) { WINDOW_STATUS } else { statuses[0] };
        let statuses = [status.unwrap_or(usual), statuses[1]];
        let has_any = in_progress.is_some() || rates.iter().any(Option::is_some);
        let exempt = exempt.clone().unwrap_or_default();
        has_any.then_some(RequestLimits::Known(KnownLimits { rates, in_progress, exempt, statuses }))
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { per_second, per_minute, in_progress, multiplier, window, is_window, status, exempt } = other;
        let differs = [
            take_over(&mut self.per_second, per_second),
            take_over(&mut self.per_minute, per_minute),
            take_over(&mut self.in_progress, in_progress),
            take_over(&mut self.multiplier, multiplier),
            take_over(&mut self.window, window),
            take_over(&mut self.is_window, is_window),
            take_over(&mut self.status, status),
            take_over(&mut self.exempt, exempt),
        ];
        differs.contains(&true)
    }
}
