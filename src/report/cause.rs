//! The cause of a failed call to the API, in the server's words.

use std::error::Error;
use std::iter::successors;

use kube::core::Status;

/// The message of the API server if it sent one, otherwise that of the client. kube's own text of such an
/// error repeats it as a dump of the whole answer.
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    let mut chain = successors(Some(error), |&error| error.source());
    let status = chain.find_map(|error| match error.downcast_ref::<Box<Status>>() {
        Some(status) => Some(&**status),
        None => error.downcast_ref::<Status>(),
    });
    match status {
        Some(status) if !status.message.is_empty() => status.message.clone(),
        Some(_) | None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher;

    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server() {
        let message = "leases.coordination.k8s.io \"tidegate\" is forbidden";
        let status = || Box::new(Status { message: message.into(), code: 403, ..Status::default() });
        assert_eq!(told(&kube::Error::Api(status())), message);
        assert_eq!(told(&watcher::Error::InitialListFailed(kube::Error::Api(status()))), message);
        assert_eq!(told(&watcher::Error::WatchError(status())), message);
        assert_eq!(told(&watcher::Error::NoResourceVersion), watcher::Error::NoResourceVersion.to_string());
    }
}
