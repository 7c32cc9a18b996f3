//! The request's body on its way to the pod. It is sent beside everything that happens with the answer.

use std::future::{Future, Ready, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use crate::proxy::error::{ProxyError, Side};

/// A body on its way. It goes on while the head of the answer is waited for, and while its body is passed on.
pub(super) struct Upload<'a, U> {
    running: Option<Pin<&'a mut U>>,
    outcome: Option<Result<(), ProxyError>>,
}

impl Upload<'_, Ready<Result<(), ProxyError>>> {
    /// Nothing is left to be sent.
    pub(super) fn done() -> Self {
        Self { running: None, outcome: Some(Ok(())) }
    }
}

impl<'a, U: Future<Output = Result<(), ProxyError>>> Upload<'a, U> {
    /// A body that `running` sends.
    pub(super) fn new(running: Pin<&'a mut U>) -> Self {
        Self { running: Some(running), outcome: None }
    }

    /// The same, if there is anything to send.
    pub(super) fn when(has_body: bool, running: Pin<&'a mut U>) -> Self {
        if has_body { Self::new(running) } else { Self { running: None, outcome: Some(Ok(())) } }
    }

    /// Runs `work` to its end, or until the client fails, which leaves nobody to answer (`Err`). A pod that does not
    /// take the body may still have an answer to give.
    pub(super) async fn beside<T>(&mut self, mut work: Pin<&mut impl Future<Output = T>>) -> Result<T, ProxyError> {
        poll_fn(|cx| {
            if let Some(running) = &mut self.running
                && let Poll::Ready(outcome) = running.as_mut().poll(cx)
            {
                self.running = None;
                match outcome {
                    Err(error) if error.side() == Side::Client => return Poll::Ready(Err(error)),
                    outcome => self.outcome = Some(outcome),
                }
            }
            work.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    /// Whether the pod has taken all of it.
    pub(super) fn is_complete(&self) -> bool {
        self.outcome == Some(Ok(()))
    }
}
