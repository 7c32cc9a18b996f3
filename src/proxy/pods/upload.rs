//! The request's body on its way to the pod. It is sent beside everything that happens with the answer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::retry::Failure;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::walk::record::Record;

/// Runs `answer` to its end, or until the client fails, which leaves nobody to answer. Beside it `upload` sends the
/// body, if there is one. Tells also whether the pod has taken all of it: one that does not may still have an answer, unless it
/// has taken nothing more for too long before it began to answer.
pub(super) async fn beside<T, U: Future<Output = Result<(), ProxyError>>>(
    record: &Record,
    mut upload: Option<Pin<&mut U>>,
    answer: impl Future<Output = Result<T, Failure>>,
) -> (Result<T, Failure>, bool) {
    let mut answer = pin!(answer);
    let mut is_complete = upload.is_none();
    let outcome = poll_fn(|cx| {
        if let Some(sending) = &mut upload
            && let Poll::Ready(sent) = sending.as_mut().poll(cx)
        {
            upload = None;
            match sent {
                Ok(()) => is_complete = true,
                Err(error) if error.side() == Side::Client => return Poll::Ready(Err(error.into())),
                Err(error @ ProxyError::UpstreamStalled) if record.head_after.get().is_none() => {
                    return Poll::Ready(Err(error.into()));
                }
                Err(_) => {}
            }
        }
        answer.as_mut().poll(cx)
    });
    let outcome = outcome.await;
    (outcome, is_complete)
}
