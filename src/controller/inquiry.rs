//! Questions to the controller: it alone has the objects, so it answers between two batches, without a lock anywhere.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Controller;
use crate::explain::{Explanation, LivingEndpoint, Query, View};
use crate::upstream::{Destination, Target};

/// Questions that may wait. A further one is refused and can be asked again.
const WAITING: usize = 8;
/// Longest wait for an answer. Reading ten thousand Ingresses at start takes less.
const LONGEST_WAIT_FOR_ANSWER: Duration = Duration::from_secs(5);

/// A question and where its answer goes.
#[derive(Debug)]
pub(super) struct Inquiry {
    question: Query,
    https_port: u16,
    answer: oneshot::Sender<Explanation>,
}

/// Asks the controller. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inquirer {
    questions: mpsc::Sender<Inquiry>,
    /// The port clients reach https by.
    https_port: u16,
}

/// The controller has no time, or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the controller is still reading objects or has no time; ask again")]
pub struct NoAnswer;

impl Inquirer {
    /// What would become of this now.
    pub async fn explain(&self, question: Query) -> Result<Explanation, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        let inquiry = Inquiry { question, https_port: self.https_port, answer };
        self.questions.try_send(inquiry).map_err(|_| NoAnswer)?;
        timeout(LONGEST_WAIT_FOR_ANSWER, answered).await.ok().and_then(Result::ok).ok_or(NoAnswer)
    }
}

/// The two ends of the queue of questions.
#[derive(Debug)]
pub(super) struct Inquiries {
    sender: mpsc::Sender<Inquiry>,
    receiver: mpsc::Receiver<Inquiry>,
}

impl Default for Inquiries {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { sender, receiver }
    }
}

impl Inquiries {
    /// The next question. There is always one: this holds a sender itself.
    pub(super) async fn next(&mut self) -> Option<Inquiry> {
        self.receiver.recv().await
    }
}

impl Controller {
    /// For those who ask. `https_port` is the port clients reach https by.
    pub fn inquirer(&self, https_port: u16) -> Inquirer {
        Inquirer { questions: self.inquiries.sender.clone(), https_port }
    }

    /// Answers by the objects and the table of this moment.
    pub(super) fn answer(&self, inquiry: Inquiry) {
        let Inquiry { question, https_port, answer } = inquiry;
        if answer.is_closed() || !self.stage.has_table() {
            // Nobody waits for the answer any more, or many objects are unknown: no answer is better than a wrong one.
            return;
        }
        let table = self.table.load();
        let problems = self.problems.of_others();
        let view = View { input: &self.input, table: &table, living: &living, source_problems: &problems, https_port };
        // The asker may not wait any more.
        let _ = answer.send(question.explain(&view));
    }
}

/// The endpoints that a target leads to.
fn living(target: &Target) -> Option<Vec<LivingEndpoint>> {
    match &target.destination {
        Destination::Forward(backend) => {
            let endpoints = backend.upstream.endpoints();
            let living = endpoints.as_slice().iter().map(|endpoint| LivingEndpoint {
                address: endpoint.address(),
                in_flight: endpoint.in_flight(),
                is_suspect: endpoint.is_suspect(),
                is_ejected: endpoint.is_ejected(),
                down: endpoint.checked().filter(|_| endpoint.is_failing()).map(|check| check.outcome.reason()),
            });
            Some(living.collect())
        }
        Destination::Reply(_) => None,
    }
}
