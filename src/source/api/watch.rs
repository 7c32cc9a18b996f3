//! One list and the watch that follows it, over and over.
//!
//! A list is taken in as it comes: objects that are as before cost nothing further on. What it does not name any more
//! is taken out when it is complete, never before, so that a list that breaks off takes nothing away. What is kept
//! here are names only.
//!
//! This is not `kube_runtime::watcher`, which tells neither that a broken watch is back nor that a line could not be
//! read, so that its user cannot know what he is missing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use kube::api::{ListParams, WatchParams};
use kube::client::Body;
use kube::core::Request;
use kube::core::Status;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::client::Access;
use super::failure::{Backoff, Failure, Reason, chance};
use super::lenient::{self, Item, Line, Page};
use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem};
use crate::observe::Metrics;
use crate::source::changes::Event;
use crate::source::objects::{Change, Signature};

/// Objects on a page of a list.
const PAGE: u32 = 500;
/// How long a watch may last, seconds: from here to 50 more, so that they do not end together.
const WATCH_SECONDS: u32 = 240;
/// How much longer than that a watch may be silent before it is taken for dead. Bookmarks come every minute or so.
const SILENCE: Duration = Duration::from_secs(15);
/// A watch that ends sooner than this has failed.
const SHORT: Duration = Duration::from_secs(1);
/// Time between two lines of log about the same failure of a watch.
const QUIET: Duration = Duration::from_secs(60);

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) kind: ObjectKind,
    /// `None`: all namespaces, or a kind that has none.
    pub(super) namespace: Option<Arc<str>>,
    /// One object only.
    pub(super) name: Option<Arc<str>>,
}

impl Scope {
    fn path(&self) -> String {
        let (group, plural) = match self.kind {
            ObjectKind::Ingress => ("apis/networking.k8s.io/v1", "ingresses"),
            ObjectKind::IngressClass => ("apis/networking.k8s.io/v1", "ingressclasses"),
            ObjectKind::Service => ("api/v1", "services"),
            ObjectKind::EndpointSlice => ("apis/discovery.k8s.io/v1", "endpointslices"),
            ObjectKind::Secret => ("api/v1", "secrets"),
            ObjectKind::File => ("", ""),
        };
        match &self.namespace {
            Some(namespace) => format!("/{group}/namespaces/{namespace}/{plural}"),
            None => format!("/{group}/{plural}"),
        }
    }

    fn fields(&self) -> Option<String> {
        match (&self.name, self.kind) {
            (Some(name), _) => Some(format!("metadata.name={name}")),
            (None, ObjectKind::Secret) => Some("type=kubernetes.io/tls".into()),
            (None, _) => None,
        }
    }

    fn labels(&self) -> Option<String> {
        // Slices of no Service concern nobody.
        (self.kind == ObjectKind::EndpointSlice).then(|| "kubernetes.io/service-name".into())
    }

    fn list(&self, next: Option<String>) -> Result<http::Request<Vec<u8>>, Failure> {
        let params = ListParams {
            field_selector: self.fields(),
            label_selector: self.labels(),
            limit: Some(PAGE),
            continue_token: next,
            ..ListParams::default()
        };
        Request::new(self.path()).list(&params).map_err(|error| Failure::new(Reason::Refused, error.to_string()))
    }

    fn watch(&self, version: &str, seconds: u32) -> Result<http::Request<Vec<u8>>, Failure> {
        let params = WatchParams {
            field_selector: self.fields(),
            label_selector: self.labels(),
            timeout: Some(seconds),
            bookmarks: true,
            send_initial_events: false,
        };
        let request = Request::new(self.path()).watch(&params, version);
        request.map_err(|error| Failure::new(Reason::Refused, error.to_string()))
    }
}

/// What a watch tells its owner, beside the changes.
#[derive(Debug)]
pub(super) enum Report {
    /// A list was complete for the first time.
    Listed,
    /// Listing is not allowed to us.
    Forbidden,
    /// Changes arrive.
    Up,
    /// Changes are missed.
    Down,
    /// What is wrong with an object now.
    Problem(ObjectRef, Option<Problem>),
    /// It was stopped, and all it had sent was taken back.
    Ended,
}

/// A watch and what it needs.
pub(super) struct Watch {
    pub(super) id: u64,
    pub(super) scope: Scope,
    /// By what statuses of ours are known; `None` when none are written.
    pub(super) signature: Option<Signature>,
    pub(super) access: Arc<Access>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) reports: mpsc::Sender<(u64, Report)>,
    pub(super) metrics: Arc<Metrics>,
}

/// Where a watch stands.
#[derive(Default)]
struct State {
    /// From where to go on; `None`: everything must be listed.
    version: Option<String>,
    /// What was sent and not taken back.
    known: HashSet<ObjectName>,
    malformed: HashSet<ObjectName>,
    was_listed: bool,
    is_up: bool,
    backoff: Backoff,
    /// The failure that the log tells of, until objects are followed again.
    told: Option<Reason>,
    /// Another one is not told before.
    quiet_until: Option<Instant>,
}

/// Nobody listens any more.
struct Unheard;

/// What ends a round.
enum End {
    /// Nobody listens any more.
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
    /// Works until nobody listens, or until `stop`: then everything it sent is taken back.
    pub(super) async fn run(self, stop: oneshot::Receiver<()>) {
        let mut state = State::default();
        tokio::select! {
            () = self.follow(&mut state) => return,
            _ = stop => {}
        }
        let _ = self.take_back(&mut state).await;
    }

    async fn take_back(&self, state: &mut State) -> Result<(), Unheard> {
        for name in std::mem::take(&mut state.known) {
            self.send(gone(self.scope.kind, name)).await?;
        }
        for name in std::mem::take(&mut state.malformed) {
            self.report(Report::Problem(ObjectRef { kind: self.scope.kind, name }, None)).await?;
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
        let version = match state.version.clone() {
            Some(version) => version,
            None => {
                if state.was_listed {
                    self.metrics.watch_relisted(self.scope.kind.as_str());
                }
                let version = self.list(state).await?;
                state.version = Some(version.clone());
                if !std::mem::replace(&mut state.was_listed, true) {
                    self.report(Report::Listed).await?;
                }
                version
            }
        };
        self.watch(state, &version).await
    }

    /// Tells of a failure and draws conclusions from it.
    async fn failed(&self, state: &mut State, failure: &Failure) -> Result<(), Unheard> {
        let (kind, reason) = (self.scope.kind.as_str(), failure.reason);
        self.metrics.watch_failed(kind, reason.as_str());
        let now = Instant::now();
        let is_quiet = state.was_listed && state.quiet_until.is_some_and(|until| now < until);
        if state.told != Some(reason) && !is_quiet {
            state.told = Some(reason);
            state.quiet_until = Some(now + QUIET);
            let namespace = self.scope.namespace.as_deref().unwrap_or("*");
            let name = self.scope.name.as_deref().unwrap_or("*");
            let consequence = self.consequence(state);
            tracing::warn!(kind, namespace, name, reason = reason.as_str(), error = %failure, "{consequence}");
        }
        match reason {
            // The server is there, and has only forgotten where we were. After garbage an event may be missing.
            Reason::Gone | Reason::Garbage => {
                state.version = None;
                return Ok(());
            }
            Reason::Unauthorized | Reason::Connection => self.access.renew(),
            Reason::Forbidden if !state.was_listed => self.report(Report::Forbidden).await?,
            Reason::Forbidden
            | Reason::Throttled
            | Reason::Server
            | Reason::Refused
            | Reason::Timeout
            | Reason::Closed => {}
        }
        if std::mem::replace(&mut state.is_up, false) {
            self.report(Report::Down).await?;
        }
        Ok(())
    }

    fn consequence(&self, state: &State) -> &'static str {
        match self.scope.kind {
            _ if state.was_listed => "objects cannot be followed, what was read stays in force",
            ObjectKind::Secret if self.scope.name.is_some() => {
                "a Secret cannot be read, the default certificate serves instead"
            }
            ObjectKind::Secret => "Secrets cannot be listed, the default certificate serves instead",
            ObjectKind::IngressClass => {
                "IngressClasses cannot be listed, nothing new is served until they are; without a cluster role use --ingress-class-lookup false"
            }
            ObjectKind::Ingress | ObjectKind::Service | ObjectKind::EndpointSlice | ObjectKind::File => {
                "objects cannot be listed, nothing new is served until they are"
            }
        }
    }

    async fn list(&self, state: &mut State) -> Result<String, End> {
        let (mut seen, mut malformed) = (HashSet::with_capacity(state.known.len()), HashSet::new());
        let mut next = None;
        loop {
            let body = self.access.get(self.scope.list(next)?).await?;
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
                return Ok(version);
            }
        }
    }

    /// Takes out what a complete list does not name.
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
        let patience = Duration::from_secs(u64::from(seconds)) + SILENCE;
        let mut lines = Lines::new(self.access.open(self.scope.watch(version, seconds)?).await?);
        let started = Instant::now();
        if !std::mem::replace(&mut state.is_up, true) {
            self.report(Report::Up).await?;
        }
        if let Some(reason) = state.told.take() {
            tracing::info!(kind = self.scope.kind.as_str(), after = reason.as_str(), "objects are followed again");
        }
        let mut count = 0_u64;
        loop {
            let line = match timeout(patience, lines.next()).await {
                Ok(line) => line?,
                Err(_) => {
                    return Err(Failure::new(Reason::Timeout, format!("a watch was silent for {patience:?}")).into());
                }
            };
            let Some(line) = line else { break };
            count += 1;
            self.line(state, &line).await?;
        }
        if count == 0 && started.elapsed() < SHORT {
            return Err(Failure::new(Reason::Closed, "a watch ended as soon as it had begun").into());
        }
        Ok(())
    }

    async fn line(&self, state: &mut State, line: &[u8]) -> Result<(), End> {
        let Line { kind, object } = serde_json::from_slice(line).map_err(|error| garbage("watch", &error))?;
        let version = match &*kind {
            "ADDED" | "MODIFIED" => {
                let item = lenient::item(self.scope.kind, object, self.signature.as_ref());
                let version = item.version.clone();
                self.take(state, item).await?;
                version
            }
            "DELETED" => {
                let item = lenient::item(self.scope.kind, object, self.signature.as_ref());
                if let Some(name) = item.name {
                    self.departed(state, name.clone()).await?;
                    self.cured(state, name).await?;
                }
                item.version
            }
            "BOOKMARK" => lenient::version(object),
            "ERROR" => {
                let status: Status = serde_json::from_str(object.get()).unwrap_or_default();
                return Err(Failure::of_status(status.code, &status.message).into());
            }
            _ => return Err(Failure::new(Reason::Garbage, "an event of a type that is not known").into()),
        };
        if !version.is_empty() {
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
        let kind = self.scope.kind;
        let Some(name) = item.name else {
            self.metrics.watch_failed(kind.as_str(), Reason::Garbage.as_str());
            tracing::warn!(kind = kind.as_str(), "an object without a name is left out");
            return Ok(());
        };
        match item.content {
            Ok(change) => {
                // Before it is sent: whoever stops us in between takes back too much, never too little.
                state.known.insert(name.clone());
                self.send(change).await?;
                self.cured(state, name).await
            }
            Err(malformed) => {
                // Routes follow the API; certificates keep their last good version.
                if kind != ObjectKind::Secret {
                    self.departed(state, name.clone()).await?;
                }
                state.malformed.insert(name.clone());
                let object = ObjectRef { kind, name };
                self.report(Report::Problem(object.clone(), Some(malformed.problem(object)))).await
            }
        }
    }

    async fn departed(&self, state: &mut State, name: ObjectName) -> Result<(), Unheard> {
        if state.known.contains(&name) {
            self.send(gone(self.scope.kind, name.clone())).await?;
            state.known.remove(&name);
        }
        Ok(())
    }

    async fn cured(&self, state: &mut State, name: ObjectName) -> Result<(), Unheard> {
        if !state.malformed.is_empty() && state.malformed.remove(&name) {
            return self.report(Report::Problem(ObjectRef { kind: self.scope.kind, name }, None)).await;
        }
        Ok(())
    }

    async fn send(&self, change: Change) -> Result<(), Unheard> {
        self.metrics.watch_event(self.scope.kind.as_str());
        self.events.send(Event::change(change)).await.map_err(|_| Unheard)
    }

    async fn report(&self, report: Report) -> Result<(), Unheard> {
        self.reports.send((self.id, report)).await.map_err(|_| Unheard)
    }
}

fn gone(kind: ObjectKind, name: ObjectName) -> Change {
    match kind {
        ObjectKind::Ingress => Change::Ingress(name, None),
        ObjectKind::IngressClass => Change::IngressClass(name.name, None),
        ObjectKind::Service => Change::Service(name, None),
        ObjectKind::EndpointSlice => Change::EndpointSlice(name, None),
        // Files are never watched here.
        ObjectKind::Secret | ObjectKind::File => Change::Secret(name, None),
    }
}

/// Names the place only: what stands there may be a secret.
fn garbage(what: &str, error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    Failure::new(Reason::Garbage, format!("a {what} that is not what the API sends, at line {line} column {column}"))
}

/// The lines of a body.
struct Lines {
    body: Body,
    buffer: BytesMut,
    /// Bytes of the buffer that hold no end of line.
    searched: usize,
}

impl Lines {
    fn new(body: Body) -> Self {
        Self { body, buffer: BytesMut::new(), searched: 0 }
    }

    /// The next line; `None` at the end. A last line without its end is none. May be dropped at any time.
    async fn next(&mut self) -> Result<Option<BytesMut>, Failure> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.buffer.split_to(self.searched + at + 1);
                self.searched = 0;
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.buffer.is_empty() {
                // A long event leaves no memory behind.
                self.buffer = BytesMut::new();
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(Failure::new(Reason::Connection, format!("a watch broke: {error}"))),
            }
        }
    }
}
