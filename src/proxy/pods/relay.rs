//! Both directions of an exchange at the same time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::proxy::error::{ProxyError, Side};

/// Runs both directions until the answer is through, or until the client fails, which leaves no answer (`None`). A pod
/// that does not take the body may still have an answer to give.
pub(crate) async fn both<A>(
    upload: impl Future<Output = Result<(), ProxyError>>,
    download: impl Future<Output = A>,
) -> (Option<Result<(), ProxyError>>, Option<A>) {
    let (mut upload, mut download) = (pin!(upload), pin!(download));
    let mut uploaded = None;
    poll_fn(|cx| {
        if uploaded.is_none()
            && let Poll::Ready(outcome) = upload.as_mut().poll(cx)
        {
            let is_fatal = outcome.as_ref().is_err_and(|error: &ProxyError| error.side() == Side::Client);
            uploaded = Some(outcome);
            if is_fatal {
                return Poll::Ready((uploaded.take(), None));
            }
        }
        download.as_mut().poll(cx).map(|answered| (uploaded.take(), Some(answered)))
    })
    .await
}
