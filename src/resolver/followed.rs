//! One name that is followed: when it is asked for next, and what is told of it.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::Settings;
use crate::model::{LookupFailure, Resolution};

/// Failures in a row after which it is told that the addresses are those of before: one lost packet is no news.
const NOTABLE: u32 = 3;

/// A name.
#[derive(Debug)]
pub(super) struct Followed {
    /// The number it was wanted with.
    pub(super) number: u64,
    /// What was told last.
    told: Option<Resolution>,
    /// When DNS last gave addresses.
    last_good: Option<Instant>,
    /// Failures since.
    failures: u32,
    /// When it is to be asked for; `None` while it is.
    pub(super) due: Option<Instant>,
}

/// What DNS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// At least one.
    pub(super) addresses: Vec<IpAddr>,
    /// Time to live.
    pub(super) life: Duration,
}

impl Followed {
    /// A name that is to be asked for at once.
    pub(super) fn new(number: u64, now: Instant) -> Self {
        Self { number, told: None, last_good: None, failures: 0, due: Some(now) }
    }

    /// What was told last.
    pub(super) fn told(&self) -> Option<&Resolution> {
        self.told.as_ref()
    }

    /// Takes in what came of a look-up. Returns what is to be told: nothing if it is what was told last.
    pub(super) fn take(
        &mut self,
        outcome: Result<Answer, LookupFailure>,
        now: Instant,
        settings: &Settings,
    ) -> Option<&Resolution> {
        let new = match outcome {
            Ok(Answer { addresses, life }) => {
                (self.last_good, self.failures) = (Some(now), 0);
                self.due = Some(now + life.clamp(settings.shortest_life, settings.longest_life));
                Resolution::resolved(addresses)
            }
            Err(failure) => {
                self.failures = self.failures.saturating_add(1);
                let kept = if failure.is_denial() { settings.kept_when_denied } else { settings.kept_when_silent };
                let end = self.last_good.map(|at| at + kept).filter(|end| *end > now);
                let doubled = settings.first_retry.saturating_mul(1 << (self.failures - 1).min(16));
                let retry = now + doubled.min(settings.longest_retry);
                self.due = Some(end.map_or(retry, |end| retry.min(end)));
                self.failed(failure, end.is_some())
            }
        };
        if self.told.as_ref() == Some(&new) {
            return None;
        }
        self.told = Some(new);
        self.told.as_ref()
    }

    fn failed(&self, failure: LookupFailure, keeps_addresses: bool) -> Resolution {
        match &self.told {
            Some(told) if keeps_addresses && !told.addresses.is_empty() => {
                let failure = if self.failures < NOTABLE { told.failure } else { Some(failure) };
                Resolution { addresses: told.addresses.clone(), failure }
            }
            Some(_) | None => Resolution::failed(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(addresses: &[&str], life: u64) -> Result<Answer, LookupFailure> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Ok(Answer { addresses, life: Duration::from_secs(life) })
    }

    /// Moves the clock to when the name is to be asked for, and answers. Returns how long that was.
    async fn next(followed: &mut Followed, outcome: Result<Answer, LookupFailure>) -> (u64, Option<Resolution>) {
        let settings = Settings::default();
        let waited = followed.due.unwrap().saturating_duration_since(Instant::now());
        tokio::time::advance(waited).await;
        (waited.as_secs(), followed.take(outcome, Instant::now(), &settings).cloned())
    }

    #[tokio::test(start_paused = true)]
    async fn rule_34_time_to_live_is_followed_within_bounds() {
        let mut followed = Followed::new(1, Instant::now());
        let one = Resolution::resolved(["192.0.2.1".parse().unwrap()]);
        assert_eq!(next(&mut followed, answer(&["192.0.2.1"], 60)).await, (0, Some(one.clone())));
        assert_eq!(next(&mut followed, answer(&["192.0.2.1"], 0)).await, (60, None));
        assert_eq!(next(&mut followed, answer(&["192.0.2.1"], 86_400)).await, (5, None));
        let two = Resolution::resolved(["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap()));
        assert_eq!(next(&mut followed, answer(&["192.0.2.2", "192.0.2.1"], 60)).await, (300, Some(two)));
        assert_eq!(next(&mut followed, answer(&["192.0.2.1", "192.0.2.2"], 60)).await, (60, None), "in any order");
    }

    #[tokio::test(start_paused = true)]
    async fn rule_34_addresses_outlive_a_failure_for_a_bounded_time() {
        for (failure, kept) in [(LookupFailure::NoSuchName, 300), (LookupFailure::Timeout, 3600)] {
            let mut followed = Followed::new(1, Instant::now());
            let good = next(&mut followed, answer(&["192.0.2.1"], 5)).await.1.unwrap();
            let start = Instant::now();
            assert_eq!(next(&mut followed, Err(failure)).await, (5, None));
            assert_eq!(next(&mut followed, Err(failure)).await, (1, None));
            let stale = Resolution { failure: Some(failure), ..good.clone() };
            assert_eq!(next(&mut followed, Err(failure)).await, (2, Some(stale)));
            let gone = loop {
                if let (waited, Some(told)) = next(&mut followed, Err(failure)).await {
                    assert!(waited <= 30);
                    break told;
                }
            };
            assert_eq!((gone, start.elapsed().as_secs()), (Resolution::failed(failure), kept));
            let again = next(&mut followed, answer(&["192.0.2.1"], 5)).await;
            assert_eq!(again, (30, Some(good)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_never_had_an_address_is_told_of_at_once_and_asked_for_again() {
        let mut followed = Followed::new(1, Instant::now());
        let gone = Resolution::failed(LookupFailure::NoSuchName);
        assert_eq!(next(&mut followed, Err(LookupFailure::NoSuchName)).await, (0, Some(gone)));
        let mut waits = Vec::new();
        for _ in 0..7 {
            let (waited, told) = next(&mut followed, Err(LookupFailure::NoSuchName)).await;
            assert_eq!(told, None);
            waits.push(waited);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }
}
