//! Counts the request of a walk where a filter of its route asks for it.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;

use tokio::time::Instant;

use crate::filter::{Beyond, Meter};
use crate::model::{KnownLimits, ObjectName};
use crate::proxy::shard::limiter::{Admission, Limiter, Place};

/// Counts one request of a route.
#[derive(Debug)]
pub(crate) struct RequestMeter<'a> {
    limiter: &'a Limiter,
    /// The object whose limits they are.
    object: &'a ObjectName,
    /// When the request came.
    now: Instant,
    place: RefCell<Option<Place>>,
    has_forgotten: Cell<bool>,
}

/// What counting a request has come to.
#[derive(Debug)]
pub(crate) struct Counted {
    /// The place among the requests in progress, if it was given one. It is to be kept until the request ends.
    pub place: Option<Place>,
    /// Whether another client's requests were forgotten for it.
    pub has_forgotten: bool,
}

impl<'a> RequestMeter<'a> {
    /// For a request that came at `now` and takes a route of this object.
    pub(crate) fn new(limiter: &'a Limiter, object: &'a ObjectName, now: Instant) -> Self {
        Self { limiter, object, now, place: RefCell::default(), has_forgotten: Cell::default() }
    }

    /// What it has come to.
    pub(crate) fn finish(self) -> Counted {
        Counted { place: self.place.into_inner(), has_forgotten: self.has_forgotten.get() }
    }
}

impl Meter for RequestMeter<'_> {
    fn count(&self, limits: &KnownLimits, client: IpAddr) -> Result<(), Beyond> {
        let KnownLimits { rates, in_progress, exempt: _, statuses: _ } = limits;
        let key = self.limiter.key(self.object, client);
        if rates.iter().any(Option::is_some) {
            match self.limiter.admit(key, rates, self.now) {
                Admission::Within => {}
                Admission::InPlaceOfAnother => self.has_forgotten.set(true),
                Admission::Beyond => return Err(Beyond::Rate),
            }
        }
        if let Some(most) = *in_progress {
            let place = self.limiter.place(key, most).ok_or(Beyond::InProgress)?;
            self.place.replace(Some(place));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::model::{Networks, Rate};

    #[test]
    fn more_clients_than_there_is_room_for_are_let_in_and_the_first_loss_is_told() {
        let (limiter, object, now) = (Limiter::default(), ObjectName::new("x", "y"), Instant::now());
        let rate = Rate::new(NonZeroU32::MIN, Duration::from_secs(60), 1);
        let limits = KnownLimits {
            rates: [Some(rate), None],
            in_progress: None,
            exempt: Networks::default(),
            statuses: [503, 503],
        };
        let mut has_forgotten = false;
        // As many as there is room for: by chance some of them have the same place.
        for client in 0..262_144 {
            let meter = RequestMeter::new(&limiter, &object, now);
            assert_eq!(meter.count(&limits, Ipv4Addr::from_bits(client).into()), Ok(()), "{client}");
            let counted = meter.finish();
            assert!(counted.place.is_none());
            has_forgotten |= counted.has_forgotten;
            assert!(!counted.has_forgotten || client > 8);
        }
        assert!(has_forgotten);
    }

    #[test]
    fn a_request_beyond_its_rate_takes_no_place() {
        let (limiter, object, now) = (Limiter::default(), ObjectName::new("x", "y"), Instant::now());
        let (rate, one) = (Rate::new(NonZeroU32::MIN, Duration::from_secs(60), 1), NonZeroU32::MIN);
        let limits = KnownLimits {
            rates: [Some(rate), None],
            in_progress: Some(one),
            exempt: Networks::default(),
            statuses: [503, 503],
        };
        let client = Ipv4Addr::LOCALHOST.into();
        let counted = || {
            let meter = RequestMeter::new(&limiter, &object, now);
            let outcome = meter.count(&limits, client);
            (outcome, meter.finish().place)
        };
        let (outcome, place) = counted();
        assert!(outcome == Ok(()) && place.is_some());
        // It counts for the rate all the same, as with nginx.
        assert!(matches!(counted(), (Err(Beyond::InProgress), None)));
        drop(place);
        assert!(matches!(counted(), (Err(Beyond::Rate), None)));
    }
}
