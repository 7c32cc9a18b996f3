//! The date in answers. It is written once a second.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A shard's clock for `Date` fields.
#[derive(Default)]
pub(crate) struct Clock {
    second: Cell<u64>,
    text: RefCell<String>,
}

impl Clock {
    /// The time as an HTTP date (RFC 9110 §5.6.7).
    pub(crate) fn date(&self) -> std::cell::Ref<'_, str> {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.second.replace(second) != second || self.text.borrow().is_empty() {
            let mut text = self.text.borrow_mut();
            text.clear();
            let _ = write!(text, "{}", httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(second)));
        }
        std::cell::Ref::map(self.text.borrow(), String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_this_second_in_the_one_form_that_all_understand() {
        let clock = Clock::default();
        let before = SystemTime::now();
        let text = clock.date().to_owned();
        let told = httpdate::parse_http_date(&text).unwrap();
        assert!(told <= before + Duration::from_secs(1) && told + Duration::from_secs(2) > before, "{text}");
        assert_eq!(text.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len());
        assert!(text.ends_with(" GMT"));
    }

    #[test]
    fn the_date_is_written_anew_with_another_second() {
        let clock = Clock::default();
        clock.second.set(1);
        clock.text.borrow_mut().push_str("an old date");
        assert_ne!(&*clock.date(), "an old date");
    }
}
