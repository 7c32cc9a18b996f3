//! The date in answers. It is written once a second.

use std::cell::{Cell, Ref, RefCell};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A shard's clock for `Date` fields.
#[derive(Default)]
pub(crate) struct Clock {
    /// When the second ends of which `text` is the date.
    ends: Cell<Option<Instant>>,
    text: RefCell<String>,
}

/// The date at a moment, which is written where it is needed.
#[derive(Clone, Copy)]
pub(crate) struct Date<'a> {
    clock: &'a Clock,
    now: Instant,
}

impl Clock {
    /// The date now. The caller knows what time it is, as the system's clock is asked once a second only.
    pub(crate) fn date(&self, now: Instant) -> Date<'_> {
        Date { clock: self, now }
    }

    fn write(&self, now: Instant) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = Duration::from_secs(since.as_secs());
        self.ends.set(Some(now + (second + Duration::from_secs(1)).saturating_sub(since)));
        let mut text = self.text.borrow_mut();
        text.clear();
        let _ = write!(text, "{}", httpdate::HttpDate::from(UNIX_EPOCH + second));
    }
}

impl<'a> Date<'a> {
    /// As an HTTP date (RFC 9110 §5.6.7).
    pub(crate) fn text(self) -> Ref<'a, str> {
        if self.clock.ends.get().is_none_or(|ends| self.now >= ends) {
            self.clock.write(self.now);
        }
        Ref::map(self.clock.text.borrow(), String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_this_second_in_the_one_form_that_all_understand() {
        let clock = Clock::default();
        let before = SystemTime::now();
        let text = clock.date(Instant::now()).text().to_owned();
        let told = httpdate::parse_http_date(&text).unwrap();
        assert!(told <= before + Duration::from_secs(1) && told + Duration::from_secs(2) > before, "{text}");
        assert_eq!(text.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len());
        assert!(text.ends_with(" GMT"));
    }

    #[test]
    fn the_date_is_written_anew_with_another_second_and_not_before() {
        let clock = Clock::default();
        let now = Instant::now();
        drop(clock.date(now).text());
        let ends = clock.ends.get().unwrap();
        assert!(ends > now && ends <= now + Duration::from_secs(1));
        "an old date".clone_into(&mut clock.text.borrow_mut());
        assert_eq!(&*clock.date(ends - Duration::from_nanos(1)).text(), "an old date");
        assert_ne!(&*clock.date(ends).text(), "an old date");
    }
}
