//! The date that answers carry, written once a second.

use std::cell::{Cell, RefCell};
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
            *self.text.borrow_mut() = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
        std::cell::Ref::map(self.text.borrow(), String::as_str)
    }
}
