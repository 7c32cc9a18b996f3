//! `/debug/connections`: reads from the query how many are wanted. The function that looks is given from outside.

use std::future::Future;
use std::pin::Pin;

/// Connections of each kind that are shown if the query does not say how many.
const USUAL: usize = 100;
/// The most that are shown: half a megabyte of JSON.
const MOST: usize = 1000;

/// What was seen, to be written as JSON on a thread for blocking work.
pub type Shown = Box<dyn FnOnce() -> String + Send>;

/// A look at the data plane. Its maker must set a deadline.
pub type Seeing = Pin<Box<dyn Future<Output = Shown> + Send>>;

/// Reads `limit=…`.
pub(super) fn limit(query: &str) -> Result<usize, String> {
    let mut wanted = query.split('&').filter_map(|part| part.strip_prefix("limit="));
    wanted.next_back().map_or(Ok(USUAL), |value| {
        let limit = value.parse().ok().filter(|limit| *limit <= MOST);
        limit.ok_or_else(|| format!("limit must be a number from 0 to {MOST}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_up_to_a_thousand() {
        let read = |query| limit(query).ok();
        assert_eq!((read(""), read("format=json&limits=5")), (Some(USUAL), Some(USUAL)));
        assert_eq!((read("limit=0"), read("x&limit=1000")), (Some(0), Some(1000)));
        for wrong in ["limit=", "limit=1001", "limit=-1", "limit=1e2", "limit=99999999999999999999", "limit=%31"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
