//! The holder of a Lease (coordination.k8s.io/v1) reports: one replica of an installation.
//!
//! A term ends ten seconds after the request that last renewed it was sent; others take over no earlier than fifteen
//! seconds after they saw a Lease that has not changed since. Both are measured on one's own monotonic clock: clocks of
//! machines are never compared. A write takes four seconds at the most, so it has ended before another holder begins.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::model::ObjectName;
use crate::observe::ReportMetrics;

use super::{Clients, cause, jitter};

/// How long the Lease of a holder that does not renew it is left alone.
const DURATION: Duration = Duration::from_secs(15);
/// How long a holder may rely on the Lease after it sent the last renewal.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Time between attempts to renew or take it.
const RETRY: Duration = Duration::from_secs(2);
/// Longest wait for an answer of the API.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// How often a refusal of the API is logged.
const QUIET: Duration = Duration::from_secs(300);

/// Whether this process may write reports. Every writer has a clone.
#[derive(Clone, Debug)]
pub(super) struct Term(watch::Receiver<Option<Instant>>);

impl Term {
    /// Whether it is held now.
    pub(super) fn is_held(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until it is held. Never ends when nobody tries to get it any more.
    pub(super) async fn begins(&mut self) {
        if self.0.wait_for(|until| until.is_some_and(|until| Instant::now() < until)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What to do about a Lease that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// It is ours: renew it.
    Renew,
    /// Nobody has it, or its holder has been silent for too long: take it.
    Take,
    /// Another has it.
    Wait,
}

/// The part of a Lease that changes while its holder is alive.
#[derive(Clone, Debug, PartialEq)]
struct Pulse {
    holder: String,
    renewed: Option<MicroTime>,
    transitions: Option<i32>,
}

/// A process that wants to hold the Lease.
#[derive(Debug)]
struct Candidate {
    identity: String,
    /// The pulse last seen, and when it was first seen.
    seen: Option<(Pulse, Instant)>,
}

impl Candidate {
    fn new(identity: String) -> Self {
        Self { identity, seen: None }
    }

    fn judge(&mut self, lease: &LeaseSpec, now: Instant) -> Move {
        let holder = lease.holder_identity.clone().unwrap_or_default();
        if holder == self.identity {
            return Move::Renew;
        }
        if holder.is_empty() {
            return Move::Take;
        }
        let pulse = Pulse { holder, renewed: lease.renew_time.clone(), transitions: lease.lease_transitions };
        let since = match &self.seen {
            Some((known, since)) if *known == pulse => *since,
            Some(_) | None => {
                self.seen = Some((pulse, now));
                now
            }
        };
        // Never shorter than our own duration, even if the holder wrote so.
        let theirs = u64::try_from(lease.lease_duration_seconds.unwrap_or(0)).unwrap_or(0).min(300);
        if now.duration_since(since) > DURATION.max(Duration::from_secs(theirs)) { Move::Take } else { Move::Wait }
    }

    /// What to write to hold the Lease from now on.
    fn held(&self, before: Option<&LeaseSpec>, wall: Timestamp) -> LeaseSpec {
        let is_ours = before.is_some_and(|spec| spec.holder_identity.as_ref() == Some(&self.identity));
        let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(DURATION.as_secs() as i32),
            acquire_time: match before {
                Some(spec) if is_ours => spec.acquire_time.clone(),
                Some(_) | None => Some(MicroTime(wall)),
            },
            renew_time: Some(MicroTime(wall)),
            lease_transitions: Some(if is_ours || before.is_none() {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            ..LeaseSpec::default()
        }
    }
}

/// The Lease in the API, and its state after we last wrote it.
pub(super) struct Election {
    clients: Clients,
    name: ObjectName,
    candidate: Candidate,
    held: Option<Lease>,
    term: watch::Sender<Option<Instant>>,
}

impl Election {
    /// Not held yet.
    pub(super) fn new(clients: Clients, name: ObjectName, identity: String) -> (Self, Term) {
        let (term, receiver) = watch::channel(None);
        let candidate = Candidate::new(identity);
        (Self { clients, name, candidate, held: None, term }, Term(receiver))
    }

    /// Takes and renews the Lease until `stop`.
    pub(super) async fn run(mut self, metrics: ReportMetrics, mut stop: watch::Receiver<bool>) -> Self {
        let mut quiet_until = Instant::now();
        loop {
            let sent = Instant::now();
            let outcome = tokio::time::timeout(ATTEMPT_TIMEOUT, self.attempt(sent)).await;
            match outcome {
                Ok(Ok(true)) => self.set(Some(sent + RENEW_DEADLINE)),
                Ok(Ok(false)) => self.set(None),
                // Nothing is reported until somebody corrects this: a missing permission, or a missing namespace.
                Ok(Err(error @ kube::Error::Api(_))) if quiet_until <= sent => {
                    self.held = None;
                    quiet_until = sent + QUIET;
                    let error = cause::told(&error);
                    tracing::warn!(lease = %self.name, error, "the Lease cannot be read or written: no status and no Events are written");
                }
                Ok(Err(error)) => {
                    self.held = None;
                    tracing::debug!(lease = %self.name, %error, "the lease could not be renewed or taken");
                }
                Err(_) => {
                    self.held = None;
                    tracing::debug!(lease = %self.name, "no answer about the lease");
                }
            }
            let until = *self.term.borrow();
            if until.is_some_and(|until| until <= Instant::now()) {
                self.set(None);
            }
            metrics.leader().set(self.term.borrow().is_some().into());
            let next = jitter::around(RETRY);
            // `Term` ends by itself when its time is over; here that is only shown.
            tokio::select! {
                () = tokio::time::sleep(next) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        self.set(None);
        metrics.leader().set(0);
        self
    }

    /// Gives the Lease back, so that another process may take it at once. Must be called when no write is under way.
    pub(super) async fn release(self) {
        let api = self.api();
        let Some(mut lease) = self.held else { return };
        let wall = Timestamp::now();
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(wall)),
            ..lease.spec.unwrap_or_default()
        });
        let params = PostParams::default();
        let write = api.replace(&self.name.name, &params, &lease);
        match tokio::time::timeout(ATTEMPT_TIMEOUT, write).await {
            Ok(Ok(_)) => tracing::info!(lease = %self.name, "the lease is given back"),
            Ok(Err(error)) => tracing::debug!(lease = %self.name, %error, "the lease could not be given back"),
            Err(_) => tracing::debug!(lease = %self.name, "the lease could not be given back in time"),
        }
    }

    fn api(&self) -> Api<Lease> {
        Api::namespaced((self.clients)(), &self.name.namespace)
    }

    fn set(&self, until: Option<Instant>) {
        let was_held = self.term.send_replace(until).is_some();
        let lease = &self.name;
        match (was_held, until.is_some()) {
            (false, true) => tracing::info!(%lease, "this process holds the lease: it writes status and Events"),
            (true, false) => tracing::info!(%lease, "this process does not hold the lease any more"),
            (true, true) | (false, false) => {}
        }
    }

    /// Renews the Lease, or takes it if it may be taken. Returns whether it is ours now.
    async fn attempt(&mut self, now: Instant) -> kube::Result<bool> {
        let api = self.api();
        if let Some(mut lease) = self.held.take() {
            lease.spec = Some(self.candidate.held(lease.spec.as_ref(), Timestamp::now()));
            match api.replace(&self.name.name, &PostParams::default(), &lease).await {
                Ok(lease) => {
                    self.held = Some(lease);
                    return Ok(true);
                }
                // Another process wrote it, or it was deleted: read it again.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => return Err(error),
            }
        }
        let written = match api.get_opt(&self.name.name).await? {
            None => {
                let metadata = ObjectMeta { name: Some(self.name.name.to_string()), ..ObjectMeta::default() };
                let spec = Some(self.candidate.held(None, Timestamp::now()));
                api.create(&PostParams::default(), &Lease { metadata, spec }).await
            }
            Some(mut lease) => {
                let spec = lease.spec.take().unwrap_or_default();
                match self.candidate.judge(&spec, now) {
                    Move::Wait => return Ok(false),
                    Move::Renew | Move::Take => {}
                }
                lease.spec = Some(self.candidate.held(Some(&spec), Timestamp::now()));
                api.replace(&self.name.name, &PostParams::default(), &lease).await
            }
        };
        match written {
            Ok(lease) => {
                self.held = Some(lease);
                Ok(true)
            }
            // Another process was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
