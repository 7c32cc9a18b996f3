//! A timer that is seldom set. Every wait has a deadline, and few deadlines are missed: to move a timer for each wait
//! would be wasted work. This timer stays at an earlier deadline. When it fires too early, it is set again.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for many waits, one at a time.
#[derive(Default)]
pub(crate) struct LazyTimer(Option<Pin<Box<Sleep>>>);

impl LazyTimer {
    /// Polls until ready or until `deadline` (`None`).
    pub(crate) async fn until<T>(
        &mut self,
        deadline: Instant,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        poll_fn(|cx| match poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => self.poll_past(cx, deadline).map(|()| None),
        })
        .await
    }

    /// Ready once `deadline` has passed.
    pub(crate) fn poll_past(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_later_deadline_is_kept_by_a_timer_set_for_an_earlier_one() {
        let mut timer = LazyTimer::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let never = |_: &mut Context<'_>| Poll::<()>::Pending;
        assert_eq!(timer.until(after(5), |_| Poll::Ready(1)).await, Some(1));
        assert_eq!(timer.until(after(5), never).await, None);
        assert_eq!(start.elapsed().as_secs(), 5);
        assert_eq!(timer.until(after(65), never).await, None);
        assert_eq!(start.elapsed().as_secs(), 65);
        assert_eq!(timer.until(after(66), never).await, None);
        assert_eq!(start.elapsed().as_secs(), 66);
    }
}
