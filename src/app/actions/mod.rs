//! Doing what operators say of endpoints by the page, a stats socket and the run-time API: in this process, or by the annotation of the
//! Service, which all replicas follow.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::endpoint::{ServiceEndpoint, Unwritten, Wish, Writer};
use super::stats;
use crate::model::{EndpointState, Weight};
use crate::source::api::Access;
use crate::stats::{Act, ActFailure, Action, Scope};
use crate::upstream::{Endpoint, EndpointCommand, Registry, Upstream};

/// Who writes the annotation, in the managed fields of the Service.
const MANAGER: &str = "tidegate-stats";
/// How long the API server may take, with waiting for others who act.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long an answer waits for the watch to bring here what was written, so that it tells what is in force.
const ARRIVAL: Duration = Duration::from_secs(1);
/// Pause between two looks whether it has come.
const LOOK: Duration = Duration::from_millis(5);

/// Who does it, and for whom: with access to the Kubernetes API for all replicas.
pub(super) fn actions(registry: &Arc<Registry>, access: Option<Arc<Access>>) -> (Scope, Act) {
    let registry = Arc::clone(registry);
    match access {
        None => {
            let act: Act = Arc::new(move |backend, address, actions| {
                let registry = Arc::clone(&registry);
                Box::pin(async move { here(registry, backend, address, actions).await })
            });
            (Scope::ThisReplica, act)
        }
        Some(access) => {
            let (turn, deadline, arrival) = (Semaphore::new(1), DEADLINE, ARRIVAL);
            let durable = Arc::new(Durable { registry, access, turn, deadline, arrival });
            let act: Act = Arc::new(move |backend, address, actions| {
                let durable = Arc::clone(&durable);
                Box::pin(async move { durable.act(backend, address, &actions).await })
            });
            (Scope::AllReplicas, act)
        }
    }
}

/// In this process alone.
async fn here(
    registry: Arc<Registry>,
    backend: u32,
    address: SocketAddr,
    actions: Vec<Action>,
) -> Result<(), ActFailure> {
    let tell = move || {
        let upstream = find(&registry, backend).ok_or(ActFailure::Gone)?;
        let is_there = actions.into_iter().all(|action| upstream.command(address, in_process(action)));
        if is_there { Ok(()) } else { Err(ActFailure::Gone) }
    };
    blocking(tell).await
}

fn in_process(action: Action) -> EndpointCommand {
    match action {
        Action::Ready => EndpointCommand::State(None),
        Action::Drain => EndpointCommand::State(Some(EndpointState::Draining)),
        Action::Maintain => EndpointCommand::State(Some(EndpointState::Maintenance)),
        Action::Weigh(weight) => EndpointCommand::Weight(weight.and_then(Weight::new)),
    }
}

fn find(registry: &Registry, backend: u32) -> Option<Arc<Upstream>> {
    registry.all().into_iter().find(|upstream| stats::id(upstream) == backend)
}

/// There may be many upstreams.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ActFailure> + Send + 'static,
) -> Result<T, ActFailure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "an action of the statistics failed");
        Err(ActFailure::Refused("the action failed; the log says why".into()))
    })
}

/// Writes it to the Service. Nothing is done in this process: the watch brings it here as to the other replicas.
struct Durable {
    registry: Arc<Registry>,
    access: Arc<Access>,
    /// Those who act here would only be in each other's way.
    turn: Semaphore,
    deadline: Duration,
    arrival: Duration,
}

impl Durable {
    async fn act(&self, backend: u32, address: SocketAddr, actions: &[Action]) -> Result<(), ActFailure> {
        let registry = Arc::clone(&self.registry);
        let found = blocking(move || {
            let upstream = find(&registry, backend).ok_or(ActFailure::Gone)?;
            let endpoint = Arc::clone(upstream.endpoints().of(address).ok_or(ActFailure::Gone)?);
            Ok((upstream, endpoint))
        });
        let (upstream, endpoint) = found.await?;
        let service = &upstream.key().service;
        let wishes: Vec<_> = actions.iter().copied().map(wish).collect();
        let ip = address.ip();
        // The address may have gone to another pod, of which nobody has said anything.
        let choose = |all: &[ServiceEndpoint]| {
            let is_it = |of: &&ServiceEndpoint| of.has(ip) && of.identity(service, address) == endpoint.identity();
            all.iter().find(is_it).cloned().ok_or_else(|| format!("no endpoint {ip} with the pod that was there"))
        };
        let (manager, dry_run) = (MANAGER, false);
        let writer = Writer { access: &self.access, service, manager, dry_run, is_pending: false.into() };
        let written = timeout(self.deadline, async {
            // It is never closed.
            let _turn = self.turn.acquire().await;
            writer.write(&wishes, choose).await
        });
        let written = written.await;
        let is_pending = writer.is_pending.load(Relaxed);
        match written {
            Ok(Ok(done)) if done.is_unchanged() => Ok(()),
            Ok(Ok(_)) => {
                let arrived = async {
                    while !endpoint.is_retired() && !actions.iter().all(|action| is_in_force(*action, &endpoint)) {
                        sleep(LOOK).await;
                    }
                };
                // Where it is late it is written all the same.
                let _ = timeout(self.arrival, arrived).await;
                Ok(())
            }
            Ok(Err(unwritten)) => Err(failure(&unwritten, is_pending)),
            Err(_) => {
                let seconds = self.deadline.as_secs_f32();
                Err(ActFailure::Late(told(&format!("no answer of the Kubernetes API in {seconds} s"), is_pending)))
            }
        }
    }
}

fn wish(action: Action) -> Wish {
    match action {
        Action::Ready => Wish::Ready,
        Action::Drain => Wish::Drain,
        Action::Maintain => Wish::Maint,
        Action::Weigh(weight) => Wish::Weight(weight.unwrap_or(Weight::default().get())),
    }
}

fn is_in_force(action: Action, endpoint: &Endpoint) -> bool {
    match action {
        Action::Ready => endpoint.state() == EndpointState::Active,
        Action::Drain => endpoint.state() == EndpointState::Draining,
        Action::Maintain => endpoint.state() == EndpointState::Maintenance,
        Action::Weigh(weight) => endpoint.weight().get() == weight.unwrap_or(Weight::default().get()),
    }
}

fn failure(unwritten: &Unwritten, is_pending: bool) -> ActFailure {
    match unwritten {
        // It says so itself.
        Unwritten::Contended(_) => ActFailure::Conflict(unwritten.to_string()),
        Unwritten::NoEndpoint(..) | Unwritten::Unfit(..) => {
            ActFailure::Conflict(told(&unwritten.to_string(), is_pending))
        }
        Unwritten::Refused(..) => ActFailure::Refused(told(&unwritten.to_string(), is_pending)),
    }
}

/// What stopped an action, and what has become of it.
fn told(why: &str, is_pending: bool) -> String {
    if is_pending {
        format!("{why}: it is not known whether the Service was changed")
    } else {
        format!("nothing was changed: {why}")
    }
}
