//! A body that is passed on no faster than its route says (nginx `limit_rate`): so many bytes for each second that has begun, and
//! some without a limit in front.

use tokio::time::{Duration, Instant, sleep_until};

use super::body::{BodySink, unless_lost};
use crate::model::AnswerRate;
use crate::proxy::error::ProxyError;

/// A sink that takes its time.
pub(crate) struct SlowSink<'a, K> {
    sink: &'a mut K,
    rate: AnswerRate,
    began: Instant,
    sent: u64,
}

impl<'a, K: BodySink> SlowSink<'a, K> {
    /// For a body that begins now.
    pub(crate) fn new(sink: &'a mut K, rate: AnswerRate) -> Self {
        Self { sink, rate, began: Instant::now(), sent: 0 }
    }

    /// How many bytes may be sent at once, and when more may be.
    fn allowed(&self, now: Instant) -> (u64, Instant) {
        let AnswerRate { bytes_per_second, after } = self.rate;
        let seconds = now.saturating_duration_since(self.began).as_secs() + 1;
        let allowed = bytes_per_second.get().saturating_mul(seconds).saturating_add(after);
        (allowed.saturating_sub(self.sent), self.began + Duration::from_secs(seconds))
    }
}

impl<K: BodySink> BodySink for SlowSink<'_, K> {
    async fn data(&mut self, mut data: &[u8]) -> Result<(), ProxyError> {
        while !data.is_empty() {
            let (allowed, next) = self.allowed(Instant::now());
            let count = usize::try_from(allowed).unwrap_or(usize::MAX).min(data.len());
            if count == 0 {
                self.sink.flush().await?;
                let wait = async {
                    sleep_until(next).await;
                    Ok::<_, ProxyError>(())
                };
                unless_lost(&*self.sink, wait).await?;
                continue;
            }
            let (piece, rest) = data.split_at(count);
            self.sink.data(piece).await?;
            self.sent += count as u64;
            data = rest;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        self.sink.flush().await
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        self.sink.end(trailers).await
    }

    async fn lost(&self) {
        self.sink.lost().await;
    }

    fn is_lost(&self) -> bool {
        self.sink.is_lost()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::num::NonZeroU64;

    use super::*;

    /// Counts what was flushed, and at which second.
    #[derive(Default)]
    struct Counted {
        taken: u64,
        flushed: Vec<(u64, u64)>,
        began: Option<Instant>,
        is_gone: Cell<bool>,
    }

    impl BodySink for Counted {
        async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
            self.taken += data.len() as u64;
            Ok(())
        }

        async fn flush(&mut self) -> Result<(), ProxyError> {
            let began = *self.began.get_or_insert_with(Instant::now);
            self.flushed.push((began.elapsed().as_secs(), self.taken));
            Ok(())
        }

        async fn end(&mut self, _: &[u8]) -> Result<(), ProxyError> {
            self.flush().await
        }

        async fn lost(&self) {
            if !self.is_gone.get() {
                pending().await
            }
        }
    }

    fn rate(bytes: u64, after: u64) -> AnswerRate {
        AnswerRate { bytes_per_second: NonZeroU64::new(bytes).unwrap(), after }
    }

    #[tokio::test(start_paused = true)]
    async fn nginx_l4_so_many_bytes_leave_with_each_second_and_some_before() {
        let mut counted = Counted::default();
        let mut slow = SlowSink::new(&mut counted, rate(100, 250));
        for piece in [10, 300, 0, 145, 200] {
            slow.data(&vec![b'x'; piece]).await.unwrap();
        }
        slow.end(&[]).await.unwrap();
        assert_eq!(counted.flushed, [(0, 350), (1, 450), (2, 550), (3, 650), (4, 655)]);
    }

    #[tokio::test(start_paused = true)]
    async fn nginx_l4_time_in_which_nothing_came_is_not_lost() {
        let mut counted = Counted::default();
        let mut slow = SlowSink::new(&mut counted, rate(100, 0));
        slow.flush().await.unwrap();
        tokio::time::advance(Duration::from_secs(9)).await;
        slow.data(&[b'x'; 1000]).await.unwrap();
        slow.end(&[]).await.unwrap();
        assert_eq!(counted.flushed, [(0, 0), (9, 1000)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_goes_meanwhile_ends_the_wait() {
        let mut counted = Counted::default();
        counted.is_gone.set(true);
        let mut slow = SlowSink::new(&mut counted, rate(1, 0));
        assert_eq!(slow.data(b"xx").await, Err(ProxyError::ClientClosed));
        assert_eq!(counted.taken, 1);
    }
}
