//! Who asks for what, and what they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::{Method, Request, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use serde_json::Value as Json;
use tokio::sync::Semaphore;

use super::answer::{self, Answer};
use super::caller::{Caller, Peer};
use super::data_plane::{self, Narrowed, Replacement};
use super::order::{self, Order};
use super::place::Place;
use super::problem::Problem;
use super::watch::Hub;
use super::{Door, OPENAPI, body, query, shape};
use crate::stats::{ProcessFacts, Scope, Source, Stats, Wanted, is_same_origin, json};

/// Upstreams of an answer, at most.
const MOST_UPSTREAMS: usize = 1000;

/// What answers are made of.
pub(super) struct Desk {
    source: Source,
    door: Door,
    hub: Hub,
    /// A large configuration has many rows, so they are made once at a time.
    views: Semaphore,
}

impl Desk {
    pub(super) fn new(source: Source, door: Door) -> Arc<Self> {
        Arc::new(Self { source, door, hub: Hub::default(), views: Semaphore::new(1) })
    }

    /// Tells watchers what changes.
    pub(super) async fn watch_rows(&self) {
        self.hub.run(&self.source, &self.views).await;
    }

    /// Answers a request. `watches` is set if the answer is a stream of events.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: &Peer, watches: &AtomicBool) -> Answer {
        let dialect = Place::dialect(request.uri().path());
        let answered = self.answered(request, peer, watches).await;
        answered.unwrap_or_else(|problem| answer::problem(problem, dialect))
    }

    async fn answered(&self, request: Request<Incoming>, peer: &Peer, watches: &AtomicBool) -> Result<Answer, Problem> {
        let caller = self.door.admit(request.headers(), peer).await?;
        let place = Place::find(request.uri().path())?;
        place.check(request.method())?;
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        if reads && !request.body().is_end_stream() {
            return Err(Problem::bad("a request that reads has no body"));
        }
        if !reads && !is_same_origin(request.headers()) {
            tracing::warn!(user = caller.user, client = %caller.client, "an action from another site was refused");
            return Err(Problem::forbidden("nothing was changed: the request came from a page of another site"));
        }
        let asked = request.uri().query();
        match place {
            Place::OpenApi => {
                let [] = query::read(asked, [])?;
                Ok(answer::json(OPENAPI.to_owned()))
            }
            Place::Info => {
                let scope = self.source.scope;
                self.facts(asked, move |facts| Ok(shape::info(facts, scope))).await
            }
            Place::DataPlaneInfo => self.facts(asked, |facts| Ok(data_plane::info(facts))).await,
            Place::Listeners => self.plain(asked, |stats| Ok(shape::listeners(stats))).await,
            Place::Upstreams => self.upstreams(asked).await,
            Place::Upstream(name) => self.plain(asked, move |stats| upstream(stats, &name)).await,
            Place::Endpoint(upstream, name) if reads => {
                self.plain(asked, move |stats| endpoint(stats, &upstream, &name, Scope::ThisReplica)).await
            }
            Place::Endpoint(upstream, name) => self.order(request, caller, upstream, name).await,
            Place::Stats => self.stats(asked).await,
            Place::Events => {
                let [upstream] = query::read(asked, ["upstream"])?;
                let events = self.hub.watch(upstream)?;
                watches.store(true, Relaxed);
                Ok(answer::events(events))
            }
            Place::Servers(backend) => self.plain(asked, move |stats| data_plane::servers(stats, &backend)).await,
            Place::Server(backend, name) if reads => {
                self.plain(asked, move |stats| Ok(data_plane::server(data_plane::find(stats, &backend, &name)?))).await
            }
            Place::Server(backend, name) => self.replace(request, caller, backend, name).await,
            Place::NativeStats => {
                let wanted = Narrowed::read(query::read(asked, ["type", "name", "parent"])?)?;
                self.rows(move |stats| Ok(data_plane::native_stats(stats, &wanted).to_string())).await
            }
            Place::Configuration(path) => Err(data_plane::not_here(&path)),
        }
    }

    async fn upstreams(&self, asked: Option<&str>) -> Result<Answer, Problem> {
        let [after, limit] = query::read(asked, ["after", "limit"])?;
        let limit = match limit.map(|limit| limit.parse().ok().filter(|limit| (1..=MOST_UPSTREAMS).contains(limit))) {
            None => MOST_UPSTREAMS,
            Some(Some(limit)) => limit,
            Some(None) => return Err(Problem::bad(format!("limit is a number from 1 to {MOST_UPSTREAMS}"))),
        };
        self.rows(move |stats| Ok(shape::upstreams(stats, after.as_deref(), limit).to_string())).await
    }

    async fn stats(&self, asked: Option<&str>) -> Result<Answer, Problem> {
        let [] = query::read(asked, [])?;
        self.rows(|stats| Ok(json(stats, Wanted::ALL))).await
    }

    /// Tells an endpoint what to do, and answers what it is then.
    async fn order(
        &self,
        request: Request<Incoming>,
        caller: Caller,
        upstream: String,
        name: String,
    ) -> Result<Answer, Problem> {
        order::check(&caller)?;
        let [] = query::read(request.uri().query(), [])?;
        let actions = body::json::<Order>(request).await?.actions()?;
        let names = (upstream.clone(), name.clone());
        let addressee = self.look(move |stats| order::addressee(stats, &names.0, &names.1)).await?;
        let told = order::obey(&self.source, caller, (addressee, &name), actions).await;
        self.hub.wake();
        told?;
        let scope = self.source.scope;
        let answer = self.look(move |stats| Ok(endpoint(stats, &upstream, &name, scope)?.to_string())).await?;
        Ok(answer::acted(answer, scope))
    }

    /// The same in Data Plane API's words.
    async fn replace(
        &self,
        request: Request<Incoming>,
        caller: Caller,
        backend: String,
        name: String,
    ) -> Result<Answer, Problem> {
        order::check(&caller)?;
        let [] = query::read(request.uri().query(), [])?;
        let replacement = body::json::<Replacement>(request).await?;
        let names = (backend.clone(), name.clone());
        let found = self.look(move |stats| {
            let action = replacement.action(data_plane::find(stats, &names.0, &names.1)?)?;
            Ok((order::addressee(stats, &names.0, &names.1)?, action))
        });
        let (addressee, action) = found.await?;
        let told = order::obey(&self.source, caller, (addressee, &name), vec![action]).await;
        self.hub.wake();
        told?;
        let answer =
            self.look(move |stats| Ok(data_plane::server(data_plane::find(stats, &backend, &name)?).to_string()));
        Ok(answer::acted(answer.await?, self.source.scope))
    }

    /// What is known of the process, where no parameters are known.
    async fn facts<F>(&self, asked: Option<&str>, make: F) -> Result<Answer, Problem>
    where
        F: FnOnce(&ProcessFacts) -> Result<Json, Problem> + Send + 'static,
    {
        let [] = query::read(asked, [])?;
        let info = Arc::clone(&self.source.info);
        self.blocking(move || Ok(make(&info())?.to_string())).await.map(answer::json)
    }

    /// What is made of rows, where no parameters are known.
    async fn plain<F>(&self, asked: Option<&str>, make: F) -> Result<Answer, Problem>
    where
        F: FnOnce(&Stats) -> Result<Json, Problem> + Send + 'static,
    {
        let [] = query::read(asked, [])?;
        self.rows(move |stats| Ok(make(stats)?.to_string())).await
    }

    async fn rows<F>(&self, make: F) -> Result<Answer, Problem>
    where
        F: FnOnce(&Stats) -> Result<String, Problem> + Send + 'static,
    {
        self.look(make).await.map(answer::json)
    }

    /// Takes something from rows.
    async fn look<F, T>(&self, take: F) -> Result<T, Problem>
    where
        F: FnOnce(&Stats) -> Result<T, Problem> + Send + 'static,
        T: Send + 'static,
    {
        let rows = Arc::clone(&self.source.rows);
        self.blocking(move || take(&rows())).await
    }

    /// Does something on a thread for blocking work, one at a time.
    async fn blocking<F, T>(&self, make: F) -> Result<T, Problem>
    where
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
        T: Send + 'static,
    {
        // The semaphore is never closed.
        let _permit = self.views.acquire().await;
        tokio::task::spawn_blocking(make).await.unwrap_or_else(|error| {
            tracing::error!(%error, "an answer of the run-time API failed");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer failed; the log says why"))
        })
    }
}

fn upstream(stats: &Stats, name: &str) -> Result<Json, Problem> {
    Ok(shape::upstream(stats.backend(name).ok_or_else(|| order::no_upstream(name))?))
}

fn endpoint(stats: &Stats, upstream: &str, name: &str, scope: Scope) -> Result<Json, Problem> {
    let backend = stats.backend(upstream).ok_or_else(|| order::no_upstream(upstream))?;
    let server = backend.server(name).ok_or_else(|| order::no_endpoint(name))?;
    let mut shape = shape::endpoint(backend, server);
    if let Json::Object(shape) = &mut shape {
        shape.insert("upstream".into(), backend.name.clone().into());
        shape.insert("scope".into(), scope.as_str().into());
    }
    Ok(shape)
}
