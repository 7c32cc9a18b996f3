//! Asks shards what connections they have. Shards share nothing, so each answers for itself, on its own thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::views::ShardView;

/// How long shards have to answer, all together.
const PATIENCE: Duration = Duration::from_secs(1);
/// Questions that wait for a shard; one more counts as not answered. The admin address asks for as many clients at a time.
const WAITING: usize = 64;

/// Knows how to ask the shards that have started. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Inspector(Arc<Mutex<Vec<Asked>>>);

/// A shard, as seen by those who ask it.
#[derive(Clone, Debug)]
struct Asked {
    name: Arc<str>,
    questions: mpsc::Sender<Question>,
}

/// What is asked: at most so many connections of each kind.
#[derive(Debug)]
struct Question {
    limit: usize,
    answer: oneshot::Sender<ShardView>,
}

/// The questions to one shard.
pub(crate) struct Questions(mpsc::Receiver<Question>);

/// What a shard said.
#[derive(Clone, Debug)]
pub struct ShardAnswer {
    /// The name of the shard's thread, as `top -H` shows it.
    pub shard: Arc<str>,
    /// Its connections; `None` if it did not answer in time, or has ended.
    pub view: Option<ShardView>,
}

impl Inspector {
    /// A shard joins, that runs on the calling thread.
    pub(crate) fn join(&self) -> Questions {
        let (questions, receiver) = mpsc::channel(WAITING);
        let name = Arc::from(std::thread::current().name().unwrap_or("unnamed"));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { name, questions });
        Questions(receiver)
    }

    /// Asks all shards at once for at most `limit` connections of each kind. Takes a second at the most; who has not
    /// answered by then is named all the same. In order of names.
    pub async fn ask(&self, limit: usize) -> Vec<ShardAnswer> {
        let deadline = Instant::now() + PATIENCE;
        let mut shards = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        shards.sort_by(|one, other| one.name.cmp(&other.name));
        let mut asked = Vec::with_capacity(shards.len());
        for Asked { name, questions } in shards {
            let (answer, answered) = oneshot::channel();
            // A shard that stands still must not keep the question from others.
            let is_asked = match questions.try_send(Question { limit, answer }) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_) | mpsc::error::TrySendError::Closed(_)) => false,
            };
            asked.push((name, is_asked.then_some(answered)));
        }
        let mut answers = Vec::with_capacity(asked.len());
        for (shard, answered) in asked {
            let view = match answered {
                Some(answered) => timeout_at(deadline, answered).await.ok().and_then(Result::ok),
                None => None,
            };
            answers.push(ShardAnswer { shard, view });
        }
        answers
    }
}

impl Questions {
    /// Answers questions with what `look` tells, given how many connections of each kind are wanted. Does not end
    /// before the [`Inspector`] does.
    pub(crate) async fn answer(mut self, look: impl Fn(usize) -> ShardView) {
        while let Some(Question { limit, answer }) = self.0.recv().await {
            // Whoever asked may have lost patience.
            if !answer.is_closed() {
                let _ = answer.send(look(limit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(count: usize) -> ShardView {
        ShardView { idle_http1_pods: count, ..ShardView::default() }
    }

    async fn ask(inspector: &Inspector, limit: usize) -> Vec<Option<usize>> {
        let answers = inspector.ask(limit).await;
        answers.into_iter().map(|answer| answer.view.map(|view| view.idle_http1_pods)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn shards_answer_and_those_that_stand_still_hold_nobody_up() {
        let inspector = Inspector::default();
        assert_eq!(ask(&inspector, 7).await, []);
        let first = tokio::spawn(inspector.join().answer(idle));
        assert_eq!(ask(&inspector, 7).await, [Some(7)]);

        let still = inspector.join();
        let last = tokio::spawn(inspector.join().answer(|limit| idle(limit + 1)));
        for _ in 0..2 * WAITING {
            let begun = Instant::now();
            assert_eq!(ask(&inspector, 1).await, [Some(1), None, Some(2)]);
            assert!(begun.elapsed() <= PATIENCE + Duration::from_millis(1));
        }
        // It answers the next question when it goes on, and none of those that nobody waits for.
        let asked = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&asked);
        let third = tokio::spawn(still.answer(move |limit| {
            *counted.lock().unwrap() += 1;
            idle(limit)
        }));
        tokio::task::yield_now().await;
        assert_eq!(ask(&inspector, 3).await, [Some(3), Some(3), Some(4)]);
        assert_eq!(*asked.lock().unwrap(), 1);

        third.abort();
        let _ = third.await;
        let begun = Instant::now();
        assert_eq!(ask(&inspector, 3).await, [Some(3), None, Some(4)], "one that has ended");
        assert!(begun.elapsed() < PATIENCE, "is not waited for");
        first.abort();
        last.abort();
    }
}
