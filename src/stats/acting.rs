//! What operators say of endpoints: for whom it holds, why it may not be done, and doing it, with a line in the log for each action.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;

use super::Source;
use super::rows::{Backend, Server};
use crate::model::Weight;

/// What an operator says of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is what its objects say.
    Ready,
    /// It gets no new requests but those that a cookie leads there.
    Drain,
    /// It gets none.
    Maintain,
    /// Its share; `None`: what its objects say.
    Weigh(Option<u16>),
}

impl Action {
    /// As HAProxy writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "state ready",
            Self::Drain => "state drain",
            Self::Maintain => "state maint",
            Self::Weigh(_) => "weight",
        }
    }
}

/// For whom that holds. Default: this replica; `--stats-durable-actions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// This replica, for as long as the address stays and the process lives.
    #[default]
    ThisReplica,
    /// All replicas, for as long as it stands in the annotation of the Service.
    AllReplicas,
}

impl Scope {
    /// In answers and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ThisReplica => "this-replica",
            Self::AllReplicas => "all-replicas",
        }
    }

    /// The share of an endpoint where no operator says anything.
    pub(crate) fn usual_weight(self, initial: u16) -> u16 {
        match self {
            Self::ThisReplica => initial,
            // What objects say is then what operators have said.
            Self::AllReplicas => Weight::default().get(),
        }
    }
}

/// Why what an operator says is not done. The text says whether anything was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActFailure {
    /// There is none with this address.
    #[error("nothing was changed: the endpoint is gone")]
    Gone,
    /// The objects do not permit it, or others write them all the time.
    #[error("{0}")]
    Conflict(String),
    /// The Kubernetes API refuses it, or cannot be reached.
    #[error("{0}")]
    Refused(String),
    /// The Kubernetes API has not answered in time.
    #[error("{0}")]
    Late(String),
}

impl ActFailure {
    /// As a status of HTTP.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Gone => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Refused(_) => StatusCode::BAD_GATEWAY,
            Self::Late(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// An action under way.
pub type Acting = Pin<Box<dyn Future<Output = Result<(), ActFailure>> + Send>>;

/// Tells the endpoint of this address, of the upstream with this number, what to do: in this order, all of it or nothing.
pub type Act = Arc<dyn Fn(u32, SocketAddr, Vec<Action>) -> Acting + Send + Sync>;

/// Who acts, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    /// By what: `page`, `socket` or `run-time API`.
    pub(crate) via: &'static str,
    /// Their name; empty without login.
    pub(crate) user: String,
    /// Where they are: an address, or a process.
    pub(crate) client: String,
}

/// The endpoint that something is said of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addressee {
    backend: String,
    id: u32,
    address: SocketAddr,
    /// What its objects say of its share.
    pub(crate) initial_weight: u16,
}

impl Addressee {
    /// An endpoint of an upstream.
    pub(crate) fn of(backend: &Backend, server: &Server) -> Self {
        let Backend { name, id, .. } = backend;
        Self { backend: name.clone(), id: *id, address: server.address, initial_weight: server.initial_weight }
    }
}

/// Does it, all of it or nothing. It goes on and is logged if nobody waits for it any more.
pub(crate) async fn command(
    source: &Source,
    actor: Actor,
    addressee: Addressee,
    actions: Vec<Action>,
) -> Result<(), ActFailure> {
    let (scope, act) = (source.scope, source.act.clone());
    let acting = tokio::spawn(async move {
        let done = act(addressee.id, addressee.address, actions.clone()).await;
        actions.iter().for_each(|action| log(&actor, &addressee, *action, scope, &done));
        done
    });
    acting.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an action of the statistics failed");
        Err(ActFailure::Refused("the action failed; the log says why".into()))
    })
}

fn log(actor: &Actor, addressee: &Addressee, action: Action, scope: Scope, done: &Result<(), ActFailure>) {
    let (Actor { via, user, client }, Addressee { backend, address, initial_weight, .. }) = (actor, addressee);
    let weight = match action {
        Action::Weigh(weight) => Some(weight.unwrap_or(scope.usual_weight(*initial_weight))),
        Action::Ready | Action::Drain | Action::Maintain => None,
    };
    let (action, scope) = (action.as_str(), scope.as_str());
    match done {
        Ok(()) => {
            tracing::info!(via, user, client, backend, server = %address, action, weight, scope, "an operator commands an endpoint");
        }
        Err(error) => {
            tracing::warn!(via, user, client, backend, server = %address, action, weight, scope, %error, "an operator's command was not done");
        }
    }
}
