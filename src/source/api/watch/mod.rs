//! One list and the watch that follows it, over and over.
//!
//! The objects of a list are sent as they come. An object that the list does not have any more is removed when the list is
//! complete, never before, so that a list that breaks off removes nothing. Only names are kept here.
//!
//! This is not `kube_runtime::watcher`: that one reports neither that a broken watch is back nor that a line could not be read,
//! so its user cannot know which changes are missed.

mod shared;
mod single;

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kube::core::Status;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::client::Access;
use super::failure::{Backoff, Failure, Reason, chance};
use super::lenient::{self, Item, Line, Page};
use super::lines::Lines;
use super::scope::{Portion, Scope, Which};
use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem};
use crate::observe::Metrics;
use crate::source::changes::Event;
use crate::source::kinds::{OnMalformed, wire};
use crate::source::objects::{Change, Signature};

pub(super) use shared::Shared;
pub(super) use single::forbidden;

/// Shortest time that a watch is asked to last. Up to 50 s are added at random, so that watches do not end together. Seconds.
const WATCH_SECONDS: u32 = 240;
/// How much longer than that a watch may be silent before it counts as dead.
const SILENCE: Duration = Duration::from_secs(15);
/// Longest silence of a watch that has received a bookmark: bookmarks come every minute, at the latest after 63 s (Kubernetes
/// 1.34, `defaultBookmarkFrequency`). Before the first one silence means nothing: there is none while no object changes.
const PACE: Duration = Duration::from_secs(90);
/// Time between two watches after which changes are reported as missed. There may be a list in between.
const SLOW: Duration = Duration::from_secs(5);
/// A watch that ends sooner than this has failed if it sent nothing, or if the watch before it ended as soon.
const SHORT: Duration = Duration::from_secs(1);
/// Shortest time between two log lines about failures of a watch.
const QUIET: Duration = Duration::from_secs(60);

/// What a watch reports to its owner, besides the changes.
#[derive(Debug)]
pub(super) enum Report {
    /// A list was complete for the first time, or the one object was read.
    Listed,
    /// Our role does not allow to list, or to follow the one object.
    Forbidden,
    /// Changes arrive.
    Up,
    /// Changes that came after this are missed.
    Down(Instant),
    /// What is wrong with an object now.
    Problem(ObjectRef, Option<Problem>),
    /// It was stopped, and everything it had sent was taken back.
    Ended,
}

/// A watch and what it needs.
pub(super) struct Watch {
    pub(super) id: u64,
    pub(super) scope: Scope,
    /// The signature of our statuses; `None` when none are written.
    pub(super) signature: Option<Signature>,
    pub(super) access: Arc<Access>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) reports: mpsc::Sender<(u64, Report)>,
    pub(super) metrics: Arc<Metrics>,
    /// Turns to read single objects.
    pub(super) turns: Arc<Semaphore>,
    /// Objects that another watch may have too.
    pub(super) shared: Shared,
}

/// The state of a watch.
#[derive(Default)]
struct State {
    /// The version to go on from; `None`: everything must be listed.
    version: Option<String>,
    /// What was sent and not taken back.
    known: HashSet<ObjectName>,
    malformed: HashSet<ObjectName>,
    /// For a watch of a single object: this version and older ones are known and are ignored.
    overtaken: Option<String>,
    was_listed: bool,
    is_up: bool,
    /// Until when no change can have been missed; `None` before the first list.
    heard: Option<Instant>,
    /// The present watch has received bookmarks.
    has_bookmarks: bool,
    /// The last watch ended as soon as it had begun.
    was_short: bool,
    /// How to list next time.
    portion: Portion,
    backoff: Backoff,
    /// The failure that was logged, until objects are followed again.
    told: Option<Reason>,
    /// No other failure is logged before this time.
    quiet_until: Option<Instant>,
}

/// The receiver was dropped.
struct Unheard;

/// What ends a round.
enum End {
    /// The receiver was dropped.
    Unheard,
    /// It failed.
    Failed(Failure),
}

impl From<Unheard> for End {
    fn from(Unheard: Unheard) -> Self {
        Self::Unheard
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Watch {
    /// Works until the receiver is dropped, or until `stop`: then everything it sent is taken back.
    pub(super) async fn run(self, stop: oneshot::Receiver<()>) {
        let mut state = State::default();
        if self.scope.only().is_some() {
            state.backoff = Backoff::for_one_object();
        }
        tokio::select! {
            () = self.follow(&mut state) => return,
            _ = stop => {}
        }
        let _ = self.take_back(&mut state).await;
    }

    async fn take_back(&self, state: &mut State) -> Result<(), Unheard> {
        for name in std::mem::take(&mut state.known) {
            self.send(self.gone(name)).await?;
        }
        for name in std::mem::take(&mut state.malformed) {
            self.report(Report::Problem(self.scope.object(name), None)).await?;
        }
        self.report(Report::Ended).await
    }

    async fn follow(&self, state: &mut State) {
        loop {
            let failure = match self.round(state).await {
                Ok(()) => continue,
                Err(End::Unheard) => return,
                Err(End::Failed(failure)) => failure,
            };
            if self.failed(state, &failure).await.is_err() {
                return;
            }
            sleep(state.backoff.pause(&failure, !state.was_listed)).await;
        }
    }

    /// Lists if that is needed, then watches until the watch ends in order.
    async fn round(&self, state: &mut State) -> Result<(), End> {
        let version = match state.version.clone().filter(|version| version != single::ANY) {
            Some(version) => version,
            None => {
                if state.was_listed {
                    self.metrics.watch_relisted(self.scope.kind_name());
                }
                let heard = state.heard.filter(|_| state.is_up);
                let (listed, is_told) = self.told_if_slow(heard, self.read_all(state)).await;
                state.is_up &= !is_told;
                let version = listed?;
                state.version = Some(version.clone());
                if !std::mem::replace(&mut state.was_listed, true) {
                    self.report(Report::Listed).await?;
                }
                version
            }
        };
        self.watch(state, &version).await
    }

    /// Does something between two watches. If that takes long, reports that changes have been missed since `heard`, unless they
    /// were missed before. Returns whether it was reported along with the outcome.
    async fn told_if_slow<T>(
        &self,
        heard: Option<Instant>,
        work: impl Future<Output = Result<T, End>>,
    ) -> (Result<T, End>, bool) {
        let mut work = pin!(work);
        let Some(heard) = heard else { return (work.await, false) };
        if let Ok(done) = timeout_at(heard + SLOW, &mut work).await {
            return (done, false);
        }
        match self.report(Report::Down(heard)).await {
            Ok(()) => (work.await, true),
            Err(unheard) => (Err(unheard.into()), true),
        }
    }

    /// Counts and logs a failure, and decides what follows from it.
    async fn failed(&self, state: &mut State, failure: &Failure) -> Result<(), Unheard> {
        let (kind, reason) = (self.scope.kind_name(), failure.reason);
        self.metrics.watch_failed(kind, reason.as_str());
        let now = Instant::now();
        let is_quiet = state.was_listed && state.quiet_until.is_some_and(|until| now < until);
        // A single object that we may not read is a problem and need not be logged.
        let is_told = reason == Reason::Forbidden && self.scope.only().is_some();
        if state.told != Some(reason) && !is_quiet && !is_told {
            state.told = Some(reason);
            state.quiet_until = Some(now + QUIET);
            let namespace = self.scope.namespace.as_deref().unwrap_or("*");
            let name = self.scope.only().map_or("*", |name| name);
            let consequence = self.consequence(state);
            tracing::warn!(kind, namespace, name, reason = reason.as_str(), error = %failure, "{consequence}");
        }
        match reason {
            // The server is there but does not know our version any more. After garbage an event may be missing.
            Reason::Gone | Reason::Garbage if state.version.is_some() => {
                state.version = None;
                return Ok(());
            }
            // The credentials may have been replaced, or the present connections may be dead.
            Reason::Connection | Reason::Untrusted | Reason::Timeout => self.access.renew(),
            Reason::Forbidden if !state.was_listed || self.scope.name().is_some() => {
                self.report(Report::Forbidden).await?
            }
            // The next request reads the credentials again.
            Reason::Unauthorized
            | Reason::Forbidden
            | Reason::Throttled
            | Reason::Server
            | Reason::Refused
            | Reason::Closed
            // A list that cannot be read does not become readable by listing again at once.
            | Reason::Gone
            | Reason::Garbage => {}
        }
        if std::mem::replace(&mut state.is_up, false) {
            self.report(Report::Down(state.heard.unwrap_or(now))).await?;
        }
        Ok(())
    }

    fn consequence(&self, state: &State) -> &'static str {
        match &self.scope.which {
            _ if state.was_listed => "objects cannot be followed, what was read stays in force",
            Which::Named(_) if self.scope.kind.object == ObjectKind::ConfigMap => self.scope.kind.unlisted,
            Which::Named(_) => {
                "a Secret cannot be read, the default certificate, or keys of this process, serve instead"
            }
            Which::OfService(_) => "the Service of --self-service cannot be read, so the other replicas are not known",
            Which::LeftOut(_) => "a Secret cannot be read, nobody is served where a password of it is asked for",
            Which::Selected => self.scope.kind.unlisted,
        }
    }

    /// Reads what is there. Returns the version to watch from.
    async fn read_all(&self, state: &mut State) -> Result<String, End> {
        match &self.scope.which {
            Which::Named(name) => self.read(state, name).await,
            Which::LeftOut(_) => {
                // It is never closed.
                let _turn = self.turns.acquire().await.ok();
                self.list(state).await
            }
            Which::Selected | Which::OfService(_) => self.list(state).await,
        }
    }

    async fn list(&self, state: &mut State) -> Result<String, End> {
        let (mut seen, mut malformed) = (HashSet::with_capacity(state.known.len()), HashSet::new());
        let started = Instant::now();
        let mut next = None;
        loop {
            let is_first = next.is_none();
            let body = match self.access.get(self.scope.list(state.portion, next)?).await {
                Ok(body) => body,
                Err(failure) => {
                    if failure.reason == Reason::Gone && !is_first {
                        state.portion = Portion::Whole;
                    }
                    return Err(failure.into());
                }
            };
            let page: Page<'_> = serde_json::from_slice(&body).map_err(|error| garbage("list", &error))?;
            for raw in page.items.into_iter().flatten() {
                if let Some((name, is_sound)) = self.arrived(state, raw).await? {
                    if is_sound {
                        seen.insert(name)
                    } else {
                        malformed.insert(name)
                    };
                }
            }
            let version = page.metadata.resource_version.filter(|version| !version.is_empty());
            let Some(version) = version else {
                return Err(Failure::new(Reason::Garbage, "a list without resourceVersion").into());
            };
            next = page.metadata.next.filter(|next| !next.is_empty());
            if next.is_none() {
                self.listed(state, &seen, &malformed).await?;
                state.portion = Portion::Pages;
                state.heard = Some(started);
                return Ok(version);
            }
        }
    }

    /// Removes what a complete list does not have.
    async fn listed(
        &self,
        state: &mut State,
        seen: &HashSet<ObjectName>,
        malformed: &HashSet<ObjectName>,
    ) -> Result<(), Unheard> {
        let gone: Vec<_> =
            state.known.iter().filter(|n| !seen.contains(*n) && !malformed.contains(*n)).cloned().collect();
        for name in gone {
            self.departed(state, name).await?;
        }
        let cured: Vec<_> = state.malformed.difference(malformed).cloned().collect();
        for name in cured {
            self.cured(state, name).await?;
        }
        Ok(())
    }

    async fn watch(&self, state: &mut State, version: &str) -> Result<(), End> {
        let seconds = WATCH_SECONDS + (chance() * 50.0) as u32;
        let whole = Duration::from_secs(u64::from(seconds)) + SILENCE;
        let request = self.scope.watch(version, seconds)?;
        let opening = async { Ok(self.access.open(request).await?) };
        let (opened, is_told) = self.told_if_slow(state.heard.filter(|_| state.is_up), opening).await;
        state.is_up &= !is_told;
        let mut lines = Lines::new(opened?);
        let started = Instant::now();
        state.heard = Some(started);
        state.has_bookmarks = false;
        if !std::mem::replace(&mut state.is_up, true) {
            self.report(Report::Up).await?;
        }
        if let Some(reason) = state.told.take() {
            tracing::info!(kind = self.scope.kind_name(), after = reason.as_str(), "objects are followed again");
        }
        let mut count = 0_u64;
        loop {
            let longest_silence = if state.has_bookmarks { PACE } else { whole };
            let line = match timeout(longest_silence, lines.next()).await {
                Ok(Ok(line)) => line,
                Ok(Err(failure)) => {
                    // A watch that the other side broke was up until now. A silent one may not have been.
                    if failure.reason != Reason::Timeout {
                        state.heard = Some(Instant::now());
                    }
                    return Err(failure.into());
                }
                Err(_) => {
                    // The server may have lost this watch. Only a list says what is true now.
                    state.version = None;
                    return Err(
                        Failure::new(Reason::Timeout, format!("a watch was silent for {longest_silence:?}")).into()
                    );
                }
            };
            state.heard = Some(Instant::now());
            let Some(line) = line else { break };
            count += 1;
            self.line(state, &line).await?;
        }
        let is_short = started.elapsed() < SHORT;
        let was_short = std::mem::replace(&mut state.was_short, is_short);
        if is_short && (count == 0 || was_short) {
            return Err(Failure::new(Reason::Closed, "a watch ended as soon as it had begun").into());
        }
        Ok(())
    }

    async fn line(&self, state: &mut State, line: &[u8]) -> Result<(), End> {
        let Line { kind, object } = serde_json::from_slice(line).map_err(|error| garbage("watch", &error))?;
        let version = match &*kind {
            "ADDED" | "MODIFIED" => {
                let item = lenient::item(self.scope.kind, object, self.signature.as_ref());
                if state.is_overtaken(&item.version) {
                    return Ok(());
                }
                in_order(state, &item.version)?;
                let version = item.version.clone();
                self.take(state, item).await?;
                version
            }
            "DELETED" => {
                let item = lenient::item(self.scope.kind, object, self.signature.as_ref());
                if state.is_overtaken(&item.version) {
                    return Ok(());
                }
                in_order(state, &item.version)?;
                if let Some(name) = item.name {
                    self.departed(state, name.clone()).await?;
                    self.cured(state, name).await?;
                }
                item.version
            }
            "BOOKMARK" => {
                let version = wire::version(object);
                in_order(state, &version)?;
                state.has_bookmarks = true;
                version
            }
            "ERROR" => {
                let status: Status = serde_json::from_str(object.get()).unwrap_or_default();
                return Err(Failure::of_status(status.code, &status.message).into());
            }
            _ => return Err(Failure::new(Reason::Garbage, "an event of a type that is not known").into()),
        };
        if !version.is_empty() {
            state.overtaken = self.scope.name().is_some().then(|| version.clone());
            state.version = Some(version);
        }
        Ok(())
    }

    /// An object of a list: its name, and whether it could be read.
    async fn arrived(&self, state: &mut State, raw: &RawValue) -> Result<Option<(ObjectName, bool)>, Unheard> {
        let item = lenient::item(self.scope.kind, raw, self.signature.as_ref());
        let outcome = item.name.clone().map(|name| (name, item.content.is_ok()));
        self.take(state, item).await?;
        Ok(outcome)
    }

    async fn take(&self, state: &mut State, item: Item) -> Result<(), Unheard> {
        let Some(name) = item.name else {
            self.metrics.watch_failed(self.scope.kind_name(), Reason::Garbage.as_str());
            tracing::warn!(kind = self.scope.kind_name(), "an object without a name is left out");
            return Ok(());
        };
        match item.content {
            Ok(change) => {
                // Before it is sent, so that a stop in between takes back too much and never too little.
                state.known.insert(name.clone());
                self.send(change).await?;
                self.cured(state, name).await
            }
            Err(malformed) => {
                match self.scope.kind.on_malformed {
                    OnMalformed::Remove => self.departed(state, name.clone()).await?,
                    OnMalformed::KeepLast => {}
                }
                state.malformed.insert(name.clone());
                let object = self.scope.object(name);
                self.report(Report::Problem(object.clone(), Some(malformed.problem(object)))).await
            }
        }
    }

    async fn departed(&self, state: &mut State, name: ObjectName) -> Result<(), Unheard> {
        if state.known.contains(&name) {
            if !self.is_elsewhere(&name).await {
                self.send(self.gone(name.clone())).await?;
            }
            state.known.remove(&name);
        }
        Ok(())
    }

    async fn cured(&self, state: &mut State, name: ObjectName) -> Result<(), Unheard> {
        if !state.malformed.is_empty() && state.malformed.remove(&name) {
            return self.report(Report::Problem(self.scope.object(name), None)).await;
        }
        Ok(())
    }

    fn gone(&self, name: ObjectName) -> Change {
        Change::removal(self.scope.object(name))
    }

    async fn send(&self, change: Change) -> Result<(), Unheard> {
        self.metrics.watch_event(self.scope.kind_name());
        self.events.send(Event::change(change)).await.map_err(|_| Unheard)
    }

    async fn report(&self, report: Report) -> Result<(), Unheard> {
        self.reports.send((self.id, report)).await.map_err(|_| Unheard)
    }
}

/// The versions of events only grow. A version that goes back is that of an old event, or the server was restored from an old
/// state: either way only a list says what is true now. Versions that are not numbers have no order.
fn in_order(state: &State, version: &str) -> Result<(), Failure> {
    let former = state.version.as_deref().and_then(|former| former.parse::<u64>().ok());
    match (former, version.parse::<u64>()) {
        (Some(former), Ok(version)) if version < former => {
            Err(Failure::new(Reason::Garbage, format!("an event of version {version} after version {former}")))
        }
        (Some(_) | None, Ok(_) | Err(_)) => Ok(()),
    }
}

/// Names the place only, because the content may be a secret.
fn garbage(what: &str, error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    Failure::new(Reason::Garbage, format!("a {what} that is not what the API sends, at line {line} column {column}"))
}
